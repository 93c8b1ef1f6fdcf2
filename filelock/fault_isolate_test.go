//go:build !lockdep

package filelock

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A manager that blocks holds the locks up for the time-out, once; the file and
// all others go on, and when it comes back it does no harm.
func TestManagerThatBlocks(t *testing.T) {
	for _, tt := range faultCases {
		t.Run(tt.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reports := collectFaults(t)
				c := NewContext()
				stuck := make(chan struct{})
				m := &misbehaving{bad: func() { <-stuck }}
				ops := ManagerOpsOf(m)
				start := time.Now()
				tt.call(t, c, ops, func() {
					m.method = tt.method
					start = time.Now()
				})
				if d := time.Since(start).Round(time.Second); d != ManagerTimeout() {
					t.Errorf("it took %v, want %v", d, ManagerTimeout())
				}
				synctest.Wait()
				if all := reports.of(ops); len(all) != 1 || all[0].Kind != Blocked || all[0].Method != tt.method || all[0].After != ManagerTimeout() {
					t.Errorf("reported: %v", all)
				}
				// While it is stuck nobody waits for it again.
				start = time.Now()
				managed(t, c, ops, "O", Write, 100, 109, 0, syscall.ENOLCK)
				if d := time.Since(start); d != 0 {
					t.Errorf("the next call waited %v", d)
				}
				m.method = ""
				close(stuck)
				synctest.Wait()
				managed(t, c, ops, "O", Write, 100, 109, 0, nil)
				afterFault(t, c, ops)
			})
		})
	}
}

// Who comes back to a lease that was taken from it finds it gone.
func TestLateCallOfAManagerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContext()
		stuck := make(chan struct{})
		late := make(chan error, 2)
		var lease *Lock
		m := &misbehaving{method: "Break", bad: func() {
			<-stuck
			lease.SetBreakDeadline(time.Now())
			late <- ModifyLease(lease, Read, new([]*Lock))
		}}
		ops := ManagerOpsOf(m)
		lease = NewLease(Lease, Write, "L", 1, ops)
		given := lease
		if err := c.SetLease(&given, new(opens)); err != nil {
			t.Fatal(err)
		}
		if err := c.BreakLease(t.Context(), Read, false); err != nil || c.HasLeases() {
			t.Error(err)
		}
		close(stuck)
		if err := <-late; err != syscall.EINVAL {
			t.Errorf("a change of what is gone: %v", err)
		}
		mustCheck(t, c)
	})
}

func TestTrustedManagerIsNotContained(t *testing.T) {
	ops := TrustedManagerOpsOf(&misbehaving{method: "Grant", bad: func() { panic("out") }})
	defer func() {
		if recover() != "out" || ops.Faults() != 0 {
			t.Error("contained")
		}
	}()
	(&Lock{Manager: ops}).Grant(nil, nil)
}
