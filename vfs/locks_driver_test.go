package vfs

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/filelock/locktest"
)

// netLocks is a driver that grants locks elsewhere: it keeps a state of its own
// with each record, records locally what it grants, and answers a lock manager
// late.
type netLocks struct {
	histPlain
	*netState
}

type netState struct {
	ops *filelock.Ops

	mu      sync.Mutex
	live    map[*int]bool // private states
	made    int
	leased  int // releases for a lease
	pending []netRequest
}

type netRequest struct {
	f    *File
	lock *filelock.Lock
}

func newNetLocks() netLocks {
	n := netLocks{netState: &netState{live: make(map[*int]bool)}}
	n.ops = filelock.OpsOf(n.netState)
	return n
}

func (s *netState) private() *int {
	p := new(int)
	s.live[p] = true
	s.made++
	return p
}

func (s *netState) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// CopyLock implements [filelock.LockCopier].
func (s *netState) CopyLock(new, old *filelock.Lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live[old.Private.(*int)] {
		panic("copy of a state that is gone")
	}
	new.Private = s.private()
}

// ReleasePrivate implements [filelock.PrivateReleaser].
func (s *netState) ReleasePrivate(_ context.Context, l *filelock.Lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live[l.Private.(*int)] {
		panic("released twice")
	}
	delete(s.live, l.Private.(*int))
	if l.Kind == filelock.Lease {
		s.leased++
	}
}

// adopt gives a request the driver's state, once.
func (s *netState) adopt(l *filelock.Lock) {
	if l.Ops != nil {
		return
	}
	s.mu.Lock()
	l.Ops, l.Private = s.ops, s.private()
	s.mu.Unlock()
}

func (n netLocks) Lock(ctx context.Context, f *File, cmd int, l *filelock.Lock) error {
	switch {
	case cmd == unix.F_GETLK:
		return f.LocalLock(ctx, cmd, l)
	case cmd == CancelLk:
		return n.cancel(l)
	}
	n.adopt(l)
	if l.Type != filelock.Unlock && l.Flags&filelock.FlagSleep != 0 && l.Manager.CanGrant() {
		n.mu.Lock()
		n.pending = append(n.pending, netRequest{f.Get(), l})
		n.mu.Unlock()
		return filelock.ErrDeferred
	}
	return f.LocalLock(ctx, cmd, l)
}

func (n netLocks) Flock(ctx context.Context, f *File, cmd int, l *filelock.Lock) error {
	n.adopt(l)
	return f.LocalFlock(ctx, l)
}

func (n netLocks) Setlease(ctx context.Context, f *File, typ int, lease **filelock.Lock, priv *any) error {
	if lease != nil && *lease != nil {
		n.adopt(*lease)
	}
	return GenericSetlease(ctx, f, typ, lease, priv)
}

func (s *netState) cancel(l *filelock.Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.pending, func(r netRequest) bool { return r.lock == l })
	if i < 0 {
		return unix.ENOENT
	}
	f := s.pending[i].f
	s.pending = slices.Delete(s.pending, i, i+1)
	defer f.Put(kernelTask)
	return nil
}

// decide answers the oldest request: what is granted is recorded first, and
// taken back if it is not wanted any more.
func (s *netState) decide(result error) error {
	s.mu.Lock()
	r := s.pending[0]
	s.pending = s.pending[1:]
	s.mu.Unlock()
	defer r.f.Put(kernelTask)
	return s.answer(r, result)
}

func (s *netState) answer(r netRequest, result error) error {
	// After Grant the request is the manager's again.
	grant := *r.lock
	grant.Flags &^= filelock.FlagSleep
	if result == nil {
		if err := r.f.LocalLock(kernelTask, unix.F_SETLK, &grant); err != nil {
			return err
		}
	}
	err := r.lock.Grant(nil, result)
	if err != nil && result == nil {
		grant.Type = filelock.Unlock
		_ = r.f.LocalLock(kernelTask, unix.F_SETLK, &grant)
	}
	return err
}

func TestPrivateLockStateIsCopiedAndReleased(t *testing.T) {
	n := newNetLocks()
	task, _, _ := histTask(t, n, "0123456789")
	other := task.Clone(0)
	defer other.Exit()
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	ofd := histOpen(t, other, "/f", unix.O_RDWR)
	check := func(what string, records int) {
		t.Helper()
		if got := n.count(); got != records {
			t.Errorf("after %s: %d states for %d records", what, got, records)
		}
	}
	lock := func(what string, task *Task, fd, cmd int, typ int16, start, length int64, want error, records int) {
		t.Helper()
		if err := task.FcntlLock(fd, cmd, &Flock{Type: typ, Start: start, Len: length}); err != want {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		check(what, records)
	}
	lock("a lock", task, fd, unix.F_SETLK, unix.F_WRLCK, 0, 10, nil, 1)
	lock("a split", task, fd, unix.F_SETLK, unix.F_UNLCK, 4, 2, nil, 2)
	lock("a change of type", task, fd, unix.F_SETLK, unix.F_RDLCK, 1, 1, nil, 4)
	lock("a refusal", other, ofd, unix.F_SETLK, unix.F_WRLCK, 0, 1, unix.EAGAIN, 4)
	lock("a test", other, ofd, unix.F_GETLK, unix.F_WRLCK, 0, 1, nil, 4)
	lock("an unlock of nothing", other, ofd, unix.F_SETLK, unix.F_UNLCK, 0, 0, nil, 4)
	lock("an OFD lock", other, ofd, unix.F_OFD_SETLK, unix.F_WRLCK, 20, 1, nil, 5)
	waits := make(chan error)
	go func() {
		waits <- other.FcntlLock(ofd, unix.F_SETLKW, &Flock{Type: unix.F_WRLCK, Start: 20, Len: 1})
	}()
	for limit := time.Now().Add(20 * time.Second); n.count() != 6 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	check("a wait", 6)
	dup, _ := task.Dup(fd)
	if err := task.Close(dup); err != nil {
		t.Error(err)
	}
	check("a close of the holder's", 2)
	thread := other.Clone(CloneFiles)
	thread.FcntlLock(ofd, unix.F_OFD_SETLK, &Flock{Type: unix.F_UNLCK, Start: 20, Len: 1})
	if err := <-waits; err != nil {
		t.Error(err)
	}
	check("the grant", 1)
	thread.Exit()
	if err := task.Flock(fd, unix.LOCK_SH); err != nil {
		t.Error(err)
	}
	check("flock", 2)
	if err := task.Flock(fd, unix.LOCK_EX); err != nil {
		t.Error(err)
	}
	check("a conversion", 2)
	if err := other.Close(ofd); err != nil {
		t.Error(err)
	}
	check("a close", 1)
	if err := task.Close(fd); err != nil {
		t.Error(err)
	}
	check("the last close", 0)

	fd = histOpen(t, task, "/f", unix.O_RDONLY)
	if err := task.Setlease(fd, unix.F_RDLCK); err != nil {
		t.Error(err)
	}
	check("a lease", 1)
	if err := task.Setlease(fd, unix.F_UNLCK); err != nil {
		t.Error(err)
	}
	check("its end", 0)
	if n.leased != 1 || n.made == 0 {
		t.Errorf("%d leases released of %d states", n.leased, n.made)
	}
}

func TestDriverGrantsALockManagersRequestsLate(t *testing.T) {
	n := newNetLocks()
	task, in, _ := histTask(t, n, "0123456789")
	f, err := task.OpenFile(AtCWD, "/f", OpenHow{Flags: unix.O_RDWR})
	if err != nil {
		t.Fatal(err)
	}
	s := locktest.NewServer()
	defer func() {
		s.Close()
		f.Put(task)
		if got := n.count(); got != 0 {
			t.Errorf("%d states are left", got)
		}
	}()
	a, b := s.Client("a"), s.Client("b")
	ask := func(c *locktest.Client, pid int) *locktest.Wait {
		t.Helper()
		w, err := c.Ask(f, locktest.Range{PID: pid, Type: filelock.Write, End: 9})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	granted, refused := ask(a, 1), ask(b, 1)
	if err := n.decide(nil); err != nil {
		t.Error(err)
	}
	if err := <-granted.Done(); err != nil {
		t.Error(err)
	}
	if err := n.decide(unix.EAGAIN); err != nil {
		t.Error(err)
	}
	if err := <-refused.Done(); err != unix.EAGAIN {
		t.Error(err)
	}
	if held := in.Locks().Snapshot(); len(held) != 1 || held[0].PID != 1 {
		t.Errorf("recorded: %+v", held)
	}
	canceled := ask(b, 1)
	if err := canceled.Cancel(); err != nil {
		t.Error(err)
	}
	a.Die()
	if held := in.Locks().Snapshot(); len(held) != 0 {
		t.Errorf("of a dead client: %+v", held)
	}
	// The answer for one that has died is not wanted, and what was granted goes.
	lost := ask(b, 2)
	n.mu.Lock()
	r := n.pending[0]
	n.pending = nil
	n.mu.Unlock()
	b.Die()
	if err := n.answer(r, nil); err == nil {
		t.Error("a dead client takes a lock")
	}
	r.f.Put(task)
	if err := <-lost.Done(); err != unix.EINTR {
		t.Error(err)
	}
	if held := in.Locks().Snapshot(); len(held) != 0 {
		t.Errorf("left: %+v", held)
	}
}
