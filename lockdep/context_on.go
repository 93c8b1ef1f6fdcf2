//go:build lockdep

package lockdep

import "slices"

func enterContext(c ctx) {
	e := &contextEntry{ctx: c, pcs: callers()}
	gid, s := self()
	s.mu.Lock()
	t := s.get(gid)
	t.contexts = append(t.contexts, e)
	s.mu.Unlock()
}

func exitContext(c ctx) {
	gid, s := self()
	s.mu.Lock()
	if t := s.m[gid]; t != nil {
		for n := len(t.contexts) - 1; n >= 0; n-- {
			if e := t.contexts[n]; e.ctx == c && e.gate == nil {
				t.contexts = slices.Delete(t.contexts, n, n+1)
				s.settle(gid, t)
				s.mu.Unlock()
				return
			}
		}
	}
	s.mu.Unlock()
	report(&Report{
		Kind: KindContext, Rule: "context " + ctxNames[c] + " left once entered",
		Message: "the goroutine leaves " + ctxNames[c] + " context, in which it is not",
		Stacks:  []Stack{{"left here", callers()}},
	})
}

func inContext(c ctx) bool {
	gid, s := self()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.m[gid]
	return t != nil && slices.ContainsFunc(t.contexts, func(e *contextEntry) bool { return e.ctx == c })
}

func mightBlock(what string) {
	gid, s := self()
	s.mu.Lock()
	var why *reason
	if t := s.m[gid]; t != nil && t.quiet == 0 {
		why = t.forbids(Sleep)
	}
	s.mu.Unlock()
	if why == nil {
		return
	}
	r := why.report("may block: " + what)
	r.Stacks = append([]Stack{{"blocks here", callers()}}, r.Stacks...)
	report(r)
}

// A reason is why something may not block.
type reason struct {
	entry *contextEntry // a context, or
	held  hold          // a spin lock
}

// forbids is why the task may not wait for a lock of the kind, nil if it may.
// Of several reasons it is a method's, then the last spin lock, then the last
// context. The shard is locked.
func (t *task) forbids(k Kind) *reason {
	if t.spinning == 0 && len(t.contexts) == 0 {
		return nil
	}
	allowed := &declared().allowed
	var why *reason
	for n := len(t.contexts) - 1; n >= 0; n-- {
		e := t.contexts[n]
		if allowed[e.ctx][k] {
			continue
		}
		if e.gate != nil {
			return &reason{entry: e}
		}
		if why == nil {
			why = &reason{entry: e}
		}
	}
	if t.spinning > 0 && !allowed[ctxAtomic][k] {
		for n := len(t.holds) - 1; n >= 0; n-- {
			if t.holds[n].spins() {
				return &reason{held: t.holds[n]}
			}
		}
	}
	return why
}

// report is the report of something that blocks nevertheless.
func (w *reason) report(what string) *Report {
	r := &Report{Kind: KindBlocking}
	switch e := w.entry; {
	case e == nil:
		r.Rule = "atomic under " + w.held.name()
		r.Message = "the goroutine " + what + " while it holds " + w.held.name()
		r.Stacks = []Stack{{w.held.name() + " held since", w.held.stack()}}
	case e.gate != nil:
		r.Rule, r.Cell, r.Prose = e.rule, e.cell, e.prose
		r.Method = e.gate.m.FullName()
		r.Message = "the goroutine " + what + " in a method that must not block here"
		r.Stacks = []Stack{{"called here", e.pcs}}
	default:
		r.Rule = "context " + ctxNames[e.ctx]
		r.Message = "the goroutine " + what + " in " + ctxNames[e.ctx] + " context"
		r.Stacks = []Stack{{"entered here", e.pcs}}
	}
	return r
}
