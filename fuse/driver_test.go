package fuse_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// oddFS is a file system of three files: "stuck", whose reads last until they
// are cancelled; "bell", which is ready to be read once it was rung; and "slow",
// whose attributes can be made to be told only once hold is closed.
type oddFS struct{}

type oddSuper struct {
	vfs.Superblock
	queue  vfs.WaitQueue
	rung   atomic.Bool
	opens  atomic.Int32
	closes atomic.Int32

	slow          atomic.Bool // the next to ask waits
	entered, hold chan struct{}
}

var (
	oddType     = vfs.FileSystemTypeOf("oddtest", "for tests of the mount", oddFS{})
	oddDirOps   = vfs.InodeOpsOf(oddDir{})
	oddListOps  = vfs.FileOpsOf(oddList{})
	oddStuckOps = vfs.FileOpsOf(oddStuck{})
	oddBellOps  = vfs.FileOpsOf(oddBell{})
	oddSlowOps  = vfs.InodeOpsOf(oddSlow{})
)

type (
	oddDir   struct{}
	oddList  struct{}
	oddOpen  struct{}
	oddStuck struct{ oddOpen }
	oddBell  struct{ oddOpen }
	oddSlow  struct{}
)

func (oddFS) Mount(ctx context.Context, typ *vfs.FileSystemType, flags vfs.SuperFlags, _ string, data any) (*vfs.Dentry, error) {
	s := data.(*oddSuper)
	return vfs.MountNodev(ctx, typ, flags, s, func(sb *vfs.Superblock) error {
		s.queue.Init()
		in, err := oddInode(ctx, sb, 1, unix.S_IFDIR|0o755)
		if err == nil {
			in.SetOps(oddDirOps, oddListOps)
			sb.SetRoot(vfs.MakeRoot(in))
		}
		return err
	})
}

func (oddFS) KillSB(ctx context.Context, sb *vfs.Superblock) { vfs.KillAnonSuper(ctx, sb) }

func oddInode(ctx context.Context, sb *vfs.Superblock, ino uint64, mode uint32) (*vfs.Inode, error) {
	in, err := vfs.NewInode(ctx, sb)
	if err == nil {
		in.SetIno(ino)
		in.InitOwner(ctx, nil, mode)
		in.InitTimes()
	}
	return in, err
}

func (oddDir) Lookup(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, _ vfs.WalkFlags) (*vfs.Dentry, error) {
	ops, ino := (*vfs.FileOps)(nil), uint64(0)
	var inodeOps *vfs.InodeOps
	switch d.Name() {
	case "slow":
		inodeOps, ino = oddSlowOps, 4
	case "stuck":
		ops, ino = oddStuckOps, 2
	case "bell":
		ops, ino = oddBellOps, 3
	default:
		d.Add(nil)
		return nil, nil
	}
	in, err := oddInode(ctx, dir.Superblock(), ino, unix.S_IFREG|0o444)
	if err != nil {
		return nil, err
	}
	in.SetOps(inodeOps, ops)
	in.SetSize(10)
	d.Add(in)
	return nil, nil
}

// Getattr tells the attributes of the moment when it was called.
func (oddSlow) Getattr(_ context.Context, _ *vfs.Mount, d *vfs.Dentry, st *vfs.Stat) error {
	s := oddOf(d.Inode())
	d.Inode().FillStat(st)
	if s.slow.CompareAndSwap(true, false) {
		close(s.entered)
		<-s.hold
	}
	return nil
}

func (oddList) Iterate(ctx context.Context, f *vfs.File, dc *vfs.DirContext) error {
	if dc.EmitDots(f) {
		for i, name := range [...]string{"stuck", "bell"} {
			if at := int64(2 + i); dc.Pos == at && dc.Emit(name, uint64(at), unix.DT_REG, at) {
				dc.Pos++
			}
		}
	}
	return nil
}

func (oddList) Llseek(ctx context.Context, f *vfs.File, off int64, whence int) (int64, error) {
	return vfs.GenericLlseek(ctx, f, off, whence)
}

func oddOf(in *vfs.Inode) *oddSuper { return in.Superblock().Impl().(*oddSuper) }

func (oddOpen) Open(_ context.Context, in *vfs.Inode, _ *vfs.File) error {
	oddOf(in).opens.Add(1)
	return nil
}

func (oddOpen) Release(_ context.Context, in *vfs.Inode, _ *vfs.File) error {
	oddOf(in).closes.Add(1)
	return nil
}

func (oddStuck) Read(ctx context.Context, f *vfs.File, p []byte, pos int64) (int, int64, error) {
	<-ctx.Done()
	return 0, pos, unix.EINTR
}

func (oddBell) Read(ctx context.Context, f *vfs.File, p []byte, pos int64) (int, int64, error) {
	return copy(p, "ding"), pos + 4, nil
}

func (oddBell) Poll(ctx context.Context, f *vfs.File, table *vfs.PollTable) vfs.PollMask {
	s := oddOf(f.Inode())
	table.Wait(&s.queue)
	if s.rung.Load() {
		return vfs.PollIn | vfs.PollRdnorm
	}
	return 0
}

func mountOdd(t *testing.T, opt fuse.Options) (*oddSuper, *fuse.Server) {
	needMount(t)
	super := &oddSuper{entered: make(chan struct{}), hold: make(chan struct{})}
	ns, err := vfs.NewNamespaceOf(context.Background(), oddType, "odd", 0, super)
	must(t, err)
	closeAtEnd(t, ns)
	return super, mountAt(t, ns, opt)
}

// TestInterruptedCall: a signal does not break off a call that is no wait for a
// lock; being killed does, also after such a signal.
func TestInterruptedCall(t *testing.T) {
	_, s := mountOdd(t, fuse.Options{DirectIO: true})
	for _, warned := range []bool{false, true} {
		c := start(t, "read", s.Dir()+"/stuck")
		c.line()
		eventually(t, "the read waits", func() bool { return s.Stats().InFlight == 1 })
		if warned {
			before := s.Stats().Interrupts
			eventually(t, "the server hears of the signal", func() bool {
				_ = c.cmd.Process.Signal(unix.SIGUSR1)
				time.Sleep(time.Millisecond)
				return s.Stats().Interrupts > before
			})
			time.Sleep(100 * time.Millisecond)
			if n := s.Stats().InFlight; n != 1 {
				t.Fatalf("%d requests after the signal", n)
			}
		}
		began := time.Now()
		c.kill()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v to end the client", d)
		}
		eventually(t, "nothing is left", func() bool { st := s.Stats(); return st.InFlight == 0 && st.Handles == 0 })
	}
}

// TestAbortedCall: the end of the connection breaks off every call.
func TestAbortedCall(t *testing.T) {
	needMount(t)
	super := &oddSuper{}
	ns, err := vfs.NewNamespaceOf(context.Background(), oddType, "odd", 0, super)
	must(t, err)
	closeAtEnd(t, ns)
	s, err := fuse.Mount(ns, tempDir(t), fuse.Options{DirectIO: true})
	must(t, err)
	c := start(t, "read", s.Dir()+"/stuck")
	c.line()
	eventually(t, "the read waits", func() bool { return s.Stats().InFlight == 1 })
	must(t, unix.Unmount(s.Dir(), unix.MNT_FORCE|unix.MNT_DETACH))
	c.kill()
	must(t, s.Wait())
	checkBalance(t, s)
}

// TestPoll: a client that polls a file is woken when the driver says so.
func TestPoll(t *testing.T) {
	super, s := mountOdd(t, fuse.Options{Poll: true})
	fd, err := unix.Open(s.Dir()+"/bell", unix.O_RDONLY, 0)
	must(t, err)
	defer unix.Close(fd)
	poll := func(timeout int) (int, int16) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, timeout)
		must(t, err)
		return n, p[0].Revents
	}
	if n, _ := poll(0); n != 0 {
		t.Error("ready before it was rung")
	}
	if n, _ := poll(20); n != 0 {
		t.Error("ready before it was rung")
	}
	go func() {
		for s.Stats().Requests["POLL"] < 3 {
			time.Sleep(time.Millisecond)
		}
		super.rung.Store(true)
		super.queue.Wake(vfs.PollIn)
	}()
	if n, events := poll(10000); n != 1 || events != unix.POLLIN {
		t.Errorf("%d %x after it was rung", n, events)
	}
	super.rung.Store(false)
	if n, _ := poll(0); n != 0 {
		t.Error("ready after it was silenced")
	}
}

// TestNoPoll: without the option the kernel asks once, at most, and takes
// files to be ready.
func TestNoPoll(t *testing.T) {
	_, s := mountOdd(t, fuse.Options{})
	for range 3 {
		fd, err := unix.Open(s.Dir()+"/bell", unix.O_RDONLY, 0)
		must(t, err)
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
		if n, err := unix.Poll(p, 0); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		unix.Close(fd)
	}
	if n := s.Stats().Requests["POLL"]; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestStateless: on a read-only mount that opens nothing a file has one open,
// until it is forgotten.
func TestStateless(t *testing.T) {
	super, s := mountOdd(t, fuse.Options{Stateless: true, Flags: vfs.SuperReadOnly})
	for range 5 {
		if got := read(t, s.Dir(), "bell"); got[:4] != "ding" {
			t.Errorf("read %q", got)
		}
		if got := names(t, s.Dir()); got != "bell stuck" {
			t.Errorf("listed %q", got)
		}
	}
	// One open and one release are the probe's at the mount.
	st := s.Stats()
	if st.Requests["OPEN"] > 2 || st.Requests["OPENDIR"] > 1 || st.Requests["RELEASE"] > 1 || st.Handles != 0 {
		t.Errorf("%+v", st)
	}
	if n := super.opens.Load(); n != 1 {
		t.Errorf("%d opens", n)
	}
	f, err := os.Open(s.Dir() + "/bell")
	must(t, err)
	defer f.Close()
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	if err := unix.Access(s.Dir()+"/bell", unix.W_OK); err != unix.EROFS {
		t.Errorf("%v", err)
	}
	must(t, f.Close())
	dropNames(t, s.Dir())
	eventually(t, "the file is closed", func() bool { return super.closes.Load() == 1 })
}

// TestListingStable: while names come and go, a listing shows each name that
// stays exactly once, and a position leads back to where it was taken.
func TestListingStable(t *testing.T) {
	for name, opt := range map[string]fuse.Options{
		"cached": {}, "uncached": {EntryTimeout: -1}, "core": {Permissions: fuse.PermissionsCore},
	} {
		t.Run(name, func(t *testing.T) { listWhileChanging(t, mountAt(t, newMem(t, ""), opt).Dir()) })
	}
}

func listWhileChanging(t *testing.T, dir string) {
	const stay = 500
	for i := range stay {
		must(t, os.WriteFile(fmt.Sprintf("%s/stay%d", dir, i), nil, 0o644))
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			name := fmt.Sprintf("%s/churn%d", dir, n%97)
			if os.WriteFile(name, nil, 0o644) != nil || n%2 == 0 && os.Remove(name) != nil {
				t.Error("churn failed")
				return
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for range 20 {
		seen := map[string]int{}
		d, err := os.Open(dir)
		must(t, err)
		for {
			list, err := d.Readdirnames(37)
			for _, name := range list {
				seen[name]++
			}
			if err != nil {
				break
			}
		}
		d.Close()
		for i := range stay {
			if n := seen[fmt.Sprint("stay", i)]; n != 1 {
				t.Fatalf("stay%d was seen %d times", i, n)
			}
		}
	}
}
