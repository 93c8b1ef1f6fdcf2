package difftest

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is which system call an operation makes.
type Kind uint8

// The calls. Those with f in front work on a slot, the others on a path.
const (
	Open Kind = iota
	Openat2
	Close
	Dup
	Read
	Write
	Pread
	Pwrite
	Readv
	Writev
	Lseek
	Ftruncate
	Truncate
	Fallocate
	CopyRange
	Fsync
	Mkdir
	Mknod
	Symlink
	Link
	Unlink
	Rename
	Readlink
	Access
	Chmod
	Fchmod
	Chown
	Fchown
	Utimens
	Futimens
	Setxattr
	Getxattr
	Listxattr
	Removexattr
	Fsetxattr
	Fgetxattr
	Flistxattr
	Fremovexattr
	List
	Stat
	Fstat
	Statfs
	Fstatfs
	Chdir
	Fchdir
	Getcwd
	Umask
	Getfl
	Setfl
	Getflags
	Setflags
	Flock
	Pause // no call: lets the kernel's coarse clock tick
	kinds
)

var kindNames = [kinds]string{
	"open", "openat2", "close", "dup", "read", "write", "pread", "pwrite", "readv", "writev", "lseek", "ftruncate", "truncate",
	"fallocate", "copy_file_range", "fsync", "mkdir", "mknod", "symlink", "link", "unlink", "rename", "readlink", "access",
	"chmod", "fchmod", "chown", "fchown", "utimens", "futimens", "setxattr", "getxattr", "listxattr", "removexattr",
	"fsetxattr", "fgetxattr", "flistxattr", "fremovexattr", "list", "stat", "fstat", "statfs", "fstatfs", "chdir", "fchdir",
	"getcwd", "umask", "getfl", "setfl", "getflags", "setflags", "flock", "pause",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", k)
}

// NoSlot stands for AT_FDCWD where an operation could start at a directory's
// slot.
const NoSlot = -1

// Op is one operation. Which fields count depends on Kind. Descriptors are
// named by slots: a slot holds what was opened or duplicated into it, for all
// users.
type Op struct {
	Kind Kind
	User uint8 // index in Users

	Slot, Slot2 int8 // descriptors the call works on; the slot that open and dup fill
	Dir, Dir2   int8 // where Path and Path2 start, or NoSlot

	Path, Path2 string // Path2: a link's new name, a symlink's body
	Flags       int64
	Mode        uint32
	Dev         uint64
	UID, GID    uint32
	Off, Off2   int64 // Off2: lengths, the second offset of copy_file_range
	Len         int
	Fill        byte // first byte of the data written; the others follow from it
	Name        string
	Value       []byte
	Times       [2]TimeArg
	NoTimes     bool // utimensat(NULL)
}

// TimeArg is one time of utimensat; Nsec may be UTIME_NOW, UTIME_OMIT, or
// wrong.
type TimeArg struct{ Sec, Nsec int64 }

// Data is what a write writes: n bytes that depend on where they stand.
func (o *Op) Data(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = o.Fill + byte(i*7) + byte(i>>8)
	}
	return p
}

// String is one line that says all about the operation.
func (o *Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s(", Users[o.User].Name, o.Kind)
	o.args(&b)
	b.WriteString(")")
	return b.String()
}

func (o *Op) args(b *strings.Builder) {
	switch o.Kind {
	case Open:
		fmt.Fprintf(b, "%s, %s, %#o) in slot %d (", o.at(), openFlags.String(o.Flags), o.Mode, o.Slot)
	case Openat2:
		fmt.Fprintf(b, "%s, %s, %#o, resolve %#x) in slot %d (", o.at(), openFlags.String(o.Flags), o.Mode, o.Dev, o.Slot)
	case Dup:
		fmt.Fprintf(b, "slot %d) in slot %d (", o.Slot, o.Slot2)
	case Close, Fsync, Fstat, Fstatfs, List, Fchdir, Getfl, Getflags:
		fmt.Fprintf(b, "slot %d", o.Slot)
	case Read, Readv:
		fmt.Fprintf(b, "slot %d, %d bytes", o.Slot, o.Len)
	case Write, Writev:
		fmt.Fprintf(b, "slot %d, %d bytes from %#x", o.Slot, o.Len, o.Fill)
	case Pread:
		fmt.Fprintf(b, "slot %d, %d bytes at %d", o.Slot, o.Len, o.Off)
	case Pwrite:
		fmt.Fprintf(b, "slot %d, %d bytes from %#x at %d", o.Slot, o.Len, o.Fill, o.Off)
	case Lseek:
		fmt.Fprintf(b, "slot %d, %d, %d", o.Slot, o.Off, o.Flags)
	case Ftruncate:
		fmt.Fprintf(b, "slot %d, %d", o.Slot, o.Off)
	case Truncate:
		fmt.Fprintf(b, "%s, %d", quote(o.Path), o.Off)
	case Fallocate:
		fmt.Fprintf(b, "slot %d, mode %#x, %d, %d", o.Slot, o.Flags, o.Off, o.Off2)
	case CopyRange:
		fmt.Fprintf(b, "slot %d at %d, slot %d at %d, %d", o.Slot, o.Off, o.Slot2, o.Off2, o.Len)
	case Mkdir:
		fmt.Fprintf(b, "%s, %#o", o.at(), o.Mode)
	case Mknod:
		fmt.Fprintf(b, "%s, %#o, %d:%d", o.at(), o.Mode, unix.Major(o.Dev), unix.Minor(o.Dev))
	case Symlink:
		fmt.Fprintf(b, "%s, %s", quote(o.Path2), o.at())
	case Link, Rename:
		fmt.Fprintf(b, "%s, %s, %#x", o.at(), at(o.Dir2, o.Path2), o.Flags)
	case Readlink:
		fmt.Fprintf(b, "%s, room %d", o.at(), o.Len)
	case Unlink, Stat:
		fmt.Fprintf(b, "%s, %#x", o.at(), o.Flags)
	case Access:
		fmt.Fprintf(b, "%s, %d, %#x", o.at(), o.Mode, o.Flags)
	case Chmod:
		fmt.Fprintf(b, "%s, %#o, %#x", o.at(), o.Mode, o.Flags)
	case Fchmod:
		fmt.Fprintf(b, "slot %d, %#o", o.Slot, o.Mode)
	case Chown:
		fmt.Fprintf(b, "%s, %d, %d, %#x", o.at(), int32(o.UID), int32(o.GID), o.Flags)
	case Fchown:
		fmt.Fprintf(b, "slot %d, %d, %d", o.Slot, int32(o.UID), int32(o.GID))
	case Utimens:
		fmt.Fprintf(b, "%s, %s, %#x", o.at(), o.times(), o.Flags)
	case Futimens:
		fmt.Fprintf(b, "slot %d, %s", o.Slot, o.times())
	case Setxattr:
		fmt.Fprintf(b, "%s, %s, %d bytes %.16x, %d, follow %t", quote(o.Path), quote(o.Name), len(o.Value), o.Value, o.Flags, o.Mode != 0)
	case Getxattr:
		fmt.Fprintf(b, "%s, %s, room %d, follow %t", quote(o.Path), quote(o.Name), o.Len, o.Mode != 0)
	case Listxattr:
		fmt.Fprintf(b, "%s, room %d, follow %t", quote(o.Path), o.Len, o.Mode != 0)
	case Removexattr:
		fmt.Fprintf(b, "%s, %s, follow %t", quote(o.Path), quote(o.Name), o.Mode != 0)
	case Fsetxattr:
		fmt.Fprintf(b, "slot %d, %s, %d bytes %.16x, %d", o.Slot, quote(o.Name), len(o.Value), o.Value, o.Flags)
	case Fgetxattr:
		fmt.Fprintf(b, "slot %d, %s, room %d", o.Slot, quote(o.Name), o.Len)
	case Flistxattr:
		fmt.Fprintf(b, "slot %d, room %d", o.Slot, o.Len)
	case Fremovexattr:
		fmt.Fprintf(b, "slot %d, %s", o.Slot, quote(o.Name))
	case Statfs, Chdir:
		b.WriteString(quote(o.Path))
	case Getcwd, Pause:
	case Umask:
		fmt.Fprintf(b, "%#o", o.Mode)
	case Setfl:
		fmt.Fprintf(b, "slot %d, %s", o.Slot, openFlags.String(o.Flags))
	case Setflags, Flock:
		fmt.Fprintf(b, "slot %d, %#x", o.Slot, o.Flags)
	default:
		fmt.Fprintf(b, "%+v", *o)
	}
}

func (o *Op) at() string { return at(o.Dir, o.Path) }

func at(dir int8, path string) string {
	if dir == NoSlot {
		return quote(path)
	}
	return fmt.Sprintf("slot %d, %s", dir, quote(path))
}

// quote shortens the long names and paths, which repeat a few bytes.
func quote(s string) string {
	const least = 20
	s = fmt.Sprintf("%q", s)
	for _, c := range []string{"n", "m", "t", "x", "../", "./", "a/"} {
		run := strings.Index(s, strings.Repeat(c, least))
		if run < 0 {
			continue
		}
		rest := s[run:]
		n := 0
		for strings.HasPrefix(rest, c) {
			rest = rest[len(c):]
			n++
		}
		s = fmt.Sprintf("%s%s{%d times}%s", s[:run], c, n, rest)
	}
	return s
}

func (o *Op) times() string {
	if o.NoTimes {
		return "NULL"
	}
	s := func(t TimeArg) string {
		switch t.Nsec {
		case unix.UTIME_NOW:
			return "now"
		case unix.UTIME_OMIT:
			return "omit"
		}
		return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec)
	}
	return s(o.Times[0]) + " " + s(o.Times[1])
}

// flagNames prints a set of flags.
type flagNames []struct {
	bits int64
	name string
}

// openFlags: those that contain others come first.
var openFlags = flagNames{
	{unix.O_TMPFILE, "TMPFILE"}, {unix.O_TMPFILE &^ unix.O_DIRECTORY, "TMPFILEBIT"}, {unix.O_SYNC, "SYNC"},
	{unix.O_DSYNC, "DSYNC"}, {unix.O_CREAT, "CREAT"}, {unix.O_EXCL, "EXCL"}, {unix.O_TRUNC, "TRUNC"},
	{unix.O_APPEND, "APPEND"}, {unix.O_DIRECTORY, "DIRECTORY"}, {unix.O_NOFOLLOW, "NOFOLLOW"}, {unix.O_PATH, "PATH"},
	{unix.O_NOATIME, "NOATIME"}, {unix.O_CLOEXEC, "CLOEXEC"}, {unix.O_DIRECT, "DIRECT"}, {unix.O_NONBLOCK, "NONBLOCK"},
	{unix.O_NOCTTY, "NOCTTY"},
}

func (n flagNames) String(flags int64) string {
	s := [...]string{"RDONLY", "WRONLY", "RDWR", "ACCMODE"}[flags&unix.O_ACCMODE]
	flags &^= unix.O_ACCMODE
	for _, f := range n {
		if flags&f.bits == f.bits {
			s += "|" + f.name
			flags &^= f.bits
		}
	}
	if flags != 0 {
		s += fmt.Sprintf("|%#x", flags)
	}
	return s
}

// A User is one of the identities that operations run as.
type User struct {
	Name     string
	UID, GID uint32
	Groups   []uint32
}

// Users are the identities: root with all capabilities, two ordinary users
// that share a group.
var Users = []User{
	{Name: "root"},
	{Name: "u1000", UID: 1000, GID: 1000, Groups: []uint32{1000, 2000}},
	{Name: "u1001", UID: 1001, GID: 2000, Groups: []uint32{2000}},
}

// Slots is how many descriptors an episode works with.
const Slots = 10
