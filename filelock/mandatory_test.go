package filelock

import (
	"context"
	"syscall"
	"testing"
)

func TestMandatoryLocks(t *testing.T) {
	c := newFile(t)
	f := OwnerOf("file")
	mustSet(t, c, "A", Write, 10, 19)
	mustSet(t, c, "B", Read, 30, 39)
	if err := c.SetPosix(context.Background(), &Lock{Owner: f, Kind: OFD, Type: Write, Start: 50, End: 59}, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		owner      string
		typ        Type
		start, end int64
		file       Owner
		want       error
	}{
		{"P", Read, 0, 9, f, nil},
		{"P", Read, 0, 10, f, syscall.EAGAIN},
		{"P", Write, 15, 15, f, syscall.EAGAIN},
		{"A", Write, 0, 29, f, nil},
		{"P", Read, 30, 39, f, nil},
		{"P", Write, 30, 39, f, syscall.EAGAIN},
		{"B", Write, 30, 39, f, nil},
		{"P", Write, 50, 59, f, nil},
		{"P", Read, 50, 59, OwnerOf("other"), syscall.EAGAIN},
		{"P", Read, 50, 59, Owner{}, syscall.EAGAIN},
	} {
		req := posix(tt.owner, tt.typ, tt.start, tt.end, 0)
		if err := c.CheckMandatory(context.Background(), req, tt.file, nil); err != tt.want {
			t.Errorf("%v: %v, want %v", req.info(), err, tt.want)
		}
	}
	if err := c.CheckMandatory(context.Background(), posix("P", Unlock, 0, 1, 0), f, nil); err != syscall.EINVAL {
		t.Error(err)
	}
	if n := len(c.Snapshot()); n != 3 {
		t.Errorf("%d locks after checks only", n)
	}
}

func TestAccessWaitsForAMandatoryLock(t *testing.T) {
	c := newFile(t)
	access := func(ctx context.Context, owner string, active bool) <-chan error {
		return inBackground(func() error {
			return c.CheckMandatory(ctx, posix(owner, Write, 0, 0, FlagSleep), OwnerOf("file"), func() bool { return active })
		})
	}
	mustSet(t, c, "A", Write, 0, 0)
	done := access(context.Background(), "P", true)
	awaitWaiters(t, c, 1)
	mustSet(t, c, "A", Unlock, 0, 0)
	if err := result(t, done); err != nil {
		t.Error(err)
	}

	mustSet(t, c, "A", Write, 0, 0)
	mustSet(t, c, "A", Write, 5, 5)
	ctx, cancel := context.WithCancel(context.Background())
	done = access(ctx, "P", true)
	awaitWaiters(t, c, 1)
	cancel()
	if err := result(t, done); err != syscall.EINTR {
		t.Error(err)
	}

	// The file is not mandatory any more when the waiter looks again.
	done = access(context.Background(), "P", false)
	awaitWaiters(t, c, 1)
	mustSet(t, c, "A", Read, 0, 0)
	if err := result(t, done); err != nil {
		t.Error(err)
	}

	// The wait can be part of a deadlock.
	mustSet(t, c, "P", Write, 9, 9)
	other := lockWait(context.Background(), c, "A", Write, 9, 9)
	awaitWaiters(t, c, 1)
	if err := result(t, access(context.Background(), "P", true)); err != syscall.EDEADLK {
		t.Error(err)
	}
	c.ClosePosix(context.Background(), OwnerOf("P"))
	if err := result(t, other); err != nil {
		t.Error(err)
	}
}

func TestLockedByOthers(t *testing.T) {
	c := newFile(t)
	a, b := OwnerOf("A"), OwnerOf("B")
	if c.LockedByOthers() {
		t.Error("no locks")
	}
	mustSet(t, c, "A", Read, 0, 0)
	if c.LockedByOthers(b, a) || !c.LockedByOthers(b) || !c.LockedByOthers() {
		t.Error("A's lock")
	}
	mustSet(t, c, "B", Read, 0, 0)
	if c.LockedByOthers(b, a) || !c.LockedByOthers(b) || !c.LockedByOthers(a) {
		t.Error("A's and B's locks")
	}
	mustSet(t, c, "A", Unlock, 0, 0)
	mustSet(t, c, "B", Unlock, 0, 0)
	l := posix("A", Read, 0, 0, 0)
	l.Manager = ManagerOpsOf(&queueManager{})
	if err := c.SetPosix(context.Background(), l, nil); err != nil || !c.LockedByOthers(a) {
		t.Error("a manager's lock is nobody's here")
	}
}

// An access without an open file is not that of a lock whose owner is zero.
func TestNoFileIsNobodysFile(t *testing.T) {
	c := newFile(t)
	if err := c.SetPosix(context.Background(), &Lock{Kind: OFD, Type: Write, End: End}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.CheckMandatory(context.Background(), posix("P", Read, 0, 0, 0), Owner{}, nil); err != syscall.EAGAIN {
		t.Error(err)
	}
}
