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

func mutex(c *lockdep.Class) *lockdep.Mutex {
	m := new(lockdep.Mutex)
	m.Init(c)
	return m
}

func rwmutex(c *lockdep.Class) *lockdep.RWMutex {
	m := new(lockdep.RWMutex)
	m.Init(c)
	return m
}

func spin(c *lockdep.Class) *lockdep.SpinLock {
	l := new(lockdep.SpinLock)
	l.Init(c)
	return l
}

func seqlock(c *lockdep.Class) *lockdep.SeqLock {
	l := new(lockdep.SeqLock)
	l.Init(c)
	return l
}

func bitlock(c *lockdep.Class) *lockdep.BitLock {
	l := new(lockdep.BitLock)
	l.Init(c)
	return l
}

func level(c *lockdep.Class) *lockdep.VirtualLock {
	l := new(lockdep.VirtualLock)
	l.Init(c)
	return l
}

// under runs f with a lock held.
func under(l sync.Locker, f func()) {
	l.Lock()
	defer l.Unlock()
	f()
}

// nest takes locks in turn and gives them back in the opposite one.
func nest(locks ...sync.Locker) {
	if len(locks) > 0 {
		under(locks[0], func() { nest(locks[1:]...) })
	}
}

type locker struct{ lock, unlock func() }

func (l locker) Lock()   { l.lock() }
func (l locker) Unlock() { l.unlock() }

func nested(l interface {
	LockNested(lockdep.Subclass)
	Unlock()
}, sub lockdep.Subclass) sync.Locker {
	return locker{func() { l.LockNested(sub) }, l.Unlock}
}

func reading(m *lockdep.RWMutex) sync.Locker   { return locker{m.RLock, m.RUnlock} }
func writing(l *lockdep.SeqLock) sync.Locker   { return locker{l.WriteLock, l.WriteUnlock} }
func changing(s *lockdep.SeqCount) sync.Locker { return locker{s.WriteBegin, s.WriteEnd} }
func inside(l *lockdep.VirtualLock) sync.Locker {
	return locker{func() { l.Acquire(lockdep.Shared) }, func() { l.Release(lockdep.Shared) }}
}

// expect runs f and requires exactly one report: of that kind and rule, with
// the named stacks, each of which leads to this package's tests.
func expect(t *testing.T, kind, rule string, stacks []string, f func()) *lockdep.Report {
	t.Helper()
	got := lockdeptest.Capture(t, func() { f() }) // a frame of these tests below each lock
	if len(got) != 1 {
		t.Fatalf("want one report of %q, got %d: %v", rule, len(got), got)
	}
	r := got[0]
	if r.Kind != kind || r.Rule != rule {
		t.Errorf("got %s %q, want %s %q", r.Kind, r.Rule, kind, rule)
	}
	var names []string
	for _, s := range r.Stacks {
		names = append(names, s.Name)
		if first, _, _ := strings.Cut(s.String(), "\n"); !strings.Contains(first, "lockdep_test.") || !strings.Contains(first, "_test.go:") {
			t.Errorf("stack %q begins at %q", s.Name, first)
		}
		if !strings.Contains(r.String(), s.Name) {
			t.Errorf("%q is not printed", s.Name)
		}
	}
	if fmt.Sprint(names) != fmt.Sprint(stacks) {
		t.Errorf("stacks are %q, want %q", names, stacks)
	}
	if !strings.Contains(r.String(), rule) || r.Message == "" {
		t.Errorf("printed as %q", r)
	}
	return r
}

// silent runs f and requires no report.
func silent(t *testing.T, f func()) {
	t.Helper()
	for _, r := range lockdeptest.Capture(t, f) {
		t.Errorf("%v", r)
	}
}
