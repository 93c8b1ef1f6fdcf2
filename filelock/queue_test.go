package filelock

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// queue makes n requests of one range that all wait, and returns them.
func queue(t *testing.T, c *Context, n int, make func(i int) *Lock) []*Lock {
	t.Helper()
	var all []*Lock
	for i := range n {
		l := make(i)
		if err := ask(c, l); err != ErrDeferred {
			t.Fatalf("%v: %v", l.info(), err)
		}
		all = append(all, l)
	}
	return all
}

func answeredOf(all []*Lock) (n int) {
	for _, l := range all {
		if l.wait.queue == nil {
			n++
		}
	}
	return n
}

// Each release grants the next one, and touches no other: what a chain costs
// is linear in its length.
func TestChainIsGrantedOneByOne(t *testing.T) {
	for _, kind := range []Kind{POSIX, OFD, Flock} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newFile(t)
			const n = 1000
			lock := func(i int) *Lock {
				return &Lock{Owner: OwnerOf(i), File: i, Kind: kind, Type: Write, End: 9, Flags: FlagSleep}
			}
			if err := ask(c, lock(-1)); err != nil {
				t.Fatal(err)
			}
			all := queue(t, c, n, lock)
			q := all[0].wait.queue
			for i := range n {
				if got := answeredOf(all[i:min(i+3, n)]); got != 0 {
					t.Fatalf("%d are answered before their turn", got)
				}
				c.ClosePosix(context.Background(), OwnerOf(i-1))
				c.CloseFile(context.Background(), i-1)
				if l := all[i]; l.wait.queue != nil || l.wait.result != nil {
					t.Fatalf("%d is not granted: %v", i, l.wait.result)
				}
				// The rest has moved as a whole: it is the same queue.
				if i+1 < n && all[i+1].wait.queue != q {
					t.Fatalf("after %d: the rest is in another queue", i)
				}
				if i%100 == 0 {
					mustCheck(t, c)
				}
			}
			c.ClosePosix(context.Background(), OwnerOf(n-1))
			c.CloseFile(context.Background(), n-1)
			if !c.Empty() {
				t.Error(show(c))
			}
		})
	}
}

// Readers that wait go together, whoever waits in between, and then the writers
// one by one in the order in which they came.
func TestReadersGoTogether(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	all := queue(t, c, 10, func(i int) *Lock {
		return posix(fmt.Sprint(i), Type(i%2), 0, 9, FlagSleep) // the even ones read
	})
	mustSet(t, c, "A", Unlock, 0, 9)
	if got := show(c); got != "0:r0-9 2:r0-9 4:r0-9 6:r0-9 8:r0-9" {
		t.Fatal(got)
	}
	mustCheck(t, c)
	for i := 0; i < 10; i += 2 {
		if answeredOf(all) != 5 {
			t.Fatalf("%d answered while readers are left", answeredOf(all))
		}
		mustSet(t, c, fmt.Sprint(i), Unlock, 0, 9)
	}
	for i := 1; i < 10; i += 2 {
		if got, want := show(c), fmt.Sprintf("%d:w0-9", i); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		mustSet(t, c, fmt.Sprint(i), Unlock, 0, 9)
	}
}

// Who waits for one of several locks, in whatever order they go, keeps its turn.
func TestTurnIsKeptOverSeveralBlockers(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 0)
	mustSet(t, c, "B", Write, 5, 5)
	first := queue(t, c, 1, func(int) *Lock { return posix("W1", Write, 0, 9, FlagSleep) })[0]  // behind A
	second := queue(t, c, 1, func(int) *Lock { return posix("W2", Write, 5, 9, FlagSleep) })[0] // behind B
	third := queue(t, c, 1, func(int) *Lock { return posix("W3", Write, 5, 5, FlagSleep) })[0]
	mustSet(t, c, "A", Unlock, 0, 0) // W1 goes behind B, where it comes first
	mustCheck(t, c)
	if h := c.Snapshot(); len(h) != 1 || len(h[0].Waiters) != 3 || h[0].Waiters[0].Owner != OwnerOf("W1") {
		t.Fatalf("%+v", h)
	}
	for i, l := range []*Lock{first, second, third} {
		c.ClosePosix(context.Background(), OwnerOf([]string{"B", "W1", "W2"}[i]))
		if l.wait.queue != nil || l.wait.result != nil || answeredOf([]*Lock{first, second, third}) != i+1 {
			t.Fatalf("%d: %s", i, show(c))
		}
	}
	c.ClosePosix(context.Background(), OwnerOf("W3"))
}

// A lock that goes in one step with others leaves several queues: all who
// waited are answered in one order.
func TestQueuesOfOneCloseAreOne(t *testing.T) {
	c := newFile(t)
	for i := range int64(20) {
		mustSet(t, c, "A", Write, 2*i, 2*i)
	}
	all := queue(t, c, 60, func(i int) *Lock {
		at := int64(2 * (i * 7 % 20))
		return posix(fmt.Sprint(i), Write, at, at, FlagSleep)
	})
	c.ClosePosix(context.Background(), OwnerOf("A"))
	mustCheck(t, c)
	for i, l := range all {
		if granted := l.wait.queue == nil; granted != (i < 20) {
			t.Errorf("%d: granted %v", i, granted)
		}
	}
	for i := range all {
		c.ClosePosix(context.Background(), OwnerOf(fmt.Sprint(i)))
	}
}

// A thread's grant must not hide that another thread of its owner waits for
// somebody in the queue that is now behind it.
func TestGrantThatClosesACircle(t *testing.T) {
	c, d := newFile(t), newFile(t)
	mustSet(t, c, "X", Write, 0, 0)
	mustSet(t, d, "B", Write, 0, 0)
	a1 := queue(t, c, 1, func(int) *Lock { return posix("A", Write, 0, 0, FlagSleep) })[0]
	b := queue(t, c, 1, func(int) *Lock { return posix("B", Write, 0, 0, FlagSleep) })[0]
	a2 := queue(t, d, 1, func(int) *Lock { return posix("A", Write, 0, 0, FlagSleep) })[0]
	c.ClosePosix(context.Background(), OwnerOf("X"))
	if a1.wait.queue != nil || b.wait.result != syscall.EDEADLK || a2.wait.queue == nil {
		t.Errorf("A %v, B %v", a1.wait.result, b.wait.result)
	}
	d.ClosePosix(context.Background(), OwnerOf("B"))
	c.ClosePosix(context.Background(), OwnerOf("A"))
	d.ClosePosix(context.Background(), OwnerOf("A"))
}

// What a grant replaces is given up by who asked, not by who made way.
func TestGrantReleasesForTheOneWhoAsked(t *testing.T) {
	c := newFile(t)
	n := &counter{}
	read := posix("B", Read, 0, 4, 0)
	read.Ops = OpsOf(n)
	if err := c.SetPosix(context.Background(), read, nil); err != nil {
		t.Fatal(err)
	}
	mustSet(t, c, "A", Write, 5, 9)
	write := posix("B", Write, 0, 9, FlagSleep)
	if err := ask(c, write); err != ErrDeferred {
		t.Fatal(err)
	}
	mustSet(t, c, "A", Unlock, 5, 9)
	if n.released != 0 || len(write.wait.dispose) != 1 {
		t.Errorf("released %d, left %d", n.released, len(write.wait.dispose))
	}
	write.wait.result = nil
	if err := c.await(context.Background(), write); err != nil || n.released != 1 {
		t.Errorf("%v, released %d", err, n.released)
	}
	c.ClosePosix(context.Background(), OwnerOf("B"))
}

func TestNoRoomWhenTheTurnComes(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	mustSet(t, c, "A", Write, 20, 29)
	l := posix("B", Write, 0, 9, FlagSleep)
	if err := ask(c, l); err != ErrDeferred {
		t.Fatal(err)
	}
	c.SetLimit(1)
	mustSet(t, c, "A", Unlock, 0, 9)
	if l.wait.queue != nil || l.wait.result != syscall.ENOLCK {
		t.Errorf("%v", l.wait.result)
	}
}

// herdManager counts how often it is told.
type herdManager struct {
	mu       sync.Mutex
	notified []*Lock
	total    int
}

func (m *herdManager) Notify(l *Lock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notified = append(m.notified, l)
	m.total++
}

func (m *herdManager) take() []*Lock {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.notified
	m.notified = nil
	return all
}

// A manager is told of one request at a time, if only one can be granted; those
// behind it stay there until it has been repeated.
func TestManagerIsToldOfWhoCanGo(t *testing.T) {
	c := newFile(t)
	m := &herdManager{}
	ops := TrustedManagerOpsOf(m)
	lock := func(i int) *Lock {
		l := posix(fmt.Sprint(i), Write, 0, 9, FlagSleep)
		l.Manager = ops
		return l
	}
	mustSet(t, c, "A", Write, 0, 9)
	const n = 1000
	all := queue(t, c, n, lock)
	c.ClosePosix(context.Background(), OwnerOf("A"))
	for i := range n {
		told := m.take()
		if len(told) != 1 || told[0] != all[i] {
			t.Fatalf("told of %d requests in turn %d", len(told), i)
		}
		if h := c.Snapshot(); i+1 < n && (len(h) != 1 || !h[0].Notified || len(h[0].Waiters) != n-i-1) {
			t.Fatalf("while it is to be repeated: %d entries", len(h))
		}
		if err := c.SetPosix(context.Background(), told[0], nil); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			mustCheck(t, c)
		}
		c.CloseOwner(context.Background(), told[0])
	}
	if m.total != n {
		t.Errorf("told %d times of %d requests", m.total, n)
	}
}

// A request that finds somebody faster when it is repeated waits again, and
// those behind it behind the same.
func TestRepeatedRequestKeepsItsTurn(t *testing.T) {
	c := newFile(t)
	m := &herdManager{}
	ops := TrustedManagerOpsOf(m)
	mustSet(t, c, "A", Write, 0, 9)
	all := queue(t, c, 3, func(i int) *Lock {
		l := posix(fmt.Sprint(i), Write, 0, 9, FlagSleep)
		l.Manager = ops
		return l
	})
	c.ClosePosix(context.Background(), OwnerOf("A"))
	mustSet(t, c, "newcomer", Write, 5, 5)
	if err := c.SetPosix(context.Background(), m.take()[0], nil); err != ErrDeferred {
		t.Fatal(err)
	}
	mustCheck(t, c)
	if h := c.Snapshot(); len(h) != 1 || len(h[0].Waiters) != 3 || h[0].Waiters[0].Owner != OwnerOf("0") {
		t.Errorf("%+v", h)
	}
	// One that is given up makes way for the next.
	c.ClosePosix(context.Background(), OwnerOf("newcomer"))
	if err := c.Cancel(m.take()[0]); err != syscall.ENOENT {
		t.Error(err)
	}
	if told := m.take(); len(told) != 1 || told[0] != all[1] {
		t.Errorf("told of %v", told)
	}
	c.Cancel(all[1])
	c.Cancel(all[2])
}

// A manager that never repeats a request loses its turn, and that is reported.
func TestNotifiedRequestLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := make(chan ManagerFault, 1)
		defer OnManagerFault(func(f ManagerFault) { faults <- f })()
		c := NewContext()
		m := &herdManager{}
		ops := ManagerOpsOf(m)
		mustSet(t, c, "A", Write, 0, 9)
		lazy := posix("lazy", Write, 0, 9, FlagSleep)
		lazy.Manager = ops
		if err := ask(c, lazy); err != ErrDeferred {
			t.Fatal(err)
		}
		done := lockWait(context.Background(), c, "B", Write, 0, 9)
		synctest.Wait()
		start := time.Now()
		c.ClosePosix(context.Background(), OwnerOf("A"))
		if err := <-done; err != nil || time.Since(start) != ManagerTimeout() {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if f := <-faults; f.Kind != NoAnswer || f.Manager != ops || ops.Faults() != 1 {
			t.Errorf("reported: %v", f)
		}
		// It may still come back, as anybody may.
		if err := c.SetPosix(context.Background(), lazy, nil); err != ErrDeferred {
			t.Error(err)
		}
		c.ClosePosix(context.Background(), OwnerOf("B"))
		if err := c.SetPosix(context.Background(), lazy, nil); err != nil {
			t.Error(err)
		}
		mustCheck(t, c)
	})
}

// CloseManager leaves nothing of a manager: locks of every kind, leases, and
// requests, whoever waits for whom.
func TestCloseManager(t *testing.T) {
	c := newFile(t)
	m := &herdManager{}
	ops := TrustedManagerOpsOf(m)
	mine := func(kind Kind, owner string, typ Type, start, end int64, flags Flags) *Lock {
		l := posix(owner, typ, start, end, flags)
		l.Kind, l.Manager = kind, ops
		return l
	}
	mustSet(t, c, "A", Write, 0, 9)
	for _, l := range []*Lock{mine(POSIX, "M", Write, 20, 29, 0), mine(POSIX, "M", Read, 40, 49, 0), mine(OFD, "N", Write, 50, 59, 0), mine(Flock, "O", Read, 0, End, 0)} {
		if err := ask(c, l); err != nil {
			t.Fatal(err)
		}
	}
	waiting := []*Lock{mine(POSIX, "M", Write, 5, 5, FlagSleep), mine(POSIX, "N", Write, 9, 9, FlagSleep)}
	for _, l := range waiting {
		if err := ask(c, l); err != ErrDeferred {
			t.Fatal(err)
		}
	}
	local := posix("B", Write, 25, 45, FlagSleep)
	if err := ask(c, local); err != ErrDeferred {
		t.Fatal(err)
	}
	lease := NewLease(Lease, Read, "L", 1, ManagerOpsOf(&server{t: t}))
	theirs := lease.Manager
	if err := c.SetLease(&lease, new(opens)); err != nil {
		t.Fatal(err)
	}
	c.CloseManager(context.Background(), ops)
	if got := show(c); got != "L:r0- A:w0-9 B:w25-45" || local.wait.result != nil || c.Waiters() != 0 || len(m.take()) != 0 {
		t.Errorf("left: %s, %d wait", got, c.Waiters())
	}
	c.CloseManager(context.Background(), theirs)
	c.ClosePosix(context.Background(), OwnerOf("A"))
	c.ClosePosix(context.Background(), OwnerOf("B"))
	if !c.Empty() {
		t.Error(show(c))
	}
}
