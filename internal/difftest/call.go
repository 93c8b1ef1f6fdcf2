package difftest

import (
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// call is one operation being made.
type call struct {
	m *Machine
	s System
	o *Op
	r *Result
}

// make makes the call and notes what it answers beside its error.
func (c *call) make() error {
	o, r, s := c.o, c.r, c.s
	fd := -1
	if o.Slot != NoSlot {
		fd = c.m.slots[o.Slot]
	}
	dir, dir2 := c.m.fd(o.Dir), c.m.fd(o.Dir2)
	switch o.Kind {
	case Open:
		return c.opened(s.Openat(dir, o.Path, int(o.Flags), o.Mode))
	case Openat2:
		return c.opened(s.Openat2(dir, o.Path, int(o.Flags), o.Mode, o.Dev))
	case Close:
		c.m.slots[o.Slot] = -1
		return s.Close(fd)
	case Dup:
		n, err := s.Dup(fd)
		if err == nil {
			c.m.put(s, o.Slot2, n)
		}
		return err
	case Read:
		return c.read(func(p []byte) (int, error) { return s.Read(fd, p) })
	case Readv:
		return c.read(func(p []byte) (int, error) { return s.Readv(fd, split(p)) })
	case Pread:
		return c.read(func(p []byte) (int, error) { return s.Pread(fd, p, o.Off) })
	case Write:
		return c.count(s.Write(fd, o.Data(o.Len)))
	case Writev:
		return c.count(s.Writev(fd, split(o.Data(o.Len))))
	case Pwrite:
		return c.count(s.Pwrite(fd, o.Data(o.Len), o.Off))
	case Lseek:
		pos, err := s.Lseek(fd, o.Off, int(o.Flags))
		if err == nil {
			r.N = pos
		}
		return err
	case Ftruncate:
		return s.Ftruncate(fd, o.Off)
	case Truncate:
		return s.Truncate(o.Path, o.Off)
	case Fallocate:
		return s.Fallocate(fd, uint32(o.Flags), o.Off, o.Off2)
	case CopyRange:
		return c.copyRange(fd, c.m.slots[o.Slot2])
	case Fsync:
		return s.Fsync(fd)
	case Mkdir:
		return s.Mkdirat(dir, o.Path, o.Mode)
	case Mknod:
		return s.Mknodat(dir, o.Path, o.Mode, o.Dev)
	case Symlink:
		return s.Symlinkat(o.Path2, dir, o.Path)
	case Link:
		return s.Linkat(dir, o.Path, dir2, o.Path2, int(o.Flags))
	case Unlink:
		return s.Unlinkat(dir, o.Path, int(o.Flags))
	case Rename:
		return s.Renameat2(dir, o.Path, dir2, o.Path2, uint(o.Flags))
	case Readlink:
		return c.read(func(p []byte) (int, error) { return s.Readlinkat(dir, o.Path, p) })
	case Access:
		return s.Faccessat2(dir, o.Path, o.Mode, int(o.Flags))
	case Chmod:
		return s.Fchmodat2(dir, o.Path, o.Mode, int(o.Flags))
	case Fchmod:
		return s.Fchmod(fd, o.Mode)
	case Chown:
		return s.Fchownat(dir, o.Path, o.UID, o.GID, int(o.Flags))
	case Fchown:
		return s.Fchown(fd, o.UID, o.GID)
	case Utimens:
		return s.Utimensat(dir, o.Path, c.times(), int(o.Flags))
	case Futimens:
		return s.Futimens(fd, c.times())
	case List:
		return c.list(fd)
	case Stat:
		r.After[0].Asked = true
		info, err := s.Statx(dir, o.Path, int(o.Flags))
		r.After[0].Info = info
		r.After[0].Err, _ = errnoOf(err)
		return err
	case Fstat:
		return nil // after says it all
	case Statfs:
		return c.statfs(s.Statfs(o.Path))
	case Fstatfs:
		return c.statfs(s.Fstatfs(fd))
	case Chdir:
		return s.Chdir(o.Path)
	case Fchdir:
		return s.Fchdir(fd)
	case Getcwd:
		var err error
		r.Data, err = s.Getcwd()
		return err
	case Umask:
		r.N = int64(s.Umask(o.Mode))
		return nil
	case Getfl:
		return c.count(s.Getfl(fd))
	case Setfl:
		return s.Setfl(fd, int(o.Flags))
	case Getflags:
		return c.count(s.Getflags(fd))
	case Setflags:
		return s.Setflags(fd, int(o.Flags))
	case Flock:
		return s.Flock(fd, int(o.Flags))
	case Pause:
		time.Sleep(11 * time.Millisecond)
		return nil
	}
	return c.xattr(fd)
}

func (c *call) xattr(fd int) error {
	o, s := c.o, c.s
	follow := o.Mode != 0
	switch o.Kind {
	case Setxattr:
		return s.Setxattr(o.Path, o.Name, o.Value, int(o.Flags), follow)
	case Getxattr:
		return c.read(func(p []byte) (int, error) { return s.Getxattr(o.Path, o.Name, p, follow) })
	case Removexattr:
		return s.Removexattr(o.Path, o.Name, follow)
	case Fsetxattr:
		return s.Fsetxattr(fd, o.Name, o.Value, int(o.Flags))
	case Fgetxattr:
		return c.read(func(p []byte) (int, error) { return s.Fgetxattr(fd, o.Name, p) })
	case Fremovexattr:
		return s.Fremovexattr(fd, o.Name)
	case Listxattr:
		return c.xattrNames(func(p []byte) (int, error) { return s.Listxattr(o.Path, p, follow) })
	case Flistxattr:
		return c.xattrNames(func(p []byte) (int, error) { return s.Flistxattr(fd, p) })
	}
	panic("difftest: no such call: " + o.Kind.String())
}

func (c *call) opened(fd int, err error) error {
	if err == nil {
		c.m.put(c.s, c.o.Slot, fd)
	}
	return err
}

func (c *call) count(n int, err error) error {
	if err == nil {
		c.r.N = int64(n)
	}
	return err
}

func (c *call) read(f func([]byte) (int, error)) error {
	p := make([]byte, c.o.Len)
	n, err := f(p)
	if err != nil {
		return err
	}
	c.r.N = int64(n)
	c.r.Data = shorten(p[:min(n, len(p))])
	return nil
}

// xattrNames sorts the names: their order is nobody's promise.
func (c *call) xattrNames(f func([]byte) (int, error)) error {
	p := make([]byte, c.o.Len)
	n, err := f(p)
	if err != nil {
		return err
	}
	c.r.N = int64(n)
	if len(p) > 0 && n > 0 {
		names := strings.Split(string(p[:n]), "\x00")
		sort.Strings(names)
		c.r.Data = strings.Join(names, "\x00")
	}
	return nil
}

func (c *call) copyRange(in, out int) error {
	pos := func(off int64) *int64 {
		if off == -1 {
			return nil
		}
		return &off
	}
	inOff, outOff := pos(c.o.Off), pos(c.o.Off2)
	return c.count(c.s.CopyFileRange(in, inOff, out, outOff, c.o.Len))
}

func (c *call) times() *[2]TimeArg {
	if c.o.NoTimes {
		return nil
	}
	return &c.o.Times
}

// list lists a directory from its beginning, and goes back there: positions
// behind it are each file system's own.
func (c *call) list(fd int) error {
	if _, err := c.s.Lseek(fd, 0, unix.SEEK_SET); err != nil {
		return err
	}
	names, err := c.s.Getdents(fd)
	if err == nil {
		_, err = c.s.Lseek(fd, 0, unix.SEEK_SET)
	}
	sortEntries(names)
	c.r.Names = names
	return err
}

func (c *call) statfs(info FSInfo, err error) error {
	if err == nil {
		c.r.FS = &info
	}
	return err
}

// after looks at what the operation named.
func (c *call) after() {
	o, after := c.o, &c.r.After
	stat := func(i int, dir int, path string, flags int) {
		info, err := c.s.Statx(dir, path, flags)
		e, odd := errnoOf(err)
		if odd != "" {
			c.r.Odd = "stat: " + odd
		}
		if err != nil {
			info = Info{}
		}
		after[i] = Stated{Asked: true, Err: e, Info: info}
	}
	slot := func(i int, s int8) { stat(i, c.m.slots[s], "", unix.AT_EMPTY_PATH) }
	path := func(i int, dir int8, path string) {
		if path == "" && dir != NoSlot {
			slot(i, dir)
			return
		}
		stat(i, c.m.fd(dir), path, unix.AT_SYMLINK_NOFOLLOW)
	}
	switch o.Kind {
	case Open, Openat2, Mkdir, Mknod, Symlink, Unlink, Readlink, Access, Chmod, Chown, Utimens,
		Truncate, Setxattr, Getxattr, Listxattr, Removexattr, Chdir:
		path(0, o.Dir, o.Path)
	case Link, Rename:
		path(0, o.Dir, o.Path)
		path(1, o.Dir2, o.Path2)
	case CopyRange, Dup:
		slot(0, o.Slot)
		slot(1, o.Slot2)
	case Stat, Statfs, Getcwd, Umask, Pause:
	default:
		slot(0, o.Slot)
	}
	if o.Kind == Open || o.Kind == Openat2 {
		slot(1, o.Slot)
	}
}
