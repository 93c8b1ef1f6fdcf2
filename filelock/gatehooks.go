//go:build lockdep

package filelock

import "github.com/govfs/govfs/lockdep"

// What a row cannot say about a method, because it depends on the arguments. A
// hook enterGateX runs after the entry of gate X.

// proseLeaseRelease: fl_release_private may block, but not for a lease.
const proseLeaseRelease = 27

func enterGateReleasePrivate(g *lockdep.Gate, lock *Lock) {
	if lock != nil && lock.Kind.leaseLike() {
		g.NoBlock(proseLeaseRelease)
	}
}
