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
	req.wait = &waiter{lock: req, wake: make(chan struct{}, 1)}
	req.wait.signal()
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

// Goroutines, each an owner, lock ranges of two files, wait for each other,
// are interrupted, run into deadlocks and close. Under its locks each counts
// itself at every byte, and so sees whom it shares the byte with.
func TestLocksExcludeEachOther(t *testing.T) {
	const owners, bytes = 8, 10
	seed := stressSeed(t)
	files := [2]*Context{newFile(t), newFile(t)}
	var readers, writers [2][bytes]atomic.Int32
	var granted, deadlocks, interrupts, refused atomic.Int64
	stop := time.Now().Add(stressTime(t))
	var wg sync.WaitGroup
	for o := range owners {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(o)))
			owner := fmt.Sprint(o)
			var held [2][bytes]Type
			note := func(f, b int, typ Type) {
				switch held[f][b] {
				case Read:
					readers[f][b].Add(-1)
				case Write:
					writers[f][b].Add(-1)
				}
				held[f][b] = typ
				switch typ {
				case Read:
					readers[f][b].Add(1)
				case Write:
					writers[f][b].Add(1)
				}
				if r, w := readers[f][b].Load(), writers[f][b].Load(); typ == Write && (w != 1 || r != 0) || typ == Read && w != 0 {
					t.Errorf("owner %s has byte %d of file %d for %v, with %d readers and %d writers", owner, b, f, typ, r, w)
				}
			}
			drop := func(f, from, to int) {
				for b := from; b <= to; b++ {
					note(f, b, Unlock)
				}
			}
			for f := range held {
				for b := range held[f] {
					held[f][b] = Unlock
				}
			}
			for time.Now().Before(stop) {
				f, a, b := rnd.IntN(2), rnd.IntN(bytes), rnd.IntN(bytes)
				a, b = min(a, b), max(a, b)
				switch op := rnd.IntN(10); {
				case op == 0:
					drop(f, 0, bytes-1)
					files[f].ClosePosix(context.Background(), OwnerOf(owner))
				case op < 3:
					drop(f, a, b)
					set(files[f], owner, Unlock, int64(a), int64(b))
				default:
					typ := Type(rnd.IntN(2))
					flags := Flags(0)
					ctx, cancel := context.Background(), context.CancelFunc(func() {})
					if rnd.IntN(4) > 0 {
						flags = FlagSleep
						if rnd.IntN(8) == 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(1000))*time.Microsecond)
						}
					}
					if typ == Read { // or a downgrade would let readers in before it is noted
						drop(f, a, b)
						set(files[f], owner, Unlock, int64(a), int64(b))
					}
					err := files[f].SetPosix(ctx, posix(owner, typ, int64(a), int64(b), flags), nil)
					cancel()
					switch err {
					case nil:
						granted.Add(1)
						for i := a; i <= b; i++ {
							note(f, i, typ)
						}
					case syscall.EDEADLK:
						deadlocks.Add(1)
						for f := range files {
							drop(f, 0, bytes-1)
							files[f].ClosePosix(context.Background(), OwnerOf(owner))
						}
					case syscall.EINTR:
						interrupts.Add(1)
					case syscall.EAGAIN:
						refused.Add(1)
					default:
						t.Errorf("%v", err)
					}
				}
			}
			for f := range files {
				drop(f, 0, bytes-1)
				files[f].ClosePosix(context.Background(), OwnerOf(owner))
			}
		})
	}
	wg.Wait()
	t.Logf("granted %d, refused %d, interrupted %d, deadlocks %d", granted.Load(), refused.Load(), interrupts.Load(), deadlocks.Load())
	for _, n := range []*atomic.Int64{&granted, &deadlocks, &interrupts, &refused} {
		if n.Load() == 0 {
			t.Error("an outcome was never seen")
		}
	}
	if !files[0].Empty() || !files[1].Empty() {
		t.Error("locks are left")
	}
}
