package difftest

import (
	"fmt"
	"hash/crc64"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// A Result is what an operation answered, and what it left behind: stat of the
// objects that it named, as its user sees them afterwards.
type Result struct {
	Err  unix.Errno
	Odd  string // an error that is no Errno, or a panic: never right
	N    int64  // count, position, flags
	Data string // what was read; long data as their checksum
	// FS is the answer of statfs.
	FS *FSInfo
	// After: the first path or slot, the second one.
	After [2]Stated
	Names []Entry // of a listing, sorted
}

// Stated is the answer of a stat: whether there was one, and what it said.
type Stated struct {
	Asked bool
	Err   unix.Errno
	Info  Info
}

// Time is a time as the file system says it.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Info is what statx says.
type Info struct {
	Ino, Rdev                  uint64
	Mode, Nlink                uint32
	UID, GID                   uint32
	Size, Blocks               int64
	Blksize                    uint32
	Attributes                 uint64
	Atime, Mtime, Ctime, Btime Time
}

// FSInfo is what statfs says, without what names the instance.
type FSInfo struct {
	Type                                int64
	Blocks, Bfree, Bavail, Files, Ffree uint64
	Bsize, Frsize, Namelen, Flags       int64
}

// Entry is a name in a directory.
type Entry struct {
	Name string
	Ino  uint64
	Type uint8
}

// A Snapshot is the whole state at one moment.
type Snapshot struct {
	Tree  []Node // by path
	Slots [Slots]SlotState
	FS    FSInfo
	Err   string // why there is none
}

// Node is one object of the tree under one of its names. Its contents are
// there in a deep snapshot only.
type Node struct {
	Path   string
	Info   Info
	Data   string // a symlink's body, a file's data with its holes as a checksum
	Xattrs string
}

// SlotState is an open file.
type SlotState struct {
	Open  bool
	Info  Info
	Pos   int64 // -1: it has none
	Flags int64 // F_GETFL
}

// crcTable of the checksums of long data.
var crcTable = crc64.MakeTable(crc64.ECMA)

// shorten keeps short data as they are.
func shorten(p []byte) string {
	if len(p) <= 64 {
		return string(p)
	}
	return fmt.Sprintf("%q... %d bytes, checksum %#x", p[:16], len(p), crc64.Checksum(p, crcTable))
}

func sortEntries(names []Entry) {
	sort.Slice(names, func(i, j int) bool { return names[i].Name < names[j].Name })
}

func (t Time) String() string {
	if t.Sec == nearby {
		return [...]string{"near", "near and new", "near and perhaps new"}[t.Nsec]
	}
	return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec)
}

// errText is the symbol of an errno.
func errText(e unix.Errno) string {
	if e == 0 {
		return "ok"
	}
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(e))
}

func (i *Info) String() string {
	return fmt.Sprintf("ino %d mode %#o nlink %d owner %d:%d size %d blocks %d blksize %d rdev %#x attributes %#x atime %v mtime %v ctime %v btime %v",
		i.Ino, i.Mode, i.Nlink, i.UID, i.GID, i.Size, i.Blocks, i.Blksize, i.Rdev, i.Attributes, i.Atime, i.Mtime, i.Ctime, i.Btime)
}

func (s Stated) String() string {
	switch {
	case !s.Asked:
		return "-"
	case s.Err != 0:
		return errText(s.Err)
	}
	return s.Info.String()
}

// Lines is the result as text, one property a line: what a report compares.
func (r *Result) Lines() []string {
	l := []string{"returns " + errText(r.Err)}
	if r.Odd != "" {
		l = append(l, "oddly "+r.Odd)
	}
	l = append(l, fmt.Sprintf("value %d", r.N), fmt.Sprintf("data %q", r.Data))
	if r.FS != nil {
		l = append(l, fmt.Sprintf("fs %+v", *r.FS))
	}
	for i, s := range r.After {
		if s.Asked {
			l = append(l, fmt.Sprintf("after[%d] %s", i, s))
		}
	}
	for _, e := range r.Names {
		l = append(l, fmt.Sprintf("entry %s ino %d type %d", quote(e.Name), e.Ino, e.Type))
	}
	return l
}

// Lines is the snapshot as text, one object a line.
func (s *Snapshot) Lines() []string {
	var l []string
	if s.Err != "" {
		l = append(l, "no snapshot: "+s.Err)
	}
	for i := range s.Tree {
		n := &s.Tree[i]
		l = append(l, strings.TrimRight(fmt.Sprintf("%s: %s %q %s", quote(n.Path), &n.Info, n.Data, n.Xattrs), " "))
	}
	for i := range s.Slots {
		if sl := &s.Slots[i]; sl.Open {
			l = append(l, fmt.Sprintf("slot %d: pos %d flags %s %s", i, sl.Pos, openFlags.String(sl.Flags), &sl.Info))
		}
	}
	return append(l, fmt.Sprintf("fs %+v", s.FS))
}
