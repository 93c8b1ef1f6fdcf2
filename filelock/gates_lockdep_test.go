//go:build lockdep

package filelock

import (
	"reflect"
	"testing"

	"github.com/govfs/govfs/internal/gatetest"
)

func TestGatesReportEveryBrokenRule(t *testing.T) {
	kind := func(k Kind) func(*gatetest.World) {
		return func(w *gatetest.World) { w.Get("lock").(*Lock).Kind = k }
	}
	k := &gatetest.Kit{
		Make: func(w *gatetest.World, name string, typ reflect.Type) any {
			if typ == reflect.TypeFor[*Lock]() {
				return &Lock{ctx: NewContext()}
			}
			return nil
		},
		Locks: func(obj any) map[string]any {
			return map[string]any{"i_lock": &obj.(*Lock).ctx.lock}
		},
		Global: map[string]any{
			"i_lock":            &NewContext().lock, // some inode's, not always that of the locks
			"blocked_lock_lock": &waits.lock,
		},
		RCU: func(gatetest.Param) any { return nil },
		Variants: map[string][]gatetest.Variant{
			"file_lock_operations.fl_release_private": {
				{Name: "POSIX", Prepare: kind(POSIX)},
				{Name: "FLOCK", Prepare: kind(Flock)},
				{Name: "LEASE", Prepare: kind(Lease), NoBlock: proseLeaseRelease},
				{Name: "DELEG", Prepare: kind(Deleg), NoBlock: proseLeaseRelease},
			},
		},
	}
	gatetest.Run(t, "filelock", k, gateCalls)
}

func TestLockOfARequestIsItsContexts(t *testing.T) {
	l := &Lock{ctx: NewContext()}
	if lockFlcLock(nil) != nil || lockFlcLock(new(Lock)) != nil {
		t.Error("a request that was never made has a lock")
	}
	if lockFlcLock(l) != &l.ctx.lock {
		t.Error("not the lock of the context")
	}
}
