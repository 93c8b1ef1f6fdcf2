//go:build !lockdep && !race

package lockdep_test

import (
	"sync"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// Without the checker a lock costs what its primitive does. The bound is loose,
// as the machine may be busy; BenchmarkMutex shows the numbers.
func TestAMutexCostsWhatItsPrimitiveDoes(t *testing.T) {
	var plain sync.Mutex
	var ours lockdep.Mutex
	ours.Init(lockdep.IMutex)
	const pairs = 200_000
	bestPlain, bestOurs := time.Hour, time.Hour
	for range 20 {
		start := time.Now()
		for range pairs {
			plain.Lock()
			plain.Unlock() //nolint:staticcheck // the pair is what is measured
		}
		mid := time.Now()
		for range pairs {
			ours.Lock()
			ours.Unlock() //nolint:staticcheck // the pair is what is measured
		}
		bestPlain = min(bestPlain, mid.Sub(start))
		bestOurs = min(bestOurs, time.Since(mid))
	}
	t.Logf("a pair: sync.Mutex %v, lockdep.Mutex %v", bestPlain/pairs, bestOurs/pairs)
	if bestOurs > bestPlain*3/2 {
		t.Errorf("%d pairs take %v, those of sync.Mutex %v", pairs, bestOurs, bestPlain)
	}
}
