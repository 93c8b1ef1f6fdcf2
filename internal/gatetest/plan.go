package gatetest

import (
	"slices"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/lockrule"
)

// how says how the caller holds a lock.
type how uint8

const (
	asRuled   how = iota // as the row demands
	unheld               // not at all
	shared               // for reading
	exclusive            // for writing
	onOther              // the same lock of another object instead
	elsewhere            // another goroutine does
)

// leaving says what the driver does with a lock before it returns.
type leaving uint8

const (
	asDue       leaving = iota // what the row demands
	untouched                  // nothing
	giveUp                     // releases it
	takeAndKeep                // takes it
	takeShared                 // takes it for reading
)

// A plan is one call: who holds and does what. The zero plan is the right one.
type plan struct {
	hold  map[int]how     // by state
	leave map[int]leaving // by state

	fail    bool // the driver returns an error
	blocks  bool // the driver blocks
	atomic  bool // the caller is in atomic context
	rcu     bool // the call is made in rcu-walk, and says so where it can
	leaks   bool // the driver takes a lock that has nothing to do with it
	steals  bool // the driver releases a lock of the caller's that has nothing to do with it
	context bool // the driver enters a context and stays there
	foreign bool // the driver unlocks what nobody gave it
}

// strangerClass is that of locks which no row speaks of.
var strangerClass = lockdep.NewClass("gatetest stranger", lockdep.Sleep)

// run makes one call and returns what was reported.
func run(t testing.TB, k *Kit, g *Gate, v *Variant, states []lockrule.State, p plan) []*lockdep.Report {
	t.Helper()
	var stranger lockdep.Mutex
	stranger.Init(strangerClass)
	w := newWorld(k, g, v)
	w.fail = p.fail
	if p.rcu {
		for _, a := range g.Params {
			if flag := k.RCU(a); flag != nil {
				w.args[a.Name] = flag
			}
		}
	}
	var away []any // what another goroutine holds
	var mine []taken
	var gone []any
	for i := range states {
		h := p.hold[i]
		l := w.lock(&states[i])
		if l == nil || p.rcu {
			continue
		}
		if h == onOther {
			gone = append(gone, l)
			if l = w.otherLock(g, &states[i]); l == nil {
				t.Fatalf("%s: no other %s", g.Rule, states[i].Object)
			}
		}
		mode := modeOf(h, states[i].Entry)
		switch {
		case h == unheld:
			gone = append(gone, l)
		case h == elsewhere:
			gone = append(gone, l)
			away = append(away, l)
		case mode != lockdep.Unheld && !slices.ContainsFunc(mine, func(m taken) bool { return m.lock == l }):
			mine = append(mine, taken{l, mode})
		}
	}
	mine = slices.DeleteFunc(mine, func(m taken) bool { return slices.Contains(gone, m.lock) })
	slices.SortStableFunc(mine, func(a, b taken) int { return rank(a.lock) - rank(b.lock) })

	w.body = func() {
		if p.blocks {
			lockdep.MightBlock("the test's driver")
		}
		for i := range states {
			depart(w, &states[i], p.leave[i], p.fail)
		}
		if p.leaks {
			acquire(&stranger, lockdep.Exclusive)
		}
		if p.steals {
			release(&stranger)
		}
		if p.context {
			lockdep.EnterAtomic()
		}
		if p.foreign {
			stranger.Unlock()
		}
	}
	reports := lockdeptest.Capture(t, func() {
		back := hold(away)
		defer back()
		if p.steals {
			acquire(&stranger, lockdep.Exclusive)
		}
		for _, m := range mine {
			acquire(m.lock, m.mode)
		}
		switch {
		case p.rcu:
			lockdep.EnterRCUWalk()
		case p.atomic:
			lockdep.EnterAtomic()
		}
		g.Call(w)
		switch {
		case p.rcu:
			lockdep.ExitRCUWalk()
		case p.atomic:
			lockdep.ExitAtomic()
		}
		if p.context {
			lockdep.ExitAtomic()
		}
		release(&stranger)
		for i := range states {
			if l := w.lock(&states[i]); l != nil {
				release(l)
			}
		}
		for _, m := range mine {
			release(m.lock)
		}
	})
	if !w.ran {
		t.Fatalf("%s: the gate did not call the driver", g.Rule)
	}
	return reports
}

// taken is a lock that the caller takes before the call.
type taken struct {
	lock any
	mode lockdep.Mode
}

func rank(l any) int {
	if spins(l) {
		return 1
	}
	return 0
}

// modeOf is how a lock is held on entry.
func modeOf(h how, ruled lockrule.Hold) lockdep.Mode {
	switch h {
	case unheld:
		return lockdep.Unheld
	case shared:
		return lockdep.Shared
	case exclusive, elsewhere:
		return lockdep.Exclusive
	}
	switch ruled {
	case lockrule.Yes, lockrule.Exclusive, lockrule.AnyOf:
		return lockdep.Exclusive
	case lockrule.Shared, lockrule.AtLeastShared, lockrule.ReadSeq:
		return lockdep.Shared
	}
	return lockdep.Unheld
}

// depart is what the driver does with one lock.
func depart(w *World, s *lockrule.State, what leaving, fail bool) {
	l := w.lock(s)
	if l == nil {
		return
	}
	due := s.Success
	if fail {
		due = s.Failure
	}
	switch what {
	case asDue:
		was := held(l) != lockdep.Unheld
		switch due {
		case lockrule.Yes, lockrule.Exclusive:
			if !was && !heldOnEntry(s.Entry) {
				acquire(l, lockdep.Exclusive)
			}
		case lockrule.No, lockrule.Async:
			if was && heldOnEntry(s.Entry) {
				release(l)
			}
		}
	case giveUp:
		release(l)
	case takeAndKeep:
		if held(l) == lockdep.Unheld {
			acquire(l, lockdep.Exclusive)
		}
	case takeShared:
		release(l)
		acquire(l, lockdep.Shared)
	}
}

func heldOnEntry(h lockrule.Hold) bool {
	switch h {
	case lockrule.Yes, lockrule.Exclusive, lockrule.Shared, lockrule.AtLeastShared, lockrule.AnyOf, lockrule.ReadSeq:
		return true
	}
	return false
}

// hold has another goroutine hold locks until the function that it returns is
// called.
func hold(locks []any) (back func()) {
	if len(locks) == 0 {
		return func() {}
	}
	ready, done, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for _, l := range locks {
			acquire(l, lockdep.Exclusive)
		}
		close(ready)
		<-done
		for _, l := range locks {
			release(l)
		}
	}()
	<-ready
	return func() { close(done); <-gone }
}
