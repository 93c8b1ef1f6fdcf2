// Package lockdeptest makes reports of the lock checker fail a test, or lets a
// test expect them. Without the build tag lockdep there are no reports.
package lockdeptest

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// settleTime is how long goroutines that outlive the tests have to give up
// their locks: a busy one holds some at any moment, but not the same for long.
const settleTime = 2 * time.Second

// Main runs the tests of a package and ends the process. It is the body of a
// TestMain. The package fails if the checker reported anything, or if a lock is
// still held once the tests are over.
func Main(m *testing.M) {
	os.Exit(check(m.Run(), os.Stderr, settleTime))
}

// check is the exit code of a run of tests that ended with code.
func check(code int, w io.Writer, wait time.Duration) int {
	if n := lockdep.Reports(); n > 0 {
		fmt.Fprintf(w, "lockdep: %d reports\n", n)
		code = max(code, 1)
	}
	held := lockdep.HeldLocks()
	for end := time.Now().Add(wait); len(held) > 0 && time.Now().Before(end); held = lockdep.HeldLocks() {
		time.Sleep(wait / 100)
	}
	for i := range held {
		fmt.Fprintf(w, "after the tests: %v", &held[i])
		code = max(code, 1)
	}
	return code
}

// Capture runs f and returns what the checker reported meanwhile, on whichever
// goroutine. These reports fail nothing. Reports that f causes after it
// returned are not among them. Tests that capture do not run in parallel with
// others of their package.
func Capture(t testing.TB, f func()) []*lockdep.Report {
	t.Helper()
	var mu sync.Mutex
	var got []*lockdep.Report
	old := lockdep.SetHandler(func(r *lockdep.Report) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
	})
	defer lockdep.SetHandler(old)
	f()
	mu.Lock()
	defer mu.Unlock()
	return got
}
