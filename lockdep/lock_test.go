package lockdep_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// These tests are of the locks as locks: they pass with and without the
// checker.

var (
	sleepClass = lockdep.NewClass("test mutex", lockdep.Sleep)
	rwClass    = lockdep.NewClass("test rwsem", lockdep.RW)
	spinClass  = lockdep.NewClass("test spin", lockdep.Spin)
	seqClass   = lockdep.NewClass("test seq", lockdep.Seq)
	bitClass   = lockdep.NewClass("test bit", lockdep.Bit)
)

const patience = 10 * time.Second

// eventually waits until cond is true.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func TestLocksExclude(t *testing.T) {
	var m lockdep.Mutex
	m.Init(sleepClass)
	var rw lockdep.RWMutex
	rw.Init(rwClass)
	var spin lockdep.SpinLock
	spin.Init(spinClass)
	var seq lockdep.SeqLock
	seq.Init(seqClass)
	var bit lockdep.BitLock
	bit.Init(bitClass)
	try := func(f func() bool) func() {
		return func() {
			for !f() {
				runtime.Gosched()
			}
		}
	}
	must := func(f func(context.Context) error) func() {
		return func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name         string
		lock, unlock func()
	}{
		{"Mutex", m.Lock, m.Unlock},
		{"Mutex.LockNested", func() { m.LockNested(lockdep.Child) }, m.Unlock},
		{"Mutex.LockOrdered", func() { m.LockOrdered(lockdep.Child) }, m.Unlock},
		{"Mutex.TryLock", try(m.TryLock), m.Unlock},
		{"Mutex.LockContext", must(m.LockContext), m.Unlock},
		{"RWMutex", rw.Lock, rw.Unlock},
		{"RWMutex.LockNested", func() { rw.LockNested(lockdep.Child) }, rw.Unlock},
		{"RWMutex.LockOrdered", func() { rw.LockOrdered(lockdep.Child) }, rw.Unlock},
		{"RWMutex.TryLock", try(rw.TryLock), rw.Unlock},
		{"SpinLock", spin.Lock, spin.Unlock},
		{"SpinLock.LockNested", func() { spin.LockNested(lockdep.Child) }, spin.Unlock},
		{"SpinLock.LockOrdered", func() { spin.LockOrdered(lockdep.Child) }, spin.Unlock},
		{"SpinLock.TryLock", try(spin.TryLock), spin.Unlock},
		{"SeqLock", seq.WriteLock, seq.WriteUnlock},
		{"SeqLock.ReadLockExclusive", seq.ReadLockExclusive, seq.ReadUnlockExclusive},
		{"BitLock", bit.Lock, bit.Unlock},
		{"BitLock.LockNested", func() { bit.LockNested(lockdep.Child) }, bit.Unlock},
		{"BitLock.TryLock", try(bit.TryLock), bit.Unlock},
		{"BitLock.LockContext", must(bit.LockContext), bit.Unlock},
	} {
		t.Run(c.name, func(t *testing.T) {
			const goroutines, rounds = 8, 500
			counter := 0 // the race detector sees a lock that does not exclude
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for i := range rounds {
						c.lock()
						counter++
						if i%50 == 0 {
							runtime.Gosched()
						}
						c.unlock()
					}
				})
			}
			wg.Wait()
			if counter != goroutines*rounds {
				t.Errorf("counted %d, want %d", counter, goroutines*rounds)
			}
		})
	}
	if n := lockdep.WaitingBits(); n != 0 || bit.Waiters() {
		t.Errorf("%d waiters are left in the table; the lock says %v", n, bit.Waiters())
	}
}

func TestReadersShare(t *testing.T) {
	var m lockdep.RWMutex
	m.Init(rwClass)
	m.RLock()
	done := make(chan bool)
	go func() {
		ok := m.TryRLock()
		if ok {
			m.RUnlock()
		}
		m.RLockNested(lockdep.Normal)
		m.RUnlock()
		done <- ok && !m.TryLock()
	}()
	if !<-done {
		t.Error("a second reader is kept out, or a writer let in")
	}
	m.RUnlock()
}

func TestTryLockFailsWhenHeld(t *testing.T) {
	var m lockdep.Mutex
	m.Init(sleepClass)
	var s lockdep.SpinLock
	s.Init(spinClass)
	var b lockdep.BitLock
	b.Init(bitClass)
	m.Lock()
	s.Lock()
	if !b.TryLock() {
		t.Error("a free bit lock is not locked")
	}
	done := make(chan bool)
	go func() { done <- m.TryLock() || s.TryLock() || b.TryLock() }()
	if <-done {
		t.Error("a lock was taken that is held")
	}
	b.Unlock()
	s.Unlock()
	m.Unlock()
}

func TestLockContextEndsWithItsContext(t *testing.T) {
	var m lockdep.Mutex
	m.Init(sleepClass)
	var b lockdep.BitLock
	b.Init(bitClass)
	for _, c := range []struct {
		name         string
		lock, unlock func()
		wait         func(context.Context) error
	}{
		{"Mutex", m.Lock, m.Unlock, m.LockContext},
		{"BitLock", b.Lock, b.Unlock, b.LockContext},
		{"BitLock.WaitUnlocked", b.Lock, b.Unlock, b.WaitUnlocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.lock()
			ctx, cancel := context.WithCancel(context.Background())
			errs := make(chan error)
			for range 3 {
				go func() { errs <- c.wait(ctx) }()
			}
			time.Sleep(time.Millisecond)
			cancel()
			for range 3 {
				if err := <-errs; !errors.Is(err, syscall.EINTR) {
					t.Errorf("got %v, want EINTR", err)
				}
			}
			go func() { errs <- c.wait(ctx) }()
			if err := <-errs; err != syscall.EINTR {
				t.Errorf("with a context done before: got %v, want EINTR", err)
			}
			c.unlock()
			// Those who gave up hold nothing, and pass on what they get.
			done := make(chan struct{})
			go func() {
				c.lock()
				c.unlock()
				close(done)
			}()
			select {
			case <-done:
			case <-time.After(patience):
				t.Fatal("the lock is lost")
			}
		})
	}
	if err := m.LockContext(context.Background()); err != nil {
		t.Errorf("a free lock, a context that cannot end: %v", err)
	}
	m.Unlock()
	if n := lockdep.WaitingBits(); n != 0 {
		t.Errorf("%d waiters are left in the table", n)
	}
}

func TestLockContextTakesAFreeLockWithoutAGoroutine(t *testing.T) {
	var m lockdep.Mutex
	m.Init(sleepClass)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := testing.AllocsPerRun(100, func() {
		if err := m.LockContext(ctx); err != nil {
			t.Fatal(err)
		}
		m.Unlock()
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestBitLockKeepsItsOwnersFlags(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	const dirty, uptodate, writeback = 1 << 2, 1 << 3, 1 << 4
	if old := b.Set(dirty | uptodate); old != 0 {
		t.Errorf("set %#x before anything was", old)
	}
	b.Lock()
	if old := b.Set(dirty | writeback); old != dirty {
		t.Errorf("Set returned %#x, want %#x", old, dirty)
	}
	b.Unlock()
	if f := b.Flags(); f != dirty|uptodate|writeback {
		t.Errorf("flags are %#x after Unlock", f)
	}
	if !b.TryLock() || !b.Locked() {
		t.Error("flags of the caller's keep the lock from being taken")
	}
	if old := b.Clear(dirty | 1); old != dirty || !b.Locked() {
		t.Errorf("Clear returned %#x, or unlocked: %v", old, !b.Locked())
	}
	if !b.Test(uptodate|dirty) || b.Test(dirty) {
		t.Errorf("flags are %#x", b.Flags())
	}
	b.Unlock()
	if old := b.Set(3); old != 0 || b.Locked() || b.Flags() != uptodate|writeback {
		t.Error("the lock's own bits can be set as flags")
	}
}

func TestWaitersForABitWake(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	const writeback, other = 1 << 5, 1 << 6
	b.Set(writeback | other)
	b.Lock()
	var unlocked, written atomic.Int32
	var wg sync.WaitGroup
	ctx := context.Background()
	for range 4 {
		wg.Go(func() {
			if err := b.WaitUnlocked(ctx); err != nil {
				t.Error(err)
			}
			unlocked.Add(1)
		})
		wg.Go(func() {
			if err := b.WaitClear(ctx, writeback); err != nil {
				t.Error(err)
			}
			written.Add(1)
		})
	}
	eventually(t, "eight wait", func() bool { return lockdep.WaitingBits() == 8 })
	b.ClearAndWake(other)
	if n := lockdep.WaitingBits(); n != 8 {
		t.Errorf("clearing another flag woke %d", 8-n)
	}
	b.ClearAndWake(writeback)
	eventually(t, "who waits for the flag wakes", func() bool { return written.Load() == 4 })
	if n := unlocked.Load(); n != 0 {
		t.Errorf("%d of those who wait for the lock woke with the flag", n)
	}
	b.Unlock()
	wg.Wait()
	if b.Waiters() {
		t.Error("somebody is marked as waiting")
	}
	if err := b.WaitClear(ctx, writeback); err != nil {
		t.Errorf("with nothing to wait for: %v", err)
	}
}

// Those who wait for the bit wake even while the lock goes from hand to hand.
func TestWaitUnlockedIsNotStarvedByLockers(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				b.Lock()
				runtime.Gosched()
				b.Unlock()
			}
		})
	}
	for range 200 {
		if err := b.WaitUnlocked(context.Background()); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// A goroutine that locks and unlocks without pause does not keep others out.
func TestBitLockIsFair(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			b.Lock()
			time.Sleep(50 * time.Microsecond)
			b.Unlock()
		}
	})
	start := time.Now()
	for range 50 {
		b.Lock()
		b.Unlock()
	}
	stop.Store(true)
	wg.Wait()
	if d := time.Since(start); d > patience {
		t.Errorf("50 turns took %v", d)
	}
}

// Waits that end by their context race with unlocks: the lock is neither lost
// nor held twice.
func TestBitLockSurvivesCancelledWaits(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	counter := 0
	var taken atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithCancel(context.Background())
				if (g+i)%2 == 0 {
					go cancel()
				}
				if b.LockContext(ctx) == nil {
					counter++
					taken.Add(1)
					runtime.Gosched()
					b.Unlock()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if int64(counter) != taken.Load() {
		t.Errorf("counted %d under the lock, want %d", counter, taken.Load())
	}
	if b.Locked() || b.Waiters() || lockdep.WaitingBits() != 0 {
		t.Errorf("locked %v, waiters %v, in the table %d", b.Locked(), b.Waiters(), lockdep.WaitingBits())
	}
}

func TestBitLockIsUnlockedByACompletion(t *testing.T) {
	var b lockdep.BitLock
	b.Init(bitClass)
	b.Lock()
	b.Transfer()
	go b.Unlock()
	if err := b.WaitUnlocked(context.Background()); err != nil {
		t.Error(err)
	}
	b.Lock()
	b.Transfer()
	done := make(chan struct{})
	go func() {
		b.Adopt()
		b.AssertHeld()
		b.Unlock()
		close(done)
	}()
	<-done
	if b.Locked() {
		t.Error("still locked")
	}
}

func TestSeqCountReadersSeeWholeUpdates(t *testing.T) {
	var s lockdep.SeqCount
	var lock lockdep.SeqLock
	lock.Init(seqClass)
	var a, b atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := int64(1); !stop.Load(); i++ {
			lock.WriteLock()
			s.WriteBegin()
			a.Store(i)
			b.Store(-i)
			s.WriteEnd()
			lock.WriteUnlock()
			runtime.Gosched()
		}
	})
	read := func(begin func() uint32, retry func(uint32) bool) {
		for range 2000 {
			for {
				seq := begin()
				x, y := a.Load(), b.Load()
				if retry(seq) {
					continue
				}
				if x != -y {
					t.Errorf("read %d and %d", x, y)
				}
				break
			}
		}
	}
	read(s.ReadBegin, s.Retry)
	read(lock.ReadBegin, lock.ReadRetry)
	read(s.Read, s.Retry)
	stop.Store(true)
	wg.Wait()
}

func TestSeqCount(t *testing.T) {
	var s lockdep.SeqCount
	s.Init(lockdep.DSeq)
	seq := s.ReadBegin()
	if s.Retry(seq) {
		t.Error("nothing happened, and a reader starts over")
	}
	s.Invalidate()
	if !s.Retry(seq) || s.Read()&1 != 0 {
		t.Errorf("after Invalidate: retry is %v, the count %d", s.Retry(seq), s.Read())
	}
	s.WriteBegin()
	odd := s.Read()
	if odd&1 == 0 || !s.Retry(odd) {
		t.Errorf("while a writer is at work: the count is %d", odd)
	}
	began := make(chan uint32)
	go func() { began <- s.ReadBegin() }()
	s.WriteEnd()
	if seq := <-began; seq&1 != 0 || s.Retry(seq) {
		t.Errorf("a reader began at %d", seq)
	}
}

func TestReadLockExclusiveDisturbsNoReader(t *testing.T) {
	var l lockdep.SeqLock
	l.Init(seqClass)
	l.SetID(1)
	seq := l.ReadBegin()
	l.ReadLockExclusive()
	l.ReadUnlockExclusive()
	if l.ReadRetry(seq) {
		t.Error("a reader starts over")
	}
	l.WriteLock()
	l.WriteUnlock()
	if !l.ReadRetry(seq) {
		t.Error("a reader does not start over after a write")
	}
	l.EnterRead()
	if want := lockdep.Shared; lockdep.Enabled && l.Held() != want {
		t.Errorf("in a read sequence the lock is %v", l.Held())
	}
	l.ExitRead()
	if l.Held() != lockdep.Unheld {
		t.Errorf("after the read sequence the lock is %v", l.Held())
	}
}
