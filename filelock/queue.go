package filelock

import "time"

// waiter is a request's place among those that wait. It is in a queue, and in
// waits, while queue is set; entering and leaving need flc_lock of the inode,
// to which both belong, and blocked_lock_lock; either suffices to look.
type waiter struct {
	lock       *Lock
	queue      *waitQueue
	prev, next *waiter

	graphPrev, graphNext *waiter // in waits
	visit                uint64  // the last search for a cycle that came by

	// ticket is the request's number in the file, and since when it first
	// waited. It keeps both until it is answered.
	ticket uint64
	since  time.Time

	// conf is where to describe what is in the way, if not nil.
	conf *Lock
	// result is the answer, once the waiter is in no queue any more, and
	// dispose what the grant has replaced.
	result  error
	dispose []*Lock
	// wake has room for one signal: it is sent with each answer.
	wake chan struct{}

	// notified: the manager was told to repeat the request, and others may
	// be queued behind it. It changes as queue does. notice tells one such
	// time from the next, and lapse ends it.
	notified bool
	notice   uint64
	lapse    *time.Timer
}

func (l *Lock) waiter() *waiter {
	if l.wait == nil {
		l.wait = &waiter{lock: l, wake: make(chan struct{}, 1)}
	}
	return l.wait
}

// waitQueue is who waits for one lock, the holder, first come first. The
// holder is a record or a notified request. While its queue is opened it is
// nil: then all of it is looked at again.
type waitQueue struct {
	holder      *Lock
	first, last *waiter
	length      int
	readers     int // of type Read
	checks      int // with FlagAccess

	// All who wait want the bytes from start to end, if start is not above
	// it. It may be more than these, since the leaving of one is not counted.
	start, end int64
}

func newQueue(holder *Lock) *waitQueue {
	q := &waitQueue{holder: holder, end: End}
	holder.queue = q
	return q
}

// insert puts w where its ticket says.
func (q *waitQueue) insert(w *waiter) {
	at := q.last
	for at != nil && at.ticket > w.ticket {
		at = at.prev
	}
	q.insertAfter(at, w)
}

func (q *waitQueue) insertAfter(at, w *waiter) {
	w.queue = q
	w.prev = at
	if at != nil {
		w.next = at.next
		at.next = w
	} else {
		w.next = q.first
		q.first = w
	}
	if w.next != nil {
		w.next.prev = w
	} else {
		q.last = w
	}
	q.count(w, 1)
	q.start, q.end = max(q.start, w.lock.Start), min(q.end, w.lock.End)
}

func (q *waitQueue) count(w *waiter, n int) {
	q.length += n
	if w.lock.Type == Read {
		q.readers += n
	}
	if w.lock.Flags&FlagAccess != 0 {
		q.checks += n
	}
}

// remove takes w out, and the queue from its holder if it was the last.
func (q *waitQueue) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next, w.queue = nil, nil, nil
	q.count(w, -1)
	if q.length == 0 && q.holder != nil {
		q.holder.queue = nil
	}
}

// joined makes one queue of two, whose holder is for the caller to set. It
// costs as much as is passed on the way from the end.
func joined(a, b *waitQueue) *waitQueue {
	if a.length < b.length {
		a, b = b, a
	}
	at := a.last
	for w := b.last; w != nil; {
		prev := w.prev
		for at != nil && at.ticket > w.ticket {
			at = at.prev
		}
		a.insertAfter(at, w)
		w = prev
	}
	return a
}

// allConflict reports whether l, of an owner of whom none is in the queue, is
// in the way of everybody there, and nobody wants to know of the change.
func (q *waitQueue) allConflict(l *Lock) bool {
	if l.Type == Read && q.readers > 0 || q.checks > 0 {
		return false
	}
	return l.Kind == Flock || q.start <= q.end && l.Start <= q.end && l.End >= q.start
}
