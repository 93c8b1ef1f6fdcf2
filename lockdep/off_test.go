//go:build !lockdep

package lockdep_test

import (
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/lockrule"
)

// Without the checker nothing is checked, and the checker's calls cost nothing.
func TestNothingIsCheckedWithoutTheTag(t *testing.T) {
	var d, i lockdep.SpinLock
	d.Init(lockdep.DLock)
	i.Init(lockdep.ILock)
	var m lockdep.Mutex // never initialised
	got := lockdeptest.Capture(t, func() {
		d.Lock()
		i.Lock()
		m.Lock()
		lockdep.MightBlock("I/O")
		i.AssertNotHeld()
		if d.Held() != lockdep.Unheld || d.Class() != nil {
			t.Error("somebody keeps count")
		}
		m.Unlock()
		d.Unlock()
		i.Unlock()
		lockdep.ExitAtomic()
		m.AssertHeld()
	})
	if got != nil || lockdep.Reports() != 0 || lockdep.HeldLocks() != nil || lockdep.Coverage() != nil {
		t.Errorf("got %v", got)
	}
	if lockdep.InRCUWalk() || lockdep.InInterrupt() {
		t.Error("in a context")
	}
}

func TestAGateIsNothingWithoutTheTag(t *testing.T) {
	m := lockrule.MustLookup("inode_operations", "unlink")
	var dir lockdep.Mutex
	g := lockdep.Enter(m, lockdep.LockArg{Lock: "i_mutex", Object: "dir", L: &dir})
	if g != nil || lockdep.EnterRCU(m) != nil {
		t.Fatal("there is a gate")
	}
	g.Also("i_mutex", "dir", &dir, lockrule.Yes, 1)
	g.AlsoExit("i_mutex", "dir", &dir, lockrule.Yes, 1)
	g.When(lockrule.WhenCrossDirectory)
	g.WhenExit(lockrule.WhenActivate)
	g.NoBlock(27)
	g.Exit(nil)
	e := lockdep.Either(&dir, nil)
	if e.Held() != lockdep.Unheld || e.Class() != nil {
		t.Error("somebody keeps count")
	}
}

func TestNothingIsAllocatedWithoutTheTag(t *testing.T) {
	var m lockdep.Mutex
	var rw lockdep.RWMutex
	var s lockdep.SeqLock
	var b lockdep.BitLock
	n := testing.AllocsPerRun(100, func() {
		lockdep.EnterRCUWalk()
		m.Lock()
		rw.RLock()
		b.Lock()
		s.WriteLock()
		lockdep.MightBlock("nothing")
		s.WriteUnlock()
		b.Unlock()
		rw.RUnlock()
		m.Unlock()
		lockdep.ExitRCUWalk()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
