package filelock

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// ErrDeferred is the answer to a request of a lock manager that has to wait:
// it is neither granted nor refused yet. From this package it means that the
// request is queued and that the manager's [Notifier] will be called; from a
// file system, that its [Granter] will. No system call ever returns it.
var ErrDeferred = errors.New("file lock request deferred")

// block makes req wait for blocker, unless that is a deadlock (EDEADLK). The
// check and the enqueuing are one step for all other requests, or two owners
// could find no cycle and then close one. The caller holds flc_lock.
func (c *Context) block(req, blocker *Lock) error {
	w := req.waiter()
	waits.lock.Lock()
	defer waits.lock.Unlock()
	if req.countsFor(blocker) && waits.cycle(req, blocker) {
		return syscall.EDEADLK
	}
	if w.ticket == 0 {
		c.tickets++
		w.ticket, w.since = c.tickets, time.Now()
	}
	q := blocker.queue
	if q == nil {
		q = newQueue(blocker)
	}
	q.insert(w)
	if !req.Kind.leaseLike() {
		waits.add(w)
	}
	if !blocker.held() {
		c.armLapse(blocker.wait)
	}
	return nil
}

// leave ends a wait without an answer. The caller holds flc_lock.
func (c *Context) leave(w *waiter) {
	waits.lock.Lock()
	w.queue.remove(w)
	if !w.lock.Kind.leaseLike() {
		waits.remove(w)
	}
	waits.lock.Unlock()
}

// begin is for a request that is made, perhaps not for the first time: it is
// taken out of its queue, or its notice ends. The caller holds flc_lock.
func (c *Context) begin(req *Lock) {
	switch w := req.wait; {
	case w == nil:
	case w.queue != nil:
		c.leave(w)
	case w.notified:
		c.endNotice(w)
	}
}

// finish answers a request that waits no more. The caller holds flc_lock.
func (w *waiter) finish(err error) {
	w.result, w.ticket = err, 0
	select {
	case w.wake <- struct{}{}:
	default: // a signal that an earlier wait did not collect serves this one
	}
}

// deferred reports whether nobody sleeps for l when it has to wait: its
// manager is told instead.
func (l *Lock) deferred() bool { return l.Manager != nil && l.Manager.notify != nil }

// openQueue has those who wait for l, which shrank or is going, looked at
// again before flc_lock is released. The caller holds it.
func (c *Context) openQueue(l *Lock) {
	if q := l.queue; q != nil {
		waits.lock.Lock()
		q.holder, l.queue = nil, nil
		waits.lock.Unlock()
		c.opened = append(c.opened, q)
	}
}

// settle answers those of the opened queues, in the order in which they came,
// whose way is free: it grants what they asked for, so that nobody is woken in
// vain and no newcomer is faster. The others it puts behind what is in their
// way now; if a grant is in everybody's way, at once. The caller holds
// flc_lock, and all records are as they are to be.
func (c *Context) settle() {
	for len(c.opened) > 0 {
		q := c.takeOpened()
		w := q.first
		c.leave(w)
		holder := c.answer(w)
		switch {
		case q.length == 0:
		case holder != nil && c.putBehind(q, holder):
		default:
			c.opened = append(c.opened, q)
		}
	}
}

// takeOpened makes one queue of those that are opened and of one family.
func (c *Context) takeOpened() *waitQueue {
	if len(c.opened) == 1 {
		q := c.opened[0]
		c.opened = c.opened[:0]
		return q
	}
	flock := c.opened[0].first.lock.Kind == Flock
	var mine, others []*waitQueue
	for _, q := range c.opened {
		if (q.first.lock.Kind == Flock) == flock {
			mine = append(mine, q)
		} else {
			others = append(others, q)
		}
	}
	c.opened = others
	waits.lock.Lock()
	defer waits.lock.Unlock()
	for len(mine) > 1 {
		half := mine[:0]
		for i := 0; i < len(mine); i += 2 {
			q := mine[i]
			if i+1 < len(mine) {
				q = joined(q, mine[i+1])
			}
			half = append(half, q)
		}
		mine = half
	}
	return mine[0]
}

// putBehind makes a whole queue wait for holder, if that is in everybody's
// way and its owner waits for nothing, which could be a cycle.
func (c *Context) putBehind(q *waitQueue, holder *Lock) bool {
	waits.lock.Lock()
	defer waits.lock.Unlock()
	if !q.allConflict(holder) || !waits.idle(holder) {
		return false
	}
	if holder.queue != nil {
		q = joined(holder.queue, q)
	}
	q.holder, holder.queue = holder, q
	if !holder.held() {
		c.armLapse(holder.wait)
	}
	return true
}

// answer looks at a request that was taken out of an opened queue, and answers
// it if nothing is in its way. The result is what the next ones are likely to
// find in theirs: what it got or waits for, nil if that is nothing. The caller
// holds flc_lock.
func (c *Context) answer(w *waiter) *Lock {
	req := w.lock
	if req.Flags&FlagAccess != 0 {
		// It takes nothing, and may not depend on the lock any more.
		w.finish(nil)
		return nil
	}
	var own *ownerLocks
	var l *Lock
	if req.Kind == Flock {
		l = c.flock.conflict(req)
	} else {
		own = c.posix.find(req)
		l = c.posix.conflict(req, own)
	}
	if l == nil {
		l = c.notifiedInWay(req)
	}
	if l != nil {
		err := c.block(req, l)
		if err == nil {
			return l
		}
		if !req.deferred() {
			if w.conf != nil {
				w.conf.describe(l)
			}
			w.finish(err)
			return nil
		}
		// It is for the manager to hear of the deadlock when it asks again.
	}
	if req.deferred() {
		return c.notify(w)
	}
	kept := len(c.dispose)
	var err error
	var record *Lock
	if req.Kind == Flock {
		record, err = c.grantFlock(req)
	} else if err = c.grantPosix(req, own); err == nil {
		record = c.posix.find(req).tree.reaching(req.Start).lock
	}
	w.dispose = append(w.dispose, c.dispose[kept:]...)
	c.dispose = c.dispose[:kept]
	w.finish(err)
	return record
}

// sleep waits until w has a signal, for d at most if timed. Errors: EINTR if
// ctx is done. The caller holds no lock.
func (w *waiter) sleep(ctx context.Context, timed bool, d time.Duration) (timeout bool, err error) {
	lockdep.MightBlock("file lock")
	var expired <-chan time.Time
	if timed {
		t := time.NewTimer(d)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-w.wake:
		return false, nil
	case <-expired:
		return true, nil
	case <-ctx.Done():
		return false, syscall.EINTR
	}
}

// conclude ends the making of a request, and sleeps until it is answered if it
// has to wait and is not its manager's to wait for. It releases flc_lock.
func (c *Context) conclude(ctx context.Context, req *Lock, err error) error {
	if err != ErrDeferred && req.wait != nil {
		req.wait.ticket = 0
	}
	c.unlock(ctx)
	if err != ErrDeferred || req.deferred() {
		return err
	}
	return c.await(ctx, req)
}

// await sleeps until req, which was queued, is answered. Errors: the answer;
// EINTR if ctx is done before.
func (c *Context) await(ctx context.Context, req *Lock) error {
	w := req.wait
	for {
		_, interrupted := w.sleep(ctx, false, 0)
		c.lock.Lock()
		if w.queue != nil {
			if interrupted == nil {
				c.lock.Unlock() // a signal that was left over
				continue
			}
			c.leave(w)
			w.ticket, w.result = 0, interrupted
		} else if interrupted != nil {
			<-w.wake // the answer came first
		}
		err, gone := w.result, w.dispose
		w.dispose = nil
		c.lock.Unlock()
		for _, l := range gone {
			l.Release(ctx)
		}
		return err
	}
}

// Cancel ends the wait of a request of c: a deferred one is forgotten, and
// its manager not notified any more; a call that waits in SetPosix or Flock
// returns EINTR. ENOENT if the request does not wait: then it was or will be
// answered, or the manager notified, and it is for the caller to undo what
// was granted. It does not block.
func (c *Context) Cancel(req *Lock) error {
	c.lock.Lock()
	defer c.unlock(doneContext)
	w := req.wait
	if w == nil || w.queue == nil {
		c.begin(req) // nobody has to wait for it to be repeated
		return syscall.ENOENT
	}
	c.leave(w)
	w.ticket = 0
	if !req.deferred() {
		w.finish(syscall.EINTR)
	}
	return nil
}

// forgetWaits ends the waits of a manager's requests. The caller holds
// flc_lock.
func (c *Context) forgetWaits(m *ManagerOps) {
	var mine []*waiter
	c.eachWait(func(_ *Lock, w *waiter) {
		if w.lock.Manager == m {
			mine = append(mine, w)
		}
	})
	for _, w := range mine {
		c.leave(w)
		w.finish(syscall.EINTR)
	}
	for _, w := range slices.Clone(c.notified) {
		if w.lock.Manager == m {
			c.endNotice(w)
		}
	}
}

// Requests whose manager was notified

// notify has a manager repeat a request. Until it does, those behind whose way
// it would be in stay there: they would only find that it was faster. Nobody
// else waits for it, and they do not for ever: see armLapse. The result is req,
// nil if the manager failed. The caller holds flc_lock.
func (c *Context) notify(w *waiter) *Lock {
	req := w.lock
	waits.lock.Lock()
	w.notified = true
	w.notice++
	req.failed = false
	gateNotify(req.Manager.notify, req)
	if req.failed {
		w.notified = false
	}
	waits.lock.Unlock()
	if req.failed {
		w.ticket = 0
		return nil
	}
	c.notified = append(c.notified, w)
	return req
}

// notifiedInWay finds a notified request that req would be in conflict with.
func (c *Context) notifiedInWay(req *Lock) *Lock {
	for _, w := range c.notified {
		l := w.lock
		if (l.Kind == Flock) == (req.Kind == Flock) && l.Type.conflicts(req.Type) &&
			(l.Kind == Flock || l.Start <= req.End && req.Start <= l.End) && !sameOwner(l, req) {
			return l
		}
	}
	return nil
}

// armLapse bounds how long others wait for a notified request to be repeated.
func (c *Context) armLapse(w *waiter) {
	if w.lapse != nil {
		return
	}
	notice, timeout := w.notice, ManagerTimeout()
	w.lapse = time.AfterFunc(timeout, func() {
		c.lock.Lock()
		late := w.notified && w.notice == notice
		if late {
			c.endNotice(w)
		}
		c.unlock(context.Background())
		if late {
			w.lock.Manager.fault(ManagerFault{Kind: NoAnswer, Method: "Notify", After: timeout})
		}
	})
}

// endNotice looks again at those behind a notified request: it is repeated, or
// is not going to be. The caller holds flc_lock.
func (c *Context) endNotice(w *waiter) {
	if w.lapse != nil {
		w.lapse.Stop()
		w.lapse = nil
	}
	waits.lock.Lock()
	w.notified = false
	waits.lock.Unlock()
	i := slices.Index(c.notified, w)
	c.notified = slices.Delete(c.notified, i, i+1)
	c.openQueue(w.lock)
}
