package filelock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// lockWait asks for a range in the background and waits for it.
func lockWait(ctx context.Context, c *Context, owner string, typ Type, start, end int64) <-chan error {
	return inBackground(func() error {
		return c.SetPosix(ctx, posix(owner, typ, start, end, FlagSleep), nil)
	})
}

func TestWaiterGetsTheLockWhenItIsFree(t *testing.T) {
	for _, release := range []struct {
		name string
		f    func(c *Context)
	}{
		{"unlock", func(c *Context) { set(c, "A", Unlock, 0, End) }},
		{"unlock of a part", func(c *Context) { set(c, "A", Unlock, 5, 5) }},
		{"close", func(c *Context) { c.ClosePosix(context.Background(), OwnerOf("A")) }},
	} {
		t.Run(release.name, func(t *testing.T) {
			c := newFile(t)
			mustSet(t, c, "A", Write, 0, 9)
			done := lockWait(context.Background(), c, "B", Write, 5, 5)
			awaitWaiters(t, c, 1)
			mustCheck(t, c)
			release.f(c)
			if err := result(t, done); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDowngradeLetsReadersIn(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	reader := lockWait(context.Background(), c, "B", Read, 0, 9)
	writer := lockWait(context.Background(), c, "C", Write, 3, 3)
	awaitWaiters(t, c, 2)
	mustSet(t, c, "A", Read, 0, 9)
	if err := result(t, reader); err != nil {
		t.Error(err)
	}
	awaitWaiters(t, c, 1)
	c.ClosePosix(context.Background(), OwnerOf("A"))
	awaitWaiters(t, c, 1)
	c.ClosePosix(context.Background(), OwnerOf("B"))
	if err := result(t, writer); err != nil {
		t.Error(err)
	}
}

func TestWaiterKeepsWaitingForALockThatGrew(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 4)
	done := lockWait(context.Background(), c, "B", Write, 4, 4)
	awaitWaiters(t, c, 1)
	mustSet(t, c, "A", Write, 5, 9)
	mustSet(t, c, "A", Unlock, 6, 9)
	awaitWaiters(t, c, 1)
	mustSet(t, c, "A", Unlock, 4, 4)
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

func TestInterruptedWait(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	mustSet(t, c, "B", Read, 20, 20)
	ctx, cancel := context.WithCancel(context.Background())
	done := lockWait(ctx, c, "B", Write, 5, 20)
	awaitWaiters(t, c, 1)
	cancel()
	if err := result(t, done); err != syscall.EINTR {
		t.Error(err)
	}
	if got := show(c); got != "A:w0-9 B:r20-20" {
		t.Error(got)
	}
	// What need not wait is not interrupted.
	if err := c.SetPosix(ctx, posix("B", Write, 10, 20, FlagSleep), nil); err != nil {
		t.Error(err)
	}
	if err := c.SetPosix(ctx, posix("B", Write, 0, 0, FlagSleep), nil); err != syscall.EINTR {
		t.Error(err)
	}
}

func TestCanceledWait(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	req := posix("B", Write, 5, 5, FlagSleep)
	if err := c.Cancel(req); err != syscall.ENOENT {
		t.Errorf("before the wait: %v", err)
	}
	done := inBackground(func() error { return c.SetPosix(context.Background(), req, nil) })
	awaitWaiters(t, c, 1)
	if err := c.Cancel(req); err != nil {
		t.Error(err)
	}
	if err := result(t, done); err != syscall.EINTR {
		t.Error(err)
	}
	// The request can be made again.
	done = inBackground(func() error { return c.SetPosix(context.Background(), req, nil) })
	awaitWaiters(t, c, 1)
	mustSet(t, c, "A", Unlock, 0, 9)
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

// A signal that a canceled wait left behind must not end the next one.
func TestStaleWakeupIsNoGrant(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 9)
	req := posix("B", Write, 5, 5, FlagSleep)
	req.waiter().wake <- struct{}{}
	done := inBackground(func() error { return c.SetPosix(context.Background(), req, nil) })
	awaitWaiters(t, c, 1)
	select {
	case err := <-done:
		t.Fatalf("returned %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	mustCheck(t, c)
	mustSet(t, c, "A", Unlock, 0, 9)
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

func TestWaitersOfALockAreWokenInOrder(t *testing.T) {
	c := newFile(t)
	m := &queueManager{}
	ops := ManagerOpsOf(m)
	mustSet(t, c, "A", Write, 0, 9)
	var reqs []*Lock
	for i := range int64(8) {
		req := posix(fmt.Sprint("W", i), Write, i, i, FlagSleep)
		req.Manager = ops
		if err := c.SetPosix(context.Background(), req, nil); err != ErrDeferred {
			t.Fatal(err)
		}
		reqs = append(reqs, req)
	}
	if err := c.Cancel(reqs[3]); err != nil {
		t.Error(err)
	}
	h := c.Snapshot()
	if len(h) != 1 || len(h[0].Waiters) != 7 || h[0].Waiters[3].Start != 4 {
		t.Errorf("listed: %+v", h)
	}
	mustSet(t, c, "A", Unlock, 0, 9)
	var want []*Lock
	want = append(append(want, reqs[:3]...), reqs[4:]...)
	if fmt.Sprint(m.notified) != fmt.Sprint(want) {
		t.Errorf("notified %v, want %v", m.notified, want)
	}
	if !c.Empty() {
		t.Error("a notification granted something")
	}
}

type queueManager struct{ notified []*Lock }

func (m *queueManager) Notify(l *Lock) { m.notified = append(m.notified, l) }

// stressTime is how long the random tests with goroutines run, unless
// FILELOCK_STRESS says otherwise.
func stressTime(t *testing.T) time.Duration {
	if s := os.Getenv("FILELOCK_STRESS"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return 300 * time.Millisecond
}

// stressSeed is random, or FILELOCK_SEED.
func stressSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("FILELOCK_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("FILELOCK_SEED=%d", seed)
	return seed
}

const stressBytes = 10

// watched is a file of few bytes at which the owners of locks count
// themselves, and so see whom they share a byte with.
type watched struct {
	*Context
	t                *testing.T
	readers, writers [stressBytes]atomic.Int32
}

// stressOwner is one goroutine's view of one file.
type stressOwner struct {
	*watched
	name string
	held [stressBytes]Type
}

// note counts the owner at the bytes from a to b.
func (o *stressOwner) note(a, b int, typ Type) {
	for i := a; i <= b; i++ {
		o.count(i, o.held[i], -1)
		o.count(i, typ, 1)
		o.held[i] = typ
		r, w := o.readers[i].Load(), o.writers[i].Load()
		if typ == Write && (w != 1 || r != 0) || typ == Read && w != 0 {
			o.t.Errorf("owner %s has byte %d for %v, with %d readers and %d writers", o.name, i, typ, r, w)
		}
	}
}

func (w *watched) count(i int, typ Type, n int32) {
	switch typ {
	case Read:
		w.readers[i].Add(n)
	case Write:
		w.writers[i].Add(n)
	}
}

func (o *stressOwner) unlock(a, b int) {
	o.note(a, b, Unlock)
	if err := set(o.Context, o.name, Unlock, int64(a), int64(b)); err != nil {
		o.t.Error(err)
	}
}

func (o *stressOwner) close() {
	o.note(0, stressBytes-1, Unlock)
	o.ClosePosix(context.Background(), OwnerOf(o.name))
}

func (o *stressOwner) lock(ctx context.Context, typ Type, a, b int, flags Flags) error {
	if typ == Read { // or a downgrade would let readers in before it is noted
		o.unlock(a, b)
	}
	err := o.SetPosix(ctx, posix(o.name, typ, int64(a), int64(b), flags), nil)
	if err == nil {
		o.note(a, b, typ)
	}
	return err
}

// Goroutines, each an owner, lock ranges of two files, wait for each other,
// are interrupted, run into deadlocks and close.
func TestLocksExcludeEachOther(t *testing.T) {
	seed := stressSeed(t)
	files := [2]*watched{{Context: newFile(t), t: t}, {Context: newFile(t), t: t}}
	var mu sync.Mutex
	outcomes := map[error]int{}
	stop := time.Now().Add(stressTime(t))
	var wg sync.WaitGroup
	for o := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(o)))
			var mine [2]*stressOwner
			for f := range files {
				mine[f] = &stressOwner{watched: files[f], name: fmt.Sprint(o)}
				for b := range mine[f].held {
					mine[f].held[b] = Unlock
				}
			}
			for time.Now().Before(stop) {
				file := mine[rnd.IntN(2)]
				a, b := rnd.IntN(stressBytes), rnd.IntN(stressBytes)
				a, b = min(a, b), max(a, b)
				ctx, cancel := context.Background(), context.CancelFunc(func() {})
				switch rnd.IntN(20) {
				case 0, 1:
					file.close()
					continue
				case 2, 3, 4, 5:
					file.unlock(a, b)
					continue
				case 6, 7:
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(1000))*time.Microsecond)
				}
				err := file.lock(ctx, Type(rnd.IntN(2)), a, b, []Flags{0, FlagSleep}[min(1, rnd.IntN(4))])
				cancel()
				mu.Lock()
				outcomes[err]++
				mu.Unlock()
				if err == syscall.EDEADLK {
					mine[0].close()
					mine[1].close()
				}
			}
			mine[0].close()
			mine[1].close()
		})
	}
	wg.Wait()
	t.Log(outcomes)
	for _, err := range []error{nil, syscall.EDEADLK, syscall.EINTR, syscall.EAGAIN} {
		if outcomes[err] == 0 {
			t.Errorf("the outcome %v was never seen", err)
		}
		delete(outcomes, err)
	}
	if len(outcomes) > 0 {
		t.Errorf("unexpected: %v", outcomes)
	}
	if !files[0].Empty() || !files[1].Empty() {
		t.Error("locks are left")
	}
}
