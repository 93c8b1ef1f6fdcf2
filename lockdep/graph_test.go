//go:build lockdep

package lockdep_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
)

func TestDeclaredOrderIsChecked(t *testing.T) {
	lockdep.ForgetOrder()
	held := func(name string) []string { return []string{"acquired here", name + " held since"} }
	expect(t, lockdep.KindOrder, "order i_lock < d_lock", held("d_lock"), func() {
		nest(spin(lockdep.DLock), spin(lockdep.ILock))
	})
	r := expect(t, lockdep.KindOrder, "order i_mutex < mmap_sem", held("mmap_sem"), func() {
		nest(rwmutex(lockdep.MmapSem), mutex(lockdep.IMutex))
	})
	if strings.Contains(r.Message, "declared is") {
		t.Errorf("a line of the table is explained: %s", r.Message)
	}
	r = expect(t, lockdep.KindOrder, "order s_vfs_rename_mutex < namespace_sem", held("namespace_sem"), func() {
		nest(reading(rwmutex(lockdep.NamespaceSem)), mutex(lockdep.SVfsRenameMutex))
	})
	if want := "declared is s_vfs_rename_mutex < i_mutex < namespace_sem"; !strings.Contains(r.Message, want) {
		t.Errorf("%q is not in %q", want, r.Message)
	}
	expect(t, lockdep.KindOrder, "order i_lock ! rename_lock", held("rename_lock"), func() {
		nest(writing(seqlock(lockdep.RenameLock)), spin(lockdep.ILock))
	})
	expect(t, lockdep.KindOrder, "order i_lock ! rename_lock", held("i_lock"), func() {
		nest(spin(lockdep.ILock), writing(seqlock(lockdep.RenameLock)))
	})
	expect(t, lockdep.KindOrder, "order freeze_write < s_umount", held("s_umount"), func() {
		nest(rwmutex(lockdep.SUmount), inside(level(lockdep.FreezeWrite)))
	})
	expect(t, lockdep.KindOrder, "order i_mutex/parent < i_mutex/child", held("i_mutex/child"), func() {
		nest(nested(mutex(lockdep.IMutex), lockdep.Child), nested(mutex(lockdep.IMutex), lockdep.Parent))
	})
	expect(t, lockdep.KindOrder, "order mmap_sem < page_lock", held("page_lock"), func() {
		nest(bitlock(lockdep.PageLock), reading(rwmutex(lockdep.MmapSem)))
	})
}

func TestAViolationShowsWhereTheOtherOrderWasSeen(t *testing.T) {
	outer := lockdep.NewClass("seen outer", lockdep.Sleep)
	inner := lockdep.NewClass("seen inner", lockdep.Sleep).Under(outer)
	a, b := mutex(outer), mutex(inner)
	silent(t, func() { nest(a, b) })
	expect(t, lockdep.KindOrder, "order seen outer < seen inner", []string{
		"acquired here", "seen inner held since",
		"first seen in the other order: seen outer held since", "first seen in the other order: seen inner acquired",
	}, func() { nest(b, a) })
}

func TestObservedOrderIsChecked(t *testing.T) {
	a := mutex(lockdep.NewClass("abba a", lockdep.Sleep))
	b := mutex(lockdep.NewClass("abba b", lockdep.Sleep))
	// Another goroutine, and long ago: no deadlock ever happens here.
	silent(t, func() {
		var wg sync.WaitGroup
		wg.Go(func() { nest(a, b) })
		wg.Wait()
	})
	expect(t, lockdep.KindCycle, "order abba a < abba b", []string{
		"acquired here", "abba b held since",
		"first seen in the other order: abba a held since", "first seen in the other order: abba b acquired",
	}, func() { nest(b, a) })
	// What was reported is not learned as legal.
	expect(t, lockdep.KindCycle, "order abba a < abba b", []string{
		"acquired here", "abba b held since",
		"first seen in the other order: abba a held since", "first seen in the other order: abba b acquired",
	}, func() { nest(b, a) })
	silent(t, func() { nest(a, b) })
}

func TestLongCyclesAreFound(t *testing.T) {
	var locks [4]*lockdep.Mutex
	for i := range locks {
		locks[i] = mutex(lockdep.NewClass(fmt.Sprintf("ring %d", i), lockdep.Sleep))
	}
	silent(t, func() {
		for i := range 3 {
			nest(locks[i], locks[i+1])
		}
	})
	got := lockdeptest.Capture(t, func() { nest(locks[3], locks[0]) })
	if len(got) != 1 || got[0].Rule != "order ring 0 < ring 1 < ring 2 < ring 3" {
		t.Fatalf("got %v", got)
	}
	if n := len(got[0].Stacks); n != 2+2*3 {
		t.Errorf("%d stacks, want those of each edge", n)
	}
}

// An order that was seen and one that is declared close a circle together.
func TestCyclesMixDeclaredAndObserved(t *testing.T) {
	lockdep.ForgetOrder()
	mine := mutex(lockdep.NewClass("mixed", lockdep.Sleep))
	silent(t, func() { nest(mine, mutex(lockdep.IMutex)) })
	expect(t, lockdep.KindCycle, "order mixed < i_mutex < mmap_sem", []string{
		"acquired here", "mmap_sem held since",
		"first seen in the other order: mixed held since", "first seen in the other order: i_mutex acquired",
	}, func() { nest(rwmutex(lockdep.MmapSem), mine) })
}

func TestTwoSubclassesAreOrderedByWhatIsSeen(t *testing.T) {
	c := lockdep.NewClass("subclasses", lockdep.Sleep)
	a, b := mutex(c), mutex(c)
	silent(t, func() {
		nest(nested(a, lockdep.Parent), nested(b, lockdep.Child))
		nest(nested(b, lockdep.Parent), nested(a, lockdep.Child))
	})
	got := lockdeptest.Capture(t, func() { nest(nested(a, lockdep.Child), nested(b, lockdep.Parent)) })
	if len(got) != 1 || got[0].Rule != "order subclasses/parent < subclasses/child" {
		t.Errorf("got %v", got)
	}
}

func TestTwoOfAClassAreReported(t *testing.T) {
	c := lockdep.NewClass("twins", lockdep.Sleep)
	stacks := []string{"acquired here", "twins held since"}
	a, b := mutex(c), mutex(c)
	expect(t, lockdep.KindNesting, "nested twins", stacks, func() { nest(a, b) })
	ordered := func(m *lockdep.Mutex) sync.Locker {
		return locker{func() { m.LockOrdered(lockdep.Normal) }, m.Unlock}
	}
	silent(t, func() { nest(ordered(a), ordered(b)) })
	expect(t, lockdep.KindNesting, "order twins by id", stacks, func() { nest(ordered(b), ordered(a)) })
	a.SetID(10)
	b.SetID(5)
	silent(t, func() { nest(ordered(b), ordered(a)) })

	rows := lockdep.NewClass("rows", lockdep.Bit).OrderedByID()
	p, q := bitlock(rows), bitlock(rows)
	silent(t, func() { nest(p, q) })
	expect(t, lockdep.KindNesting, "order rows by id", []string{"acquired here", "rows held since"}, func() { nest(q, p) })
	q.SetID(0)
	p.SetID(0)
	expect(t, lockdep.KindNesting, "order rows by id", []string{"acquired here", "rows held since"}, func() { nest(q, p) })
}

func TestADriversSpinLockIsInnermost(t *testing.T) {
	c := lockdep.NewClass("driver spin", lockdep.Spin)
	expect(t, lockdep.KindOrder, "order driver spin innermost", []string{"acquired here", "driver spin held since"}, func() {
		nest(spin(c), spin(lockdep.ILock))
	})
	silent(t, func() {
		nest(spin(lockdep.NewClass("driver spin 2", lockdep.Spin).Over(lockdep.ILock)), spin(lockdep.ILock))
		nest(spin(c), spin(lockdep.NewClass("driver spin 3", lockdep.Spin)))
		nest(mutex(lockdep.IMutex), spin(c))
		nest(mutex(lockdep.NewClass("driver mutex", lockdep.Sleep)), spin(lockdep.ILock))
	})
	expect(t, lockdep.KindOrder, "order driver leaf innermost", []string{"acquired here", "driver leaf held since"}, func() {
		nest(mutex(lockdep.NewClass("driver leaf", lockdep.Sleep).Leaf()), mutex(lockdep.IMutex))
	})
}

func TestADeclarationJudgesWhatWasSeenBefore(t *testing.T) {
	a, b := lockdep.NewClass("late a", lockdep.Sleep), lockdep.NewClass("late b", lockdep.Sleep)
	silent(t, func() { nest(mutex(b), mutex(a)) })
	a.Over(b)
	got := lockdeptest.Capture(t, func() { nest(mutex(b), mutex(a)) })
	if len(got) != 1 || got[0].Rule != "order late a < late b" {
		t.Errorf("got %v", got)
	}
}

func TestATrylockMayBeAgainstTheOrder(t *testing.T) {
	silent(t, func() {
		under(spin(lockdep.DLock), func() {
			i := spin(lockdep.ILock)
			if i.TryLock() {
				i.Unlock()
			}
		})
		under(rwmutex(lockdep.MmapSem), func() {
			m := mutex(lockdep.IMutex)
			if m.TryLock() {
				m.Unlock()
			}
		})
	})
	// It is no edge as what is taken, but it is as what is held.
	a := mutex(lockdep.NewClass("try a", lockdep.Sleep))
	b := mutex(lockdep.NewClass("try b", lockdep.Sleep))
	try := func(m *lockdep.Mutex) sync.Locker {
		return locker{func() {
			if !m.TryLock() {
				t.Error("a free lock is not locked")
			}
		}, m.Unlock}
	}
	silent(t, func() {
		nest(a, try(b))
		nest(b, a)
	})
	got := lockdeptest.Capture(t, func() { nest(try(a), b) })
	if len(got) != 1 || got[0].Rule != "order try b < try a" {
		t.Errorf("got %v", got)
	}
}
