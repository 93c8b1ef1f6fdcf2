package filelock

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// remote is the owner of a lock that a server holds for a client. Each request
// makes a new one.
type remote struct {
	host string
	pid  int
}

// lockServer compares owners by value; with keys it also finds them by value.
type lockServer struct {
	queueManager
	compared int
}

func (s *lockServer) CompareOwner(a, b *Lock) bool {
	s.compared++
	return *a.Owner.Value().(*remote) == *b.Owner.Value().(*remote)
}

type keyedServer struct {
	lockServer
	keyed int
}

func (s *keyedServer) OwnerKey(l *Lock) uint64 {
	s.keyed++
	return uint64(l.Owner.Value().(*remote).pid) // the same for two hosts
}

func remoteLock(ops *ManagerOps, host string, pid int, typ Type, start, end int64, flags Flags) *Lock {
	return &Lock{
		Owner: OwnerOf(&remote{host, pid}), PID: pid, Kind: POSIX, Type: typ,
		Start: start, End: end, Flags: flags, Manager: ops,
	}
}

func TestManagersCompareTheirOwners(t *testing.T) {
	for name, ops := range map[string]*ManagerOps{
		"by comparison": ManagerOpsOf(&lockServer{}),
		"by key":        ManagerOpsOf(&keyedServer{}),
	} {
		t.Run(name, func(t *testing.T) {
			c, d := newFile(t), newFile(t)
			req := func(c *Context, host string, pid int, typ Type, start, end int64, flags Flags) error {
				return c.SetPosix(context.Background(), remoteLock(ops, host, pid, typ, start, end, flags), nil)
			}
			for i := range int64(3) {
				if err := req(c, "h", 1, Write, 10*i, 10*i+9, 0); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(c.Snapshot()); n != 1 {
				t.Errorf("locks of one owner did not merge: %d", n)
			}
			if err := req(c, "i", 1, Read, 0, 0, 0); err != syscall.EAGAIN {
				t.Errorf("another host: %v", err)
			}
			if err := req(d, "i", 1, Write, 0, 0, 0); err != nil {
				t.Error(err)
			}
			// Deadlock detection finds the owner by another pointer, in another file.
			waiting := remoteLock(ops, "h", 1, Write, 0, 0, FlagSleep)
			if err := d.SetPosix(context.Background(), waiting, nil); err != ErrDeferred {
				t.Error(err)
			}
			if err := req(c, "i", 1, Write, 5, 5, FlagSleep); err != syscall.EDEADLK {
				t.Error(err)
			}
			if err := d.Cancel(waiting); err != nil {
				t.Error(err)
			}
			// Another manager's owner is another owner, whatever it is made from.
			other := remoteLock(ManagerOpsOf(&lockServer{}), "h", 1, Read, 0, 0, 0)
			if err := c.SetPosix(context.Background(), other, nil); err != syscall.EAGAIN {
				t.Errorf("another manager: %v", err)
			}
			local := remoteLock(nil, "h", 1, Read, 0, 0, 0)
			if err := c.SetPosix(context.Background(), local, nil); err != syscall.EAGAIN {
				t.Errorf("no manager: %v", err)
			}
			c.ClosePosix(context.Background(), local.Owner)
			if c.Empty() {
				t.Error("a local close dropped a manager's lock")
			}
		})
	}
}

func TestOwnerKeyIsAskedOncePerRequest(t *testing.T) {
	c := newFile(t)
	s := &keyedServer{}
	ops := ManagerOpsOf(s)
	set := func(typ Type, start, end int64) {
		t.Helper()
		if err := c.SetPosix(context.Background(), remoteLock(ops, "h", 1, typ, start, end, 0), nil); err != nil {
			t.Fatal(err)
		}
	}
	set(Write, 0, 99)
	set(Unlock, 40, 59)
	set(Read, 0, 10)
	set(Unlock, 0, End)
	if s.keyed != 4 {
		t.Errorf("asked %d times for 4 requests", s.keyed)
	}
}

// Many owners under one key are told apart, and forgotten one by one.
func TestOwnersOfOneKey(t *testing.T) {
	c := newFile(t)
	ops := ManagerOpsOf(&lockServer{}) // no keys: all in one place
	const n = 10
	for pid := range n {
		if err := c.SetPosix(context.Background(), remoteLock(ops, "h", pid, Read, 0, int64(pid), 0), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range []int{4, 9, 0, 1, 8, 5, 2, 7, 3, 6} {
		mustCheck(t, c)
		if err := c.SetPosix(context.Background(), remoteLock(ops, "h", pid, Unlock, 0, End, FlagExists), nil); err != nil {
			t.Errorf("owner %d: %v", pid, err)
		}
	}
	if !c.Empty() {
		t.Error(show(c))
	}
}

type granter struct {
	queueManager
	got []string
	err error
}

func (g *granter) Grant(lock, conflict *Lock, result error) error {
	g.got = append(g.got, fmt.Sprintf("%d %v %v", lock.PID, conflict != nil, result))
	return g.err
}

func TestLateAnswersGoToTheManager(t *testing.T) {
	g := &granter{}
	ops := ManagerOpsOf(g)
	l := remoteLock(ops, "h", 7, Read, 0, 0, FlagSleep)
	if !ops.CanGrant() || ManagerOpsOf(&queueManager{}).CanGrant() || (*ManagerOps)(nil).CanGrant() {
		t.Error("CanGrant")
	}
	if err := l.Grant(nil, nil); err != nil {
		t.Error(err)
	}
	g.err = errors.New("unknown request")
	if err := l.Grant(l, syscall.EAGAIN); err != g.err {
		t.Error(err)
	}
	if fmt.Sprint(g.got) != "[7 false <nil> 7 true resource temporarily unavailable]" {
		t.Errorf("told %q", g.got)
	}
	if err := remoteLock(nil, "h", 1, Read, 0, 0, 0).Grant(nil, nil); err != syscall.EINVAL {
		t.Error(err)
	}
}

// What a notified manager is told about is over: the request is in no list,
// and repeating it is a new request.
func TestNotifiedManagerRepeatsTheRequest(t *testing.T) {
	c := newFile(t)
	s := &lockServer{}
	ops := ManagerOpsOf(s)
	mustSet(t, c, "A", Write, 0, 9)
	req := remoteLock(ops, "h", 1, Write, 0, 9, FlagSleep)
	for range 2 { // a manager may ask again
		if err := c.SetPosix(context.Background(), req, nil); err != ErrDeferred || c.Waiters() != 1 {
			t.Errorf("%v, %d wait", err, c.Waiters())
		}
	}
	mustSet(t, c, "A", Unlock, 0, 0)
	if len(s.notified) != 0 || c.Waiters() != 1 {
		t.Fatalf("the rest is still locked, but %v is notified, and %d wait", s.notified, c.Waiters())
	}
	mustSet(t, c, "A", Unlock, 0, End)
	if len(s.notified) != 1 || s.notified[0] != req || c.Waiters() != 0 {
		t.Fatalf("notified %v, %d wait", s.notified, c.Waiters())
	}
	if err := c.Cancel(req); err != syscall.ENOENT {
		t.Errorf("cancel after the notification: %v", err)
	}
	mustSet(t, c, "A", Write, 3, 3) // faster than the manager
	if err := c.SetPosix(context.Background(), req, nil); err != ErrDeferred {
		t.Errorf("locked again: %v", err)
	}
	mustSet(t, c, "A", Unlock, 0, End)
	if err := c.SetPosix(context.Background(), req, nil); err != nil {
		t.Error(err)
	}
}

// keyOnly finds owners by a key that two of them share, and compares their
// values as usual.
type keyOnly struct{ queueManager }

func (*keyOnly) OwnerKey(*Lock) uint64 { return 1 }

func TestKeyWithoutComparison(t *testing.T) {
	c := newFile(t)
	ops := ManagerOpsOf(&keyOnly{})
	do := func(owner string, typ Type) error {
		l := posix(owner, typ, 0, 9, 0)
		l.Manager = ops
		return c.SetPosix(context.Background(), l, nil)
	}
	if err := do("A", Write); err != nil {
		t.Fatal(err)
	}
	if err := do("B", Read); err != syscall.EAGAIN {
		t.Error(err)
	}
	if err := do("A", Read); err != nil {
		t.Error(err)
	}
}

// counter counts private data, by record.
type counter struct{ copied, released int }

func (n *counter) CopyLock(new, old *Lock)               { n.copied++ }
func (n *counter) ReleasePrivate(context.Context, *Lock) { n.released++ }

func TestPrivateDataOfFlocks(t *testing.T) {
	c := newFile(t)
	n := &counter{}
	ops := OpsOf(n)
	do := func(typ Type) {
		t.Helper()
		l := flock("F", typ, 0)
		l.Ops = ops
		if err := c.Flock(context.Background(), l); err != nil {
			t.Fatal(err)
		}
		if l.Context() != c {
			t.Error("the request does not know its context")
		}
		l.Release(context.Background())
	}
	for i, typ := range []Type{Read, Write, Write, Unlock, Read} {
		do(typ)
		// Live: what was copied or made as a request, and not released.
		if live, want := n.copied+i+1-n.released, len(c.Snapshot()); live != want {
			t.Errorf("after %v: %d live, want %d", typ, live, want)
		}
	}
	c.CloseFile(context.Background(), "F")
	if n.released != n.copied+5 {
		t.Errorf("%d released of %d and 5 requests", n.released, n.copied)
	}
}

func TestNamesForListings(t *testing.T) {
	got := fmt.Sprint(POSIX, OFD, Flock, Lease, Deleg, Layout, numKinds, Read, Write, Unlock, numTypes)
	if got != "POSIX OFD FLOCK LEASE DELEG LAYOUT unknown READ WRITE UNLCK unknown" {
		t.Error(got)
	}
}
