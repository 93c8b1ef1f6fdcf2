package stress

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// A worker is one task and its luck.
type worker struct {
	t     *vfs.Task
	rnd   *rand.Rand
	fds   []int
	buf   [8192]byte
	steps int
}

// name is a path of one to four components of the small world, sometimes by
// way of a symlink, "." or "..".
func (w *worker) name() string {
	var b strings.Builder
	if w.rnd.IntN(4) > 0 {
		b.WriteByte('/')
	}
	for n := w.rnd.IntN(4); ; n-- {
		switch w.rnd.IntN(12) {
		case 0:
			b.WriteString("..")
		case 1:
			b.WriteString(".")
		case 2:
			b.WriteString("ln")
		default:
			b.WriteByte(byte('0' + w.rnd.IntN(6)))
		}
		if n == 0 {
			return b.String()
		}
		b.WriteByte('/')
	}
}

// at is where a relative path starts: mostly the current directory.
func (w *worker) at() vfs.At {
	if fd, ok := w.pick(); ok && w.rnd.IntN(6) == 0 {
		return vfs.AtFD(fd)
	}
	return vfs.AtCWD
}

// step does one random operation; its error is nobody's business, as others
// change the same names.
func (w *worker) step() {
	t := w.t
	switch w.rnd.IntN(30) {
	case 0, 1:
		t.Mkdirat(w.at(), w.name(), 0o777)
	case 2:
		t.Unlinkat(w.at(), w.name(), unix.AT_REMOVEDIR)
	case 3:
		t.Unlinkat(w.at(), w.name(), 0)
	case 4, 5:
		t.Renameat2(w.at(), w.name(), w.at(), w.name(), 0)
	case 6:
		t.Renameat2(w.at(), w.name(), w.at(), w.name(), vfs.RenameExchange)
	case 7:
		t.Renameat2(w.at(), w.name(), w.at(), w.name(), vfs.RenameWhiteout)
	case 8:
		t.Linkat(w.at(), w.name(), w.at(), w.name(), 0)
	case 9:
		t.Symlinkat(w.name(), w.at(), w.name())
	case 10, 11:
		w.open(unix.O_CREAT | unix.O_RDWR)
	case 12:
		w.open(unix.O_RDONLY | unix.O_DIRECTORY)
	case 13:
		w.tmpfile()
	case 14, 15, 16:
		w.io()
	case 17:
		w.close()
	case 18:
		t.Chdir(w.name())
	case 19:
		if fd, ok := w.pick(); ok {
			t.Fchdir(fd)
		}
	case 20:
		t.Getcwd()
	case 21:
		w.list()
	case 22:
		w.mounts()
	case 23:
		w.attributes()
	case 24:
		t.Readlinkat(w.at(), w.name(), w.buf[:])
	case 25:
		w.walk(w.name(), vfs.WalkReval)
	case 26:
		w.walk(w.name(), 0)
	default:
		var st vfs.Stat
		t.Stat(w.name(), &st)
	}
}

// walk resolves a path, and says what it has found.
func (w *worker) walk(path string, flags vfs.WalkFlags) (place vfs.Path, err error) {
	p, err := w.t.Lookup(vfs.AtCWD, path, flags|vfs.WalkFollow)
	if err != nil {
		return vfs.Path{}, err
	}
	place = p
	p.Put(w.t)
	return place, nil
}

// walkBoth resolves a path in rcu-walk and in ref-walk, which must agree if
// nothing changes.
func (w *worker) walkBoth(path string) error {
	rcu, rcuErr := w.walk(path, 0)
	ref, refErr := w.walk(path, vfs.WalkReval)
	if rcu != ref || rcuErr != refErr {
		return fmt.Errorf("%s: rcu-walk says %v %v, ref-walk %v %v", path, rcu.Dentry, rcuErr, ref.Dentry, refErr)
	}
	return nil
}

func (w *worker) open(flags int) {
	if len(w.fds) > 16 {
		w.close()
	}
	if flags&unix.O_CREAT != 0 {
		flags |= []int{0, 0, unix.O_TRUNC, unix.O_EXCL, unix.O_APPEND, unix.O_NOFOLLOW}[w.rnd.IntN(6)]
	}
	if fd, err := w.t.Openat(w.at(), w.name(), flags|unix.O_NONBLOCK, 0o666); err == nil {
		w.fds = append(w.fds, fd)
	}
}

// tmpfile makes a file without a name, and mostly gives it one.
func (w *worker) tmpfile() {
	fd, err := w.t.Openat(w.at(), w.name(), unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if err != nil {
		return
	}
	w.t.Write(fd, w.buf[:100])
	w.t.Linkat(vfs.AtFD(fd), "", w.at(), w.name(), unix.AT_EMPTY_PATH)
	w.t.Close(fd)
}

func (w *worker) pick() (fd int, ok bool) {
	if len(w.fds) == 0 {
		return 0, false
	}
	return w.fds[w.rnd.IntN(len(w.fds))], true
}

func (w *worker) io() {
	fd, ok := w.pick()
	if !ok {
		return
	}
	off := int64(w.rnd.IntN(1 << 16))
	n := w.rnd.IntN(len(w.buf))
	switch w.rnd.IntN(9) {
	case 0:
		w.t.Pread(fd, w.buf[:n], off)
	case 1:
		w.t.Pwrite(fd, w.buf[:n], off)
	case 2:
		w.t.Read(fd, w.buf[:n])
	case 3:
		w.t.Write(fd, w.buf[:n])
	case 4:
		w.t.Ftruncate(fd, off)
	case 5:
		w.t.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, int64(n)+1)
	case 6:
		w.t.Lseek(fd, off, unix.SEEK_DATA)
	case 7:
		w.t.Truncate(w.name(), off)
	case 8:
		if to, ok := w.pick(); ok {
			dst := int64(w.rnd.IntN(1 << 16))
			w.t.CopyFileRange(fd, &off, to, &dst, n, 0)
		}
	}
}

func (w *worker) close() {
	if len(w.fds) > 0 {
		i := w.rnd.IntN(len(w.fds))
		w.t.Close(w.fds[i])
		w.fds = append(w.fds[:i], w.fds[i+1:]...)
	}
}

func (w *worker) list() {
	if fd, ok := w.pick(); ok {
		w.t.Lseek(fd, 0, unix.SEEK_SET)
		n := 0
		w.t.Getdents(fd, func(vfs.Dirent) bool {
			n++
			return n%50 != 0
		})
	}
}

func (w *worker) attributes() {
	t, at, name := w.t, w.at(), w.name()
	switch w.rnd.IntN(6) {
	case 0:
		t.Setxattr(at, name, "user.x", w.buf[:w.rnd.IntN(64)], 0, 0)
	case 1:
		t.Removexattr(at, name, "user.x", 0)
	case 2:
		t.Listxattr(at, name, w.buf[:], 0)
	case 3:
		t.Fchmodat(at, name, uint32(w.rnd.IntN(0o1000))|0o700, 0)
	case 4:
		t.Fchownat(at, name, uint32(1000+w.rnd.IntN(8)), 2000, unix.AT_SYMLINK_NOFOLLOW)
	case 5:
		t.Utimensat(at, name, nil, 0)
	}
}

func (w *worker) mounts() {
	switch w.rnd.IntN(6) {
	case 0:
		w.t.Mount("mem", w.name(), "memfs", 0, "size=1m,mode=777")
	case 1:
		w.t.Mount(w.name(), w.name(), "", unix.MS_BIND, nil)
	case 2:
		w.t.Umount(w.name(), unix.MNT_DETACH)
	default:
		w.t.Umount(w.name(), 0)
	}
}
