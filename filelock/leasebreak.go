package filelock

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// BreakLease makes way for an open of the file, to read or to write, or for
// a truncation, a write: see Break with kind Lease.
func (c *Context) BreakLease(ctx context.Context, typ Type, nonblock bool) error {
	return c.Break(ctx, Lease, typ, nonblock)
}

// BreakDelegation makes way for a change of the file's names or attributes:
// see Break with kind Deleg. Under a lock that others need it is called with
// nonblock; after EAGAIN the caller releases its locks, calls it without, and
// starts over.
func (c *Context) BreakDelegation(ctx context.Context, nonblock bool) error {
	return c.Break(ctx, Deleg, Write, nonblock)
}

// Break makes the holders of conflicting leases give them up, and waits until
// they did or were made to, see LeaseBreakTime. Read is in conflict with a
// lease to write, and asks for its downgrade; Write with any, and asks for its
// removal. kind says who asks: Lease breaks leases and delegations, Deleg
// delegations only, and Layout layouts only.
//
// With nonblock it does not wait. Errors: EAGAIN then, though the break goes
// on; EINTR if ctx is done; EINVAL for another kind or type. If there is no
// lease at all it takes no lock.
func (c *Context) Break(ctx context.Context, kind Kind, typ Type, nonblock bool) error {
	if !kind.leaseLike() || typ >= Unlock {
		return syscall.EINVAL
	}
	if !c.HasLeases() {
		return nil
	}
	breaker := &Lock{Kind: kind, Type: typ, End: End, ctx: c}
	for {
		deadline, err := c.tryBreak(ctx, breaker, nonblock)
		if err != ErrDeferred {
			return err
		}
		_, err = breaker.wait.sleep(ctx, !deadline.IsZero(), time.Until(deadline))
		if err == nil {
			continue
		}
		c.lock.Lock()
		if breaker.wait.queue != nil {
			c.leave(breaker.wait)
		}
		c.lock.Unlock()
		return err
	}
}

// tryBreak asks for the leases in breaker's way. ErrDeferred says that it waits
// for one of them now, and until when at most; zero is for ever.
func (c *Context) tryBreak(ctx context.Context, breaker *Lock, nonblock bool) (deadline time.Time, err error) {
	c.lock.Lock()
	c.begin(breaker)
	overdue := c.expireLeases()
	c.askToBreak(breaker)
	i := slices.IndexFunc(c.leases, breaker.breaks)
	switch {
	case i < 0:
	case nonblock:
		err = syscall.EAGAIN
	default:
		deadline = c.leases[i].breakDeadline(breaker.Type)
		// Nobody waits for a breaker, so there is no deadlock.
		_ = c.block(breaker, c.leases[i])
		err = ErrDeferred
	}
	c.unlock(ctx)
	overdue.report()
	return deadline, err
}

// breaks reports whether l, a breaker, is in conflict with lease.
func (l *Lock) breaks(lease *Lock) bool {
	switch {
	case (l.Kind == Layout) != (lease.Kind == Layout):
		return false
	case l.Kind == Deleg && lease.Kind == Lease:
		return false
	}
	return l.Type.conflicts(lease.Type)
}

// askToBreak tells the holders of the leases in breaker's way what is wanted
// of them, each once. A lease whose manager fails to pass that on goes. The
// caller holds flc_lock.
func (c *Context) askToBreak(breaker *Lock) {
	var deadline, backstop time.Time
	if d := LeaseBreakTime(); d > 0 {
		now := time.Now()
		deadline, backstop = now.Add(d), now.Add(leaseBackstop())
	}
	for _, l := range slices.Clone(c.leases) {
		s := l.state()
		switch {
		case s == nil || !breaker.breaks(l) || s.remove:
			continue
		case breaker.Type == Write:
			s.remove, s.removeBy = true, deadline
		case s.downgrade:
			continue
		default:
			s.downgrade, s.downgradeBy = true, deadline
		}
		s.backstop = backstop
		l.failed = false
		if gateBreak(l.Manager.breaker, l) || l.failed {
			_ = ModifyLease(l, Unlock, &c.dispose)
		}
	}
}

// breakDeadline is when l, which is being broken, ceases to be in the way of
// a breaker of the given type; zero for never.
func (l *Lock) breakDeadline(typ Type) time.Time {
	s := l.lease
	by := s.removeBy
	if typ != Write && s.downgrade {
		by = s.downgradeBy
		if s.remove && !s.removeBy.IsZero() && (by.IsZero() || s.removeBy.Before(by)) {
			by = s.removeBy
		}
	}
	if by.IsZero() {
		return s.backstop
	}
	return by
}

// lateManagers are those that let a break take longer than they may.
type lateManagers []*ManagerOps

func (all lateManagers) report() {
	for _, m := range all {
		m.fault(ManagerFault{Kind: NoAnswer, Method: "Break", After: leaseBackstop()})
	}
}

// leaseBackstop is how long a manager has that sees to the time itself; 0 for
// as long as it likes.
func leaseBackstop() time.Duration { return 2 * LeaseBreakTime() }

// expireLeases does by force what is overdue, and names the managers that
// wanted to see to it themselves. The caller holds flc_lock.
func (c *Context) expireLeases() (late lateManagers) {
	if len(c.leases) == 0 {
		return nil
	}
	now := time.Now()
	for _, l := range slices.Clone(c.leases) {
		s := l.lease
		due := func(by time.Time) bool {
			if !by.IsZero() {
				return !now.Before(by)
			}
			if s.backstop.IsZero() || now.Before(s.backstop) {
				return false
			}
			late = append(late, l.Manager)
			return true
		}
		switch {
		case s.remove && due(s.removeBy):
			_ = ModifyLease(l, Unlock, &c.dispose)
		case s.downgrade && due(s.downgradeBy):
			_ = ModifyLease(l, Read, &c.dispose)
		}
	}
	return late
}
