//go:build lockdep

package lockdep

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/govfs/govfs/lockrule"
)

// A Gate is one call of a method of the rule book, from Enter to Exit.
type Gate struct {
	m      *lockrule.Method
	rcu    bool
	gid    int64
	args   []LockArg
	bound  []boundState
	before []hold // what the goroutine held on entry
	depth  [numContexts]int
	count  *methodCounters
}

// proseRCUWalk is the prose rule that forbids blocking in rcu-walk.
const proseRCUWalk = 3

// A boundState is a state of the row with the lock that it speaks of.
type boundState struct {
	lockrule.State
	l        Checkable
	entry    Mode // how it was held on entry
	exitOnly bool
	broken   bool // on entry: what the method makes of it says nothing
}

type methodCounters struct {
	calls, rcu, failures atomic.Int64
	states               []struct{ held, notHeld atomic.Int64 }
}

var methods sync.Map // of *lockrule.Method to *methodCounters

func countersOf(m *lockrule.Method) *methodCounters {
	if c, ok := methods.Load(m); ok {
		return c.(*methodCounters)
	}
	c := &methodCounters{states: make([]struct{ held, notHeld atomic.Int64 }, len(m.States))}
	if old, loaded := methods.LoadOrStore(m, c); loaded {
		return old.(*methodCounters)
	}
	return c
}

func coverage() []MethodCoverage {
	var all []MethodCoverage
	methods.Range(func(k, v any) bool {
		m, c := k.(*lockrule.Method), v.(*methodCounters)
		mc := MethodCoverage{
			Method: m, Calls: c.calls.Load(), RCUCalls: c.rcu.Load(), Failures: c.failures.Load(),
			States: make([]StateCoverage, len(m.States)),
		}
		for i := range mc.States {
			mc.States[i] = StateCoverage{m.States[i], c.states[i].held.Load(), c.states[i].notHeld.Load()}
		}
		all = append(all, mc)
		return true
	})
	return all
}

func enterGate(m *lockrule.Method, args []LockArg, rcu bool) *Gate {
	g := &Gate{m: m, rcu: rcu, args: args, count: countersOf(m)}
	g.count.calls.Add(1)
	if rcu {
		g.count.rcu.Add(1)
	}
	g.checkContext()
	for i, st := range m.States {
		l := g.lookup(st, args)
		if l == nil {
			continue
		}
		mode := l.Held()
		if n := &g.count.states[i]; mode == Unheld {
			n.notHeld.Add(1)
		} else {
			n.held.Add(1)
		}
		if st.When == "" {
			g.bind(st, l, mode)
		}
	}

	gid, s := self()
	g.gid = gid
	s.mu.Lock()
	t := s.get(gid)
	t.gates = append(t.gates, g)
	g.before = slices.Clone(t.holds)
	for _, e := range t.contexts {
		g.depth[e.ctx]++
	}
	s.mu.Unlock()
	switch {
	case rcu:
		g.restrict(ctxRCU, 0)
	case m.Context == lockrule.ContextInterrupt:
		g.restrict(ctxInterrupt, 0)
	case m.Blocking == lockrule.BlockNo:
		g.restrict(ctxAtomic, 0)
	}
	return g
}

// checkContext checks that the method may be called where the caller is.
func (g *Gate) checkContext() {
	if g.rcu && !g.m.RCUWalk {
		g.report(KindEntry, g.cellRule("rcu_walk", "no"), "the method is called in rcu-walk")
	}
	mayBlock := g.m.Blocking == lockrule.BlockYes || g.m.Blocking == lockrule.BlockRefWalk && !g.rcu
	if !mayBlock {
		return
	}
	gid, s := self()
	s.mu.Lock()
	var why *reason
	if t := s.m[gid]; t != nil {
		why = t.forbids(Sleep)
	}
	s.mu.Unlock()
	if why != nil {
		r := why.report("calls a method that may block")
		g.report(KindEntry, g.cellRule("may_block", "yes"), r.Message+" ("+r.Rule+")", r.Stacks...)
	}
}

// lookup is the lock that a state speaks of: that of the argument which it
// names, either one of two if it names two, or nil if the argument is absent or
// was not given.
func (g *Gate) lookup(st lockrule.State, args []LockArg) Checkable {
	var found Checkable
	for _, a := range args {
		if a.Object != st.Object || a.L == nil || a.L.lockInfo() == nil {
			continue
		}
		if a.Lock != st.Lock && !slices.Contains(strings.Split(st.Lock, "|"), a.Lock) {
			continue
		}
		if found == nil {
			found = a.L
		} else {
			found = Either(found, a.L)
		}
	}
	return found
}

// bind makes a state one that Exit checks, and checks it on entry.
func (g *Gate) bind(st lockrule.State, l Checkable, mode Mode) {
	b := boundState{State: st, l: l, entry: mode}
	b.broken = !g.check(&b, st.Entry, mode, KindEntry, "on entry")
	g.bound = append(g.bound, b)
}

func (g *Gate) also(st lockrule.State, l Checkable) {
	if l != nil && l.lockInfo() != nil {
		g.bind(st, l, l.Held())
	}
}

func (g *Gate) alsoExit(st lockrule.State, l Checkable) {
	if l != nil && l.lockInfo() != nil {
		g.bound = append(g.bound, boundState{State: st, l: l, exitOnly: true})
	}
}

func (g *Gate) when(cond string, args []LockArg, entry bool) {
	all := append(slices.Clone(args), g.args...)
	for _, st := range g.m.States {
		if st.When != cond {
			continue
		}
		l := g.lookup(st, all)
		switch {
		case l == nil:
		case entry:
			g.bind(st, l, l.Held())
		default:
			g.bound = append(g.bound, boundState{State: st, l: l, exitOnly: true})
		}
	}
}

func (g *Gate) noBlock(prose int) { g.restrict(ctxAtomic, prose) }

// restrict makes a context of the gate's own, in which nothing may block.
func (g *Gate) restrict(c ctx, prose int) {
	e := &contextEntry{ctx: c, gate: g, pcs: callers(), prose: prose}
	e.rule = g.cellRule("may_block", "no")
	if c == ctxRCU && slices.Contains(g.m.Prose, proseRCUWalk) {
		e.prose = proseRCUWalk
	}
	if cell, ok := g.m.Cell("may_block"); ok {
		e.cell = "may_block " + cell
	}
	if prose != 0 {
		e.rule = fmt.Sprintf("P%d", prose)
	}
	_, s := self()
	s.mu.Lock()
	t := s.get(g.gid)
	t.contexts = append(t.contexts, e)
	s.mu.Unlock()
}

func (g *Gate) exit(err error, results []LockArg) {
	moment := "after success"
	if err != nil {
		moment = "after an error"
		g.count.failures.Add(1)
	}
	after, depth := g.leave()
	g.args = append(g.args, results...)
	for _, st := range g.m.States {
		if st.When != "" {
			continue
		}
		if l := g.lookup(st, results); l != nil {
			g.bound = append(g.bound, boundState{State: st, l: l, exitOnly: true})
		}
	}
	for i := range g.bound {
		b := &g.bound[i]
		if b.broken {
			continue
		}
		want := b.Success
		if err != nil {
			want = b.Failure
		}
		mode := b.l.Held()
		if g.check(b, want, mode, KindExit, moment) && !b.exitOnly && want == b.Entry && b.entry != mode && want != lockrule.Unspecified {
			g.reportState(b, want, KindExit, fmt.Sprintf("%s %s must stand as on entry, %v, but is %v by this goroutine",
				moment, b.what(), b.entry, mode))
		}
	}
	g.balance(after, depth)
}

// leave takes the gate, and what inner ones left behind whose method panicked,
// off the goroutine. It returns what the goroutine holds, and its contexts.
func (g *Gate) leave() (holds []hold, depth [numContexts]int) {
	gid, s := self()
	if gid != g.gid {
		report(&Report{
			Kind: KindContext, Rule: "gate of " + g.m.FullName() + " left by its goroutine",
			Message: "Exit is called by another goroutine than Enter",
			Stacks:  []Stack{{"left here", callers()}},
		})
		gid, s = g.gid, shardOf(g.gid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.get(gid)
	if n := slices.Index(t.gates, g); n >= 0 {
		gone := t.gates[n:]
		t.contexts = slices.DeleteFunc(t.contexts, func(e *contextEntry) bool {
			return e.gate != nil && slices.Contains(gone, e.gate)
		})
		clear(gone)
		t.gates = t.gates[:n]
	}
	holds = slices.Clone(t.holds)
	for _, e := range t.contexts {
		depth[e.ctx]++
	}
	s.settle(gid, t)
	return holds, depth
}

// balance checks that no lock was taken or released of which no state speaks,
// and no context entered or left.
func (g *Gate) balance(after []hold, depth [numContexts]int) {
	spoken := make(map[*info]bool)
	spokenClass := make(map[*Class]bool)
	speak := func(l Checkable) {
		if a, ok := l.(anyOf); ok {
			spokenClass[a.c] = true
		}
		eachInfo(l, func(i *info) { spoken[i] = true })
	}
	silent := func(h hold) bool { return !spoken[h.info] && !spokenClass[h.class] }
	for _, a := range g.args {
		for _, st := range g.m.States {
			if a.L != nil && (st.Success != lockrule.Unspecified || st.Failure != lockrule.Unspecified) &&
				st.Object == a.Object && slices.Contains(strings.Split(st.Lock, "|"), a.Lock) {
				speak(a.L)
			}
		}
	}
	for _, b := range g.bound {
		speak(b.l)
	}
	rule := g.m.FullName() + " leaves locks as found"
	for _, h := range missing(after, g.before) {
		if silent(h) {
			g.report(KindExit, rule, h.name()+" is "+h.mode.String()+" after the call, and was not before",
				Stack{h.name() + " held since", h.stack()})
		}
	}
	for _, h := range missing(g.before, after) {
		if silent(h) {
			g.report(KindExit, rule, h.name()+" was "+h.mode.String()+" before the call, and is not after it",
				Stack{h.name() + " held since, before it was released", h.stack()})
		}
	}
	for c := range ctxNames {
		if depth[c] != g.depth[c] {
			g.report(KindExit, g.m.FullName()+" leaves contexts as found",
				fmt.Sprintf("the call was entered in %d nested %s contexts and left in %d", g.depth[c], ctxNames[c], depth[c]))
		}
	}
}

// missing are the holds of a that b does not have, of the same lock and mode.
func missing(a, b []hold) []hold {
	same := func(x, y *hold) bool {
		return x.info == y.info && x.mode == y.mode && x.flags&flagRead == y.flags&flagRead
	}
	rest := slices.Clone(b)
	var out []hold
	for i := range a {
		n := slices.IndexFunc(rest, func(h hold) bool { return same(&a[i], &h) })
		if n < 0 {
			out = append(out, a[i])
		} else {
			rest = slices.Delete(rest, n, n+1)
		}
	}
	return out
}

func eachInfo(l Checkable, f func(*info)) {
	if e, ok := l.(either); ok {
		for _, l := range []Checkable{e.a, e.b} {
			if l != nil {
				eachInfo(l, f)
			}
		}
		return
	}
	if i := l.lockInfo(); i != nil {
		f(i)
	}
}

// check checks one state at one moment, and reports whether it stands.
func (g *Gate) check(b *boundState, want lockrule.Hold, mode Mode, kind, moment string) bool {
	if g.satisfied(b, want, mode) {
		return true
	}
	g.reportState(b, want, kind, fmt.Sprintf("%s %s must stand at %q, but is %v by this goroutine", moment, b.what(), want, mode))
	return false
}

// what names the lock: "i_mutex of dir".
func (b *boundState) what() string {
	if b.Object == "" {
		return b.Lock
	}
	return b.Lock + " of " + b.Object
}

func (g *Gate) satisfied(b *boundState, want lockrule.Hold, mode Mode) bool {
	seq := false
	rw := false
	if c := b.l.Class(); c != nil {
		seq = c.kind == Seq
		rw = c.kind == RW || c.kind == Level
	}
	switch want {
	case lockrule.No, lockrule.Async:
		// A read sequence of a sequence lock is no lock.
		return mode == Unheld || seq && mode == Shared
	case lockrule.Yes:
		return mode == Exclusive || rw && mode == Shared || g.rcu
	case lockrule.Shared:
		return mode == Shared || g.rcu
	case lockrule.Exclusive:
		return mode == Exclusive || g.rcu
	case lockrule.AtLeastShared, lockrule.ReadSeq:
		return mode != Unheld || g.rcu
	case lockrule.MaybeShared:
		return mode != Exclusive
	case lockrule.AnyOf:
		return mode != Unheld || g.rcu || holdsClass(b.l.Class())
	}
	return true
}

// holdsClass reports whether the goroutine holds a lock of the class.
func holdsClass(c *Class) bool {
	gid, s := self()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.m[gid]
	return t != nil && slices.ContainsFunc(t.holds, func(h hold) bool { return h.class == c })
}

// cellRule is the rule of a column, in the words of the row, or in those given
// if the row has no such column.
func (g *Gate) cellRule(column, value string) string {
	if v, ok := g.m.Cell(column); ok {
		value = v
	}
	return g.m.FullName() + " " + column + " " + value
}

// cellOf is the cell that a state comes from.
func (g *Gate) cellOf(st *lockrule.State) string {
	for _, column := range []string{st.Lock + "_" + st.Object, st.Lock} {
		if v, ok := g.m.Cell(column); ok {
			return column + " " + v
		}
	}
	if st.Prose == 1 {
		if v, ok := g.m.Cell(st.Lock + "_victim"); ok {
			return st.Lock + "_victim " + v
		}
	}
	for _, c := range g.m.Cells {
		if c.Column == "held" && c.Value == st.Lock {
			return c.Column + " " + c.Value
		}
	}
	return ""
}

// reportState reports a state that does not stand as wanted, by its rule: that
// of the prose, or the cell, or the book's own reading of the row.
func (g *Gate) reportState(b *boundState, want lockrule.Hold, kind, message string) {
	r := &Report{Kind: kind, Cell: g.cellOf(&b.State), Message: message}
	switch {
	case b.Prose > 0:
		r.Rule, r.Prose = fmt.Sprintf("P%d", b.Prose), b.Prose
	case b.Prose == 0 && r.Cell != "":
		r.Rule = g.m.FullName() + " " + r.Cell
	default:
		r.Rule = g.m.FullName() + " " + b.Lock + " " + want.String()
	}
	if i := b.l.lockInfo(); i != nil {
		r.Stacks = i.withForeign()
	}
	g.deliver(r, kind)
}

func (g *Gate) report(kind, rule, message string, stacks ...Stack) {
	g.deliver(&Report{Kind: kind, Rule: rule, Message: message, Stacks: stacks}, kind)
}

// deliver reports r, with the place of the call first.
func (g *Gate) deliver(r *Report, kind string) {
	r.Method = g.m.FullName()
	name := "called here"
	if kind == KindExit {
		name = "returned here"
	}
	r.Stacks = append([]Stack{{name, callers()}}, r.Stacks...)
	report(r)
}
