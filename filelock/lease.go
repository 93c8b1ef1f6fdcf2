package filelock

import (
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// Opens is what a lease needs to know about who has its file open. The
// methods are called under flc_lock: they read counters and do not block.
type Opens interface {
	// Writers reports whether anybody has the file open for writing,
	// the holder of the lease included.
	Writers() bool
	// Others reports whether anybody but the open file of a lease has the
	// file open or otherwise in use.
	Others(file any) bool
}

// leaseState is how far a lease is broken. It is guarded by flc_lock, but for
// gone, which a manager that comes back too late looks at without it.
type leaseState struct {
	downgrade, remove     bool        // wanted by somebody
	downgradeBy, removeBy time.Time   // when that is done by force; zero for never
	backstop              time.Time   // when it is done for a manager that set never
	gone                  atomic.Bool // the lease is not recorded any more
}

// state is that of a recorded lease, nil for another lock.
func (l *Lock) state() *leaseState {
	if s := l.lease; s != nil && !s.gone.Load() {
		return s
	}
	return nil
}

var (
	leaseBreakTime atomic.Int64
	leasesDisabled atomic.Bool
)

func init() { leaseBreakTime.Store(int64(45 * time.Second)) }

// LeaseBreakTime is how long the holder of a lease has to give it up once
// somebody needs the file: 45 s unless set otherwise, 0 for as long as it
// likes.
func LeaseBreakTime() time.Duration { return time.Duration(leaseBreakTime.Load()) }

// SetLeaseBreakTime sets LeaseBreakTime for breaks that begin from now on.
func SetLeaseBreakTime(d time.Duration) { leaseBreakTime.Store(int64(max(d, 0))) }

// EnableLeases says whether new leases are given out at all. They are unless
// it was called with false.
func EnableLeases(on bool) { leasesDisabled.Store(!on) }

// NewLease makes a lease to hand to SetLease, of kind Lease, Deleg or Layout,
// for an open file, which also is the owner.
func NewLease(kind Kind, typ Type, file any, pid int, manager *ManagerOps) *Lock {
	return &Lock{Owner: Owner{file}, File: file, PID: pid, End: End, Kind: kind, Type: typ, Manager: manager}
}

// FcntlLeases makes the manager of leases that programs take with fcntl.
// signal tells the holder, with SIGIO or the signal that it chose, that its
// lease is to be broken; removed, that it is gone, when the signal owner of
// lease.File is to be reset. Both are called under flc_lock and do not block.
func FcntlLeases(signal, removed func(lease *Lock)) *ManagerOps {
	return ManagerOpsOf(&fcntlLeases{signal, removed})
}

type fcntlLeases struct{ signal, removed func(lease *Lock) }

func (m *fcntlLeases) Break(lease *Lock) bool {
	m.signal(lease)
	return false
}

func (m *fcntlLeases) leaseRemoved(lease *Lock) { m.removed(lease) }

// leaseRemover is told that a lease is gone, in whatever way. A holder that is
// a program needs it, as nobody else resets its signals; a server sees the
// record disposed of.
type leaseRemover interface{ leaseRemoved(lease *Lock) }

// Target is l's type, or of a lease what it is being broken to. For a recorded
// lease it is called where flc_lock is held, as by a [Breaker].
func (l *Lock) Target() Type {
	switch s := l.state(); {
	case s == nil:
		return l.Type
	case s.remove:
		return Unlock
	case s.downgrade:
		return Read
	}
	return l.Type
}

// SetBreakDeadline sets when the pending break of a lease is done by force;
// the zero time means never, for a manager that sees to it itself, within twice
// [LeaseBreakTime]. It is called by a [Breaker].
func (l *Lock) SetBreakDeadline(t time.Time) {
	if l.ctx == nil {
		return
	}
	l.ctx.changing.Lock()
	defer l.ctx.changing.Unlock()
	s := l.state()
	if s == nil {
		return
	}
	l.ctx.lock.AssertHeld()
	if s.remove {
		s.removeBy = t
	} else {
		s.downgradeBy = t
	}
}

// ModifyLease changes a recorded lease to Read or Write, or with Unlock
// removes it and adds it to dispose, and wakes those who wait for that. It is
// called by a [Changer], with flc_lock held. EINVAL for another type, and for
// a lease that is not recorded any more.
func ModifyLease(lease *Lock, typ Type, dispose *[]*Lock) error {
	c := lease.ctx
	if typ >= numTypes || c == nil {
		return syscall.EINVAL
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	s := lease.state()
	if s == nil {
		return syscall.EINVAL
	}
	c.lock.AssertHeld()
	lease.Type = typ
	switch typ {
	case Unlock:
		s.gone.Store(true)
		i := slices.Index(c.leases, lease)
		c.leases = slices.Delete(c.leases, i, i+1)
		c.leaseCount.Add(-1)
		if m := lease.Manager; m.removed != nil {
			m.removed.leaseRemoved(lease)
		}
		*dispose = append(*dispose, lease)
	case Read:
		s.downgrade, s.downgradeBy = false, time.Time{}
	}
	c.wakeBreakers(lease)
	return nil
}

// wakeBreakers ends the waits for a lease of those with whom it is not in
// conflict any more. The caller holds flc_lock.
func (c *Context) wakeBreakers(lease *Lock) {
	q := lease.queue
	if q == nil {
		return
	}
	for w := q.first; w != nil; {
		next := w.next
		if lease.state() == nil || !w.lock.breaks(lease) {
			c.leave(w)
			w.finish(nil)
		}
		w = next
	}
}

// changeLease has the manager change a lease. One that fails in it has no say
// any more in the removal of the lease. The caller holds flc_lock.
func (c *Context) changeLease(lease *Lock, typ Type) error {
	m := lease.Manager
	if m.change == nil {
		return ModifyLease(lease, typ, &c.dispose)
	}
	lease.failed = false
	err := gateChange(m.change, lease, typ, &c.dispose)
	if !lease.failed {
		return err
	}
	if lease.state() != nil {
		err = ModifyLease(lease, Unlock, &c.dispose)
	}
	if typ != Unlock {
		err = syscall.EIO
	}
	return err
}

// SetLease grants *lease, or changes the lease that its owner already has
// through the same open file to its type. A new lease is recorded itself, and
// *lease becomes nil; otherwise it stays the caller's. It does not block.
//
// For a delegation the caller holds the inode's i_mutex, which it only tried
// to take (EAGAIN), so that nobody is in the middle of what a delegation
// forbids. Who may have a lease, and of which files, is for the caller to
// check.
//
// Errors: EINVAL for a bad type or kind, a delegation to write, or leases
// disabled; ENOLCK if the manager has no [Breaker]; EAGAIN if the file is open
// in a way that conflicts, or another lease forbids it. A [Changer] may have
// others.
func (c *Context) SetLease(lease **Lock, opens Opens) error {
	l := *lease
	switch {
	case !l.valid(Lease, Deleg, Layout) || l.Type == Unlock || l.Kind == Deleg && l.Type == Write:
		return syscall.EINVAL
	case l.Manager == nil || l.Manager.breaker == nil:
		return syscall.ENOLCK
	}
	c.lock.Lock()
	fresh, err := c.setLease(l, opens)
	c.unlock(doneContext)
	if fresh {
		*lease = nil
	}
	return err
}

// setLease reports whether it recorded l. The caller holds flc_lock.
func (c *Context) setLease(l *Lock, opens Opens) (fresh bool, err error) {
	overdue := c.expireLeases()
	defer overdue.report()
	if opensConflict(l, opens) {
		return false, syscall.EAGAIN
	}
	var own *Lock
	for _, h := range c.leases {
		if h.File == l.File && h.Owner == l.Owner {
			own = h
		} else if l.Type == Write || h.lease.remove {
			return false, syscall.EAGAIN
		}
	}
	if own != nil {
		return false, c.changeLease(own, l.Type)
	}
	if leasesDisabled.Load() {
		return false, syscall.EINVAL
	}
	l.ctx, l.lease = c, new(leaseState)
	c.leases = append(c.leases, l)
	// An open first counts itself and then looks for leases, without a lock:
	// it sees this one, or is seen here.
	c.leaseCount.Add(1)
	if opensConflict(l, opens) {
		l.ctx, l.lease = nil, nil
		c.leases = c.leases[:len(c.leases)-1]
		c.leaseCount.Add(-1)
		return false, syscall.EAGAIN
	}
	return true, nil
}

func opensConflict(l *Lock, opens Opens) bool {
	switch {
	case l.Kind == Layout:
		return false
	case l.Type == Read:
		return opens.Writers()
	}
	return opens.Others(l.File)
}

// RemoveLease gives up the lease that owner has through file: EAGAIN if there
// is none. It does not block.
func (c *Context) RemoveLease(file any, owner Owner) error {
	err := error(syscall.EAGAIN)
	c.lock.Lock()
	for _, l := range c.leases {
		if l.File == file && l.Owner == owner {
			err = c.changeLease(l, Unlock)
			break
		}
	}
	c.unlock(doneContext)
	return err
}

// GetLease is the type of file's lease: of one that is being broken, what it
// is to become; Unlock if there is none. It does not block.
func (c *Context) GetLease(file any) Type {
	typ := Unlock
	c.lock.Lock()
	overdue := c.expireLeases()
	for _, l := range c.leases {
		if l.File == file {
			typ = l.Target()
			break
		}
	}
	c.unlock(doneContext)
	overdue.report()
	return typ
}

// HasLeases reports whether there is any lease, delegation or layout. It
// takes no lock: who opens a file counts itself first and asks then.
func (c *Context) HasLeases() bool { return c.leaseCount.Load() != 0 }

func (c *Context) closeLeases(file any) {
	if !c.HasLeases() {
		return
	}
	c.lock.Lock()
	for _, l := range slices.Clone(c.leases) {
		if l.File == file {
			_ = ModifyLease(l, Unlock, &c.dispose) // recorded, so it can go
		}
	}
	c.unlock(doneContext)
}
