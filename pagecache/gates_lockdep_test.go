//go:build lockdep

package pagecache

import (
	"reflect"
	"testing"

	"github.com/govfs/govfs/internal/gatetest"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// testHost is the inode of a mapping.
type testHost struct{ mutex lockdep.Mutex }

func newTestHost() *testHost {
	h := new(testHost)
	h.mutex.Init(lockdep.IMutex)
	return h
}

func (h *testHost) Size() int64               { return PageSize }
func (h *testHost) DirtyPages()               {}
func (h *testHost) IMutex() lockdep.Checkable { return &h.mutex }

// anyPageLock is the lock of a page that has nothing to do with the call.
func anyPageLock() *lockdep.BitLock { return &newTestPage(99).lock }

func TestGatesReportEveryBrokenRule(t *testing.T) {
	page := anyPageLock()
	k := &gatetest.Kit{
		Make: func(w *gatetest.World, name string, typ reflect.Type) any {
			switch typ {
			case reflect.TypeFor[*Page]():
				return newTestPage(uint64(len(name)))
			case reflect.TypeFor[*Mapping]():
				m := new(Mapping)
				m.Init(newTestHost(), OpsOf(nil), GFPKernel)
				return m
			}
			return nil
		},
		Locks: func(obj any) map[string]any {
			switch o := obj.(type) {
			case *Page:
				return map[string]any{"page_lock": &o.lock}
			case *Mapping:
				return map[string]any{"page_lock": page, "i_mutex": &o.host.(*testHost).mutex}
			}
			return nil
		},
		RCU: func(gatetest.Param) any { return nil },
		Variants: map[string][]gatetest.Variant{
			"address_space_operations.writepage": {
				{Name: "written", When: []string{lockrule.WhenNotActivate}},
				{
					Name: "activate", When: []string{lockrule.WhenActivate},
					States: []lockrule.State{
						// An error is no answer to go on with: the page is unlocked.
						{Lock: "page_lock", Object: "page", Entry: lockrule.Yes, Success: lockrule.Yes, Failure: lockrule.No, Prose: 14},
					},
					Prepare: func(w *gatetest.World) { w.Set("result", AOPWritepageActivate) },
				},
			},
		},
	}
	gatetest.Run(t, "pagecache", k, gateCalls)
}

func TestWritesOfABlockDeviceNeedNoInodeLock(t *testing.T) {
	var m Mapping
	m.Init(deviceHost{}, OpsOf(nil), GFPKernel)
	if l := lockIMutex(&m); l != nil {
		t.Errorf("i_mutex of a block device's mapping: %v", l)
	}
	if l := lockIMutex(nil); l != nil {
		t.Errorf("i_mutex of no mapping: %v", l)
	}
}

type deviceHost struct{}

func (deviceHost) Size() int64               { return 0 }
func (deviceHost) DirtyPages()               {}
func (deviceHost) IMutex() lockdep.Checkable { return nil }
