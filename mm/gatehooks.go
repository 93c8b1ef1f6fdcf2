//go:build lockdep

package mm

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// What a row cannot say about a method, because it depends on the result. A
// hook exitGateX runs before the exit of gate X.

// The prose rules of what a fault leaves locked.
const (
	proseFault   = 37
	proseMkwrite = 39
)

// exitGateFault: the page that the method found is locked if it says so.
// mmap_sem is released only with [FaultRetry], and not even then if the handler
// was not to wait.
func exitGateFault(g *lockdep.Gate, vma *VMA, vmf *Fault, result FaultResult) {
	pageLocked(g, vmf, result, proseFault)
	sem := lockrule.AtLeastShared
	if result&FaultRetry != 0 && vmf.Flags&FaultRetryNowait == 0 {
		sem = lockrule.No
	}
	g.AlsoExit("mmap_sem", "vma", lockMmapSem(vma), sem, 0)
}

// exitGatePageMkwrite: as for a fault; a page that was truncated comes back
// unlocked.
func exitGatePageMkwrite(g *lockdep.Gate, _ *VMA, vmf *Fault, result FaultResult) {
	pageLocked(g, vmf, result, proseMkwrite)
}

func pageLocked(g *lockdep.Gate, vmf *Fault, result FaultResult, prose int) {
	want := lockrule.No
	if result&FaultLocked != 0 {
		want = lockrule.Yes
	}
	g.AlsoExit("page_lock", "vmf", lockFaultPage(vmf), want, prose)
}
