//go:build lockdep

package block

import (
	"reflect"
	"testing"

	"github.com/govfs/govfs/internal/gatetest"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

func TestGatesReportEveryBrokenRule(t *testing.T) {
	var page lockdep.BitLock
	page.Init(lockdep.PageLock)
	k := &gatetest.Kit{
		Make: func(w *gatetest.World, name string, typ reflect.Type) any {
			switch typ {
			case reflect.TypeFor[*Disk]():
				return NewDisk(name, 0, 8, OpsOf(nil))
			case reflect.TypeFor[*BlockDevice]():
				return NewDisk(name, 0, 8, OpsOf(nil)).Whole()
			case reflect.TypeFor[*BufferHead]():
				return NewBufferHead(pagecache.NewPage(0, new(pagecache.Frame)), 0, 1024)
			}
			return nil
		},
		Locks: func(obj any) map[string]any {
			switch o := obj.(type) {
			case *Disk:
				return map[string]any{"bd_mutex": &o.whole.mutex}
			case *BlockDevice:
				return map[string]any{"bd_mutex": &o.mutex}
			case *BufferHead:
				return map[string]any{"bh_lock": &o.lock}
			}
			return nil
		},
		Global: map[string]any{"swap_lock": &pagecache.SwapLock, "page_lock": &page},
		RCU:    func(gatetest.Param) any { return nil },
	}
	gatetest.Run(t, "block", k, gateCalls)
}
