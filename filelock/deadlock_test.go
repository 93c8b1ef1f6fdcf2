package filelock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// Owner i holds byte 0 of file i and waits for that of file i+1; the last to
// wait closes the circle.
func TestCircleOfOwnersIsADeadlock(t *testing.T) {
	for n := 2; n <= 12; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			files := make([]*Context, n)
			for i := range files {
				files[i] = newFile(t)
				mustSet(t, files[i], fmt.Sprint(i), Write, 0, 0)
			}
			var waiting []<-chan error
			for i := range n - 1 {
				waiting = append(waiting, lockWait(context.Background(), files[i+1], fmt.Sprint(i), Write, 0, 0))
				awaitWaiters(t, files[i+1], 1)
			}
			conf := new(Lock)
			last := posix(fmt.Sprint(n-1), Write, 0, 0, FlagSleep)
			if err := files[0].SetPosix(context.Background(), last, conf); err != syscall.EDEADLK {
				t.Fatalf("the last of %d: %v", n, err)
			}
			if conf.Owner != OwnerOf("0") {
				t.Errorf("in the way: %v", conf.info())
			}
			if files[0].Waiters() != 0 {
				t.Error("a refused request waits")
			}
			// It still has what it had; once that is given up, all go on.
			for i := n - 1; i > 0; i-- {
				files[i].ClosePosix(context.Background(), OwnerOf(fmt.Sprint(i)))
				if err := result(t, waiting[i-1]); err != nil {
					t.Errorf("owner %d: %v", i-1, err)
				}
			}
		})
	}
}

func TestTwoUpgradersAreADeadlock(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Read, 0, 9)
	mustSet(t, c, "B", Read, 0, 9)
	done := lockWait(context.Background(), c, "A", Write, 0, 9)
	awaitWaiters(t, c, 1)
	if err := result(t, lockWait(context.Background(), c, "B", Write, 0, 9)); err != syscall.EDEADLK {
		t.Error(err)
	}
	if got := show(c); got != "A:r0-9 B:r0-9" {
		t.Errorf("while one waits to upgrade: %s", got)
	}
	mustSet(t, c, "B", Unlock, 0, 9)
	if err := result(t, done); err != nil {
		t.Error(err)
	}
}

// The circle closes only when a waiter, woken, meets its next obstacle.
func TestDeadlockBehindASecondObstacle(t *testing.T) {
	c, d := newFile(t), newFile(t)
	mustSet(t, c, "X", Write, 0, 0) // first in A's way
	mustSet(t, c, "B", Write, 1, 1) // second
	mustSet(t, d, "A", Write, 0, 0)
	a := lockWait(context.Background(), c, "A", Write, 0, 1)
	awaitWaiters(t, c, 1)
	b := lockWait(context.Background(), d, "B", Write, 0, 0)
	awaitWaiters(t, d, 1)
	mustSet(t, c, "X", Unlock, 0, 0)
	if err := result(t, a); err != syscall.EDEADLK {
		t.Error(err)
	}
	d.ClosePosix(context.Background(), OwnerOf("A"))
	if err := result(t, b); err != nil {
		t.Error(err)
	}
}

// Threads of a process are one owner with several waits; each counts.
func TestEveryWaitOfAnOwnerCounts(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, 0)
	mustSet(t, c, "B", Write, 1, 1)
	mustSet(t, c, "C", Write, 2, 2)
	b := lockWait(context.Background(), c, "A", Write, 1, 1)
	awaitWaiters(t, c, 1)
	cc := lockWait(context.Background(), c, "A", Write, 2, 2)
	awaitWaiters(t, c, 2)
	for _, owner := range []string{"B", "C"} {
		if err := result(t, lockWait(context.Background(), c, owner, Write, 0, 0)); err != syscall.EDEADLK {
			t.Errorf("%s: %v", owner, err)
		}
	}
	c.ClosePosix(context.Background(), OwnerOf("B"))
	c.ClosePosix(context.Background(), OwnerOf("C"))
	for _, done := range []<-chan error{b, cc} {
		if err := result(t, done); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenFilesAreNoPartOfADeadlock(t *testing.T) {
	c, d := newFile(t), newFile(t)
	ofd := func(ctx context.Context, c *Context, flags Flags) error {
		return c.SetPosix(ctx, &Lock{Owner: OwnerOf("F"), File: "F", Kind: OFD, Type: Write, End: End, Flags: flags}, nil)
	}
	mustSet(t, c, "A", Write, 0, 0)
	if err := ofd(context.Background(), d, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	first := inBackground(func() error { return ofd(ctx, c, FlagSleep) })
	awaitWaiters(t, c, 1)
	second := lockWait(ctx, d, "A", Write, 0, 0)
	awaitWaiters(t, d, 1)
	mustCheck(t, c)
	mustCheck(t, d)
	cancel()
	for _, done := range []<-chan error{first, second} {
		if err := result(t, done); err != syscall.EINTR {
			t.Error(err)
		}
	}
}

// Owners take their locks in one order, so there is no circle ever; and there
// must be no report of one.
func TestOrderedWaitsAreNoDeadlock(t *testing.T) {
	const owners = 12
	seed := stressSeed(t)
	c := newFile(t)
	var wg sync.WaitGroup
	for o := range owners {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(o)))
			for range 100 {
				for b := int64(0); b < 8; b += 1 + rnd.Int64N(3) {
					if err := c.SetPosix(context.Background(), posix(fmt.Sprint(o), Write, b, b, FlagSleep), nil); err != nil {
						t.Error(err)
					}
				}
				c.ClosePosix(context.Background(), OwnerOf(fmt.Sprint(o)))
			}
		})
	}
	wg.Wait()
}

// A wait is refused exactly if it closes a circle, in random graphs of any
// shape: each owner holds its own byte and asks for others'.
func TestDeadlocksAreExactlyTheCircles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "owners")
		c := NewContext()
		defer abandon(c)
		ops := ManagerOpsOf(&queueManager{})
		owned := func(o int, flags Flags, typ Type, b int64) *Lock {
			l := posix(fmt.Sprint(o), typ, b, b, flags)
			l.Manager = ops
			return l
		}
		for o := range n {
			if err := c.SetPosix(context.Background(), owned(o, 0, Write, int64(o)), nil); err != nil {
				t.Fatal(err)
			}
		}
		edges := make(map[int][]int) // several waits an owner
		var reaches func(from, to int, seen map[int]bool) bool
		reaches = func(from, to int, seen map[int]bool) bool {
			if from == to {
				return true
			}
			seen[from] = true
			for _, next := range edges[from] {
				if !seen[next] && reaches(next, to, seen) {
					return true
				}
			}
			return false
		}
		var reqs []*Lock
		for range rapid.IntRange(1, 80).Draw(t, "waits") {
			from := rapid.IntRange(0, n-1).Draw(t, "from")
			to := rapid.IntRange(0, n-1).Draw(t, "to")
			if from == to {
				continue
			}
			want := ErrDeferred
			if reaches(to, from, map[int]bool{}) {
				want = syscall.EDEADLK
			}
			req := owned(from, FlagSleep, Write, int64(to))
			if err := c.SetPosix(context.Background(), req, nil); err != want {
				t.Fatalf("%d waits for %d, edges %v: %v, want %v", from, to, edges, err, want)
			}
			if want == ErrDeferred {
				edges[from] = append(edges[from], to)
				reqs = append(reqs, req)
			}
		}
		mustCheck(t, c)
		for _, req := range reqs {
			if err := c.Cancel(req); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Two owners that close a circle at the same moment must not both wait.
func TestSimultaneousWaitsCannotMissADeadlock(t *testing.T) {
	c, d := newFile(t), newFile(t)
	for range 500 {
		mustSet(t, c, "A", Write, 0, 0)
		mustSet(t, d, "B", Write, 0, 0)
		a := lockWait(context.Background(), d, "A", Write, 0, 0)
		b := lockWait(context.Background(), c, "B", Write, 0, 0)
		var errs [2]error
		select {
		case errs[0] = <-a:
			d.ClosePosix(context.Background(), OwnerOf("A"))
			c.ClosePosix(context.Background(), OwnerOf("A"))
			errs[1] = result(t, b)
		case errs[1] = <-b:
			c.ClosePosix(context.Background(), OwnerOf("B"))
			d.ClosePosix(context.Background(), OwnerOf("B"))
			errs[0] = result(t, a)
		}
		if (errs[0] == syscall.EDEADLK) == (errs[1] == syscall.EDEADLK) {
			t.Fatalf("results %v", errs)
		}
		for _, f := range []*Context{c, d} {
			f.ClosePosix(context.Background(), OwnerOf("A"))
			f.ClosePosix(context.Background(), OwnerOf("B"))
		}
	}
}

func TestLongChainIsNoDeadlockUntilItCloses(t *testing.T) {
	c := newFile(t)
	const n = 2000
	ops := ManagerOpsOf(&queueManager{})
	req := func(o, b int, flags Flags) *Lock {
		l := posix(fmt.Sprint(o), Write, int64(b), int64(b), flags)
		l.Manager = ops
		return l
	}
	for o := range n {
		if err := c.SetPosix(context.Background(), req(o, o, 0), nil); err != nil {
			t.Fatal(err)
		}
	}
	var reqs []*Lock
	for o := range n - 1 {
		r := req(o, o+1, FlagSleep)
		if err := c.SetPosix(context.Background(), r, nil); err != ErrDeferred {
			t.Fatal(err)
		}
		reqs = append(reqs, r)
	}
	if err := c.SetPosix(context.Background(), req(n-1, 0, FlagSleep), nil); err != syscall.EDEADLK {
		t.Errorf("closing a circle of %d: %v", n, err)
	}
	for _, r := range reqs {
		if err := c.Cancel(r); err != nil {
			t.Fatal(err)
		}
	}
}

// Each owner of a level waits for both of the next: as many ways lead to the
// end as there are bit strings, and each wait is looked at once.
func TestWaitsThatMeetAgainAreSearchedOnce(t *testing.T) {
	const levels = 60
	c := newFile(t)
	defer abandon(c)
	ops := ManagerOpsOf(&queueManager{})
	req := func(o, b int, flags Flags) *Lock {
		l := posix(fmt.Sprint(o), Write, int64(2*b), int64(2*b), flags)
		l.Manager = ops
		return l
	}
	for o := range 2 * levels {
		if err := c.SetPosix(context.Background(), req(o, o, 0), nil); err != nil {
			t.Fatal(err)
		}
	}
	for o := range 2 * (levels - 1) {
		for b := range 2 {
			if err := c.SetPosix(context.Background(), req(o, o/2*2+2+b, FlagSleep), nil); err != ErrDeferred {
				t.Fatalf("owner %d: %v", o, err)
			}
		}
	}
	done := inBackground(func() error {
		stranger := posix("stranger", Write, 0, 0, FlagSleep)
		stranger.Manager = ops
		return c.SetPosix(context.Background(), stranger, nil)
	})
	if err := result(t, done); err != ErrDeferred {
		t.Error(err)
	}
	if err := c.SetPosix(context.Background(), req(2*levels-1, 0, FlagSleep), nil); err != syscall.EDEADLK {
		t.Error(err)
	}
}
