//go:build lockdep

package lockdep_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
)

func TestRecursionIsReported(t *testing.T) {
	m := mutex(lockdep.NewClass("rec mutex", lockdep.Sleep))
	rw := rwmutex(lockdep.NewClass("rec rwsem", lockdep.RW))
	s := spin(lockdep.NewClass("rec spin", lockdep.Spin))
	lv := level(lockdep.NewClass("rec level", lockdep.Level))
	enter := func() { lv.Acquire(lockdep.Shared) }
	leave := func() { lv.Release(lockdep.Shared) }
	nothing := func() {}
	for _, c := range []struct {
		rule string
		// rescue unlocks just before the goroutine would wait for itself, and
		// retake makes good for it: then there are as many holds as the
		// checker has seen.
		rescue, retake func()
		first, again   func()
		unlock         [2]func()
	}{
		{"rec mutex", m.RawUnlock, m.RawLock, m.Lock, m.Lock, [2]func(){m.Unlock, m.Unlock}},
		{"rec rwsem", rw.RawRUnlock, rw.RawRLock, rw.RLock, rw.Lock, [2]func(){rw.Unlock, rw.RUnlock}},
		{"rec rwsem", nothing, nothing, rw.RLock, rw.RLock, [2]func(){rw.RUnlock, rw.RUnlock}},
		{"rec spin", s.RawUnlock, s.RawLock, s.Lock, s.Lock, [2]func(){s.Unlock, s.Unlock}},
		{"rec level", nothing, nothing, enter, enter, [2]func(){leave, leave}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var got []*lockdep.Report
			old := lockdep.SetHandler(func(r *lockdep.Report) {
				got = append(got, r)
				c.rescue()
			})
			c.first()
			c.again()
			lockdep.SetHandler(old)
			if len(got) != 1 || got[0].Rule != "recursive "+c.rule || got[0].Kind != lockdep.KindRecursion {
				t.Fatalf("got %v", got)
			}
			var names []string
			for _, s := range got[0].Stacks {
				names = append(names, s.Name)
			}
			if want := []string{"acquired here", c.rule + " held since"}; !slices.Equal(names, want) {
				t.Errorf("stacks are %q, want %q", names, want)
			}
			silent(t, func() {
				c.unlock[0]()
				c.retake()
				c.unlock[1]()
			})
		})
	}
	for _, h := range lockdep.HeldLocks() {
		t.Errorf("left over: %v", &h)
	}
}

func TestAReaderOfItsOwnChangeIsReported(t *testing.T) {
	var s lockdep.SeqCount
	s.Init(lockdep.NewClass("own change", lockdep.Seq))
	var got []*lockdep.Report
	done := make(chan struct{})
	old := lockdep.SetHandler(func(r *lockdep.Report) {
		got = append(got, r)
		go func() {
			defer close(done)
			// The reader waits for itself: end the change in its place.
			lockdeptest.Capture(t, s.WriteEnd)
		}()
	})
	s.WriteBegin()
	s.ReadBegin()
	<-done
	lockdep.SetHandler(old)
	if len(got) != 1 || got[0].Rule != "recursive own change" {
		t.Errorf("got %v", got)
	}
}

func TestSleepingUnderASpinLockIsReported(t *testing.T) {
	s := spin(lockdep.NewClass("sleepy spin", lockdep.Spin).Over(lockdep.IMutex, lockdep.SUmount, lockdep.PageLock, lockdep.FreezeWrite))
	stacks := []string{"acquired here", "sleepy spin held since"}
	for name, l := range map[string]sync.Locker{
		"mutex": mutex(lockdep.IMutex), "rwsem": reading(rwmutex(lockdep.SUmount)),
		"bit": bitlock(lockdep.PageLock), "level": inside(level(lockdep.FreezeWrite)),
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, lockdep.KindBlocking, "atomic under sleepy spin", stacks, func() { nest(s, l) })
		})
	}
	expect(t, lockdep.KindBlocking, "atomic under sleepy spin", []string{"blocks here", "sleepy spin held since"}, func() {
		under(s, func() { lockdep.MightBlock("a channel") })
	})
	b := bitlock(lockdep.PageLock)
	expect(t, lockdep.KindBlocking, "atomic under sleepy spin", []string{"blocks here", "sleepy spin held since"}, func() {
		under(s, func() {
			if err := b.WaitUnlocked(context.Background()); err != nil {
				t.Error(err)
			}
		})
	})
	r := expect(t, lockdep.KindBlocking, "atomic under sleepy spin", stacks, func() {
		under(s, func() {
			m := mutex(lockdep.IMutex)
			if m.LockContext(context.Background()) == nil {
				m.Unlock()
			}
		})
	})
	if !strings.Contains(r.Message, "takes i_mutex") {
		t.Errorf("message is %q", r.Message)
	}
	expect(t, lockdep.KindBlocking, "atomic under mount_lock", []string{"blocks here", "mount_lock held since"}, func() {
		under(writing(seqlock(lockdep.MountLock)), func() { lockdep.MightBlock("I/O") })
	})
	var c lockdep.SeqCount
	expect(t, lockdep.KindBlocking, "atomic under a sequence count", []string{"blocks here", "a sequence count held since"}, func() {
		under(changing(&c), func() { lockdep.MightBlock("I/O") })
	})
}

func TestBlockingInAContextIsReported(t *testing.T) {
	stacks := []string{"acquired here", "entered here"}
	for _, c := range []struct {
		name        string
		enter, exit func()
	}{
		{"rcu-walk", lockdep.EnterRCUWalk, lockdep.ExitRCUWalk},
		{"atomic", lockdep.EnterAtomic, lockdep.ExitAtomic},
		{"interrupt", lockdep.EnterInterrupt, lockdep.ExitInterrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := locker{c.enter, c.exit}
			expect(t, lockdep.KindBlocking, "context "+c.name, stacks, func() { nest(ctx, mutex(lockdep.IMutex)) })
			expect(t, lockdep.KindBlocking, "context "+c.name, []string{"blocks here", "entered here"}, func() {
				nest(ctx, ctx, locker{func() { lockdep.MightBlock("I/O") }, func() {}})
			})
			silent(t, func() {
				nest(ctx, spin(lockdep.DLock))
				nest(ctx, locker{func() {
					if m := mutex(lockdep.IMutex); m.TryLock() {
						m.Unlock()
					}
				}, func() {}})
				lockdep.MightBlock("I/O")
			})
			expect(t, lockdep.KindContext, "context "+c.name+" left once entered", []string{"left here"}, c.exit)
		})
	}
	lockdep.EnterRCUWalk()
	if !lockdep.InRCUWalk() || lockdep.InInterrupt() {
		t.Error("in rcu-walk, and not known to be")
	}
	lockdep.ExitRCUWalk()
	lockdep.EnterInterrupt()
	if lockdep.InRCUWalk() || !lockdep.InInterrupt() {
		t.Error("in interrupt context, and not known to be")
	}
	lockdep.ExitInterrupt()
}

func TestUnlockByAnotherGoroutineIsReported(t *testing.T) {
	rule := func(name string) string { return "unlock " + name + " by its holder" }
	foreign := []string{"unlocked here", "held since, by another goroutine"}
	elsewhere := func(f func()) {
		done := make(chan struct{})
		go func() { defer close(done); f() }()
		<-done
	}
	m := mutex(lockdep.NewClass("foreign mutex", lockdep.Sleep))
	expect(t, lockdep.KindUnlock, rule("foreign mutex"), foreign, func() {
		elsewhere(m.Lock)
		m.Unlock()
	})
	if !m.TryLock() {
		t.Fatal("the unlock did not unlock")
	}
	m.Unlock()
	rw := rwmutex(lockdep.NewClass("foreign rwsem", lockdep.RW))
	expect(t, lockdep.KindUnlock, rule("foreign rwsem"), foreign, func() {
		elsewhere(rw.RLock)
		rw.RUnlock()
	})
	if !rw.TryLock() {
		t.Fatal("the unlock did not unlock")
	}
	rw.Unlock()
	b := bitlock(lockdep.NewClass("foreign bit", lockdep.Bit))
	expect(t, lockdep.KindUnlock, rule("foreign bit"), foreign, func() {
		elsewhere(b.Lock)
		b.Unlock()
	})
	silent(t, func() {
		elsewhere(func() { b.Lock(); b.Transfer() })
		b.Unlock()
	})
	for name, unlock := range map[string]func(){
		"foreign mutex": m.Unlock, "foreign rwsem": rw.RUnlock, "foreign bit": b.Unlock,
		"foreign spin":  spin(lockdep.NewClass("foreign spin", lockdep.Spin)).Unlock,
		"foreign level": func() { level(lockdep.NewClass("foreign level", lockdep.Level)).Release(lockdep.Shared) },
	} {
		expect(t, lockdep.KindUnlock, rule(name), []string{"unlocked here"}, unlock)
	}
	if len(lockdep.HeldLocks()) != 0 {
		t.Error("holds are left over")
	}
}

func TestUnlockInTheWrongModeIsReported(t *testing.T) {
	m := rwmutex(lockdep.NewClass("modes", lockdep.RW))
	stacks := []string{"unlocked here", "held since"}
	expect(t, lockdep.KindUnlock, "unlock modes as it is held", stacks, func() {
		m.Lock()
		m.RUnlock()
	})
	expect(t, lockdep.KindUnlock, "unlock modes as it is held", stacks, func() {
		m.RLock()
		m.Unlock()
	})
	if !m.TryLock() {
		t.Fatal("still locked")
	}
	m.Unlock()
}

func TestTransferIsCheckedToo(t *testing.T) {
	b := bitlock(lockdep.NewClass("transferred", lockdep.Bit))
	expect(t, lockdep.KindAssert, "assert transferred held", []string{"asserted here"}, b.Transfer)
	expect(t, lockdep.KindUnlock, "adopt transferred once transferred", []string{"adopted here"}, b.Adopt)
	silent(t, func() {
		b.Lock()
		b.Transfer()
		if b.Held() != lockdep.Unheld {
			t.Error("held by who gave it up")
		}
		b.Adopt()
		if b.Held() != lockdep.Exclusive {
			t.Error("not held by who took it over")
		}
		b.Unlock()
	})
	expect(t, lockdep.KindUnlock, "adopt transferred once transferred", []string{"adopted here", "transferred held since"}, func() {
		b.Lock()
		b.Adopt()
		b.Unlock()
	})
}

func TestUnclassifiedLocksAreReported(t *testing.T) {
	used := []string{"used here"}
	expect(t, lockdep.KindUnclassified, "unclassified lock", used, func() {
		var m lockdep.Mutex
		nest(&m)
	})
	expect(t, lockdep.KindUnclassified, "unclassified lock", used, func() {
		var s lockdep.SpinLock
		if s.TryLock() {
			s.Unlock()
		}
	})
	expect(t, lockdep.KindUnclassified, "unclassified lock", used, func() {
		for range 3 {
			var m lockdep.RWMutex
			nest(&m)
		}
	})
	init := []string{"initialised here"}
	expect(t, lockdep.KindUnclassified, "class d_lock is of kind spin", init, func() { mutex(lockdep.DLock) })
	expect(t, lockdep.KindUnclassified, "class i_mutex is of kind sleep", init, func() { spin(lockdep.IMutex) })
	silent(t, func() {
		var s lockdep.SeqCount
		nest(changing(&s))
	})
}

func TestAssertionsKnowTheOwner(t *testing.T) {
	m := mutex(lockdep.NewClass("asserted", lockdep.Sleep))
	rw := rwmutex(lockdep.NewClass("asserted rw", lockdep.RW))
	// other runs f while another goroutine holds m.
	other := func(f func()) {
		ready, done := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			m.Lock()
			close(ready)
			<-done
			m.Unlock()
		})
		<-ready
		f()
		close(done)
		wg.Wait()
	}
	expect(t, lockdep.KindAssert, "assert asserted held", []string{"asserted here", "asserted held since, by another goroutine"}, func() {
		other(m.AssertHeld)
	})
	silent(t, func() { other(m.AssertNotHeld) })
	expect(t, lockdep.KindAssert, "assert asserted not held", []string{"asserted here", "asserted held since"}, func() { under(m, m.AssertNotHeld) })
	expect(t, lockdep.KindAssert, "assert asserted rw held", []string{"asserted here", "asserted rw held since"}, func() { under(reading(rw), rw.AssertHeld) })
	silent(t, func() {
		under(m, m.AssertHeld)
		under(reading(rw), rw.AssertHeldShared)
		under(rw, rw.AssertHeld)
		under(rw, rw.AssertHeldShared)
		rw.AssertNotHeld()
	})
}

func TestEveryTypeKnowsItsHolder(t *testing.T) {
	m, rw, s := mutex(lockdep.IMutex), rwmutex(lockdep.SUmount), spin(lockdep.DLock)
	seq, b, lv := seqlock(lockdep.RenameLock), bitlock(lockdep.BufferLock), level(lockdep.FreezeWrite)
	count := new(lockdep.SeqCount)
	count.Init(lockdep.DSeq)
	none := func() {}
	for _, c := range []struct {
		lock           lockdep.Checkable
		class          *lockdep.Class
		held           sync.Locker
		mode           lockdep.Mode
		assert, refute func()
		setID          func(uint64)
	}{
		{m, lockdep.IMutex, m, lockdep.Exclusive, m.AssertHeld, m.AssertNotHeld, m.SetID},
		{rw, lockdep.SUmount, reading(rw), lockdep.Shared, rw.AssertHeldShared, rw.AssertNotHeld, rw.SetID},
		{rw, lockdep.SUmount, rw, lockdep.Exclusive, rw.AssertHeld, rw.AssertNotHeld, rw.SetID},
		{s, lockdep.DLock, s, lockdep.Exclusive, s.AssertHeld, s.AssertNotHeld, s.SetID},
		{seq, lockdep.RenameLock, writing(seq), lockdep.Exclusive, seq.AssertHeld, seq.AssertNotHeld, seq.SetID},
		{b, lockdep.BufferLock, b, lockdep.Exclusive, b.AssertHeld, b.AssertNotHeld, b.SetID},
		{lv, lockdep.FreezeWrite, inside(lv), lockdep.Shared, none, none, lv.SetID},
		{count, lockdep.DSeq, changing(count), lockdep.Exclusive, none, none, func(uint64) {}},
	} {
		c.setID(7)
		if c.lock.Class() != c.class || c.lock.Held() != lockdep.Unheld {
			t.Errorf("%T: class %v, %v", c.lock, c.lock.Class(), c.lock.Held())
		}
		silent(t, func() {
			c.refute()
			under(c.held, func() {
				c.assert()
				if c.lock.Held() != c.mode {
					t.Errorf("%T: is %v, want %v", c.lock, c.lock.Held(), c.mode)
				}
				other := make(chan lockdep.Mode)
				go func() { other <- c.lock.Held() }()
				if m := <-other; m != lockdep.Unheld {
					t.Errorf("%T: %v by another goroutine", c.lock, m)
				}
			})
		})
		for want, f := range map[string]func(){"held": c.assert, "not held": func() { under(c.held, c.refute) }} {
			for _, r := range lockdeptest.Capture(t, f) {
				if r.Rule != "assert "+c.class.Name()+" "+want {
					t.Errorf("%T: %v", c.lock, r)
				}
			}
		}
	}
}

func TestReadSequencesAreLeftOnceEntered(t *testing.T) {
	l := seqlock(lockdep.RenameLock)
	expect(t, lockdep.KindContext, "read sequence of rename_lock left once entered", []string{"left here"}, l.ExitRead)
	silent(t, func() {
		l.EnterRead()
		defer l.ExitRead()
		// A read sequence is no lock: it may be nested anyhow, and sleeps may
		// happen in it.
		nest(mutex(lockdep.IMutex), spin(lockdep.ILock))
		lockdep.MightBlock("I/O")
		nest(writing(l))
	})
}

// A handler may use locks, and hear of nothing that it does with them; it runs
// while the reported locks are held.
func TestAHandlerMayLock(t *testing.T) {
	d, i := spin(lockdep.DLock), spin(lockdep.ILock)
	m := mutex(lockdep.IMutex)
	n := 0
	old := lockdep.SetHandler(func(r *lockdep.Report) {
		n++
		nest(m)
		lockdep.MightBlock("I/O")
		if d.Held() != lockdep.Exclusive {
			t.Error("the handler's goroutine does not hold what it holds")
		}
	})
	nest(d, i)
	lockdep.SetHandler(old)
	if n != 1 {
		t.Errorf("%d reports, want 1", n)
	}
}

func TestAPlaceIsReportedOnce(t *testing.T) {
	bad := func() { nest(spin(lockdep.DLock), spin(lockdep.ILock)) }
	once := lockdeptest.Capture(t, func() {
		for range 10 {
			bad()
		}
	})
	if len(once) != 1 {
		t.Errorf("ten times one place: %d reports", len(once))
	}
	twice := lockdeptest.Capture(t, func() {
		d := spin(lockdep.DLock)
		i := spin(lockdep.ILock)
		d.Lock()
		i.Lock()
		i.Unlock()
		i.Lock()
		i.Unlock()
		d.Unlock()
	})
	if len(twice) != 2 {
		t.Errorf("two places: %d reports", len(twice))
	}
}
