//go:build lockdep

package mm

import (
	"reflect"
	"testing"

	"github.com/govfs/govfs/internal/gatetest"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
	"github.com/govfs/govfs/pagecache"
)

// testFault is a fault with the page that it is about: among the arguments of
// page_mkwrite, and a result of fault.
func testFault(w *gatetest.World, name string) *Fault {
	f := &Fault{PageTable: new(lockdep.SpinLock), Page: pagecache.NewPage(uint64(len(name)), new(pagecache.Frame))}
	f.PageTable.Init(lockdep.PageTableLock)
	return f
}

func TestGatesReportEveryBrokenRule(t *testing.T) {
	page := func(entry, success, failure lockrule.Hold, prose int) lockrule.State {
		return lockrule.State{Lock: "page_lock", Object: "vmf", Entry: entry, Success: success, Failure: failure, Prose: prose}
	}
	sem := func(success lockrule.Hold) lockrule.State {
		return lockrule.State{Lock: "mmap_sem", Object: "vma", Entry: lockrule.AtLeastShared, Success: success, Failure: lockrule.AtLeastShared}
	}
	result := func(r FaultResult) func(*gatetest.World) {
		return func(w *gatetest.World) { w.Set("result", r) }
	}
	k := &gatetest.Kit{
		Make: func(w *gatetest.World, name string, typ reflect.Type) any {
			switch typ {
			case reflect.TypeFor[*VMA]():
				return NewVMA(NewAddressSpace(uint64(len(name))), 0, pageSize, 0, VMARead)
			case reflect.TypeFor[*Fault]():
				return testFault(w, name)
			}
			return nil
		},
		Locks: func(obj any) map[string]any {
			switch o := obj.(type) {
			case *VMA:
				return map[string]any{"mmap_sem": &o.space.sem}
			case *Fault:
				return map[string]any{"page_lock": o.Page.PageLock(), "page_table_lock": o.PageTable}
			}
			return nil
		},
		Failure: func(typ reflect.Type) any {
			if typ == reflect.TypeFor[FaultResult]() {
				return FaultSIGBUS
			}
			return nil
		},
		RCU: func(gatetest.Param) any { return nil },
		Variants: map[string][]gatetest.Variant{
			"vm_operations_struct.fault": {
				{
					Name: "locked", Prepare: result(FaultLocked | FaultMajor),
					States: []lockrule.State{page(lockrule.No, lockrule.Yes, lockrule.No, proseFault), sem(lockrule.AtLeastShared)},
				},
				{
					Name: "unlocked", Prepare: result(0),
					States: []lockrule.State{page(lockrule.No, lockrule.No, lockrule.No, proseFault), sem(lockrule.AtLeastShared)},
				},
				{
					Name: "retry", Prepare: result(FaultRetry),
					States: []lockrule.State{page(lockrule.No, lockrule.No, lockrule.No, proseFault), sem(lockrule.No)},
				},
				{
					Name: "retry without a wait", Prepare: func(w *gatetest.World) {
						w.Set("result", FaultRetry)
						w.Get("vmf").(*Fault).Flags = FaultAllowRetry | FaultRetryNowait
					},
					States: []lockrule.State{page(lockrule.No, lockrule.No, lockrule.No, proseFault), sem(lockrule.AtLeastShared)},
				},
			},
			"vm_operations_struct.page_mkwrite": {
				{
					Name: "locked", Prepare: result(FaultLocked),
					States: []lockrule.State{page(lockrule.No, lockrule.Yes, lockrule.No, proseMkwrite)},
				},
				{
					Name: "truncated", Prepare: result(FaultNoPage),
					States: []lockrule.State{page(lockrule.No, lockrule.No, lockrule.No, proseMkwrite)},
				},
			},
		},
	}
	gatetest.Run(t, "mm", k, gateCalls)
}
