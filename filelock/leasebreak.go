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
		var deadline time.Time
		err := c.once(ctx, breaker, func(dispose *[]*Lock) error {
			c.expireLeases(dispose)
			c.askToBreak(breaker, dispose)
			i := slices.IndexFunc(c.leases, breaker.breaks)
			switch {
			case i < 0:
				return nil
			case nonblock:
				return syscall.EAGAIN
			}
			deadline = c.leases[i].breakDeadline(typ)
			if err := c.block(breaker, c.leases[i]); err != nil {
				return err
			}
			return ErrDeferred
		})
		if err != ErrDeferred {
			return err
		}
		if _, err := breaker.wait.sleep(ctx, !deadline.IsZero(), time.Until(deadline)); err != nil {
			c.lock.Lock()
			c.unblock(breaker)
			c.lock.Unlock()
			return err
		}
	}
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
// of them, each once. The caller holds flc_lock.
func (c *Context) askToBreak(breaker *Lock, dispose *[]*Lock) {
	var deadline time.Time
	if d := LeaseBreakTime(); d > 0 {
		deadline = time.Now().Add(d)
	}
	for _, l := range slices.Clone(c.leases) {
		s := l.lease
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
		if gateBreak(l.Manager.breaker, l) {
			_ = ModifyLease(l, Unlock, dispose)
		}
	}
}

// breakDeadline is when l, which is being broken, ceases to be in the way of
// a breaker of the given type; zero for never.
func (l *Lock) breakDeadline(typ Type) time.Time {
	s := l.lease
	switch {
	case typ == Write || !s.downgrade:
		return s.removeBy
	case s.remove && !s.removeBy.IsZero() && (s.downgradeBy.IsZero() || s.removeBy.Before(s.downgradeBy)):
		return s.removeBy
	}
	return s.downgradeBy
}
