package filelock

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// opens is a host's count of open files.
type opens struct{ writers, others atomic.Int32 }

func (o *opens) Writers() bool   { return o.writers.Load() > 0 }
func (o *opens) Others(any) bool { return o.others.Load() > 0 }

// holder takes leases and notes what it is told.
type holder struct {
	broken, removed []string
	ops             *ManagerOps
}

func newHolder() *holder {
	h := new(holder)
	h.ops = FcntlLeases(
		func(l *Lock) { h.broken = append(h.broken, fmt.Sprint(l.File, " to ", l.Target())) },
		func(l *Lock) { h.removed = append(h.removed, fmt.Sprint(l.File)) })
	return h
}

func (h *holder) take(c *Context, o *opens, kind Kind, file string, typ Type) error {
	l := NewLease(kind, typ, file, 1, h.ops)
	had := c.GetLease(file) != Unlock
	err := c.SetLease(&l, o)
	if fresh := err == nil && !had; (l == nil) != fresh {
		return fmt.Errorf("%v, and the lease is %v", err, l)
	}
	return err
}

func TestWhoMayHaveALease(t *testing.T) {
	for _, tt := range []struct {
		name            string
		writers, others int32
		have            string // leases before, as "A:r"
		kind            Kind
		file            string
		typ             Type
		want            error
	}{
		{"read", 0, 5, "", Lease, "A", Read, nil},
		{"read, open for writing", 1, 0, "", Lease, "A", Read, syscall.EAGAIN},
		{"write", 1, 0, "", Lease, "A", Write, nil},
		{"write, open elsewhere", 0, 1, "", Lease, "A", Write, syscall.EAGAIN},
		{"read beside read", 0, 1, "B:r", Lease, "A", Read, nil},
		{"write beside read", 0, 0, "B:r", Lease, "A", Write, syscall.EAGAIN},
		{"own upgraded", 0, 0, "A:r", Lease, "A", Write, nil},
		{"own downgraded", 0, 0, "A:w", Lease, "A", Read, nil},
		{"own upgraded beside another", 0, 0, "A:r B:r", Lease, "A", Write, syscall.EAGAIN},
		{"delegation", 0, 1, "", Deleg, "A", Read, nil},
		{"delegation to write", 0, 0, "", Deleg, "A", Write, syscall.EINVAL},
		{"layout to write", 3, 3, "", Layout, "A", Write, nil},
		{"of no kind", 0, 0, "", POSIX, "A", Read, syscall.EINVAL},
		{"to unlock", 0, 0, "", Lease, "A", Unlock, syscall.EINVAL},
		{"of no type", 0, 0, "", Lease, "A", 5, syscall.EINVAL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newFile(t)
			h, o := newHolder(), new(opens)
			for i := 0; i+2 < len(tt.have); i += 4 {
				typ := Read
				if tt.have[i+2] == 'w' {
					typ = Write
				}
				if err := h.take(c, o, Lease, tt.have[i:i+1], typ); err != nil {
					t.Fatal(err)
				}
			}
			o.writers.Store(tt.writers)
			o.others.Store(tt.others)
			if err := h.take(c, o, tt.kind, tt.file, tt.typ); err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			want := Unlock
			if tt.want == nil {
				want = tt.typ
			}
			if got := c.GetLease("A"); tt.have == "" && got != want {
				t.Errorf("have %v, want %v", got, want)
			}
			c.CloseFile(context.Background(), "A")
			c.CloseFile(context.Background(), "B")
			if c.HasLeases() || !c.Empty() {
				t.Errorf("left after the close: %v", show(c))
			}
		})
	}
}

func TestLeaseNeedsAManagerToBreakIt(t *testing.T) {
	c := newFile(t)
	for _, ops := range []*ManagerOps{nil, ManagerOpsOf(&queueManager{})} {
		l := NewLease(Lease, Read, "A", 1, ops)
		if err := c.SetLease(&l, new(opens)); err != syscall.ENOLCK || l == nil {
			t.Errorf("%v", err)
		}
	}
}

func TestLeasesCanBeDisabled(t *testing.T) {
	c := newFile(t)
	h, o := newHolder(), new(opens)
	if err := h.take(c, o, Lease, "A", Read); err != nil {
		t.Fatal(err)
	}
	EnableLeases(false)
	defer EnableLeases(true)
	if err := h.take(c, o, Lease, "B", Read); err != syscall.EINVAL {
		t.Errorf("new: %v", err)
	}
	if err := h.take(c, o, Lease, "A", Write); err != nil {
		t.Errorf("change: %v", err)
	}
}

func TestRemovedLease(t *testing.T) {
	c := newFile(t)
	h, o := newHolder(), new(opens)
	if err := c.RemoveLease("A", OwnerOf("A")); err != syscall.EAGAIN {
		t.Errorf("none: %v", err)
	}
	if err := h.take(c, o, Lease, "A", Read); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveLease("A", OwnerOf("B")); err != syscall.EAGAIN {
		t.Errorf("another's: %v", err)
	}
	if err := c.RemoveLease("A", OwnerOf("A")); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(h.removed) != "[A]" || c.HasLeases() {
		t.Errorf("removed %v", h.removed)
	}
}

// An open that comes between the first check and the grant is seen by the
// second, and the lease is taken back.
func TestLeaseIsTakenBackIfAnOpenCameIn(t *testing.T) {
	c := newFile(t)
	o := &lateOpen{}
	l := NewLease(Lease, Read, "A", 1, newHolder().ops)
	if err := c.SetLease(&l, o); err != syscall.EAGAIN || l == nil || c.HasLeases() || o.calls != 2 {
		t.Errorf("%v after %d checks", err, o.calls)
	}
}

type lateOpen struct{ calls int }

func (o *lateOpen) Writers() bool   { o.calls++; return o.calls > 1 }
func (o *lateOpen) Others(any) bool { return false }

func TestWhichLeasesABreakConcerns(t *testing.T) {
	for _, tt := range []struct {
		lease, breaker Kind
		typ            Type
		by             Type
		want           string
	}{
		{Lease, Lease, Read, Read, ""},
		{Lease, Lease, Read, Write, "A to UNLCK"},
		{Lease, Lease, Write, Read, "A to READ"},
		{Lease, Lease, Write, Write, "A to UNLCK"},
		{Deleg, Lease, Read, Read, ""},
		{Deleg, Lease, Read, Write, "A to UNLCK"},
		{Deleg, Deleg, Read, Write, "A to UNLCK"},
		{Lease, Deleg, Read, Write, ""},
		{Lease, Deleg, Write, Write, ""},
		{Layout, Lease, Write, Write, ""},
		{Layout, Deleg, Write, Write, ""},
		{Layout, Layout, Read, Write, "A to UNLCK"},
		{Lease, Layout, Write, Write, ""},
	} {
		c := newFile(t)
		h := newHolder()
		if err := h.take(c, new(opens), tt.lease, "A", tt.typ); err != nil {
			t.Fatal(err)
		}
		want := error(nil)
		if tt.want != "" {
			want = syscall.EAGAIN
		}
		for range 2 { // the second time nobody is told again
			if err := c.Break(context.Background(), tt.breaker, tt.by, true); err != want {
				t.Errorf("%v %v by %v %v: %v, want %v", tt.lease, tt.typ, tt.breaker, tt.by, err, want)
			}
		}
		if got := fmt.Sprint(h.broken); got != "["+tt.want+"]" {
			t.Errorf("%v %v by %v %v: told %v, want %v", tt.lease, tt.typ, tt.breaker, tt.by, got, tt.want)
		}
	}
	c := newFile(t)
	if err := c.Break(context.Background(), POSIX, Write, true); err != syscall.EINVAL {
		t.Error(err)
	}
	if err := c.BreakLease(context.Background(), Unlock, true); err != syscall.EINVAL {
		t.Error(err)
	}
	if err := c.BreakDelegation(context.Background(), false); err != nil {
		t.Error(err)
	}
}

func TestBreakWaitsForTheHolder(t *testing.T) {
	c := newFile(t)
	h, o := newHolder(), new(opens)
	if err := h.take(c, o, Lease, "A", Write); err != nil {
		t.Fatal(err)
	}
	reader := inBackground(func() error { return c.BreakLease(context.Background(), Read, false) })
	awaitWaiters(t, c, 1)
	if got := c.GetLease("A"); got != Read {
		t.Errorf("while being broken: %v", got)
	}
	writer := inBackground(func() error { return c.BreakLease(context.Background(), Write, false) })
	awaitWaiters(t, c, 2)
	mustCheck(t, c)
	if got := c.GetLease("A"); got != Unlock {
		t.Errorf("while being broken by a writer: %v", got)
	}
	if err := h.take(c, o, Lease, "B", Read); err != syscall.EAGAIN {
		t.Errorf("a new lease while one is broken: %v", err)
	}
	// The holder downgrades: enough for the reader.
	l := NewLease(Lease, Read, "A", 1, h.ops)
	if err := c.SetLease(&l, o); err != nil || l == nil {
		t.Fatal(err)
	}
	if err := result(t, reader); err != nil {
		t.Error(err)
	}
	awaitWaiters(t, c, 1)
	if err := c.RemoveLease("A", OwnerOf("A")); err != nil {
		t.Error(err)
	}
	if err := result(t, writer); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(h.broken, h.removed); got != "[A to READ A to UNLCK] [A]" {
		t.Error(got)
	}
}

func TestCloseOfTheHolderEndsABreak(t *testing.T) {
	c := newFile(t)
	h, o := newHolder(), new(opens)
	for _, file := range []string{"A", "B"} {
		if err := h.take(c, o, Lease, file, Read); err != nil {
			t.Fatal(err)
		}
	}
	done := inBackground(func() error { return c.BreakLease(context.Background(), Write, false) })
	awaitWaiters(t, c, 1)
	c.CloseFile(context.Background(), "A")
	awaitWaiters(t, c, 1)
	c.CloseFile(context.Background(), "B")
	if err := result(t, done); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(h.removed); got != "[A B]" {
		t.Error(got)
	}
}

func TestInterruptedBreakGoesOn(t *testing.T) {
	c := newFile(t)
	h := newHolder()
	if err := h.take(c, new(opens), Lease, "A", Read); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := inBackground(func() error { return c.BreakLease(ctx, Write, false) })
	awaitWaiters(t, c, 1)
	cancel()
	if err := result(t, done); err != syscall.EINTR {
		t.Error(err)
	}
	if c.Waiters() != 0 || c.GetLease("A") != Unlock || !c.HasLeases() {
		t.Error("the break did not stay pending")
	}
}

func TestOverdueLeasesAreBrokenByForce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		have    Type
		by      Type
		left    Type
		removed string
	}{
		{"downgrade", Write, Read, Read, "[]"},
		{"removal", Write, Write, Unlock, "[A]"},
		{"removal of read", Read, Write, Unlock, "[A]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h := NewContext(), newHolder()
				if err := h.take(c, new(opens), Lease, "A", tt.have); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if err := c.BreakLease(context.Background(), tt.by, false); err != nil {
					t.Error(err)
				}
				if d := time.Since(start); d != 45*time.Second {
					t.Errorf("took %v", d)
				}
				if got := c.GetLease("A"); got != tt.left || fmt.Sprint(h.removed) != tt.removed {
					t.Errorf("left %v, removed %v", got, h.removed)
				}
				if err := c.Check(); err != nil || c.Waiters() != 0 {
					t.Error(err)
				}
			})
		})
	}
}

func TestOverdueLeaseIsGoneWhoeverLooksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := NewContext(), newHolder()
		if err := h.take(c, new(opens), Lease, "A", Write); err != nil {
			t.Fatal(err)
		}
		c.BreakLease(context.Background(), Read, true)
		time.Sleep(10 * time.Second)
		c.BreakLease(context.Background(), Write, true) // a later deadline of its own
		time.Sleep(35 * time.Second)
		if got := c.Snapshot(); got[0].Type != Write {
			t.Errorf("before anybody looked: %v", got[0].Type)
		}
		if got := c.GetLease("A"); got != Unlock { // downgraded, and still to be removed
			t.Errorf("target %v", got)
		}
		if got := c.Snapshot(); got[0].Type != Read {
			t.Errorf("after the first deadline: %v", got[0].Type)
		}
		time.Sleep(10 * time.Second)
		if err := h.take(c, new(opens), Lease, "B", Write); err != nil {
			t.Errorf("after the second deadline: %v", err)
		}
	})
}

func TestBreakTimeIsSetPerBreakAndManager(t *testing.T) {
	defer SetLeaseBreakTime(LeaseBreakTime())
	synctest.Test(t, func(t *testing.T) {
		c, h := NewContext(), newHolder()
		SetLeaseBreakTime(2 * time.Second)
		if err := h.take(c, new(opens), Lease, "A", Read); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.BreakLease(context.Background(), Write, false); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		SetLeaseBreakTime(0)
		if err := h.take(c, new(opens), Lease, "A", Read); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10000*time.Hour)
		if err := c.BreakLease(ctx, Write, false); err != syscall.EINTR {
			t.Errorf("a break without a limit: %v", err)
		}
		cancel()
		c.CloseFile(context.Background(), "A")

		SetLeaseBreakTime(45 * time.Second)
		s := ManagerOpsOf(&server{deadline: time.Now().Add(time.Hour)})
		l := NewLease(Deleg, Read, "S", 1, s)
		if err := c.SetLease(&l, new(opens)); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if err := c.BreakDelegation(context.Background(), false); err != nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A reader waits for the downgrade of a lease that a writer wants removed: the
// earlier deadline of the two counts.
func TestReaderBehindAWriter(t *testing.T) {
	for _, tt := range []struct {
		name           string
		by             []Type
		times          []time.Duration
		after, reading time.Duration
	}{
		{"write first", []Type{Write}, []time.Duration{10 * time.Second}, time.Second, 9 * time.Second},
		{"removed sooner", []Type{Read, Write}, []time.Duration{time.Hour, 10 * time.Second}, 0, 10 * time.Second},
		{"downgraded sooner", []Type{Read, Write}, []time.Duration{10 * time.Second, time.Hour}, 0, 10 * time.Second},
		{"downgraded never", []Type{Read, Write}, []time.Duration{0, time.Hour}, 0, time.Hour},
		{"removed never", []Type{Read, Write}, []time.Duration{time.Hour, 0}, 0, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer SetLeaseBreakTime(LeaseBreakTime())
			synctest.Test(t, func(t *testing.T) {
				c, h := NewContext(), newHolder()
				if err := h.take(c, new(opens), Lease, "A", Write); err != nil {
					t.Fatal(err)
				}
				for i, by := range tt.by {
					SetLeaseBreakTime(tt.times[i])
					if err := c.BreakLease(context.Background(), by, true); err != syscall.EAGAIN {
						t.Error(err)
					}
				}
				time.Sleep(tt.after)
				start := time.Now()
				if err := c.BreakLease(context.Background(), Read, false); err != nil || time.Since(start) != tt.reading {
					t.Errorf("%v after %v, want %v", err, time.Since(start), tt.reading)
				}
			})
		})
	}
}

func TestManagerSetsTheDeadlineOfADowngrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContext()
		s := ManagerOpsOf(&server{deadline: time.Now().Add(time.Hour)})
		l := NewLease(Lease, Write, "S", 1, s)
		given := l
		if err := c.SetLease(&l, new(opens)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.BreakLease(context.Background(), Read, false); err != nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if c.GetLease("S") != Read || given.Context() != c {
			t.Error("not downgraded")
		}
	})
}

// server breaks delegations in its own time, and changes them in no way but
// to remove them.
type server struct {
	t        *testing.T
	deadline time.Time
	atOnce   bool
	released []*Lock
}

func (s *server) Break(l *Lock) bool {
	l.SetBreakDeadline(s.deadline)
	return s.atOnce
}

func (s *server) Change(l *Lock, typ Type, dispose *[]*Lock) error {
	if typ != Unlock {
		return syscall.EAGAIN
	}
	return ModifyLease(l, typ, dispose)
}

func (s *server) ReleasePrivate(ctx context.Context, l *Lock) {
	if ctx.Err() == nil {
		s.t.Error("a lease is released with a context to wait for")
	}
	s.released = append(s.released, l)
}

func TestServerDecidesOnItsDelegations(t *testing.T) {
	c := newFile(t)
	s := &server{t: t, atOnce: true}
	l := NewLease(Deleg, Read, "S", 1, ManagerOpsOf(s))
	l.Ops = OpsOf(s)
	given := l
	if err := c.SetLease(&l, new(opens)); err != nil {
		t.Fatal(err)
	}
	again := NewLease(Deleg, Read, "S", 1, given.Manager)
	if err := c.SetLease(&again, new(opens)); err != syscall.EAGAIN || again == nil {
		t.Errorf("change refused by the manager: %v", err)
	}
	if err := c.BreakDelegation(context.Background(), true); err != nil {
		t.Errorf("broken at once: %v", err)
	}
	if len(s.released) != 1 || s.released[0] != given || c.HasLeases() {
		t.Errorf("released %v", s.released)
	}
	if err := ModifyLease(given, Read, nil); err != syscall.EINVAL {
		t.Errorf("change of a lease that is gone: %v", err)
	}
}

// A break that was answered is over: the next one of the same lease is told
// anew, and has the whole time.
func TestAnsweredBreakIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, o := NewContext(), newHolder(), new(opens)
		for i := range 2 {
			if err := h.take(c, o, Lease, "A", Write); err != nil {
				t.Fatal(err)
			}
			if err := c.BreakLease(context.Background(), Read, true); err != syscall.EAGAIN || len(h.broken) != i+1 {
				t.Errorf("break %d: %v, told %v", i, err, h.broken)
			}
			time.Sleep(40 * time.Second)
			l := NewLease(Lease, Read, "A", 1, h.ops)
			if err := c.SetLease(&l, o); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.take(c, o, Lease, "A", Write); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := c.GetLease("A"); got != Write {
			t.Errorf("an old deadline made it %v", got)
		}
	})
}
