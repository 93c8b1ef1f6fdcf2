//go:build lockdep

package lockdep_test

import (
	"testing"

	"github.com/govfs/govfs/lockdep"
)

func TestAnyOfIsHeldAsOneLockOfTheClassIs(t *testing.T) {
	c := lockdep.NewClass("any of test", lockdep.RW)
	any := lockdep.AnyOf(c)
	if any.Class() != c || any.Held() != lockdep.Unheld {
		t.Fatalf("nothing is held: class %v, %v", any.Class(), any.Held())
	}
	var a, b lockdep.RWMutex
	a.Init(c)
	b.Init(c)
	a.RLock()
	if any.Held() != lockdep.Shared {
		t.Errorf("one is held shared: %v", any.Held())
	}
	a.RUnlock()
	b.Lock()
	if any.Held() != lockdep.Exclusive {
		t.Errorf("the other is held exclusively: %v", any.Held())
	}
	mine := make(chan lockdep.Mode)
	go func() { mine <- any.Held() }()
	if m := <-mine; m != lockdep.Unheld {
		t.Errorf("another goroutine holds one: %v", m)
	}
	b.Unlock()
	if any.Held() != lockdep.Unheld {
		t.Errorf("nothing is held any more: %v", any.Held())
	}
}
