//go:build lockdep

package mm

import "github.com/govfs/govfs/lockdep"

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there.

func lockMmapSem(v *VMA) lockdep.Checkable {
	if v == nil {
		return nil
	}
	return v.space.MmapSem()
}

// lockFaultPage is the lock of the page that a fault is about, once there is
// one.
func lockFaultPage(f *Fault) lockdep.Checkable {
	if f == nil {
		return nil
	}
	return f.Page.PageLock()
}

func lockPageTable(f *Fault) lockdep.Checkable {
	if f == nil || f.PageTable == nil {
		return nil
	}
	return f.PageTable
}
