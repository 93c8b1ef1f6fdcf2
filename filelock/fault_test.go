package filelock

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// misbehaving is a manager whose methods do what bad says, if it is for them.
type misbehaving struct {
	method string
	bad    func()
}

func (m *misbehaving) do(method string) {
	if method == m.method {
		m.bad()
	}
}

func (m *misbehaving) CompareOwner(a, b *Lock) bool { m.do("CompareOwner"); return a.Owner == b.Owner }
func (m *misbehaving) OwnerKey(l *Lock) uint64 {
	m.do("OwnerKey")
	return uint64(len(l.Owner.Value().(string)))
}
func (m *misbehaving) Notify(*Lock) { m.do("Notify") }
func (m *misbehaving) Grant(*Lock, *Lock, error) error {
	m.do("Grant")
	return nil
}
func (m *misbehaving) Break(*Lock) bool { m.do("Break"); return false }
func (m *misbehaving) Change(l *Lock, typ Type, dispose *[]*Lock) error {
	err := ModifyLease(l, typ, dispose)
	m.do("Change")
	return err
}

// faults collects the reports of one manager.
type faults struct {
	mu  sync.Mutex
	all []ManagerFault
}

func collectFaults(t *testing.T) *faults {
	f := new(faults)
	cancel := OnManagerFault(func(r ManagerFault) {
		f.mu.Lock()
		f.all = append(f.all, r)
		f.mu.Unlock()
	})
	t.Cleanup(cancel)
	return f
}

func (f *faults) of(m *ManagerOps) (all []ManagerFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.all {
		if r.Manager == m {
			all = append(all, r)
		}
	}
	return all
}

// faultCases call one method each, and say what becomes of the call.
var faultCases = []struct {
	method string
	call   func(t *testing.T, c *Context, ops *ManagerOps, arm func())
}{
	{"CompareOwner", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		managed(t, c, ops, "M", Write, 0, 9, 0, nil)
		arm()
		// Owners are told apart by their values.
		managed(t, c, ops, "N", Read, 0, 9, 0, syscall.EAGAIN)
	}},
	{"OwnerKey", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		arm()
		managed(t, c, ops, "M", Write, 0, 9, 0, syscall.ENOLCK)
		if err := c.TestPosix(&Lock{Owner: OwnerOf("M"), Type: Read, Manager: ops}, new(Lock)); err != syscall.ENOLCK {
			t.Errorf("a test without a key: %v", err)
		}
	}},
	{"Notify", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		mustSet(t, c, "A", Write, 0, 9)
		managed(t, c, ops, "M", Write, 0, 9, FlagSleep, ErrDeferred)
		next := lockWait(context.Background(), c, "B", Write, 0, 9)
		awaitWaiters(t, c, 2)
		arm()
		mustSet(t, c, "A", Unlock, 0, 9)
		// The request is lost; whoever is behind it goes on.
		if err := result(t, next); err != nil {
			t.Error(err)
		}
		c.ClosePosix(context.Background(), OwnerOf("B"))
	}},
	{"Grant", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		arm()
		l := posix("M", Write, 0, 9, 0)
		l.Manager = ops
		if err := l.Grant(nil, nil); err != syscall.EIO {
			t.Errorf("the file system keeps a lock that nobody took: %v", err)
		}
	}},
	{"Break", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		managedLease(t, c, ops)
		arm()
		if err := c.BreakLease(context.Background(), Write, true); err != nil || c.HasLeases() {
			t.Errorf("a lease that nobody was told of stays: %v", err)
		}
	}},
	{"Change", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		managedLease(t, c, ops)
		arm()
		again := NewLease(Lease, Write, "L", 1, ops)
		if err := c.SetLease(&again, new(opens)); err != syscall.EIO || c.HasLeases() {
			t.Errorf("change: %v", err)
		}
	}},
	{"Change", func(t *testing.T, c *Context, ops *ManagerOps, arm func()) {
		managedLease(t, c, ops)
		arm()
		if err := c.RemoveLease("L", OwnerOf("L")); err != nil && err != syscall.EIO || c.HasLeases() {
			t.Errorf("removal: %v", err)
		}
	}},
}

func managed(t *testing.T, c *Context, ops *ManagerOps, owner string, typ Type, start, end int64, flags Flags, want error) {
	t.Helper()
	l := posix(owner, typ, start, end, flags)
	l.Manager = ops
	if err := c.SetPosix(context.Background(), l, nil); err != want {
		t.Errorf("%v: %v, want %v", l.info(), err, want)
	}
}

func managedLease(t *testing.T, c *Context, ops *ManagerOps) {
	t.Helper()
	l := NewLease(Lease, Read, "L", 1, ops)
	if err := c.SetLease(&l, new(opens)); err != nil {
		t.Fatal(err)
	}
}

// afterFault: the file works for others, and nothing of the manager's is left
// behind once it is closed.
func afterFault(t *testing.T, c *Context, ops *ManagerOps) {
	t.Helper()
	mustCheck(t, c)
	c.CloseManager(context.Background(), ops)
	mustSet(t, c, "B", Write, 0, End)
	mustSet(t, c, "B", Unlock, 0, End)
	if !c.Empty() {
		t.Error(show(c))
	}
}

func TestManagerThatPanics(t *testing.T) {
	reports := collectFaults(t)
	for _, tt := range faultCases {
		t.Run(tt.method, func(t *testing.T) {
			c := newFile(t)
			m := &misbehaving{bad: func() { panic(errors.New("a bug")) }}
			ops := ManagerOpsOf(m)
			tt.call(t, c, ops, func() { m.method = tt.method })
			for limit := time.Now().Add(20 * time.Second); len(reports.of(ops)) == 0 && time.Now().Before(limit); {
				time.Sleep(time.Millisecond)
			}
			for _, f := range reports.of(ops) {
				if f.Kind != Panicked || f.Method != tt.method || !strings.Contains(f.Error(), "*filelock.misbehaving: "+tt.method+" panicked: a bug") ||
					!strings.Contains(string(f.Stack), "misbehaving") {
					t.Errorf("reported: %v", f)
				}
			}
			if n := int64(len(reports.of(ops))); n == 0 || n > ops.Faults() {
				t.Errorf("%d reports, %d faults", n, ops.Faults())
			}
			m.method = ""
			afterFault(t, c, ops)
		})
	}
}

// A panic in one call does not keep the next from being made.
func TestManagerGoesOnAfterAPanic(t *testing.T) {
	c := newFile(t)
	m := &misbehaving{method: "OwnerKey", bad: func() { panic("once") }}
	ops := ManagerOpsOf(m)
	managed(t, c, ops, "M", Write, 0, 9, 0, syscall.ENOLCK)
	m.method = ""
	managed(t, c, ops, "M", Write, 0, 9, 0, nil)
	afterFault(t, c, ops)
}

// A manager that wants to see to the end of a break itself, and does not, has
// twice the time; the lease is taken from it, and that is reported.
func TestManagerThatNeverAnswersABreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := collectFaults(t)
		for _, typ := range []Type{Read, Write} {
			c := NewContext()
			ops := ManagerOpsOf(&server{}) // sets the deadline to never
			l := NewLease(Lease, Write, "S", 1, ops)
			if err := c.SetLease(&l, new(opens)); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := c.BreakLease(context.Background(), typ, false); err != nil || time.Since(start) != 2*LeaseBreakTime() {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			if got := c.GetLease("S"); got != []Type{Read, Unlock}[typ] {
				t.Errorf("the lease is %v", got)
			}
			synctest.Wait()
			if all := reports.of(ops); len(all) != 1 || all[0].Kind != NoAnswer || all[0].Method != "Break" {
				t.Errorf("reported: %v", all)
			}
			c.CloseFile(context.Background(), "S")
			mustCheck(t, c)
		}
	})
}

func TestManagerTimeoutIsPositive(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no time at all is accepted")
		}
	}()
	SetManagerTimeout(0)
}
