package stress

import (
	"context"
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
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/vfs"
)

var (
	duration = flag.Duration("stress.time", 10*time.Second, "how long the random operations run")
	seedFlag = flag.Uint64("stress.seed", 0, "seed of the random operations (0: a new one)")
	workers  = flag.Int("stress.workers", 8, "goroutines")
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }

// TestNamespaceUnderFire has goroutines with a task each make, move, link,
// remove and look up names, mount and unmount, all in one small tree, so that
// they meet. Each second they pause: then the caches must agree with each other,
// and both kinds of walk with one another. At the end, with everything removed,
// all the space must be free again; after the unmount nothing may be left: no
// superblock, dentry, inode, descriptor, memory or goroutine.
func TestNamespaceUnderFire(t *testing.T) {
	defer goleak.VerifyNone(t)
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-stress.seed)", seed)
	takeCounts(t) // the first look opens what the runtime keeps
	before := takeCounts(t)

	ns, err := memfs.New(context.Background(), "size=64m,nr_inodes=100000")
	if err != nil {
		t.Fatal(err)
	}
	f := &fire{ns: ns, root: ns.NewTask(vfs.RootCred()), rnd: rand.New(rand.NewPCG(seed, 1<<32))}
	empty := f.space(t)
	for i := range 4 {
		if err := f.root.Mkdirat(vfs.AtCWD, fmt.Sprintf("/%d", i), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	f.burn(t, seed)
	f.clear(t)
	if err := vfs.CheckSuper(ns.Superblock()); err != nil {
		t.Error(err)
	}
	if sb := ns.Superblock(); sb.InodeCount() != 1 {
		t.Errorf("with nothing in it the file system has %d inodes in memory", sb.InodeCount())
	}
	if left := f.space(t); left != empty {
		t.Errorf("with nothing in it the file system has %+v, at first it had %+v", left, empty)
	}
	f.root.Exit()
	ns.Close(context.Background())
	if after := takeCounts(t); after != before {
		t.Errorf("after the unmount there are %+v, before there were %+v", after, before)
	}
	if lockdep.Enabled && len(lockdep.Coverage()) < 20 {
		t.Errorf("the lock checker saw calls of %d methods only", len(lockdep.Coverage()))
	}
}

// counts are what must be the same before and after.
type counts struct {
	superblocks, reports int
	descriptors          int // of this process: the memory of files is behind some
	mappings             int // of such memory
}

func takeCounts(t *testing.T) counts {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return counts{vfs.Superblocks(), int(lockdep.Reports()), len(fds), strings.Count(string(maps), "/memfd:")}
}

// fire is one run: the tree, and a task that nobody else uses.
type fire struct {
	ns   *vfs.Namespace
	root *vfs.Task
	rnd  *rand.Rand
	// pause is held shared while a worker works.
	pause sync.RWMutex
}

type space struct{ blocks, inodes uint64 }

// space is what is free.
func (f *fire) space(t *testing.T) space {
	t.Helper()
	var st vfs.StatFS
	if err := f.root.Statfs(vfs.AtCWD, "/", &st); err != nil {
		t.Fatal(err)
	}
	return space{st.Bfree, st.Ffree}
}

// burn runs the workers for the time.
func (f *fire) burn(t *testing.T, seed uint64) {
	deadline := time.Now().Add(*duration)
	var wg sync.WaitGroup
	all := make([]*worker, *workers)
	for i := range all {
		w := &worker{t: f.root.Clone(0), rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		if i%2 == 1 {
			w.t.SetCred(vfs.UserCred(uint32(1000+i), 1000, 2000))
		}
		all[i] = w
		wg.Go(func() {
			for time.Now().Before(deadline) {
				f.pause.RLock()
				for range 100 {
					w.step()
				}
				f.pause.RUnlock()
				w.steps += 100
			}
		})
	}
	checks := 0
	for time.Now().Before(deadline) && !t.Failed() {
		time.Sleep(min(time.Second, time.Until(deadline)))
		f.pause.Lock()
		f.check(t, all)
		f.pause.Unlock()
		checks++
	}
	wg.Wait()
	total := 0
	for _, w := range all {
		total += w.steps
		wg.Go(w.t.Exit) // closes what is open, too
	}
	wg.Wait()
	t.Logf("%d operations, %d checks", total, checks)
	if total == 0 || checks == 0 {
		t.Error("nothing was done")
	}
}

// check looks at a moment at which nobody works.
func (f *fire) check(t *testing.T, all []*worker) {
	if err := vfs.CheckSuper(f.ns.Superblock()); err != nil {
		t.Error(err)
	}
	const names = 500
	for _, w := range all {
		look := worker{t: w.t, rnd: f.rnd}
		for range names {
			if err := look.walkBoth(look.name()); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// clear unmounts and removes everything below the root. What is mounted on a
// name keeps it from being removed, wherever the mount is seen; so all mounts go
// first.
func (f *fire) clear(t *testing.T) {
	if err := f.root.Chdir("/"); err != nil {
		t.Fatal(err)
	}
	unmount := func(path string) {
		for f.root.Umount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
		}
	}
	unmount("/..") // what is mounted over the root
	f.walk(t, "/", unmount, nil)
	f.walk(t, "/", nil, func(path string, isDir bool) {
		flags := 0
		if isDir {
			flags = unix.AT_REMOVEDIR
		}
		if err := f.root.Unlinkat(vfs.AtCWD, path, flags); err != nil {
			t.Fatalf("remove %s: %v", path, err)
		}
	})
	// The root itself may have got an attribute, which takes space.
	if err := f.root.Removexattr(vfs.AtCWD, "/", "user.x", 0); err != nil && err != unix.ENODATA {
		t.Fatal(err)
	}
}

// walk calls before for each name below dir, then goes down, then calls after.
func (f *fire) walk(t *testing.T, dir string, before func(path string), after func(path string, isDir bool)) {
	for _, name := range f.list(t, dir) {
		path := strings.TrimSuffix(dir, "/") + "/" + name
		if before != nil {
			before(path)
		}
		var st vfs.Stat
		if err := f.root.Lstat(path, &st); err != nil {
			t.Fatalf("lstat %s: %v", path, err)
		}
		isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
		if isDir {
			f.walk(t, path, before, after)
		}
		if after != nil {
			after(path, isDir)
		}
	}
}

func (f *fire) list(t *testing.T, dir string) (names []string) {
	fd, err := f.root.Openat(vfs.AtCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	if _, err := f.root.Getdents(fd, func(d vfs.Dirent) bool {
		if d.Name != "." && d.Name != ".." {
			names = append(names, d.Name)
		}
		return true
	}); err != nil {
		t.Fatalf("list %s: %v", dir, err)
	}
	if err := f.root.Close(fd); err != nil {
		t.Fatal(err)
	}
	return names
}
