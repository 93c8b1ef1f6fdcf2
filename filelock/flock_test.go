package filelock

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

func flock(owner string, typ Type, flags Flags) *Lock {
	return &Lock{Owner: OwnerOf(owner), File: owner, PID: 1, Kind: Flock, Type: typ, End: End, Flags: flags}
}

func tryFlock(c *Context, owner string, typ Type) error {
	return c.Flock(context.Background(), flock(owner, typ, 0))
}

func TestFlockSharesAndExcludes(t *testing.T) {
	c := newFile(t)
	ctx := context.Background()
	for _, tt := range []struct {
		owner string
		typ   Type
		err   error
		want  string
	}{
		{"A", Read, nil, "A:r0-"},
		{"A", Read, nil, "A:r0-"}, // the same again
		{"B", Read, nil, "A:r0- B:r0-"},
		{"C", Write, syscall.EAGAIN, "A:r0- B:r0-"},
		{"A", Write, syscall.EAGAIN, "B:r0-"}, // a failed conversion loses the lock
		{"B", Write, nil, "B:w0-"},
		{"A", Read, syscall.EAGAIN, "B:w0-"},
		{"B", Write, nil, "B:w0-"},
		{"B", Read, nil, "B:r0-"},
		{"A", Read, nil, "B:r0- A:r0-"},
		{"B", Unlock, nil, "A:r0-"},
		{"B", Unlock, nil, "A:r0-"},
	} {
		if err := tryFlock(c, tt.owner, tt.typ); err != tt.err {
			t.Errorf("%s %v: %v, want %v", tt.owner, tt.typ, err, tt.err)
		}
		if got := show(c); got != tt.want {
			t.Errorf("after %s %v: %s, want %s", tt.owner, tt.typ, got, tt.want)
		}
		mustCheck(t, c)
	}
	if err := c.Flock(ctx, flock("B", Unlock, FlagExists)); err != syscall.ENOENT {
		t.Errorf("unlock of nothing: %v", err)
	}
	c.CloseFile(ctx, "B")
	c.CloseFile(ctx, "A")
	if !c.Empty() {
		t.Error("survived the last reference of its file")
	}
	if err := c.Flock(ctx, posix("A", Read, 0, 0, 0)); err != syscall.EINVAL {
		t.Errorf("wrong kind: %v", err)
	}
	if err := c.Flock(ctx, flock("A", 7, 0)); err != syscall.EINVAL {
		t.Errorf("wrong type: %v", err)
	}
}

func TestFlockAndRangesIgnoreEachOther(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Write, 0, End)
	if err := tryFlock(c, "F", Write); err != nil {
		t.Error(err)
	}
	c.CloseFile(context.Background(), "F")
	if got := show(c); got != "A:w0-" {
		t.Error(got)
	}
}

func TestFlockWaits(t *testing.T) {
	c := newFile(t)
	wait := func(ctx context.Context, owner string, typ Type) <-chan error {
		return inBackground(func() error { return c.Flock(ctx, flock(owner, typ, FlagSleep)) })
	}
	if err := tryFlock(c, "A", Write); err != nil {
		t.Fatal(err)
	}
	b := wait(context.Background(), "B", Read)
	d := wait(context.Background(), "D", Read)
	ctx, cancel := context.WithCancel(context.Background())
	w := wait(ctx, "W", Write)
	awaitWaiters(t, c, 3)
	mustCheck(t, c)
	if err := tryFlock(c, "A", Read); err != nil { // a conversion wakes readers
		t.Fatal(err)
	}
	for _, done := range []<-chan error{b, d} {
		if err := result(t, done); err != nil {
			t.Error(err)
		}
	}
	awaitWaiters(t, c, 1)
	cancel()
	if err := result(t, w); err != syscall.EINTR {
		t.Error(err)
	}
	// An upgrade gives up the read lock before it waits: two upgraders are no
	// deadlock.
	a := wait(context.Background(), "A", Write)
	awaitWaiters(t, c, 1)
	b = wait(context.Background(), "B", Write)
	awaitWaiters(t, c, 2)
	if err := tryFlock(c, "D", Unlock); err != nil {
		t.Fatal(err)
	}
	var first, second string
	var rest <-chan error
	select {
	case err := <-a:
		first, second, rest = "A", "B", b
		if err != nil {
			t.Error(err)
		}
	case err := <-b:
		first, second, rest = "B", "A", a
		if err != nil {
			t.Error(err)
		}
	}
	c.CloseFile(context.Background(), first)
	if err := result(t, rest); err != nil {
		t.Error(err)
	}
	if got := show(c); got != second+":w0-" {
		t.Error(got)
	}
}

func TestFlockForDenyModesIsInNobodysWay(t *testing.T) {
	c := newFile(t)
	ctx := context.Background()
	if err := c.Flock(ctx, flock("M", Write, FlagMand)); err != nil {
		t.Fatal(err)
	}
	if err := c.Flock(ctx, flock("N", Write, FlagMand)); err != nil {
		t.Fatal(err)
	}
	if err := tryFlock(c, "A", Write); err != nil {
		t.Error(err)
	}
	if err := tryFlock(c, "M", Write); err != syscall.EAGAIN { // another type: a conversion
		t.Error(err)
	}
	h := c.Snapshot()
	if len(h) != 2 || h[0].Mand || !h[1].Mand {
		t.Errorf("listed %+v", h)
	}
	if err := c.Flock(ctx, flock("A", Read, FlagMand)); err != nil {
		t.Error(err)
	}
	mustCheck(t, c)
	if err := tryFlock(c, "M", Write); err != nil {
		t.Error(err)
	}
}

// The model of flock is the set of holders.
func TestFlockBehavesAsASetOfHolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewContext()
		defer abandon(c)
		m := &queueManager{}
		ops := ManagerOpsOf(m)
		held := map[string]Type{}
		waiting := map[string]*Lock{}
		do := func(req *Lock) {
			owner := req.Owner.Value().(string)
			delete(waiting, owner)
			had, has := held[owner]
			access := req.Flags&FlagAccess != 0
			if !access && has && had != req.Type {
				delete(held, owner)
			}
			conflict := false
			for o, typ := range held {
				conflict = conflict || o != owner && req.Type != Unlock && req.Type.conflicts(typ)
			}
			want := error(nil)
			switch {
			case conflict && req.Flags&FlagSleep != 0:
				want = ErrDeferred
				waiting[owner] = req
			case conflict:
				want = syscall.EAGAIN
			case req.Type != Unlock && !access:
				held[owner] = req.Type
			}
			if err := c.Flock(context.Background(), req); err != want {
				t.Fatalf("%v: %v, want %v", req.info(), err, want)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			owner := string(rapid.SampledFrom([]rune("ABCDE")).Draw(t, "owner"))
			req := flock(owner, Type(rapid.IntRange(0, 2).Draw(t, "type")), rapid.SampledFrom([]Flags{0, FlagSleep, FlagAccess}).Draw(t, "flags"))
			req.Manager = ops
			if waiting[owner] != nil && req.Flags&FlagAccess == 0 {
				c.Cancel(waiting[owner])
				delete(waiting, owner)
			}
			if waiting[owner] == nil {
				do(req)
			}
			for len(m.notified) > 0 {
				req, m.notified = m.notified[0], m.notified[1:]
				do(req)
			}
			mustCheck(t, c)
			if n := len(c.Snapshot()); n != len(held) || c.Waiters() != len(waiting) {
				t.Fatalf("%s, want %v", show(c), held)
			}
			for o, typ := range held {
				if !strings.Contains(show(c), o+":"+"rw"[typ:typ+1]) {
					t.Fatalf("%s, want %v", show(c), held)
				}
			}
		}
		for _, req := range waiting {
			c.Cancel(req)
		}
	})
}
