package filelock

import "github.com/govfs/govfs/lockdep"

// waits is who waits for whom, over all files: the requests that wait for
// locks, by owner.
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

// held reports whether a lock that others wait for is one: a request whose
// manager was notified is not yet.
func (l *Lock) held() bool { return l.wait == nil || !l.wait.notified }

// countsFor reports whether a wait for holder can be part of a deadlock. Open
// files are nobody who waits, so neither OFD nor flock locks are; and who waits
// for a request to be repeated waits for no lock.
func (l *Lock) countsFor(holder *Lock) bool {
	return l.Kind == POSIX && holder.Kind == POSIX && holder.held()
}

// cycle reports whether blocker's owner waits, itself or through others, for
// a lock of req's owner. An owner with several threads may wait more than
// once; each of its waits counts. A queue that is opened has no holder: who is
// in it will be looked at again, and then finds the cycle. The caller holds
// blocked_lock_lock, which keeps all these requests and the records that they
// wait for where they are, and flc_lock of req's inode.
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
			holder := w.queue.holder
			if w.visit == g.visit || holder == nil || !w.lock.countsFor(holder) || !sameOwner(w.lock, l) {
				continue
			}
			w.visit = g.visit
			if sameOwner(holder, req) {
				return true
			}
			todo = append(todo, holder)
		}
	}
	return false
}

// idle reports whether l's owner waits for nothing. It may err to the other
// side.
func (g *waitGraph) idle(l *Lock) bool { return g.byOwner[l.ownerKey()] == nil }

func (g *waitGraph) add(w *waiter) {
	key := w.lock.ownerKey()
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
	w.graphPrev, w.graphNext = nil, nil
}
