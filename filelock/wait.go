package filelock

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// ErrDeferred is the answer to a request of a lock manager that has to wait:
// it is neither granted nor refused yet. From this package it means that the
// request is queued and that the manager's [Notifier] will be called; from a
// file system, that its [Granter] will. No system call ever returns it.
var ErrDeferred = errors.New("file lock request deferred")

// waiter is a request's place among those that wait for a record. It is on
// the record's list, and in the waits of its owner, while blocker is set.
// Linking and unlinking need flc_lock of the inode, to which both belong, and
// blocked_lock_lock; either suffices to look.
type waiter struct {
	lock       *Lock
	blocker    *Lock
	prev, next *waiter // on blocker's list

	inGraph              bool
	graphPrev, graphNext *waiter // in waits

	// visit is the last search for a cycle that came by.
	visit uint64
	// canceled says why a sleeper that was woken finds itself unlinked.
	canceled bool
	// wake has room for one signal: a waiter is woken once for each time
	// that it is linked.
	wake chan struct{}
}

// waiterList is first come first served.
type waiterList struct{ first, last *waiter }

// waits is who waits for whom, over all files: the blocked requests of POSIX
// owners, by owner.
var waits waitGraph

type waitGraph struct {
	lock    lockdep.SpinLock // blocked_lock_lock
	byOwner map[ownerKey]*waiter
	visit   uint64
}

func init() {
	waits.lock.Init(lockdep.BlockedLockLock)
	waits.byOwner = make(map[ownerKey]*waiter)
}

// block makes req wait for blocker, unless that is a deadlock. The check and
// the link are one step for all other requests, or two owners could find no
// cycle and then close one. The caller holds flc_lock.
func (c *Context) block(req, blocker *Lock) error {
	waits.lock.Lock()
	defer waits.lock.Unlock()
	inGraph := req.Kind == POSIX && blocker.Kind == POSIX
	if inGraph && waits.cycle(req, blocker) {
		return syscall.EDEADLK
	}
	w := req.wait
	if w == nil {
		w = &waiter{lock: req, wake: make(chan struct{}, 1)}
		req.wait = w
	}
	w.canceled = false
	w.blocker = blocker
	w.prev, w.next = blocker.waiters.last, nil
	if w.prev != nil {
		w.prev.next = w
	} else {
		blocker.waiters.first = w
	}
	blocker.waiters.last = w
	if inGraph {
		waits.add(w)
	}
	return nil
}

// unlink takes w off all lists. The caller holds flc_lock and
// blocked_lock_lock.
func (w *waiter) unlink() {
	list := &w.blocker.waiters
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		list.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		list.last = w.prev
	}
	w.prev, w.next, w.blocker = nil, nil, nil
	if w.inGraph {
		waits.remove(w)
	}
}

// unblock ends the wait of req if it waits, and reports whether it did. The
// caller holds flc_lock.
func (c *Context) unblock(req *Lock) bool {
	w := req.wait
	if w == nil || w.blocker == nil {
		return false
	}
	waits.lock.Lock()
	w.unlink()
	waits.lock.Unlock()
	return true
}

// wakeWaiters ends the waits for l, which shrank or is going. The caller
// holds flc_lock.
func (l *Lock) wakeWaiters() {
	if l.waiters.first == nil {
		return
	}
	waits.lock.Lock()
	defer waits.lock.Unlock()
	for w := l.waiters.first; w != nil; w = l.waiters.first {
		w.unlink()
		if w.lock.deferred() {
			gateNotify(w.lock.Manager.notify, w.lock)
		} else {
			w.signal()
		}
	}
}

// deferred reports whether nobody sleeps for l when it has to wait: its
// manager is told instead.
func (l *Lock) deferred() bool { return l.Manager != nil && l.Manager.notify != nil }

func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // a signal that the last wait did not collect serves this one
	}
}

// sleep waits until w, which was linked, is woken, for d at most if timed.
// Errors: EINTR if ctx is done. The caller holds no lock, and is to call
// unblock unless the result is nil and timeout false.
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

// once calls try under flc_lock, with req in no queue, and gives up what it
// disposes of. try answers ErrDeferred if it linked req.
func (c *Context) once(ctx context.Context, req *Lock, try func(dispose *[]*Lock) error) error {
	var dispose []*Lock
	c.lock.Lock()
	c.unblock(req)
	err := try(&dispose)
	c.lock.Unlock()
	release(ctx, dispose)
	return err
}

// await sleeps until req, which is linked, is woken. Errors: EINTR if ctx is
// done or req canceled; then req is in no queue.
func (c *Context) await(ctx context.Context, req *Lock) error {
	_, err := req.wait.sleep(ctx, false, 0)
	c.lock.Lock()
	defer c.lock.Unlock()
	if err != nil {
		c.unblock(req)
	} else if req.wait.canceled {
		err = syscall.EINTR
	}
	return err
}

// until repeats try, as once does, until it does not ask to wait, and sleeps
// in between. The wait of a deferred request is its manager's.
func (c *Context) until(ctx context.Context, req *Lock, try func(dispose *[]*Lock) error) error {
	for {
		err := c.once(ctx, req, try)
		if err != ErrDeferred || req.deferred() {
			return err
		}
		if err := c.await(ctx, req); err != nil {
			return err
		}
	}
}

// release gives up the private data of records that are gone. The caller
// holds no lock.
func release(ctx context.Context, locks []*Lock) {
	for _, l := range locks {
		l.Release(ctx)
	}
}

// Cancel ends the wait of a request of c: a deferred one is forgotten, and
// its manager not notified any more; a call that waits in SetPosix or Flock
// returns EINTR. ENOENT if the request does not wait: then it was or will be
// answered, or the manager notified, and it is for the caller to undo what
// was granted. It does not block.
func (c *Context) Cancel(req *Lock) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.unblock(req) {
		return syscall.ENOENT
	}
	req.wait.canceled = true
	if !req.deferred() {
		req.wait.signal()
	}
	return nil
}

// cycle reports whether blocker's owner waits, itself or through others, for
// a lock of req's owner. An owner with several threads may wait more than
// once; each of its waits counts. The caller holds blocked_lock_lock, which
// keeps all these requests and the records that they wait for where they are,
// and flc_lock of req's inode.
func (g *waitGraph) cycle(req, blocker *Lock) bool {
	if len(g.byOwner) == 0 {
		return false
	}
	g.visit++
	var buf [16]*Lock
	todo := append(buf[:0], blocker)
	for len(todo) > 0 {
		l := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for w := g.byOwner[l.ownerKey()]; w != nil; w = w.graphNext {
			if w.visit == g.visit || !sameOwner(w.lock, l) {
				continue
			}
			w.visit = g.visit
			if sameOwner(w.blocker, req) {
				return true
			}
			todo = append(todo, w.blocker)
		}
	}
	return false
}

func (g *waitGraph) add(w *waiter) {
	key := w.lock.ownerKey()
	w.inGraph = true
	w.graphNext = g.byOwner[key]
	if w.graphNext != nil {
		w.graphNext.graphPrev = w
	}
	g.byOwner[key] = w
}

func (g *waitGraph) remove(w *waiter) {
	if w.graphNext != nil {
		w.graphNext.graphPrev = w.graphPrev
	}
	switch {
	case w.graphPrev != nil:
		w.graphPrev.graphNext = w.graphNext
	case w.graphNext != nil:
		g.byOwner[w.lock.ownerKey()] = w.graphNext
	default:
		delete(g.byOwner, w.lock.ownerKey())
	}
	w.graphPrev, w.graphNext, w.inGraph = nil, nil, false
}
