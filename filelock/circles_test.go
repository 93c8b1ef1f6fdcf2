package filelock

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
)

var acyclicHistories = flag.Int("filelock.histories", 20_000, "histories without a deadlock that are tried")

// circle is a random set of owners each of whom waits for the next, over some
// files, with others around who wait as well.
type circle struct {
	t     *testing.T
	rnd   *rand.Rand
	files []*Context
}

func (c *circle) file() *Context { return c.files[c.rnd.IntN(len(c.files))] }

func (c *circle) must(file *Context, l *Lock, want error) {
	c.t.Helper()
	if err := ask(file, l); err != want {
		c.t.Fatalf("%v on file %p: %v, want %v", l.info(), file, err, want)
	}
}

// held is a range that an owner locks in a place of its own, and the file.
type heldRange struct {
	file *Context
	Lock
}

const place = 1000 // bytes of a file for each owner

func (c *circle) hold(owner int, kind Kind) heldRange {
	start := int64(owner*place + c.rnd.IntN(place/2))
	l := Lock{
		Owner: OwnerOf(owner), Kind: kind, Type: Type(c.rnd.IntN(2)),
		Start: start, End: start + int64(c.rnd.IntN(place/2)),
	}
	file := c.file()
	req := l
	c.must(file, &req, nil)
	return heldRange{file, l}
}

// waitFor is a request that meets the held range and nothing else.
func (c *circle) waitFor(owner int, h heldRange) *Lock {
	l := &Lock{Owner: OwnerOf(owner), Kind: POSIX, Type: Write, Flags: FlagSleep}
	l.Start = h.Start - int64(c.rnd.IntN(int(h.Start)%place+1))
	l.End = h.Start + c.rnd.Int64N(h.End-h.Start+1)
	if h.Type == Write && c.rnd.IntN(2) == 0 {
		l.Type = Read
	}
	return l
}

func (c *circle) close(owners int) {
	for _, f := range c.files {
		for o := range owners {
			f.ClosePosix(context.Background(), OwnerOf(o))
			f.CloseFile(context.Background(), o)
		}
		mustCheck(c.t, f)
	}
}

// TestEveryCircleIsReportedToOneWaiter: of 2 to 12 owners, over random ranges
// of random files, in random order, amid others who wait for them.
func TestEveryCircleIsReportedToOneWaiter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(testSeed(t), 1))
	for n := 2; n <= 12; n++ {
		for range 200 {
			c := &circle{t: t, rnd: rnd}
			for range 1 + rnd.IntN(n) {
				c.files = append(c.files, newFile(t))
			}
			var held []heldRange
			for o := range n {
				held = append(held, c.hold(o, POSIX))
			}
			// Strangers wait for members, and are no part of it.
			var waiting []*Lock
			var where []*Context
			strangers := n
			stranger := func() {
				h := held[rnd.IntN(n)]
				l := c.waitFor(strangers, h)
				if strangers++; rnd.IntN(3) == 0 {
					l.Kind = OFD
				}
				c.must(h.file, l, ErrDeferred)
				waiting, where = append(waiting, l), append(where, h.file)
			}
			order := rnd.Perm(n)
			for i, o := range order {
				if rnd.IntN(2) == 0 {
					stranger()
				}
				h := held[(o+1)%n]
				l := c.waitFor(o, h)
				want := ErrDeferred
				if i == n-1 {
					want = syscall.EDEADLK
				}
				c.must(h.file, l, want)
				if want == ErrDeferred {
					waiting, where = append(waiting, l), append(where, h.file)
				}
			}
			// The one that was refused gives up: all others get what they
			// want, one after the other.
			for range strangers {
				c.close(strangers)
			}
			for i, l := range waiting {
				if l.wait.queue != nil || l.wait.result != nil {
					t.Fatalf("circle of %d: %v of file %p: %v", n, l.info(), where[i], l.wait.result)
				}
			}
			c.close(strangers)
		}
	}
}

// TestWhatCannotEndInACircleIsNotReported: owners wait only for those of higher
// rank, and for open files, which wait for anybody, also in circles.
func TestWhatCannotEndInACircleIsNotReported(t *testing.T) {
	rnd := rand.New(rand.NewPCG(testSeed(t), 2))
	for range *acyclicHistories {
		acyclicHistory(t, rnd)
	}
}

func acyclicHistory(t *testing.T, rnd *rand.Rand) {
	const first = 2 // owners before it are open files
	n := first + 2 + rnd.IntN(8)
	c := &circle{t: t, rnd: rnd, files: []*Context{NewContext()}}
	if rnd.IntN(2) == 0 {
		c.files = append(c.files, NewContext())
	}
	held := make([][]heldRange, n)
	for o := range n {
		for range 1 + rnd.IntN(2) {
			kind := POSIX
			if o < first {
				kind = OFD
			}
			held[o] = append(held[o], c.hold(o, kind))
		}
	}
	type wait struct {
		*Lock
		file *Context
	}
	var waiting []wait
	// Who gets what it waited for gives it up at once: what it holds stays in
	// its place, and its rank is right.
	giveUp := func(w wait) {
		l := *w.Lock
		l.Type, l.Flags, l.wait = Unlock, 0, nil
		c.must(w.file, &l, nil)
	}
	answered := func() {
		for i := 0; i < len(waiting); i++ {
			w := waiting[i]
			if w.wait.queue != nil {
				continue
			}
			if w.wait.result != nil {
				t.Fatalf("%v: %v", w.info(), w.wait.result)
			}
			waiting = slices.Delete(waiting, i, i+1)
			giveUp(w)
			i = -1
		}
	}
	waits := func(owner int) bool {
		return owner >= first && slices.ContainsFunc(waiting, func(w wait) bool { return w.Owner == OwnerOf(owner) })
	}
	for range 3 * n {
		from, to := rnd.IntN(n), rnd.IntN(n)
		if from == to || from >= first && to >= first && from > to || waits(from) {
			continue
		}
		h := held[to][rnd.IntN(len(held[to]))]
		l := c.waitFor(from, h)
		switch {
		case from < first:
			l.Kind = OFD
		case to >= first && rnd.IntN(3) == 0:
			// From there to the end: all of higher rank that have something.
			l.Type, l.End = Write, End
		}
		switch err := ask(h.file, l); err {
		case nil:
			giveUp(wait{l, h.file})
		case ErrDeferred:
			waiting = append(waiting, wait{l, h.file})
		default:
			t.Fatalf("%v, to wait for %v: %v", l.info(), h.info(), err)
		}
		if rnd.IntN(4) == 0 { // somebody gives something up
			o := rnd.IntN(n)
			h := held[o][rnd.IntN(len(held[o]))]
			h.Type = Unlock
			c.must(h.file, &h.Lock, nil)
		}
		answered()
	}
	for o := n - 1; o >= 0; o-- {
		for _, f := range c.files {
			f.ClosePosix(context.Background(), OwnerOf(o))
			f.CloseFile(context.Background(), o)
		}
		answered()
	}
	for _, w := range waiting {
		if err := w.file.Cancel(w.Lock); err != nil {
			t.Fatal(err)
		}
	}
	c.close(n)
}

// TestOpenFilesAndFlocksWaitInCircles: nobody reports that, as no system call
// does.
func TestOpenFilesAndFlocksWaitInCircles(t *testing.T) {
	for n := 2; n <= 12; n++ {
		for _, kind := range []Kind{OFD, Flock} {
			t.Run(fmt.Sprintf("%d %v", n, kind), func(t *testing.T) {
				var files []*Context
				for range n {
					files = append(files, newFile(t))
				}
				lock := func(o int, flags Flags) *Lock {
					return &Lock{Owner: OwnerOf(o), File: o, Kind: kind, Type: Write, End: End, Flags: flags}
				}
				for o, f := range files {
					if err := ask(f, lock(o, 0)); err != nil {
						t.Fatal(err)
					}
				}
				var waiting []*Lock
				for o := range files {
					l := lock(o, FlagSleep)
					if err := ask(files[(o+1)%n], l); err != ErrDeferred {
						t.Fatalf("%d of %d: %v", o, n, err)
					}
					waiting = append(waiting, l)
				}
				for o, l := range waiting {
					if err := files[(o+1)%n].Cancel(l); err != nil {
						t.Error(err)
					}
				}
				for o, f := range files {
					f.CloseFile(context.Background(), o)
				}
			})
		}
	}
}
