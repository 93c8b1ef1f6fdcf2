//go:build lockdep

package lockdep_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/lockrule"
)

// row is a method that is in no table.
func row(states ...lockrule.State) *lockrule.Method {
	return &lockrule.Method{
		Table: "test_operations", Name: "probe", States: states, Blocking: lockrule.BlockYes,
		Cells: []lockrule.Cell{{Column: "i_mutex", Value: "yes"}, {Column: "may_block", Value: "yes"}},
	}
}

func state(lock, object string, entry, success, failure lockrule.Hold) lockrule.State {
	return lockrule.State{Lock: lock, Object: object, Entry: entry, Success: success, Failure: failure}
}

func arg(lock, object string, l lockdep.Checkable) lockdep.LockArg {
	return lockdep.LockArg{Lock: lock, Object: object, L: l}
}

// rulesOf are the kinds and rules of reports, in order.
func rulesOf(rs []*lockdep.Report) []string {
	var list []string
	for _, r := range rs {
		list = append(list, r.Kind+" "+r.Rule)
	}
	return list
}

// reports runs f and requires reports of these kinds and rules, in order.
func reports(t *testing.T, f func(), want ...string) []*lockdep.Report {
	t.Helper()
	got := lockdeptest.Capture(t, f)
	if !slices.Equal(rulesOf(got), want) {
		t.Errorf("got %q, want %q\n%v", rulesOf(got), want, got)
	}
	return got
}

func TestUnlinksRowIsChecked(t *testing.T) {
	m := lockrule.MustLookup("inode_operations", "unlink")
	dir, victim := mutex(lockdep.IMutex), mutex(lockdep.IMutex)
	call := func() {
		g := lockdep.Enter(m, arg("i_mutex", "dir", dir), arg("i_mutex", "victim", victim))
		g.Exit(nil)
	}
	both := func() {
		under(nested(dir, lockdep.Parent), func() { under(victim, call) })
	}
	silent(t, both)
	got := reports(t, func() { under(victim, call) }, "entry inode_operations.unlink i_mutex both")
	if r := got[0]; r.Method != "inode_operations.unlink" || r.Cell != "i_mutex both" || r.Prose != 0 ||
		r.Message != `on entry i_mutex of dir must stand at "yes", but is not held by this goroutine` ||
		r.Stacks[0].Name != "called here" {
		t.Errorf("got %+v\n%v", r, r)
	}
	got = reports(t, func() { under(nested(dir, lockdep.Parent), call) }, "entry P1")
	if r := got[0]; r.Method != "inode_operations.unlink" || r.Cell != "i_mutex_victim yes" || r.Prose != 1 {
		t.Errorf("got %+v", r)
	}
	// Somebody holds it, but not this goroutine.
	got = reports(t, func() {
		ready, done := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			under(dir, func() {
				close(ready)
				<-done
			})
		})
		<-ready
		under(victim, call)
		close(done)
		wg.Wait()
	}, "entry inode_operations.unlink i_mutex both")
	if s := got[0].Stacks; len(s) != 2 || s[1].Name != "i_mutex held since, by another goroutine" {
		t.Errorf("stacks of %v", got[0])
	}
	// A victim that is absent.
	silent(t, func() {
		under(dir, func() {
			g := lockdep.Enter(m, arg("i_mutex", "dir", dir), arg("i_mutex", "victim", (*lockdep.Mutex)(nil)))
			g.Exit(nil)
			g = lockdep.Enter(m, arg("i_mutex", "dir", dir), arg("i_mutex", "victim", nil))
			g.Exit(syscall.EBUSY)
		})
	})
}

func TestEntryStatesAreChecked(t *testing.T) {
	const rule = "entry test_operations.probe lock "
	rw := rwmutex(lockdep.NewClass("gate rw", lockdep.RW))
	seq := seqlock(lockdep.NewClass("gate seq", lockdep.Seq))
	mu := mutex(lockdep.NewClass("gate mutex", lockdep.Sleep))
	other := mutex(mu.Class())
	none := locker{func() {}, func() {}}
	announced := locker{seq.EnterRead, seq.ExitRead}
	for _, c := range []struct {
		want   lockrule.Hold
		lock   lockdep.Checkable
		held   sync.Locker
		broken bool
	}{
		{lockrule.Yes, mu, mu, false}, {lockrule.Yes, mu, none, true},
		{lockrule.No, mu, none, false}, {lockrule.No, mu, mu, true}, {lockrule.No, rw, reading(rw), true},
		{lockrule.Yes, rw, reading(rw), false}, {lockrule.Yes, rw, rw, false}, {lockrule.Yes, rw, none, true},
		{lockrule.Shared, rw, reading(rw), false}, {lockrule.Shared, rw, rw, true}, {lockrule.Shared, rw, none, true},
		{lockrule.Exclusive, rw, rw, false}, {lockrule.Exclusive, rw, reading(rw), true}, {lockrule.Exclusive, rw, none, true},
		{lockrule.AtLeastShared, rw, rw, false}, {lockrule.AtLeastShared, rw, reading(rw), false}, {lockrule.AtLeastShared, rw, none, true},
		{lockrule.MaybeShared, rw, rw, true}, {lockrule.MaybeShared, rw, reading(rw), false}, {lockrule.MaybeShared, rw, none, false},
		{lockrule.Maybe, rw, rw, false}, {lockrule.Maybe, rw, none, false},
		{lockrule.Unspecified, mu, mu, false}, {lockrule.Unspecified, mu, none, false},
		{lockrule.ReadSeq, seq, announced, false}, {lockrule.ReadSeq, seq, none, true},
		{lockrule.Yes, seq, announced, true}, {lockrule.No, seq, announced, false},
		{lockrule.AnyOf, mu, other, false}, {lockrule.AnyOf, mu, mu, false}, {lockrule.AnyOf, mu, none, true},
		{lockrule.Yes, lockdep.Either(mu, other), other, false}, {lockrule.Yes, lockdep.Either(nil, other), other, false},
		{lockrule.Yes, lockdep.Either(mu, other), none, true}, {lockrule.No, lockdep.Either(mu, other), other, true},
	} {
		m := row(state("lock", "object", c.want, lockrule.Unspecified, lockrule.Unspecified))
		var want []string
		if c.broken {
			want = []string{rule + c.want.String()}
		}
		got := lockdeptest.Capture(t, func() {
			under(c.held, func() {
				g := lockdep.Enter(m, arg("lock", "object", c.lock))
				g.Exit(nil)
			})
		})
		if !slices.Equal(rulesOf(got), want) {
			t.Errorf("%v: held by %T as %v: got %q, want %q", c.want, c.lock, c.lock.Held(), rulesOf(got), want)
		}
	}
}

// A row that names two locks is content with either, however the gate passes
// them.
func TestARowMayNameTwoLocks(t *testing.T) {
	m := &lockrule.Method{Table: "test_operations", Name: "write_dquot", States: []lockrule.State{
		state("dqonoff_sem|dqptr_sem", "sb", lockrule.Yes, lockrule.Yes, lockrule.Yes),
	}, Cells: []lockrule.Cell{{Column: "held", Value: "dqonoff_sem|dqptr_sem"}}}
	on, ptr := mutex(lockdep.DqonoffSem), rwmutex(lockdep.DqptrSem)
	call := func() {
		lockdep.Enter(m, arg("dqonoff_sem", "sb", on), arg("dqptr_sem", "sb", ptr)).Exit(nil)
		lockdep.Enter(m, arg("dqonoff_sem|dqptr_sem", "sb", lockdep.Either(on, ptr))).Exit(nil)
	}
	silent(t, func() {
		under(on, call)
		under(reading(ptr), call)
	})
	got := lockdeptest.Capture(t, call)
	for _, r := range got {
		if r.Rule != "test_operations.write_dquot held dqonoff_sem|dqptr_sem" {
			t.Errorf("%v", r)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d reports, want one for each call", len(got))
	}
}

// A row that speaks of no lock in particular is about all of the class.
func TestARowMayMeanAnyLockOfAClass(t *testing.T) {
	pages := lockdep.AnyOf(lockdep.PageLock)
	if pages.Class() != lockdep.PageLock || pages.Held() != lockdep.Unheld {
		t.Errorf("any page lock is %v, of class %v", pages.Held(), pages.Class())
	}
	p, q := bitlock(lockdep.PageLock), bitlock(lockdep.PageLock)
	none := row(state("page_lock", "mapping", lockrule.No, lockrule.No, lockrule.No))
	some := row(state("page_lock", "mapping", lockrule.Yes, lockrule.Yes, lockrule.Yes))
	maybe := row(state("page_lock", "mapping", lockrule.Maybe, lockrule.ByResult, lockrule.Maybe))
	call := func(m *lockrule.Method, body func()) func() {
		return func() {
			g := lockdep.Enter(m, arg("page_lock", "mapping", pages))
			body()
			g.Exit(nil)
		}
	}
	nothing := func() {}
	silent(t, call(none, nothing))
	silent(t, func() { under(p, call(some, nothing)) })
	reports(t, func() { under(p, call(none, nothing)) }, "entry test_operations.probe page_lock no")
	reports(t, call(some, nothing), "entry test_operations.probe page_lock yes")
	reports(t, call(none, p.Lock), "exit test_operations.probe page_lock no")
	p.Unlock()
	silent(t, call(maybe, func() { p.Lock(); q.Lock() }))
	silent(t, call(maybe, func() { p.Unlock(); q.Unlock() }))
}

func TestExitStatesAreChecked(t *testing.T) {
	page := bitlock(lockdep.PageLock)
	readpage := row(state("page_lock", "page", lockrule.Yes, lockrule.Async, lockrule.No))
	begin := row(state("page_lock", "page", lockrule.No, lockrule.Yes, lockrule.No))
	failed := errors.New("it failed")
	call := func(m *lockrule.Method, err error, body func()) func() {
		return func() {
			g := lockdep.Enter(m, arg("page_lock", "page", page))
			body()
			g.Exit(err)
		}
	}
	locked := func(f func()) func() { return func() { page.Lock(); f() } }
	silent(t, locked(call(readpage, nil, page.Unlock)))
	silent(t, locked(call(readpage, failed, page.Unlock)))
	silent(t, locked(call(readpage, nil, page.Transfer)))
	page.Unlock()
	silent(t, call(begin, nil, page.Lock))
	page.Unlock()
	silent(t, call(begin, failed, func() {}))
	const rule = "exit test_operations.probe page_lock "
	reports(t, locked(call(readpage, nil, func() {})), rule+lockrule.Async.String())
	page.Unlock()
	reports(t, locked(call(readpage, failed, func() {})), rule+"no")
	page.Unlock()
	got := reports(t, call(begin, failed, page.Lock), rule+"no")
	if want := `after an error page_lock of page must stand at "no", but is held exclusively by this goroutine`; got[0].Message != want {
		t.Errorf("got %q, want %q", got[0].Message, want)
	}
	if s := got[0].Stacks; len(s) != 2 || s[0].Name != "returned here" || s[1].Name != "page_lock held since" {
		t.Errorf("stacks of %v", got[0])
	}
	page.Unlock()
	reports(t, call(begin, nil, func() {}), rule+"yes")
	// "Maybe" is for the caller to decide, not for the method.
	maybe := row(state("page_lock", "page", lockrule.Maybe, lockrule.Maybe, lockrule.Maybe))
	reports(t, locked(call(maybe, nil, page.Unlock)), rule+"maybe")
	reports(t, call(maybe, nil, page.Lock), rule+"maybe")
	page.Unlock()
	// "By result" is for a hook.
	byResult := row(state("page_lock", "page", lockrule.No, lockrule.ByResult, lockrule.No))
	silent(t, call(byResult, nil, page.Lock))
	page.Unlock()
	hooked := func(h lockrule.Hold) {
		g := lockdep.Enter(byResult, arg("page_lock", "page", page))
		page.Lock()
		g.AlsoExit("page_lock", "page", page, h, 37)
		g.Exit(nil)
		page.Unlock()
	}
	silent(t, func() { hooked(lockrule.Yes) })
	reports(t, func() { hooked(lockrule.No) }, "exit P37")
}

// An object that is known only after the call, as the superblock of the root
// that mount returns.
func TestResultsAreChecked(t *testing.T) {
	m := row(state("s_umount", "root", lockrule.No, lockrule.Exclusive, lockrule.No))
	sb := rwmutex(lockdep.SUmount)
	call := func(err error, body func()) func() {
		return func() {
			g := lockdep.Enter(m)
			body()
			g.Exit(err, arg("s_umount", "root", sb))
		}
	}
	silent(t, call(nil, sb.Lock))
	sb.Unlock()
	const rule = "exit test_operations.probe s_umount "
	reports(t, call(nil, func() {}), rule+"exclusive")
	reports(t, call(nil, sb.RLock), rule+"exclusive")
	sb.RUnlock()
	reports(t, call(syscall.EIO, sb.Lock), rule+"no")
	sb.Unlock()
}

func TestLocksOfWhichTheRowIsSilentMustBalance(t *testing.T) {
	m := row(state("i_mutex", "dir", lockrule.Yes, lockrule.Yes, lockrule.Yes))
	dir := mutex(lockdep.IMutex)
	own := mutex(lockdep.NewClass("a driver's own", lockdep.Sleep))
	call := func(body func()) func() {
		return func() {
			g := lockdep.Enter(m, arg("i_mutex", "dir", dir))
			body()
			g.Exit(nil)
		}
	}
	const rule = "exit test_operations.probe leaves locks as found"
	dir.Lock()
	silent(t, call(func() { nest(own) }))
	got := reports(t, call(own.Lock), rule)
	if want := "a driver's own is held exclusively after the call, and was not before"; got[0].Message != want {
		t.Errorf("got %q, want %q", got[0].Message, want)
	}
	got = reports(t, call(own.Unlock), rule)
	if want := "a driver's own was held exclusively before the call, and is not after it"; got[0].Message != want {
		t.Errorf("got %q, want %q", got[0].Message, want)
	}
	// Released and taken again is as found.
	own.Lock()
	silent(t, call(func() { own.Unlock(); own.Lock() }))
	own.Unlock()
	// A lock of the row is a matter of the row.
	reports(t, call(dir.Unlock), "exit test_operations.probe i_mutex yes")
	reports(t, call(func() { dir.Lock(); lockdep.EnterAtomic() }),
		"entry test_operations.probe i_mutex yes", "exit test_operations.probe leaves contexts as found")
	lockdep.ExitAtomic()
	dir.Unlock()
}

func TestAMethodThatMustNotBlockDoesNot(t *testing.T) {
	m := lockrule.MustLookup("dentry_operations", "d_delete")
	d := spin(lockdep.DLock)
	var inner *lockdep.Gate
	call := func(body func()) func() {
		return func() {
			under(d, func() {
				inner = lockdep.Enter(m, arg("d_lock", "dentry", d))
				body()
				inner.Exit(nil)
			})
		}
	}
	silent(t, call(func() { nest(spin(lockdep.DcacheLRU)) }))
	got := reports(t, call(func() { lockdep.MightBlock("a channel") }), "blocking dentry_operations.d_delete may_block no")
	if r := got[0]; r.Method != "dentry_operations.d_delete" || r.Cell != "may_block no" || !strings.Contains(r.Message, "may block: a channel") ||
		len(r.Stacks) != 2 || r.Stacks[0].Name != "blocks here" || r.Stacks[1].Name != "called here" {
		t.Errorf("got %v", r)
	}
	// No lock of the caller's is needed: d_hash is called with none.
	hash := lockrule.MustLookup("dentry_operations", "d_hash")
	reports(t, func() {
		g := lockdep.Enter(hash)
		nest(mutex(lockdep.NewClass("hash mutex", lockdep.Sleep)))
		g.Exit(nil)
	}, "blocking dentry_operations.d_hash may_block no")
	lockdep.MightBlock("nothing is left behind")
	// In interrupt context.
	endIO := &lockrule.Method{Table: "t", Name: "end_io", Context: lockrule.ContextInterrupt, Blocking: lockrule.BlockNo}
	reports(t, func() {
		g := lockdep.Enter(endIO)
		if !lockdep.InInterrupt() {
			t.Error("not in interrupt context")
		}
		lockdep.MightBlock("I/O")
		g.Exit(nil)
	}, "blocking t.end_io may_block no")
	// Where an argument decides.
	release := &lockrule.Method{Table: "t", Name: "release_private", Blocking: lockrule.BlockNotForLeases}
	reports(t, func() {
		g := lockdep.Enter(release)
		lockdep.MightBlock("a flock")
		g.NoBlock(27)
		lockdep.MightBlock("a lease")
		g.Exit(nil)
	}, "blocking P27")
}

func TestAMethodThatMayBlockIsNotCalledWhereNothingMay(t *testing.T) {
	m := lockrule.MustLookup("inode_operations", "getattr")
	call := func() { lockdep.Enter(m).Exit(nil) }
	silent(t, call)
	rule := "entry inode_operations.getattr may_block yes"
	got := reports(t, func() { under(spin(lockdep.ILock), call) }, rule)
	if s := got[0].Stacks; len(s) != 2 || s[1].Name != "i_lock held since" || !strings.Contains(got[0].Message, "atomic under i_lock") {
		t.Errorf("got %v", got[0])
	}
	reports(t, func() {
		lockdep.EnterInterrupt()
		defer lockdep.ExitInterrupt()
		call()
	}, rule)
	permission := lockrule.MustLookup("inode_operations", "permission")
	reports(t, func() {
		lockdep.EnterRCUWalk()
		defer lockdep.ExitRCUWalk()
		lockdep.Enter(permission).Exit(nil)
	}, "entry inode_operations.permission may_block ref-walk")
}

func TestCallsInRCUWalk(t *testing.T) {
	permission := lockrule.MustLookup("inode_operations", "permission")
	compare := lockrule.MustLookup("dentry_operations", "d_compare")
	weak := lockrule.MustLookup("dentry_operations", "d_weak_revalidate")
	in := mutex(lockdep.IMutex)
	silent(t, func() {
		lockdep.EnterRCUWalk()
		defer lockdep.ExitRCUWalk()
		lockdep.EnterRCU(permission, arg("i_mutex", "inode", in)).Exit(syscall.ECHILD)
		// Sequence counts do what the lock would.
		lockdep.EnterRCU(compare, arg("rename_lock", "", seqlock(lockdep.RenameLock))).Exit(nil)
	})
	got := reports(t, func() {
		g := lockdep.EnterRCU(permission)
		lockdep.MightBlock("I/O")
		g.Exit(nil)
	}, "blocking inode_operations.permission may_block ref-walk")
	if got[0].Prose != 3 {
		t.Errorf("prose rule is %d", got[0].Prose)
	}
	reports(t, func() { lockdep.EnterRCU(weak).Exit(nil) }, "entry dentry_operations.d_weak_revalidate rcu_walk no")
}

func TestHooksSayWhatARowCannot(t *testing.T) {
	m := lockrule.MustLookup("inode_operations", "rename")
	rename := mutex(lockdep.SVfsRenameMutex)
	victim := mutex(lockdep.IMutex)
	silent(t, func() {
		lockdep.Enter(m).Exit(nil) // within one directory: nothing to check
		nest(rename, victim, locker{func() {
			g := lockdep.Enter(m)
			g.When(lockrule.WhenCrossDirectory, arg("s_vfs_rename_mutex", "oldDir", rename))
			g.Also("i_mutex", "newDentry", victim, lockrule.Yes, 1)
			g.Also("i_mutex", "newDentry", (*lockdep.Mutex)(nil), lockrule.Yes, 1)
			g.Also("i_mutex", "newDentry", nil, lockrule.Yes, 1)
			g.Exit(nil)
		}, func() {}})
	})
	reports(t, func() {
		g := lockdep.Enter(m)
		g.When(lockrule.WhenCrossDirectory, arg("s_vfs_rename_mutex", "oldDir", rename))
		g.Exit(nil)
	}, "entry P2")
	reports(t, func() {
		g := lockdep.Enter(m)
		g.Also("i_mutex", "newDentry", victim, lockrule.Yes, 1)
		victim.Lock()
		g.Exit(nil)
	}, "entry P1")
	reports(t, func() {
		g := lockdep.Enter(m)
		g.Also("i_mutex", "newDentry", victim, lockrule.Yes, 1)
		victim.Unlock()
		g.Exit(nil)
	}, "exit P1")
	// A condition that the result tells.
	page := bitlock(lockdep.PageLock)
	writepage := row(
		lockrule.State{Lock: "page_lock", Object: "page", Entry: lockrule.Yes, Success: lockrule.Yes, Failure: lockrule.Yes, When: "activate", Prose: 14},
		lockrule.State{Lock: "page_lock", Object: "page", Entry: lockrule.Yes, Success: lockrule.No, Failure: lockrule.No, When: "not activate", Prose: 14},
	)
	write := func(cond string, body func()) func() {
		return func() {
			page.Lock()
			g := lockdep.Enter(writepage, arg("page_lock", "page", page))
			body()
			g.WhenExit(cond)
			g.Exit(nil)
		}
	}
	silent(t, write("not activate", page.Unlock))
	silent(t, write("activate", func() {}))
	page.Unlock()
	reports(t, write("not activate", func() {}), "exit P14")
	page.Unlock()
	reports(t, write("activate", page.Unlock), "exit P14")
}

func TestGatesNest(t *testing.T) {
	outer, inner := row(), row()
	silent(t, func() {
		g := lockdep.Enter(outer)
		h := lockdep.Enter(inner)
		h.Exit(nil)
		g.Exit(nil)
		if n := lockdep.Tasks(); n != 0 {
			t.Errorf("%d goroutines are remembered", n)
		}
	})
	// An inner method that panicked leaves nothing behind.
	hash := lockrule.MustLookup("dentry_operations", "d_hash")
	silent(t, func() {
		g := lockdep.Enter(outer)
		lockdep.Enter(hash)
		g.Exit(nil)
		lockdep.MightBlock("I/O")
	})
	reports(t, func() {
		g := lockdep.Enter(outer)
		var wg sync.WaitGroup
		wg.Go(func() { g.Exit(nil) })
		wg.Wait()
	}, "context gate of test_operations.probe left by its goroutine")
	// What goes wrong in a method names it.
	got := lockdeptest.Capture(t, func() {
		g := lockdep.Enter(lockrule.MustLookup("inode_operations", "getattr"))
		nest(spin(lockdep.DLock), spin(lockdep.ILock))
		g.Exit(nil)
	})
	if len(got) != 1 || got[0].Method != "inode_operations.getattr" {
		t.Errorf("got %v", got)
	}
}

func TestCoverageCounts(t *testing.T) {
	m := row(
		state("i_mutex", "dir", lockrule.Maybe, lockrule.Maybe, lockrule.Maybe),
		state("i_mutex", "absent", lockrule.Maybe, lockrule.Maybe, lockrule.Maybe),
	)
	m.RCUWalk = true
	dir := mutex(lockdep.IMutex)
	silent(t, func() {
		for range 3 {
			lockdep.Enter(m, arg("i_mutex", "dir", dir)).Exit(nil)
		}
		under(dir, func() { lockdep.Enter(m, arg("i_mutex", "dir", dir)).Exit(syscall.EIO) })
		lockdep.EnterRCU(m).Exit(nil)
	})
	for _, c := range lockdep.Coverage() {
		if c.Method != m {
			continue
		}
		if c.Calls != 5 || c.RCUCalls != 1 || c.Failures != 1 ||
			c.States[0].Held != 1 || c.States[0].NotHeld != 3 || c.States[1].Held+c.States[1].NotHeld != 0 || c.States[0].State.Object != "dir" {
			t.Errorf("got %+v", c)
		}
		return
	}
	t.Error("a method that was called is not covered")
}

func TestGateReportsNameTheirPlace(t *testing.T) {
	m := row(state("i_mutex", "dir", lockrule.Yes, lockrule.Yes, lockrule.Yes))
	dir := mutex(lockdep.IMutex)
	gate := func() {
		g := lockdep.Enter(m, arg("i_mutex", "dir", dir))
		g.Exit(nil)
	}
	// One gate, two callers: each is told.
	got := lockdeptest.Capture(t, func() {
		gate()
		gate()
	})
	if len(got) != 2 {
		t.Errorf("%d reports, want one for each caller: %v", len(got), rulesOf(got))
	}
	for _, r := range got {
		if first := fmt.Sprint(r.Stacks[0]); !strings.Contains(first, "TestGateReportsNameTheirPlace") {
			t.Errorf("the first stack is %s", first)
		}
	}
}
