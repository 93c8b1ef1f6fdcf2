package fuse

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A notifier tells the kernel what has changed beside the mount. One goroutine
// sends, since sending waits for requests that hold the kernel's locks; those
// who serve requests only queue.
//
// The queue is short by itself: what is queued already about the same name, or
// the same inode, is not queued again, but widened.
type notifier struct {
	nodes     *nodeTable
	transport transport

	mu      sync.Mutex
	queue   []*notice
	later   []*notice // to be tried again, the earliest first
	pending map[noticeKey]*notice
	closing bool

	wake    chan struct{} // holds one token while there is something to do
	stopped chan struct{}
	started bool

	sent, late atomic.Uint64
}

// noticeKind is what a notice says.
type noticeKind uint8

const (
	noticeEntry  noticeKind = iota // a name may stand for something else
	noticeDelete                   // a name and its object are gone
	noticeInode                    // attributes, and data in a range
	noticePoll                     // a file may be ready
)

// A notice is one thing to tell the kernel.
type notice struct {
	kind     noticeKind
	node     uint64 // the directory's, with a name; the kernel's handle of noticePoll
	name     string
	child    uint64 // noticeDelete
	off, end int64  // noticeInode: the range of bytes; off is attrsOnly for none

	tries   int
	due     time.Time // of a further try
	waiters []*delivery
}

// noticeKey is what a notice is about.
type noticeKey struct {
	kind noticeKind
	node uint64
	name string
}

func (n *notice) key() noticeKey {
	kind := n.kind
	if kind == noticeDelete {
		kind = noticeEntry
	}
	return noticeKey{kind, n.node, n.name}
}

// toEnd is the end of a range without one.
const toEnd int64 = math.MaxInt64

const (
	// noticeTries is how often a notice is tried of which the kernel says
	// that it does not know the inode, while it was or is being told of it:
	// the answer to its lookup may be on the way.
	noticeTries = 7
	// noticeDelay is the time to the first further try, doubled for each
	// one.
	noticeDelay = 500 * time.Microsecond
)

func newNotifier(nodes *nodeTable) *notifier {
	return &notifier{
		nodes: nodes, pending: make(map[noticeKey]*notice),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// start begins to send. What was added before is sent now.
func (q *notifier) start(t transport) {
	q.transport = t
	q.started = true
	go q.run()
}

// stop ends the notifier; what it has not sent is given up, and nobody waits
// for it any longer.
func (q *notifier) stop() {
	q.mu.Lock()
	q.closing = true
	q.queue, q.later = nil, nil
	clear(q.pending)
	q.mu.Unlock()
	if !q.started {
		close(q.stopped)
		return
	}
	q.signal()
	<-q.stopped
}

func (q *notifier) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// queued is the number of notices not yet sent.
func (q *notifier) queued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

// add queues a notice; d, if not nil, learns when it has been sent. It does not
// block.
func (q *notifier) add(n notice, d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return
	}
	old := q.pending[n.key()]
	if old == nil {
		fresh := n
		old = &fresh
		q.pending[n.key()] = old
		q.queue = append(q.queue, old)
		q.signal()
	} else {
		old.widen(&n)
	}
	if d != nil {
		d.add()
		old.waiters = append(old.waiters, d)
	}
}

// widen makes a queued notice say what n says too.
func (n *notice) widen(m *notice) {
	switch {
	case n.kind == noticeDelete && (m.kind != noticeDelete || m.child != n.child):
		// The name stands for something new: as good as any change of it.
		n.kind, n.child = noticeEntry, 0
	case n.kind == noticeInode && n.off < 0:
		n.off, n.end = m.off, m.end
	case n.kind == noticeInode && m.off >= 0:
		n.off, n.end = min(n.off, m.off), max(n.end, m.end)
	}
}

// attrsNow tells the kernel that a node's attributes have changed, from within
// a request that holds the node open. This notice waits for no other request:
// it takes no lock of the kernel's that is held while one is answered.
func (q *notifier) attrsNow(node uint64) {
	if !q.started {
		return
	}
	if q.send(&notice{kind: noticeInode, node: node, off: attrsOnly}) == nil {
		q.sent.Add(1)
	}
}

// run sends notices in the order in which they were queued.
func (q *notifier) run() {
	defer close(q.stopped)
	for {
		n, wait, ok := q.next()
		switch {
		case !ok:
			return
		case n != nil:
			q.deliver(n)
		case wait > 0:
			timer := time.NewTimer(wait)
			select {
			case <-q.wake:
			case <-timer.C:
			}
			timer.Stop()
		default:
			<-q.wake
		}
	}
}

// next takes the notice to be sent now. If there is none, wait says when there
// will be: at the next signal, if it is zero. Not ok is the end.
func (q *notifier) next() (n *notice, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return nil, 0, false
	}
	if len(q.later) > 0 {
		if wait = time.Until(q.later[0].due); wait <= 0 {
			n = q.later[0]
			q.later[0] = nil
			q.later = q.later[1:]
		}
	}
	if n == nil && len(q.queue) > 0 {
		n = q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
	}
	if n != nil {
		// What changes from now on is a new notice's.
		delete(q.pending, n.key())
		return n, 0, true
	}
	return nil, max(wait, 0), true
}

// deliver sends a notice and tells those who wait for it, or puts it off.
func (q *notifier) deliver(n *notice) {
	err := q.send(n)
	if err == nil {
		q.sent.Add(1)
	}
	if err == unix.ENOENT && n.kind == noticeInode && n.tries < noticeTries && q.nodes.knows(n.node) && q.putOff(n) {
		return
	}
	for _, d := range n.waiters {
		d.finish()
	}
}

// putOff queues a notice for a further try; false if the notifier ends.
func (q *notifier) putOff(n *notice) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return false
	}
	if other := q.pending[n.key()]; other != nil {
		other.widen(n)
		other.waiters = append(other.waiters, n.waiters...)
		return true
	}
	n.due = time.Now().Add(noticeDelay << n.tries)
	n.tries++
	q.pending[n.key()] = n
	at := len(q.later)
	for at > 0 && q.later[at-1].due.After(n.due) {
		at--
	}
	q.later = append(q.later, nil)
	copy(q.later[at+1:], q.later[at:])
	q.later[at] = n
	return true
}

// Codes of notifications, as they go over the wire.
const (
	notifyPoll       = -gofuse.NOTIFY_POLL
	notifyInvalInode = -gofuse.NOTIFY_INVAL_INODE
	notifyInvalEntry = -gofuse.NOTIFY_INVAL_ENTRY
	notifyDelete     = -gofuse.NOTIFY_DELETE
)

// send tells the kernel. ENOENT says that it does not know what the notice is
// about, which is as good as having told it.
func (q *notifier) send(n *notice) error {
	var b [24]byte
	put := binary.NativeEndian
	switch n.kind {
	case noticeInode:
		// A length of zero reaches to the end.
		length := int64(0)
		if n.end != toEnd && n.off >= 0 {
			if length = n.end - n.off; length == 0 {
				length = 1
			}
		}
		put.PutUint64(b[0:], n.node)
		put.PutUint64(b[8:], uint64(n.off))
		put.PutUint64(b[16:], uint64(length))
		return q.transport.notify(notifyInvalInode, b[:24])
	case noticeDelete:
		put.PutUint64(b[0:], n.node)
		put.PutUint64(b[8:], n.child)
		put.PutUint32(b[16:], uint32(len(n.name)))
		err := q.transport.notify(notifyDelete, b[:24], nameBytes(n.name))
		if err == nil || err == unix.ENODEV {
			return err
		}
		// Something is mounted on it, it has entries that are in use, or the
		// kernel has another object there: make the name one to be looked up
		// again, at least.
		fallthrough
	case noticeEntry:
		b = [24]byte{}
		put.PutUint64(b[0:], n.node)
		put.PutUint32(b[8:], uint32(len(n.name)))
		return q.transport.notify(notifyInvalEntry, b[:16], nameBytes(n.name))
	default:
		put.PutUint64(b[0:], n.node)
		return q.transport.notify(notifyPoll, b[:8])
	}
}

// nameBytes is a name as the kernel wants it, ended by NUL.
func nameBytes(name string) []byte { return append(append(make([]byte, 0, len(name)+1), name...), 0) }
