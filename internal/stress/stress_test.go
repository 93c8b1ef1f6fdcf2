package stress

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/vfs"
)

var (
	duration = flag.Duration("stress.time", 5*time.Second, "how long the random operations run")
	seedFlag = flag.Uint64("stress.seed", 0, "seed of the random operations (0: a new one)")
	workers  = flag.Int("stress.workers", 8, "goroutines")
)

// TestNamespaceUnderFire has goroutines with a task each make, move, link,
// remove and look up names, mount and unmount, all in one small tree, so that
// they meet. Afterwards the caches must agree, and after the unmount nothing
// may be left: no superblock, dentry, inode, descriptor or goroutine.
func TestNamespaceUnderFire(t *testing.T) {
	defer goleak.VerifyNone(t)
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-stress.seed)", seed)
	superblocks, reports := vfs.Superblocks(), lockdep.Reports()

	ns, err := memfs.New(nil, "size=64m")
	if err != nil {
		t.Fatal(err)
	}
	root := ns.NewTask(vfs.RootCred())
	for i := range 4 {
		if err := root.Mkdirat(vfs.AtCWD, fmt.Sprintf("/%d", i), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(*duration)
	var wg sync.WaitGroup
	counts := make([]int, *workers)
	for i := range *workers {
		w := &worker{t: root.Clone(0), rnd: rand.New(rand.NewPCG(seed, uint64(i))), id: i}
		if i%2 == 1 {
			w.t.SetCred(vfs.UserCred(uint32(1000+i), 1000, 2000))
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer w.end()
			for time.Now().Before(deadline) {
				for range 100 {
					w.step()
				}
				counts[w.id] += 100
			}
		}()
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	t.Logf("%d operations", total)
	if total == 0 {
		t.Error("nothing was done")
	}
	if err := vfs.CheckSuper(ns.Superblock()); err != nil {
		t.Error(err)
	}
	root.Exit()
	ns.Close(nil)
	if n := vfs.Superblocks(); n != superblocks {
		t.Errorf("%d superblocks are left after the unmount", n-superblocks)
	}
	if n := lockdep.Reports(); n != reports {
		t.Errorf("the lock checker made %d reports", n-reports)
	}
	if lockdep.Enabled && len(lockdep.Coverage()) < 20 {
		t.Errorf("the lock checker saw calls of %d methods only", len(lockdep.Coverage()))
	}
}

// A worker is one task and its luck.
type worker struct {
	t   *vfs.Task
	rnd *rand.Rand
	id  int
	fds []int
	buf [8192]byte
}

// end closes what is open, puts the current directory and the task.
func (w *worker) end() { w.t.Exit() }

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

// step does one random operation; its error is nobody's business, as others
// change the same names.
func (w *worker) step() {
	t, at := w.t, vfs.AtCWD
	var st vfs.Stat
	switch w.rnd.IntN(24) {
	case 0, 1:
		t.Mkdirat(at, w.name(), 0o777)
	case 2:
		t.Unlinkat(at, w.name(), unix.AT_REMOVEDIR)
	case 3:
		t.Unlinkat(at, w.name(), 0)
	case 4, 5:
		t.Renameat2(at, w.name(), at, w.name(), 0)
	case 6:
		t.Renameat2(at, w.name(), at, w.name(), vfs.RenameExchange)
	case 7:
		t.Renameat2(at, w.name(), at, w.name(), vfs.RenameWhiteout)
	case 8:
		t.Linkat(at, w.name(), at, w.name(), 0)
	case 9:
		t.Symlinkat(w.name(), at, w.name())
	case 10, 11:
		w.open(unix.O_CREAT | unix.O_RDWR)
	case 12:
		w.open(unix.O_RDONLY | unix.O_DIRECTORY)
	case 13:
		w.tmpfile()
	case 14:
		w.io()
	case 15:
		w.close()
	case 16:
		t.Chdir(w.name())
	case 17:
		t.Getcwd()
	case 18:
		w.list()
	case 19:
		w.mounts()
	case 20:
		t.Setxattr(at, w.name(), "user.x", w.buf[:w.rnd.IntN(64)], 0, 0)
	case 21:
		t.Fchmodat(at, w.name(), uint32(w.rnd.IntN(0o1000))|0o700, 0)
	default:
		t.Stat(w.name(), &st)
	}
}

func (w *worker) open(flags int) {
	if len(w.fds) > 16 {
		w.close()
	}
	if fd, err := w.t.Openat(vfs.AtCWD, w.name(), flags, 0o666); err == nil {
		w.fds = append(w.fds, fd)
	}
}

func (w *worker) tmpfile() {
	fd, err := w.t.Openat(vfs.AtCWD, w.name(), unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if err != nil {
		return
	}
	w.t.Write(fd, w.buf[:100])
	w.t.Linkat(vfs.AtFD(fd), "", vfs.AtCWD, w.name(), unix.AT_EMPTY_PATH)
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
	switch w.rnd.IntN(4) {
	case 0:
		w.t.Pread(fd, w.buf[:n], off)
	case 1:
		w.t.Pwrite(fd, w.buf[:n], off)
	case 2:
		w.t.Ftruncate(fd, off)
	case 3:
		w.t.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, int64(n)+1)
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
		w.t.Getdents(fd, func(vfs.Dirent) bool { return true })
	}
}

func (w *worker) mounts() {
	switch w.rnd.IntN(6) {
	case 0:
		w.t.Mount("mem", w.name(), "memfs", 0, "size=1m")
	case 1:
		w.t.Mount(w.name(), w.name(), "", unix.MS_BIND, nil)
	case 2:
		w.t.Umount(w.name(), unix.MNT_DETACH)
	default:
		w.t.Umount(w.name(), 0)
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}
