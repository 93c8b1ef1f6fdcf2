package lockdep

import (
	"context"
	"sync"
	"syscall"
	"unsafe"
)

// The table of those who wait for a bit: a hash of the word's address selects a
// bucket, a bucket's mutex guards its queue and every change of the waiters bit
// of the words in it. Each waiter stands in the queue until someone takes it
// out (it is woken) or it leaves (its context is done).
//
// A lock bit is not handed on at first: who is woken tries again, beside
// newcomers, which spares the switch of goroutines when the lock is busy. A
// waiter that lost once goes to the head of the queue and gets the lock handed
// over, still locked, by the next unlock. So nobody starves.

const bitBuckets = 256

type bitBucket struct {
	mu         sync.Mutex
	head, tail *bitWaiter
	_          [40]byte // a bucket each cache line
}

type bitWaiter struct {
	next, prev *bitWaiter
	lock       *BitLock
	mask       uint32 // awaits (state & mask) == 0
	exclusive  bool   // wants the lock bit for itself
	handoff    bool   // lost once: gets it handed over
	granted    bool   // left the queue holding the lock
	queued     bool
	wake       chan struct{} // capacity 1
}

var (
	bitTable   [bitBuckets]bitBucket
	waiterPool = sync.Pool{New: func() any { return &bitWaiter{wake: make(chan struct{}, 1)} }}
)

func (b *BitLock) bucket() *bitBucket {
	// Fibonacci hashing: the product's high bits depend on all bits of the
	// address. A lock in the table is on the heap, so its address stays.
	h := uint64(uintptr(unsafe.Pointer(b))) * 0x9e3779b97f4a7c15
	return &bitTable[h>>(64-8)]
}

func (q *bitBucket) pushBack(w *bitWaiter) {
	w.prev, w.next, w.queued = q.tail, nil, true
	if q.tail != nil {
		q.tail.next = w
	} else {
		q.head = w
	}
	q.tail = w
}

func (q *bitBucket) pushFront(w *bitWaiter) {
	w.prev, w.next, w.queued = nil, q.head, true
	if q.head != nil {
		q.head.prev = w
	} else {
		q.tail = w
	}
	q.head = w
}

func (q *bitBucket) remove(w *bitWaiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.tail = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
}

// settle clears the waiters bit of b once nobody waits for it. The bucket is
// locked.
func (q *bitBucket) settle(b *BitLock) {
	for w := q.head; w != nil; w = w.next {
		if w.lock == b {
			return
		}
	}
	b.state.And(^uint32(bitWaiters))
}

// lockSlow waits for the lock bit until done is closed.
func (b *BitLock) lockSlow(done <-chan struct{}) error {
	q := b.bucket()
	w := waiterPool.Get().(*bitWaiter)
	w.lock, w.mask, w.exclusive = b, bitLocked, true
	defer w.put()
	for {
		q.mu.Lock()
		// The waiters bit goes up before the last look at the lock bit: an
		// unlock either comes before that look, or sees the waiters bit and
		// then needs this bucket.
		b.state.Or(bitWaiters)
		if b.tryLock() {
			q.settle(b)
			q.mu.Unlock()
			return nil
		}
		if w.handoff {
			q.pushFront(w)
		} else {
			q.pushBack(w)
		}
		q.mu.Unlock()
		select {
		case <-w.wake:
			if w.granted {
				return nil
			}
		case <-done:
			q.mu.Lock()
			if w.queued {
				q.remove(w)
				q.settle(b)
				q.mu.Unlock()
				return syscall.EINTR
			}
			q.mu.Unlock()
			<-w.wake
			if w.granted {
				return nil
			}
		}
		if b.tryLock() {
			return nil
		}
		w.handoff = true
	}
}

// waitClear waits until no bit of mask is set, or ctx is done.
func (b *BitLock) waitClear(ctx context.Context, mask uint32) error {
	if Enabled {
		b.info.mightBlock()
	}
	if b.state.Load()&mask == 0 {
		return nil
	}
	q := b.bucket()
	w := waiterPool.Get().(*bitWaiter)
	w.lock, w.mask = b, mask
	defer w.put()
	q.mu.Lock()
	b.state.Or(bitWaiters)
	if b.state.Load()&mask == 0 {
		q.settle(b)
		q.mu.Unlock()
		return nil
	}
	q.pushBack(w)
	q.mu.Unlock()
	select {
	case <-w.wake:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !w.queued {
		<-w.wake
		return nil
	}
	q.remove(w)
	q.settle(b)
	return syscall.EINTR
}

// put gives the waiter, which is in no queue and whose channel is empty, back
// to the pool.
func (w *bitWaiter) put() {
	w.lock, w.mask, w.exclusive, w.handoff, w.granted = nil, 0, false, false, false
	waiterPool.Put(w)
}

// unlockSlow unlocks a word with flags set, or waited for.
func (b *BitLock) unlockSlow() {
	for {
		s := b.state.Load()
		if s&bitLocked == 0 {
			panic("lockdep: unlock of a bit lock that is not locked")
		}
		if s&bitWaiters != 0 {
			break
		}
		if b.state.CompareAndSwap(s, s&^bitLocked) {
			return
		}
	}
	q := b.bucket()
	q.mu.Lock()
	defer q.mu.Unlock()
	var next *bitWaiter
	for w := q.head; w != nil; w = w.next {
		if w.lock == b && w.exclusive {
			next = w
			break
		}
	}
	if next != nil {
		q.remove(next)
		next.granted = next.handoff
	}
	// Who waits for the bit, and does not want it, has seen it clear: at this
	// moment, even if the lock is handed on.
	flags := b.state.Load()
	if next == nil || !next.granted {
		flags = b.state.And(^uint32(bitLocked))
	}
	q.wakeMatching(b, flags&^bitLocked)
	q.settle(b)
	if next != nil {
		next.wake <- struct{}{}
	}
}

// wakeClear wakes those whose bits are clear now, except who wants the lock.
func (b *BitLock) wakeClear() {
	q := b.bucket()
	q.mu.Lock()
	q.wakeMatching(b, b.state.Load())
	q.settle(b)
	q.mu.Unlock()
}

// wakeMatching takes those out of the queue who wait for bits that are clear in
// state. The bucket is locked.
func (q *bitBucket) wakeMatching(b *BitLock, state uint32) {
	for w := q.head; w != nil; {
		next := w.next
		if w.lock == b && !w.exclusive && state&w.mask == 0 {
			q.remove(w)
			w.wake <- struct{}{}
		}
		w = next
	}
}
