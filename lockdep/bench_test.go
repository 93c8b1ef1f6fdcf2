package lockdep_test

import (
	"sync"
	"testing"

	"github.com/govfs/govfs/lockdep"
)

// The pairs that stand beside each other here must cost the same without the
// checker.

var benchClass = [5]*lockdep.Class{
	lockdep.NewClass("bench0", lockdep.Sleep), lockdep.NewClass("bench1", lockdep.Sleep),
	lockdep.NewClass("bench2", lockdep.Sleep), lockdep.NewClass("bench3", lockdep.Sleep),
	lockdep.NewClass("bench4", lockdep.Sleep),
}

func BenchmarkMutex(b *testing.B) {
	b.Run("sync", func(b *testing.B) {
		var m sync.Mutex
		for b.Loop() {
			m.Lock()
			m.Unlock() //nolint:staticcheck // the pair is what is measured
		}
	})
	b.Run("lockdep", func(b *testing.B) {
		var m lockdep.Mutex
		m.Init(benchClass[0])
		for b.Loop() {
			m.Lock()
			m.Unlock() //nolint:staticcheck // the pair is what is measured
		}
	})
}

func BenchmarkRWMutexRead(b *testing.B) {
	b.Run("sync", func(b *testing.B) {
		var m sync.RWMutex
		for b.Loop() {
			m.RLock()
			m.RUnlock() //nolint:staticcheck // the pair is what is measured
		}
	})
	b.Run("lockdep", func(b *testing.B) {
		var m lockdep.RWMutex
		m.Init(lockdep.SUmount)
		for b.Loop() {
			m.RLock()
			m.RUnlock() //nolint:staticcheck // the pair is what is measured
		}
	})
}

func BenchmarkBitLock(b *testing.B) {
	var l lockdep.BitLock
	l.Init(lockdep.PageLock)
	for b.Loop() {
		l.Lock()
		l.Unlock()
	}
}

func BenchmarkSeqCountRead(b *testing.B) {
	var s lockdep.SeqCount
	for b.Loop() {
		if s.Retry(s.ReadBegin()) {
			b.Fatal("a writer where there is none")
		}
	}
}

// Five locks, each taken while those before it are held.
func BenchmarkFiveNested(b *testing.B) {
	b.Run("sync", func(b *testing.B) {
		var m [5]sync.Mutex
		for b.Loop() {
			for i := range m {
				m[i].Lock()
			}
			for i := range m {
				m[4-i].Unlock()
			}
		}
	})
	b.Run("lockdep", func(b *testing.B) {
		var m [5]lockdep.Mutex
		for i := range m {
			m[i].Init(benchClass[i])
		}
		for b.Loop() {
			for i := range m {
				m[i].Lock()
			}
			for i := range m {
				m[4-i].Unlock()
			}
		}
	})
}
