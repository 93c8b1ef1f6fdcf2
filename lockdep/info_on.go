//go:build lockdep

package lockdep

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// info is what a lock carries for the checker.
type info struct {
	cls   atomic.Pointer[Class]
	order atomic.Uint64 // the place among locks of the class
	owner atomic.Int64  // the goroutine that holds it exclusively
}

// Values of info.owner that are no goroutine.
const (
	ownerNone        = 0
	ownerTransferred = -1 // held by nobody in particular: see BitLock.Transfer
)

var lastOrder atomic.Uint64

func (i *info) init(c *Class, kind Kind) {
	if c.kind != kind && !(kind == Spin && c.kind == Seq) {
		report(&Report{
			Kind: KindUnclassified, Rule: "class " + c.name + " is of kind " + c.kind.String(),
			Message: "a lock of kind " + kind.String() + " is given the class",
			Stacks:  []Stack{{"initialised here", callers()}},
		})
	}
	i.cls.Store(c)
	i.owner.Store(ownerNone)
	i.order.Store(lastOrder.Add(1))
}

func (i *info) setID(id uint64) { i.order.Store(id) }

func (i *info) class() *Class { return i.cls.Load() }

// classified is the lock's class, nil for a sequence count without one. A lock
// that needs one and has none is reported.
func (i *info) classified(flags holdFlag) *Class {
	c := i.cls.Load()
	if c == nil && flags&flagAnonymous == 0 {
		report(&Report{
			Kind: KindUnclassified, Rule: "unclassified lock",
			Message: "a lock is used that Init gave no class",
			Stacks:  []Stack{{"used here", callers()}},
		})
		c = Unclassified
	}
	return c
}

// kindOf is the kind of a lock of class c that was taken with the flags.
func kindOf(c *Class, flags holdFlag) Kind {
	switch {
	case flags&flagSpin != 0:
		return Spin
	case c == nil:
		return Sleep
	}
	return c.kind
}

// acquiring checks a lock that the goroutine is about to wait for.
func (i *info) acquiring(sub Subclass, mode Mode, flags holdFlag) {
	next := hold{
		info: i, class: i.classified(flags), sub: sub, mode: mode, flags: flags,
		order: i.order.Load(),
	}
	next.kind = kindOf(next.class, flags)
	gid, s := self()
	s.mu.Lock()
	t := s.m[gid]
	if t == nil || t.quiet > 0 {
		s.mu.Unlock()
		return
	}
	var found []*Report
	var edges []hold // held, and not known to come before next
	if why := t.forbids(next.kind); why != nil {
		found = append(found, why.report("takes "+next.name()))
	}
	for n := range t.holds {
		h := &t.holds[n]
		switch {
		case h.flags&flagRead != 0:
		case h.info == i:
			found = append(found, recursion(h, &next))
		case !h.ranked() || !next.ranked():
		case h.class == next.class && h.sub == next.sub:
			if r := nesting(h, &next); r != nil {
				found = append(found, r)
			}
		case !lockGraph.knows(h, &next):
			edges = append(edges, *h)
		}
	}
	s.mu.Unlock()
	if found == nil && edges == nil {
		return
	}
	here := callers()
	for n := range edges {
		if r := lockGraph.admit(&edges[n], &next, here); r != nil {
			found = append(found, r)
		}
	}
	for _, r := range found {
		r.Stacks = append([]Stack{{"acquired here", here}}, r.Stacks...)
		report(r)
	}
}

// ranked reports whether the lock has a place in the order.
func (h *hold) ranked() bool { return h.class != nil && h.class != Unclassified }

func recursion(held, next *hold) *Report {
	return &Report{
		Kind: KindRecursion, Rule: "recursive " + next.name(),
		Message: fmt.Sprintf("the goroutine takes %s, which it holds (%v)", next.name(), held.mode),
		Stacks:  []Stack{{held.name() + " held since", held.stack()}},
	}
}

// nesting checks two locks of one class and subclass.
func nesting(held, next *hold) *Report {
	ordered := next.flags&flagOrdered != 0 || next.class.ordered.Load()
	if ordered && held.order < next.order {
		return nil
	}
	r := &Report{
		Kind: KindNesting, Rule: "nested " + next.name(),
		Message: "two locks of " + next.name() + " are held together, whose order nothing declares",
		Stacks:  []Stack{{held.name() + " held since", held.stack()}},
	}
	if ordered {
		r.Rule = "order " + next.name() + " by id"
		r.Message = fmt.Sprintf("id %d is taken while id %d is held", next.order, held.order)
	}
	return r
}

// acquired notes that the goroutine has the lock.
func (i *info) acquired(sub Subclass, mode Mode, flags holdFlag) {
	h := hold{info: i, class: i.cls.Load(), sub: sub, mode: mode, flags: flags, order: i.order.Load()}
	if h.class == nil && flags&flagAnonymous == 0 {
		h.class = Unclassified
	}
	h.kind = kindOf(h.class, flags)
	h.depth = runtime.Callers(3, h.pcs[:])
	gid, s := self()
	if mode == Exclusive {
		i.owner.Store(gid)
	}
	s.mu.Lock()
	s.get(gid).push(h)
	s.mu.Unlock()
}

// trying checks a lock that the goroutine takes without a wait.
func (i *info) trying(Mode) { i.classified(0) }

// releasing notes that the goroutine gives up the lock, and is the mode in
// which it was held, which is the one to unlock: Unheld if nobody holds it.
func (i *info) releasing(mode Mode) Mode {
	gid, s := self()
	s.mu.Lock()
	t := s.m[gid]
	n := -1
	if t != nil {
		n = t.find(i)
	}
	if n < 0 {
		s.mu.Unlock()
		return i.releasingForeign(mode)
	}
	// After a recursion that was reported the modes can differ: prefer the one
	// that is asked for.
	for k := n; k >= 0 && t.holds[n].mode != mode; k-- {
		if t.holds[k].info == i && t.holds[k].mode == mode && t.holds[k].flags&flagRead == 0 {
			n = k
		}
	}
	h := t.remove(n)
	s.settle(gid, t)
	s.mu.Unlock()
	if h.mode == Exclusive {
		i.owner.CompareAndSwap(gid, ownerNone)
	}
	if h.mode != mode {
		report(&Report{
			Kind: KindUnlock, Rule: "unlock " + h.name() + " as it is held",
			Message: fmt.Sprintf("unlocked as if it were %v, but it is %v", mode, h.mode),
			Stacks:  []Stack{{"unlocked here", callers()}, {"held since", h.stack()}},
		})
	}
	return h.mode
}

// releasingForeign is releasing for a goroutine that does not hold the lock.
func (i *info) releasingForeign(mode Mode) Mode {
	if i.owner.CompareAndSwap(ownerTransferred, ownerNone) {
		return Exclusive
	}
	name := "a sequence count"
	if c := i.cls.Load(); c != nil {
		name = c.name
	}
	r := &Report{
		Kind: KindUnlock, Rule: "unlock " + name + " by its holder",
		Message: "nobody holds it",
		Stacks:  []Stack{{"unlocked here", callers()}},
	}
	h, ok := i.takeForeign(mode)
	if ok {
		r.Message = "another goroutine holds it"
		r.Stacks = append(r.Stacks, Stack{"held since, by another goroutine", h.stack()})
	}
	report(r)
	return h.mode
}

// takeForeign removes the hold of another goroutine, of the given mode if there
// is one.
func (i *info) takeForeign(mode Mode) (hold, bool) {
	for _, want := range []Mode{mode, Shared + Exclusive - mode} {
		for n := range tasks {
			s := &tasks[n]
			s.mu.Lock()
			for gid, t := range s.m {
				n := t.find(i)
				if n < 0 || t.holds[n].mode != want {
					continue
				}
				h := t.remove(n)
				i.owner.CompareAndSwap(gid, ownerNone)
				s.settle(gid, t)
				s.mu.Unlock()
				return h, true
			}
			s.mu.Unlock()
		}
	}
	return hold{}, false
}

// foreign is a hold of another goroutine.
func (i *info) foreign() (hold, bool) {
	mine, _ := self()
	for n := range tasks {
		s := &tasks[n]
		s.mu.Lock()
		for gid, t := range s.m {
			if n := t.find(i); n >= 0 && gid != mine {
				h := t.holds[n]
				s.mu.Unlock()
				return h, true
			}
		}
		s.mu.Unlock()
	}
	return hold{}, false
}

// transfer gives up the goroutine's claim on a lock that stays locked.
func (i *info) transfer() {
	gid, s := self()
	s.mu.Lock()
	if t := s.m[gid]; t != nil {
		if n := t.find(i); n >= 0 {
			t.remove(n)
			s.settle(gid, t)
			s.mu.Unlock()
			i.owner.Store(ownerTransferred)
			return
		}
	}
	s.mu.Unlock()
	i.assertHeld(Exclusive)
}

// adopt takes the claim on a lock that was transferred.
func (i *info) adopt() {
	gid, _ := self()
	if i.owner.CompareAndSwap(ownerTransferred, gid) {
		i.acquired(Normal, Exclusive, flagTry)
		return
	}
	report(&Report{
		Kind: KindUnlock, Rule: "adopt " + i.name() + " once transferred",
		Message: "the lock is adopted that was not transferred",
		Stacks:  i.withForeign(Stack{"adopted here", callers()}),
	})
}

// renest changes the subclass of a lock that the goroutine holds.
func (i *info) renest(sub Subclass) {
	gid, s := self()
	s.mu.Lock()
	if t := s.m[gid]; t != nil {
		if n := t.find(i); n >= 0 {
			t.holds[n].sub = sub
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	i.assertHeld(Exclusive)
}

func (i *info) enterRead() {
	h := hold{info: i, class: i.classified(0), mode: Shared, flags: flagRead, kind: Seq}
	h.depth = runtime.Callers(3, h.pcs[:])
	gid, s := self()
	s.mu.Lock()
	s.get(gid).push(h)
	s.mu.Unlock()
}

func (i *info) exitRead() {
	gid, s := self()
	s.mu.Lock()
	if t := s.m[gid]; t != nil {
		for n := len(t.holds) - 1; n >= 0; n-- {
			if t.holds[n].info == i && t.holds[n].flags&flagRead != 0 {
				t.remove(n)
				s.settle(gid, t)
				s.mu.Unlock()
				return
			}
		}
	}
	s.mu.Unlock()
	report(&Report{
		Kind: KindContext, Rule: "read sequence of " + i.name() + " left once entered",
		Message: "ExitRead without EnterRead",
		Stacks:  []Stack{{"left here", callers()}},
	})
}

// reading checks a reader that waits for a writer, which must not be itself.
func (i *info) reading() {
	if i.held() != Exclusive {
		return
	}
	mine := i.mine()
	report(&Report{
		Kind: KindRecursion, Rule: "recursive " + mine.name(),
		Message: "a reader waits for a writer of the sequence, which is itself",
		Stacks:  []Stack{{"read here", callers()}, {"held since", mine.stack()}},
	})
}

func (i *info) mightBlock() { mightBlock(i.name()) }

// name is the name of the lock's class.
func (i *info) name() string {
	if c := i.cls.Load(); c != nil {
		return c.name
	}
	return Unclassified.name
}

// held is the mode in which the goroutine holds the lock.
func (i *info) held() Mode {
	gid, s := self()
	s.mu.Lock()
	defer s.mu.Unlock()
	var m Mode
	if t := s.m[gid]; t != nil {
		for n := range t.holds {
			if t.holds[n].info == i {
				m = max(m, t.holds[n].mode)
			}
		}
	}
	return m
}

// mine is the goroutine's last hold of the lock, whose info is nil if there is
// none.
func (i *info) mine() hold {
	gid, s := self()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.m[gid]; t != nil {
		for n := len(t.holds) - 1; n >= 0; n-- {
			if t.holds[n].info == i {
				return t.holds[n]
			}
		}
	}
	return hold{}
}

// withForeign adds where the lock was taken: by this goroutine, or else by
// another one.
func (i *info) withForeign(stacks ...Stack) []Stack {
	if h := i.mine(); h.info != nil {
		return append(stacks, Stack{h.name() + " held since", h.stack()})
	}
	if h, ok := i.foreign(); ok {
		return append(stacks, Stack{h.name() + " held since, by another goroutine", h.stack()})
	}
	return stacks
}

func (i *info) assertHeld(mode Mode) {
	if m := i.held(); m < mode {
		report(&Report{
			Kind: KindAssert, Rule: "assert " + i.name() + " held",
			Message: fmt.Sprintf("this goroutine must hold %s, which is %v by it", i.name(), m),
			Stacks:  i.withForeign(Stack{"asserted here", callers()}),
		})
	}
}

func (i *info) assertNotHeld() {
	if m := i.held(); m != Unheld {
		report(&Report{
			Kind: KindAssert, Rule: "assert " + i.name() + " not held",
			Message: fmt.Sprintf("this goroutine must not hold %s, which is %v by it", i.name(), m),
			Stacks:  i.withForeign(Stack{"asserted here", callers()}),
		})
	}
}
