package locktest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/filelock/locktest"
)

// newServer makes a server, and checks at the end that nothing of it is left.
func newServer(t *testing.T, files ...*filelock.Context) *locktest.Server {
	s := locktest.NewServer()
	t.Cleanup(func() {
		s.Close()
		for _, c := range files {
			if err := c.Check(); err != nil {
				t.Error(err)
			}
			if !c.Empty() || c.Waiters() != 0 {
				t.Errorf("left: %+v", c.Snapshot())
			}
		}
		goleak.VerifyNone(t)
	})
	return s
}

func whole(pid int, typ filelock.Type) locktest.Range {
	return locktest.Range{PID: pid, Type: typ, End: filelock.End}
}

func ask(t *testing.T, c *locktest.Client, f locktest.File, r locktest.Range) *locktest.Wait {
	t.Helper()
	w, err := c.Ask(f, r)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func answer(t *testing.T, w *locktest.Wait) error {
	t.Helper()
	select {
	case err := <-w.Done():
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("no answer")
		return nil
	}
}

func still(w *locktest.Wait) bool {
	select {
	case <-w.Done():
		return false
	case <-time.After(20 * time.Millisecond):
		return true
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOwnersAreHostsAndProcesses(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	a, b := s.Client("a"), s.Client("b")
	must(t, a.Lock(f, locktest.Range{PID: 1, Type: filelock.Write, Start: 0, End: 9}))
	must(t, a.Lock(f, locktest.Range{PID: 1, Type: filelock.Write, Start: 10, End: 19})) // another request, the same owner
	for _, r := range []struct {
		c   *locktest.Client
		pid int
	}{{a, 2}, {b, 1}} {
		if err := r.c.Lock(f, locktest.Range{PID: r.pid, Type: filelock.Read, Start: 5, End: 5}); err != syscall.EAGAIN {
			t.Errorf("another owner: %v", err)
		}
	}
	typ, held, err := b.Test(f, whole(1, filelock.Read))
	if err != nil || typ != filelock.Write || held != (locktest.Range{PID: 1, Type: filelock.Write, Start: 0, End: 19}) {
		t.Errorf("in the way: %v %+v %v", typ, held, err)
	}
	must(t, a.Lock(f, whole(1, filelock.Unlock)))
	if typ, _, err := b.Test(f, whole(1, filelock.Write)); err != nil || typ != filelock.Unlock {
		t.Errorf("after the unlock: %v %v", typ, err)
	}
	if s.Calls(locktest.CompareOwner) == 0 || s.Calls(locktest.OwnerKey) == 0 {
		t.Error("the manager was not asked")
	}
}

func TestGrantsComeLaterAndInOrder(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	must(t, s.Client("holder").Lock(f, whole(1, filelock.Write)))
	var waits []*locktest.Wait
	const n = 20
	for i := range n {
		waits = append(waits, ask(t, s.Client(fmt.Sprint("h", i)), f, whole(1, filelock.Write)))
	}
	if !still(waits[0]) {
		t.Fatal("granted although it is held")
	}
	s.Client("holder").Close(f, 1)
	for i, w := range waits {
		must(t, answer(t, w))
		if i+1 < n && !still(waits[i+1]) {
			t.Fatalf("%d and the next are both granted", i)
		}
		s.Client(fmt.Sprint("h", i)).Close(f, 1)
	}
	// One notice a request, however many waited.
	if got := s.Calls(locktest.Notify); got != n {
		t.Errorf("%d notices for %d requests", got, n)
	}
}

func TestDeadlocksAmongHosts(t *testing.T) {
	c, d := filelock.NewContext(), filelock.NewContext()
	s := newServer(t, c, d)
	f, g := locktest.OfContext(c, nil), locktest.OfContext(d, nil)
	a, b := s.Client("a"), s.Client("b")
	must(t, a.Lock(f, whole(1, filelock.Write)))
	must(t, b.Lock(g, whole(1, filelock.Write)))
	w := ask(t, a, g, whole(1, filelock.Write))
	if _, err := b.Ask(f, whole(1, filelock.Read)); err != syscall.EDEADLK {
		t.Errorf("the request that closes the circle: %v", err)
	}
	b.Die()
	must(t, answer(t, w))
}

func TestDeadClientHoldsNothing(t *testing.T) {
	c, d := filelock.NewContext(), filelock.NewContext()
	s := newServer(t, c, d)
	f, g := locktest.OfContext(c, nil), locktest.OfContext(d, nil)
	a, b := s.Client("a"), s.Client("b")
	must(t, a.Lock(f, locktest.Range{PID: 1, Type: filelock.Write, End: 9}))
	must(t, a.Lock(f, locktest.Range{PID: 2, Type: filelock.Write, Start: 10, End: 19}))
	must(t, b.Lock(g, whole(1, filelock.Write)))
	if _, err := a.Delegate(f, filelock.Lease, filelock.Read, false); err != nil {
		t.Fatal(err)
	}
	mine := ask(t, a, g, whole(3, filelock.Write))
	theirs := ask(t, b, f, whole(1, filelock.Write))
	a.Die()
	if err := answer(t, mine); err != syscall.EINTR {
		t.Errorf("the dead client's request: %v", err)
	}
	must(t, answer(t, theirs))
	if d.Waiters() != 0 || c.HasLeases() {
		t.Errorf("%d wait; a lease is left: %v", d.Waiters(), c.HasLeases())
	}
	// The host comes back, and is nobody special.
	if err := s.Client("a").Lock(g, whole(1, filelock.Read)); err != syscall.EAGAIN {
		t.Error(err)
	}
}

func TestCanceledRequest(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	a, b := s.Client("a"), s.Client("b")
	must(t, a.Lock(f, whole(1, filelock.Write)))
	w := ask(t, b, f, whole(1, filelock.Write))
	must(t, w.Cancel())
	if err := answer(t, w); err != syscall.EINTR {
		t.Error(err)
	}
	if err := w.Cancel(); err != syscall.ENOENT {
		t.Errorf("a second time: %v", err)
	}
	// The notice has gone out, but the request is not repeated yet.
	w = ask(t, b, f, whole(1, filelock.Write))
	s.Hold()
	a.Close(f, 1)
	must(t, w.Cancel())
	s.Resume()
	must(t, a.Lock(f, whole(1, filelock.Write)))
}

func TestDelegationIsRecalled(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	d, err := s.Client("a").Delegate(f, filelock.Deleg, filelock.Read, false)
	must(t, err)
	if err := c.BreakDelegation(context.Background(), true); err != syscall.EAGAIN {
		t.Errorf("a break that does not wait: %v", err)
	}
	if typ := <-d.Recalled(); typ != filelock.Unlock {
		t.Errorf("it is to become %v", typ)
	}
	done := make(chan error, 1)
	go func() { done <- c.BreakDelegation(context.Background(), false) }()
	time.Sleep(10 * time.Millisecond)
	must(t, d.Return())
	must(t, <-done)
	if err := d.Return(); err != syscall.EAGAIN {
		t.Errorf("returned twice: %v", err)
	}
	if s.Calls(locktest.BreakLease) != 1 {
		t.Errorf("recalled %d times", s.Calls(locktest.BreakLease))
	}
}

func TestDelegationIsBrokenFromUnderIt(t *testing.T) {
	old := filelock.LeaseBreakTime()
	filelock.SetLeaseBreakTime(20 * time.Millisecond)
	defer filelock.SetLeaseBreakTime(old)
	for _, forever := range []bool{false, true} {
		t.Run(fmt.Sprintf("the server waits for ever: %v", forever), func(t *testing.T) {
			c := filelock.NewContext()
			s, f := newServer(t, c), locktest.OfContext(c, nil)
			d, err := s.Client("a").Delegate(f, filelock.Deleg, filelock.Read, forever)
			must(t, err)
			must(t, c.BreakDelegation(context.Background(), false))
			if err := d.Return(); err != syscall.EAGAIN {
				t.Errorf("the client still had it: %v", err)
			}
			if got := s.Ops().Faults(); (got == 1) != forever {
				t.Errorf("%d faults", got)
			}
		})
	}
}

func TestDelegationIsOnlyGivenBack(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	_, err := s.Client("a").Delegate(f, filelock.Lease, filelock.Read, false)
	must(t, err)
	if _, err := s.Client("a").Delegate(f, filelock.Lease, filelock.Write, false); err != syscall.EAGAIN {
		t.Errorf("an upgrade: %v", err)
	}
}

// late is a file whose file system asks somebody else, and hears the answer
// later: as the driver of a network file system.
type late struct {
	locktest.File
	mu      sync.Mutex
	pending []*filelock.Lock
}

func (f *late) PosixLock(ctx context.Context, cmd int, l *filelock.Lock) error {
	if cmd != unix.F_SETLK || l.Type == filelock.Unlock || l.Flags&filelock.FlagSleep == 0 || !l.Manager.CanGrant() {
		return f.File.PosixLock(ctx, cmd, l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, l)
	return filelock.ErrDeferred
}

func (f *late) CancelLock(ctx context.Context, l *filelock.Lock) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.pending {
		if p == l {
			f.pending = append(f.pending[:i], f.pending[i+1:]...)
			return nil
		}
	}
	return syscall.ENOENT
}

// decide gives the answer to the oldest request.
func (f *late) decide(result error) error {
	f.mu.Lock()
	l := f.pending[0]
	f.pending = f.pending[1:]
	f.mu.Unlock()
	return l.Grant(nil, result)
}

func TestFileSystemGrantsLate(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), &late{File: locktest.OfContext(c, nil)}
	a := s.Client("a")
	granted := ask(t, a, f, whole(1, filelock.Write))
	refused := ask(t, a, f, whole(2, filelock.Write))
	if !still(granted) {
		t.Fatal("answered before it is known")
	}
	must(t, f.decide(nil))
	must(t, f.decide(syscall.ENOLCK))
	must(t, answer(t, granted))
	if err := answer(t, refused); err != syscall.ENOLCK {
		t.Error(err)
	}
	given := ask(t, a, f, whole(3, filelock.Write))
	must(t, given.Cancel())
	if len(f.pending) != 0 {
		t.Error("the file system still has it")
	}
	// A client that is gone does not want it any more.
	lost := ask(t, a, f, whole(4, filelock.Write))
	f.mu.Lock()
	l := f.pending[0]
	f.mu.Unlock()
	a.Die()
	if err := answer(t, lost); err != syscall.EINTR {
		t.Error(err)
	}
	if err := l.Grant(nil, nil); err == nil {
		t.Error("a lock is taken for nobody")
	}
}

// A server that was notified and does not act loses its turn, not the file.
func TestServerThatDoesNotAct(t *testing.T) {
	old := filelock.ManagerTimeout()
	filelock.SetManagerTimeout(50 * time.Millisecond)
	defer filelock.SetManagerTimeout(old)
	reported := make(chan filelock.ManagerFault, 10)
	defer filelock.OnManagerFault(func(f filelock.ManagerFault) { reported <- f })()
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	must(t, s.Client("a").Lock(f, whole(1, filelock.Write)))
	w := ask(t, s.Client("b"), f, whole(1, filelock.Write))
	local := make(chan error, 1)
	me := filelock.OwnerOf("me")
	go func() {
		local <- c.SetPosix(context.Background(), &filelock.Lock{Owner: me, Type: filelock.Write, End: filelock.End, Flags: filelock.FlagSleep}, nil)
	}()
	for c.Waiters() != 2 {
		time.Sleep(time.Millisecond)
	}
	s.Hold()
	s.Client("a").Die()
	must(t, <-local)
	if r := <-reported; r.Kind != filelock.NoAnswer || r.Manager != s.Ops() {
		t.Error(r)
	}
	s.Resume()
	if !still(w) {
		t.Error("two have it")
	}
	c.ClosePosix(context.Background(), me)
	must(t, answer(t, w))
}

func TestServerThatPanics(t *testing.T) {
	for _, m := range []locktest.Method{locktest.CompareOwner, locktest.OwnerKey, locktest.Notify, locktest.BreakLease, locktest.Change} {
		t.Run(string(m), func(t *testing.T) {
			c := filelock.NewContext()
			s, f := newServer(t, c), locktest.OfContext(c, nil)
			a, b := s.Client("a"), s.Client("b")
			must(t, a.Lock(f, whole(1, filelock.Write)))
			if _, err := a.Delegate(f, filelock.Lease, filelock.Read, false); err != nil {
				t.Fatal(err)
			}
			s.Break(m, func() { panic("broken") })
			w, err := b.Ask(f, whole(1, filelock.Write))
			if err != nil && m != locktest.OwnerKey {
				t.Error(err)
			}
			_ = c.BreakLease(context.Background(), filelock.Write, true)
			_ = c.RemoveLease(f, filelock.OwnerOf(any(f)))
			a.Close(f, 1)
			s.Break(m, nil)
			if s.Ops().Faults() == 0 {
				t.Error("nothing is reported")
			}
			if w != nil {
				_ = w.Cancel()
			}
			a.Close(f, 1)
		})
	}
}

// Many clients at once: whoever has a byte has it alone.
func TestClientsExcludeEachOther(t *testing.T) {
	const clients, bytes, rounds = 6, 3, 60
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	var held [bytes]atomic.Int32
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 9))
			me := s.Client(fmt.Sprint(i))
			for range rounds {
				at := rnd.Int64N(bytes)
				r := locktest.Range{PID: 1, Type: filelock.Write, Start: at, End: at}
				w, err := me.Ask(f, r)
				if err != nil {
					t.Error(err)
					return
				}
				if rnd.IntN(5) == 0 {
					if w.Cancel() == nil {
						continue
					}
				}
				if err := <-w.Done(); err != nil {
					t.Error(err)
					return
				}
				if n := held[at].Add(1); n != 1 {
					t.Errorf("%d have byte %d", n, at)
				}
				held[at].Add(-1)
				if rnd.IntN(10) == 0 {
					me.Die()
					continue
				}
				r.Type = filelock.Unlock
				if err := me.Lock(f, r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestErrorsOfAFileReachTheClient(t *testing.T) {
	c := filelock.NewContext()
	s, f := newServer(t, c), locktest.OfContext(c, nil)
	if _, err := s.Client("a").Ask(f, locktest.Range{PID: 1, Type: filelock.Write, Start: 5, End: 4}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, _, err := s.Client("a").Test(f, locktest.Range{PID: 1, Type: filelock.Unlock}); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}
