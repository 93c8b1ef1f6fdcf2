//go:build lockdep

package lockdep_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/lockrule"
)

// A probe is one lock of a row, of the kind that the lock's name says, which is
// taken and given back without regard to the order of locks.
type probe struct {
	lockdep.Checkable
	take, give func(lockdep.Mode)
	modes      []lockdep.Mode // that it can be held in
}

func newProbe(t *testing.T, lock string) *probe {
	t.Helper()
	name, _, _ := strings.Cut(lock, "|")
	c := lockdep.ClassByName(name)
	if c == nil {
		t.Fatalf("no class has the name %q of the rule book", lock)
	}
	must := func(ok bool) {
		t.Helper()
		if !ok {
			t.Fatalf("%s is not free", lock)
		}
	}
	exclusive := []lockdep.Mode{lockdep.Exclusive}
	both := []lockdep.Mode{lockdep.Shared, lockdep.Exclusive}
	switch c.Kind() {
	case lockdep.Sleep:
		l := mutex(c)
		return &probe{l, func(lockdep.Mode) { must(l.TryLock()) }, func(lockdep.Mode) { l.Unlock() }, exclusive}
	case lockdep.Spin:
		l := spin(c)
		return &probe{l, func(lockdep.Mode) { must(l.TryLock()) }, func(lockdep.Mode) { l.Unlock() }, exclusive}
	case lockdep.Bit:
		l := bitlock(c)
		return &probe{l, func(lockdep.Mode) { must(l.TryLock()) }, func(lockdep.Mode) { l.Unlock() }, exclusive}
	case lockdep.Level:
		l := level(c)
		return &probe{l, l.Acquired, l.Release, both}
	case lockdep.RW:
		l := rwmutex(c)
		return &probe{l, func(m lockdep.Mode) {
			if m == lockdep.Shared {
				must(l.TryRLock())
			} else {
				must(l.TryLock())
			}
		}, func(m lockdep.Mode) {
			if m == lockdep.Shared {
				l.RUnlock()
			} else {
				l.Unlock()
			}
		}, both}
	default:
		l := seqlock(c)
		return &probe{l, func(m lockdep.Mode) {
			if m == lockdep.Shared {
				l.EnterRead()
			} else {
				must(l.TryWriteLock())
			}
		}, func(m lockdep.Mode) {
			if m == lockdep.Shared {
				l.ExitRead()
			} else {
				l.WriteUnlock()
			}
		}, both}
	}
}

// set brings the probe into a mode.
func (p *probe) set(m lockdep.Mode) {
	now := p.Held()
	if now == m {
		return
	}
	if now != lockdep.Unheld {
		p.give(now)
	}
	if m != lockdep.Unheld {
		p.take(m)
	}
}

// right is a mode that satisfies h, and wrong are those that do not, on their
// own and not by comparison with the entry.
func (p *probe) right(h lockrule.Hold) lockdep.Mode {
	switch h {
	case lockrule.Shared, lockrule.ReadSeq:
		return lockdep.Shared
	case lockrule.Yes, lockrule.Exclusive, lockrule.AtLeastShared, lockrule.AnyOf:
		return lockdep.Exclusive
	}
	return lockdep.Unheld
}

func (p *probe) wrong(h lockrule.Hold) (modes []lockdep.Mode) {
	seq := p.Class().Kind() == lockdep.Seq
	for _, m := range append([]lockdep.Mode{lockdep.Unheld}, p.modes...) {
		bad := false
		switch h {
		case lockrule.No, lockrule.Async:
			bad = m == lockdep.Exclusive || m == lockdep.Shared && !seq
		case lockrule.Yes:
			bad = m == lockdep.Unheld || m == lockdep.Shared && seq
		case lockrule.Shared:
			bad = m != lockdep.Shared
		case lockrule.Exclusive:
			bad = m != lockdep.Exclusive
		case lockrule.AtLeastShared, lockrule.ReadSeq, lockrule.AnyOf:
			bad = m == lockdep.Unheld
		case lockrule.MaybeShared:
			bad = m == lockdep.Exclusive
		}
		if bad {
			modes = append(modes, m)
		}
	}
	return modes
}

// rowRules are the names under which the breach of a state may be reported.
func rowRules(m *lockrule.Method, s lockrule.State, r *lockdep.Report) bool {
	if s.Prose > 0 {
		return r.Prose == s.Prose && strings.HasPrefix(r.Rule, "P")
	}
	if v, ok := m.Cell(s.Lock); ok && s.Prose == 0 {
		return r.Rule == m.FullName()+" "+s.Lock+" "+v
	}
	return strings.HasPrefix(r.Rule, m.FullName()+" ")
}

// Every state of every row is broken, on entry, after success and after an
// error, in each way that it can be; each breach is reported by the rule's
// name, and by the moment's kind. Unbroken, the row is silent.
func TestEveryRowIsCheckedByBreakingIt(t *testing.T) {
	failed := errors.New("the call failed")
	broken := 0
	for _, table := range lockrule.Tables() {
		for i := range table.Methods {
			m := &table.Methods[i]
			t.Run(m.FullName(), func(t *testing.T) {
				// Several states of one lock of one object share a probe.
				probes := make(map[[2]string]*probe)
				var args []lockdep.LockArg
				var always []lockrule.State
				for _, s := range m.States {
					if s.When != "" {
						continue
					}
					always = append(always, s)
					key := [2]string{s.Lock, s.Object}
					if probes[key] == nil {
						probes[key] = newProbe(t, s.Lock)
						args = append(args, arg(s.Lock, s.Object, probes[key]))
					}
				}
				probeOf := func(s lockrule.State) *probe { return probes[[2]string{s.Lock, s.Object}] }
				exit := func(s lockrule.State, err error) lockrule.Hold {
					if err != nil {
						return s.Failure
					}
					return s.Success
				}
				// call makes a call that keeps the row, but for one state at one
				// moment.
				call := func(err error, breaks *lockrule.State, onEntry bool, mode lockdep.Mode) []*lockdep.Report {
					for _, s := range always {
						probeOf(s).set(probeOf(s).right(s.Entry))
					}
					if breaks != nil && onEntry {
						probeOf(*breaks).set(mode)
					}
					got := lockdeptest.Capture(t, func() {
						g := lockdep.Enter(m, args...)
						for _, s := range always {
							switch p, want := probeOf(s), exit(s, err); {
							case breaks != nil && onEntry && p == probeOf(*breaks):
							case want != s.Entry:
								p.set(p.right(want))
							}
						}
						if breaks != nil && !onEntry {
							probeOf(*breaks).set(mode)
						}
						g.Exit(err)
					})
					for _, s := range always {
						probeOf(s).set(lockdep.Unheld)
					}
					return got
				}
				for _, err := range []error{nil, failed} {
					for _, r := range call(err, nil, false, 0) {
						t.Errorf("unbroken: %v", r)
					}
					for _, s := range always {
						for _, onEntry := range []bool{true, false} {
							want, kind := s.Entry, lockdep.KindEntry
							if !onEntry {
								want, kind = exit(s, err), lockdep.KindExit
							}
							for _, mode := range probeOf(s).wrong(want) {
								found := false
								got := call(err, &s, onEntry, mode)
								for _, r := range got {
									found = found || r.Kind == kind && rowRules(m, s, r) && r.Method == m.FullName()
								}
								if broken++; !found {
									t.Errorf("%s of %q, %s, is %v instead of %q, and not reported: %v", s.Lock, s.Object, kind, mode, want, rulesOf(got))
								}
							}
						}
					}
				}
			})
		}
	}
	t.Logf("%d breaches", broken)
	if broken < 300 {
		t.Errorf("only %d breaches were tried", broken)
	}
}

// Every row that forbids blocking is broken by blocking, and every row that
// allows it by a call where nothing may block.
func TestEveryMayBlockIsCheckedByBreakingIt(t *testing.T) {
	for _, table := range lockrule.Tables() {
		for i := range table.Methods {
			m := &table.Methods[i]
			block := func(g *lockdep.Gate) {
				lockdep.MightBlock("a mutant")
				g.Exit(nil)
			}
			rule := m.FullName() + " may_block "
			try := func(kind string, f func()) {
				t.Helper()
				got := lockdeptest.Capture(t, f)
				var n int
				for _, r := range got {
					if r.Kind == kind && strings.HasPrefix(r.Rule, rule) && r.Method == m.FullName() {
						n++
					}
				}
				if kind == "" && len(got) > 0 || kind != "" && n != 1 {
					t.Errorf("%s, blocking %v: want %q, got %v", m.FullName(), m.Blocking, kind, rulesOf(got))
				}
			}
			switch m.Blocking {
			case lockrule.BlockNo:
				try(lockdep.KindBlocking, func() { block(lockdep.Enter(m)) })
			case lockrule.BlockYes, lockrule.BlockRefWalk:
				try("", func() { block(lockdep.Enter(m)) })
				try(lockdep.KindEntry, func() {
					lockdep.EnterAtomic()
					lockdep.Enter(m).Exit(nil)
					lockdep.ExitAtomic()
				})
			}
			if m.RCUWalk {
				try(lockdep.KindBlocking, func() { block(lockdep.EnterRCU(m)) })
			} else {
				reports(t, func() { lockdep.EnterRCU(m).Exit(nil) }, "entry "+m.FullName()+" rcu_walk no")
			}
		}
	}
}
