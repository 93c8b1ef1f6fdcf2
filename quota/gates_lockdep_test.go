//go:build lockdep

package quota

import (
	"reflect"
	"testing"

	"github.com/govfs/govfs/internal/gatetest"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

func TestGatesReportEveryBrokenRule(t *testing.T) {
	// The generic operations take dqio_sem: they enter the file system again
	// through the quota file.
	reenters := lockrule.State{Lock: "dqio_sem", Object: "dquot", Entry: lockrule.No, Success: lockrule.No, Failure: lockrule.No}
	variants := []gatetest.Variant{{States: []lockrule.State{reenters}}}
	ofSuper := reenters
	ofSuper.Object = "sb"
	k := &gatetest.Kit{
		Make: func(w *gatetest.World, name string, typ reflect.Type) any {
			switch typ {
			case reflect.TypeFor[*Super]():
				return NewSuper(OpsOf(nil))
			case reflect.TypeFor[*Dquot]():
				return NewDquot(NewSuper(OpsOf(nil)), User, 1000)
			}
			return nil
		},
		Locks: func(obj any) map[string]any {
			var s *Super
			switch o := obj.(type) {
			case *Super:
				s = o
			case *Dquot:
				s = o.sb
			default:
				return nil
			}
			return map[string]any{"dqonoff_sem|dqptr_sem": &s.onoff, "dqonoff_sem": &s.onoff, "dqio_sem": &s.io}
		},
		RCU: func(gatetest.Param) any { return nil },
		Variants: map[string][]gatetest.Variant{
			"dquot_operations.write_dquot":   variants,
			"dquot_operations.acquire_dquot": variants,
			"dquot_operations.release_dquot": variants,
			"dquot_operations.write_info":    {{States: []lockrule.State{ofSuper}}},
		},
	}
	gatetest.Run(t, "quota", k, gateCalls)
}

func TestEitherOfTwoSemaphoresKeepsADquot(t *testing.T) {
	d := NewDquot(NewSuper(OpsOf(nil)), User, 1000)
	l := lockOnoffOrPtr(d)
	if l.Held() != lockdep.Unheld {
		t.Fatalf("neither is held, but %v", l.Held())
	}
	d.sb.ptr.RLock()
	if l.Held() != lockdep.Shared {
		t.Errorf("dqptr_sem is held shared, but %v", l.Held())
	}
	d.sb.ptr.RUnlock()
	d.sb.onoff.Lock()
	if l.Held() != lockdep.Exclusive {
		t.Errorf("dqonoff_sem is held, but %v", l.Held())
	}
	d.sb.onoff.Unlock()
	if lockOnoffOrPtr(nil) != nil || lockDqonoffSem(nil) != nil {
		t.Error("no dquot has a lock")
	}
}
