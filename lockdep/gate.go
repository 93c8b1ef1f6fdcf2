package lockdep

import "github.com/govfs/govfs/lockrule"

// LockArg binds one argument's lock to the role it has in a method's row: the
// lock's name and the parameter's, as lockrule.State gives them. A nil L, also
// one that is a nil pointer in the interface, is an object that is absent:
// there is nothing to check.
type LockArg struct {
	Lock, Object string
	L            Checkable
}

// The gate of a method is written so, usually by a generator:
//
//	func callUnlink(ctx context.Context, u Unlinker, dir *Inode, victim *Dentry) error {
//		if !lockdep.Enabled {
//			return u.Unlink(ctx, dir, victim)
//		}
//		g := lockdep.Enter(ruleUnlink, lockdep.LockArg{"i_mutex", "dir", &dir.mutex}, …)
//		err := u.Unlink(ctx, dir, victim)
//		g.Exit(err)
//		return err
//	}
//
// A gate belongs to the goroutine that called Enter, and ends in Exit. Without
// the checker a Gate is nil, and its methods do nothing.

// Enter checks that the calling goroutine may call m: that it holds the locks
// which m's row demands on entry and none which it forbids, and that m, if it
// may block, is not called where nothing may. Until Exit, nothing may block if
// m must not.
func Enter(m *lockrule.Method, args ...LockArg) *Gate {
	if Enabled {
		return enterGate(m, args, false)
	}
	return nil
}

// EnterRCU is Enter for a call that is made in rcu-walk. m's row must allow
// that, and nothing may block until Exit. No lock is demanded: in rcu-walk
// sequence counts do what the locks would.
func EnterRCU(m *lockrule.Method, args ...LockArg) *Gate {
	if Enabled {
		return enterGate(m, args, true)
	}
	return nil
}

// Also checks, on entry and again in Exit, one lock that the row cannot
// describe by itself (rename: it depends on which arguments are the same
// object). prose is the number of the rule that demands it, 0 for none.
func (g *Gate) Also(lock, object string, l Checkable, h lockrule.Hold, prose int) {
	if Enabled && g != nil {
		g.also(lockrule.State{Lock: lock, Object: object, Entry: h, Success: h, Failure: h, Prose: prose}, l)
	}
}

// AlsoExit is Also in Exit only, for a lock whose state the result of the call
// tells (the page that fault returns locked). It is called just before Exit.
func (g *Gate) AlsoExit(lock, object string, l Checkable, h lockrule.Hold, prose int) {
	if Enabled && g != nil {
		g.alsoExit(lockrule.State{Lock: lock, Object: object, Success: h, Failure: h, Prose: prose}, l)
	}
}

// When checks, on entry and again in Exit, the states of the row that hold
// under the condition, one of lockrule's When constants, for those of the
// args that they name.
func (g *Gate) When(cond string, args ...LockArg) {
	if Enabled && g != nil {
		g.when(cond, args, true)
	}
}

// WhenExit is When for a condition that only the result of the call tells: it
// is called just before Exit.
func (g *Gate) WhenExit(cond string, args ...LockArg) {
	if Enabled && g != nil {
		g.when(cond, args, false)
	}
}

// NoBlock forbids blocking until Exit, where the row leaves it to an argument
// (fl_release_private on a lease: P27). prose is the rule's number.
func (g *Gate) NoBlock(prose int) {
	if Enabled && g != nil {
		g.noBlock(prose)
	}
}

// Exit checks, after the call, that locks stand as the row says for a success
// (err is nil) or a failure, and that no other lock was taken or released. The
// results are objects that were not known before the call: the superblock of
// the root that mount returned.
func (g *Gate) Exit(err error, results ...LockArg) {
	if Enabled && g != nil {
		g.exit(err, results)
	}
}

// Either is a lock that stands for two of which one is enough: it is held as
// the one of them that is held more. Either may be nil.
func Either(a, b Checkable) Checkable { return either{a, b} }

type either struct{ a, b Checkable }

func (e either) Held() Mode {
	var m Mode
	for _, l := range []Checkable{e.a, e.b} {
		if l != nil {
			m = max(m, l.Held())
		}
	}
	return m
}

func (e either) Class() *Class {
	if i := e.lockInfo(); i != nil {
		return i.class()
	}
	return nil
}

// lockInfo is that of the lock that is held more, the first one's if none is.
func (e either) lockInfo() *info {
	var best *info
	for _, l := range []Checkable{e.a, e.b} {
		if l == nil {
			continue
		}
		if i := l.lockInfo(); i != nil && (best == nil || i.held() > best.held()) {
			best = i
		}
	}
	return best
}

// MethodCoverage says how often a method was called through its gate, and how
// its locks stood. Counts are of the process so far.
type MethodCoverage struct {
	Method   *lockrule.Method
	Calls    int64 // all calls
	RCUCalls int64 // those in rcu-walk
	Failures int64 // those that returned an error
	States   []StateCoverage
}

// StateCoverage says how one lock of a row stood on entry. A lock whose
// argument was absent, or not given to the gate, counts in neither.
type StateCoverage struct {
	State   lockrule.State
	Held    int64
	NotHeld int64
}

// Coverage is the coverage of every method that was called so far, in no
// order. It is nil without the checker.
func Coverage() []MethodCoverage {
	if Enabled {
		return coverage()
	}
	return nil
}
