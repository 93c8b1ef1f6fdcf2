//go:build lockdep

package lockdep_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// What a core and its drivers do all day is silent.
func TestLegalNestingsAreSilent(t *testing.T) {
	im := func(sub lockdep.Subclass) sync.Locker { return nested(mutex(lockdep.IMutex), sub) }
	dl := func(sub lockdep.Subclass) sync.Locker { return nested(spin(lockdep.DLock), sub) }
	var dseq lockdep.SeqCount
	dseq.Init(lockdep.DSeq)
	for name, locks := range map[string][]sync.Locker{
		"cross-directory rename": {
			inside(level(lockdep.FreezeWrite)), mutex(lockdep.SVfsRenameMutex),
			im(lockdep.Parent), im(lockdep.Parent2), im(lockdep.Child), im(lockdep.Victim),
			writing(seqlock(lockdep.RenameLock)),
			dl(lockdep.Parent), dl(lockdep.Parent2), dl(lockdep.Child), dl(lockdep.Victim), changing(&dseq),
		},
		"exchange of files": {
			inside(level(lockdep.FreezeWrite)), im(lockdep.Parent), im(lockdep.NonDir), im(lockdep.NonDir2),
		},
		"unlink": {im(lockdep.Parent), im(lockdep.Normal)},
		"mount":  {im(lockdep.Normal), rwmutex(lockdep.NamespaceSem), writing(seqlock(lockdep.MountLock))},
		"buffered write": {
			mutex(lockdep.FPosLock), inside(level(lockdep.FreezeWrite)), im(lockdep.Normal),
			reading(rwmutex(lockdep.MmapSem)), inside(level(lockdep.FreezePagefault)), bitlock(lockdep.PageLock),
			bitlock(lockdep.BufferLock),
		},
		"write-protecting a page": {
			bitlock(lockdep.PageLock), rwmutex(lockdep.IMmapRwsem), spin(lockdep.PageTableLock),
			spin(lockdep.PrivateLock), spin(lockdep.TreeLock),
		},
		"splice": {inside(level(lockdep.FreezeWrite)), mutex(lockdep.PipeLock), im(lockdep.Normal)},
		"evict": {
			spin(lockdep.InodeHashLock), spin(lockdep.SInodesLock), spin(lockdep.ILock), spin(lockdep.InodeLRU),
		},
		"alias":     {spin(lockdep.ILock), dl(lockdep.Normal), spin(lockdep.DcacheLRU)},
		"file lock": {spin(lockdep.FlcLock), spin(lockdep.BlockedLockLock)},
		"quota": {
			mutex(lockdep.DqonoffSem), im(lockdep.Normal), reading(rwmutex(lockdep.DqptrSem)),
			mutex(lockdep.DqLock), mutex(lockdep.DqioSem),
		},
		"partition": {mutex(lockdep.BdMutex), nested(mutex(lockdep.BdMutex), lockdep.Parent), spin(lockdep.BdevLock)},
	} {
		t.Run(name, func(t *testing.T) {
			silent(t, func() {
				nest(locks...)
				nest(locks...)
			})
		})
	}
}

// Hand over hand down a tree: the child becomes the parent.
func TestAWalkDownATreeIsSilent(t *testing.T) {
	silent(t, func() {
		parent := spin(lockdep.DLock)
		parent.Lock()
		for range 5 {
			child := spin(lockdep.DLock)
			child.LockNested(lockdep.Child)
			parent.Unlock()
			child.Renest(lockdep.Normal)
			parent = child
		}
		parent.Unlock()
		m := mutex(lockdep.IMutex)
		m.LockNested(lockdep.Child)
		m.Renest(lockdep.Parent)
		nest(nested(mutex(lockdep.IMutex), lockdep.Child))
		m.Unlock()
	})
	expect(t, lockdep.KindAssert, "assert d_lock held", []string{"asserted here"}, func() {
		spin(lockdep.DLock).Renest(lockdep.Child)
	})
	expect(t, lockdep.KindNesting, "nested d_lock/child", []string{"acquired here", "d_lock/child held since"}, func() {
		nest(nested(spin(lockdep.DLock), lockdep.Child), nested(spin(lockdep.DLock), lockdep.Child))
	})
}

// Locks need not be given back in the opposite order.
func TestUnlockInAnyOrderIsSilent(t *testing.T) {
	silent(t, func() {
		a, b, c := mutex(lockdep.IMutex), rwmutex(lockdep.NamespaceSem), writing(seqlock(lockdep.MountLock))
		a.Lock()
		b.Lock()
		c.Lock()
		a.Unlock()
		b.Unlock()
		c.Unlock()
	})
}

// The books are per goroutine: what one holds is nothing to another.
func TestGoroutinesDoNotSeeEachOthersLocks(t *testing.T) {
	silent(t, func() {
		under(spin(lockdep.DLock), func() {
			var wg sync.WaitGroup
			wg.Go(func() {
				nest(mutex(lockdep.IMutex))
				lockdep.MightBlock("I/O")
			})
			wg.Wait()
		})
	})
}

func TestHoldsAreListed(t *testing.T) {
	m := mutex(lockdep.NewClass("listed", lockdep.Sleep))
	m.Lock()
	lockdep.EnterAtomic()
	held := lockdep.HeldLocks()
	lockdep.ExitAtomic()
	m.Unlock()
	if len(held) != 2 || held[0].Rule != "held listed" || held[1].Rule != "in atomic" {
		t.Errorf("got %v", held)
	}
	if held := lockdep.HeldLocks(); len(held) != 0 {
		t.Errorf("afterwards: %v", held)
	}
}

// A goroutine that ends with nothing held leaves nothing behind.
func TestGoroutinesLeaveNothingBehind(t *testing.T) {
	m := rwmutex(lockdep.NewClass("many", lockdep.RW))
	s := spin(lockdep.NewClass("many spins", lockdep.Spin))
	run := func(n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				m.RLock()
				s.Lock()
				s.Unlock()
				m.RUnlock()
				lockdep.EnterRCUWalk()
				lockdep.ExitRCUWalk()
			})
		}
		wg.Wait()
	}
	silent(t, func() {
		run(1000)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 { // in turns: the runtime keeps a descriptor of each at once
			run(1000)
		}
		if n := lockdep.Tasks(); n != 0 {
			t.Errorf("%d goroutines are remembered", n)
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
	})
}

// The checker itself under load: many goroutines, all kinds of lock, reports
// all the while, and nothing hangs.
func TestTheCheckerSurvivesStress(t *testing.T) {
	a := mutex(lockdep.NewClass("stress a", lockdep.Sleep))
	b := rwmutex(lockdep.NewClass("stress b", lockdep.RW))
	c := spin(lockdep.NewClass("stress c", lockdep.Spin))
	page := bitlock(lockdep.NewClass("stress page", lockdep.Bit))
	var n int
	var mu sync.Mutex
	old := lockdep.SetHandler(func(*lockdep.Report) {
		mu.Lock()
		n++
		mu.Unlock()
	})
	defer lockdep.SetHandler(old)
	stop := time.Now().Add(300 * time.Millisecond)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; time.Now().Before(stop); i++ {
				switch (g + i) % 5 {
				case 0:
					nest(a, reading(b), c)
				case 1:
					nest(a, b, page)
				case 2:
					under(c, func() { lockdep.MightBlock("nothing") })
				case 3:
					page.Lock()
					page.Transfer()
					wg.Go(page.Unlock)
				case 4:
					lockdep.HeldLocks()
					if i < 10 {
						lockdep.NewClass("stress new", lockdep.Spin).Under(lockdep.IMutex)
					}
				}
				if i > 2000 {
					return
				}
			}
		})
	}
	wg.Wait()
	if mu.Lock(); n == 0 {
		t.Error("MightBlock under a spin lock is not reported")
	}
	mu.Unlock()
}
