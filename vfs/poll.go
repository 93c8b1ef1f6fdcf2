package vfs

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// PollMask says what a file is ready for (POLLIN, POLLOUT, …).
type PollMask uint32

const (
	PollIn     PollMask = unix.POLLIN   // data can be read
	PollPri    PollMask = unix.POLLPRI  // something exceptional
	PollOut    PollMask = unix.POLLOUT  // data can be written
	PollErr    PollMask = unix.POLLERR  // reported whether asked for or not
	PollHup    PollMask = unix.POLLHUP  // the same
	PollNval   PollMask = unix.POLLNVAL // the same: no such descriptor
	PollRdnorm PollMask = 0x40          // as PollIn
	PollRdband PollMask = 0x80
	PollWrnorm PollMask = 0x100 // as PollOut
	PollWrband PollMask = 0x200
	PollMsg    PollMask = 0x400
	PollRdhup  PollMask = unix.POLLRDHUP

	pollAlways  = PollErr | PollHup | PollNval
	pollDefault = PollIn | PollOut | PollRdnorm | PollWrnorm
)

// A WaitQueue is where those wait who want to know when a file becomes ready.
// A driver embeds one, and wakes it after each change that can make a Poll
// answer more than before.
type WaitQueue struct {
	lock  lockdep.SpinLock
	first *waitEntry
}

// waitEntry is one registration: wake is called under the queue's lock.
type waitEntry struct {
	queue      *WaitQueue
	prev, next *waitEntry
	wake       func(PollMask)
}

var waitQueueClass = lockdep.NewClass("wait_queue_lock", lockdep.Spin)

// Init prepares the queue, before it is used.
func (q *WaitQueue) Init() { q.lock.Init(waitQueueClass) }

// Wake tells all who are registered that the events of mask may have happened.
// It does not block.
func (q *WaitQueue) Wake(mask PollMask) {
	q.lock.Lock()
	for e := q.first; e != nil; e = e.next {
		e.wake(mask)
	}
	q.lock.Unlock()
}

func (q *WaitQueue) add(e *waitEntry) {
	e.queue = q
	q.lock.Lock()
	e.prev, e.next = nil, q.first
	if q.first != nil {
		q.first.prev = e
	}
	q.first = e
	q.lock.Unlock()
}

// remove ends a registration; its wake is not running, and will not, when it
// returns.
func (e *waitEntry) remove() {
	q := e.queue
	q.lock.Lock()
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		q.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	q.lock.Unlock()
	e.queue, e.prev, e.next = nil, nil, nil
}

// A PollTable collects the wait queues on which one who polls is registered.
// A nil table registers nowhere.
type PollTable struct {
	wake    func(PollMask)
	entries []*waitEntry
}

// NewPollTable makes a table whose wake is called, with a spin lock held and so
// without blocking, each time that one of the queues is woken. Its maker closes
// it.
func NewPollTable(wake func(PollMask)) *PollTable { return &PollTable{wake: wake} }

// Wait registers on q, until the table is closed: the poll_wait of a driver's
// Poll. It does not block.
func (t *PollTable) Wait(q *WaitQueue) {
	if t == nil || t.wake == nil {
		return
	}
	e := &waitEntry{wake: t.wake}
	q.add(e)
	t.entries = append(t.entries, e)
}

// Close ends all registrations: wake is not called any more.
func (t *PollTable) Close() {
	for _, e := range t.entries {
		e.remove()
	}
	t.entries = nil
}

// Poll is what the file is ready for now; table, if not nil, is registered for
// what changes that. A file without the method is always readable and
// writable.
func (f *File) Poll(ctx context.Context, table *PollTable) PollMask {
	if f.ops.poll == nil {
		return pollDefault
	}
	return gatePoll(f.ops.poll, ctx, f, table)
}

// PollFd is one descriptor of a [Task.Poll]: Events is asked for, Revents
// answered. A negative FD is passed over.
type PollFd struct {
	FD              int
	Events, Revents PollMask
}

// Poll waits until one of the descriptors is ready, at most for timeout:
// for ever if it is negative, not at all if it is zero. It returns how many
// have an answer; a descriptor that is not open gets PollNval. EINVAL for more
// descriptors than the task may have; EINTR when the task is interrupted.
func (t *Task) Poll(fds []PollFd, timeout time.Duration) (int, error) {
	if len(fds) > t.Limits.Files {
		return 0, unix.EINVAL
	}
	woken := make(chan struct{}, 1)
	var table *PollTable
	if timeout != 0 {
		table = NewPollTable(func(PollMask) {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		defer table.Close()
	}
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for last := timeout == 0; ; table = nil {
		// Once it is registered everywhere, a scan needs no registration.
		if n := t.pollOnce(fds, table); n > 0 || last {
			return n, nil
		}
		lockdep.MightBlock("poll")
		select {
		case <-woken:
		case <-expired:
			last = true
		case <-t.Done():
			return 0, unix.EINTR
		}
	}
}

// pollOnce asks every descriptor once. What has an answer already makes
// further registrations pointless.
func (t *Task) pollOnce(fds []PollFd, table *PollTable) int {
	n := 0
	for i := range fds {
		p := &fds[i]
		p.Revents = 0
		if p.FD < 0 {
			continue
		}
		f, err := t.fileFor(p.FD)
		if err != nil {
			p.Revents = PollNval
		} else {
			p.Revents = f.Poll(t, table) & (p.Events | pollAlways)
			f.Put(t)
		}
		if p.Revents != 0 {
			n++
			table = nil
		}
	}
	return n
}
