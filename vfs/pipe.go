package vfs

import (
	"context"
	"math/bits"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

const (
	// pipeSlots is how many pages a pipe holds unless F_SETPIPE_SZ says else.
	pipeSlots = 16
	// pipeMaxSize is what F_SETPIPE_SZ gives without CAP_SYS_RESOURCE, in bytes.
	pipeMaxSize = 1 << 20
)

// A Pipe is the buffer between the ends of a pipe or FIFO: a ring of pages,
// each filled by one write, or by several short ones.
type Pipe struct {
	id         uint64        // its place in the order of pipes
	lock       lockdep.Mutex // pipe_lock: all below
	ring       []pipePage    // a power of two of slots
	head, tail uint          // next slot to fill, next to drain; head-tail are full
	readers    int           // open ends
	writers    int
	// readOpens and writeOpens only grow: an open that waits for the other
	// end sees that it came, even if it went again.
	readOpens, writeOpens uint
	spare                 [2][]byte // pages to be used again

	readable, writable       WaitQueue
	readSignals, writeSignal FasyncList

	// files is the number of open files, under the i_lock of the FIFO: with the
	// last one the pipe goes.
	files int
}

// pipePage is one slot: data are page[off : off+n].
type pipePage struct {
	page   []byte
	off, n int
	packet bool // read as a whole; nothing is added to it
}

// pipeEnd is the Private of an open file.
type pipeEnd struct {
	pipe *Pipe
	// seenWriters is writeOpens at an open that did not wait for a writer:
	// until one has come, its absence is no hangup.
	seenWriters atomic.Uint64
}

const neverSeen = ^uint64(0)

func newPipe() *Pipe {
	p := &Pipe{ring: make([]pipePage, pipeSlots), id: newID()}
	p.lock.Init(lockdep.PipeLock)
	p.lock.SetID(p.id)
	p.readable.Init()
	p.writable.Init()
	p.readSignals.Init()
	p.writeSignal.Init()
	return p
}

func (p *Pipe) used() uint              { return p.head - p.tail }
func (p *Pipe) empty() bool             { return p.head == p.tail }
func (p *Pipe) full() bool              { return p.used() >= uint(len(p.ring)) }
func (p *Pipe) slot(i uint) *pipePage   { return &p.ring[i&uint(len(p.ring)-1)] }
func (p *Pipe) last() *pipePage         { return p.slot(p.head - 1) }
func (b *pipePage) bytes() []byte       { return b.page[b.off : b.off+b.n] }
func (b *pipePage) room() (tail []byte) { return b.page[b.off+b.n:] }

// newPage is memory for a slot.
func (p *Pipe) newPage() []byte {
	for i, s := range p.spare {
		if s != nil {
			p.spare[i] = nil
			return s
		}
	}
	return make([]byte, pagecache.PageSize)
}

// drop frees the oldest slot.
func (p *Pipe) drop() {
	b := p.slot(p.tail)
	for i, s := range p.spare {
		if s == nil {
			p.spare[i] = b.page
			break
		}
	}
	*b = pipePage{}
	p.tail++
}

// push fills a new slot; there is room for it.
func (p *Pipe) push(b pipePage) {
	*p.slot(p.head) = b
	p.head++
}

// wait waits for a wake of q, or for ctx (EINTR). The lock is held, and let go
// meanwhile.
func (p *Pipe) wait(ctx context.Context, q *WaitQueue) error {
	woken := make(chan struct{}, 1)
	e := &waitEntry{wake: func(PollMask) {
		select {
		case woken <- struct{}{}:
		default:
		}
	}}
	q.add(e)
	p.lock.Unlock()
	lockdep.MightBlock("pipe")
	var err error
	select {
	case <-woken:
	case <-ctx.Done():
		err = unix.EINTR
	}
	e.remove()
	p.lock.Lock()
	return err
}

// wakeReaders and wakeWriters tell that there are data, or room.
func (p *Pipe) wakeReaders() {
	p.readable.Wake(PollIn | PollRdnorm)
	p.readSignals.Signal()
}

func (p *Pipe) wakeWriters() {
	p.writable.Wake(PollOut | PollWrnorm)
	p.writeSignal.Signal()
}

// read fills iter with what there is, waiting for the first byte unless
// nonblock is set (EAGAIN). 0 is the end: no data and no writers.
func (p *Pipe) read(ctx context.Context, iter *Iter, nonblock bool) (n int, err error) {
	if iter.Len() == 0 {
		return 0, nil
	}
	p.lock.Lock()
	for {
		if n += p.take(iter); n > 0 || p.writers == 0 {
			break
		}
		if nonblock {
			err = unix.EAGAIN
			break
		}
		if err = p.wait(ctx, &p.readable); err != nil {
			break
		}
	}
	p.lock.Unlock()
	if n > 0 {
		p.wakeWriters()
	}
	return n, err
}

// take moves data to iter, at most one packet; the lock is held.
func (p *Pipe) take(iter *Iter) (n int) {
	for !p.empty() && iter.Len() > 0 {
		b := p.slot(p.tail)
		packet := b.packet
		k := iter.CopyOut(b.bytes())
		n += k
		b.off += k
		b.n -= k
		if packet || b.n == 0 {
			p.drop()
		}
		if packet {
			break
		}
	}
	return n
}

// write puts all of iter into the pipe, waiting for room unless nonblock is
// set: then it writes what fits (EAGAIN if that is nothing). Up to PIPE_BUF
// bytes are written as a whole or not at all. With packet each page of them is
// read as one. EPIPE without readers.
func (p *Pipe) write(ctx context.Context, iter *Iter, nonblock, packet bool) (n int, err error) {
	if iter.Len() == 0 {
		return 0, nil
	}
	p.lock.Lock()
	if p.readers > 0 && !packet {
		n = p.merge(iter)
	}
	for done := n; iter.Len() > 0; {
		if p.readers == 0 {
			err = unix.EPIPE
			break
		}
		if !p.full() {
			b := pipePage{page: p.newPage(), packet: packet}
			b.n = iter.CopyIn(b.page)
			p.push(b)
			n += b.n
			continue
		}
		if nonblock {
			err = unix.EAGAIN
			break
		}
		if n > done {
			// Readers may wait for just this, so that there will be room.
			p.wakeReaders()
			done = n
		}
		if err = p.wait(ctx, &p.writable); err != nil {
			break
		}
	}
	p.lock.Unlock()
	if n > 0 {
		p.wakeReaders()
	}
	if err == unix.EPIPE {
		if hook := TaskFrom(ctx).Limits.OnPipe; hook != nil {
			hook()
		}
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// merge adds the part of iter that fills no page to the last slot, if it fits
// there whole; the lock is held.
func (p *Pipe) merge(iter *Iter) int {
	part := iter.Len() % pagecache.PageSize
	if part == 0 || p.empty() {
		return 0
	}
	b := p.last()
	if b.packet || len(b.room()) < part {
		return 0
	}
	n := iter.CopyIn(b.room()[:part])
	b.n += n
	return n
}

// queued is how many bytes there are to read.
func (p *Pipe) queued() (n int) {
	p.lock.Lock()
	for i := p.tail; i != p.head; i++ {
		n += p.slot(i).n
	}
	p.lock.Unlock()
	return n
}

// capacity is how many bytes the pipe holds.
func (p *Pipe) capacity() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return len(p.ring) * pagecache.PageSize
}

// resize makes the pipe hold size bytes, rounded up to a power of two of
// pages, and returns how many it holds now: see [Task.SetPipeSize].
func (p *Pipe) resize(size int, privileged bool) (int, error) {
	if size < 0 || size > 1<<31 {
		return 0, unix.EINVAL
	}
	pages := uint(max(size, 1)+pagecache.PageSize-1) / pagecache.PageSize
	slots := uint(1) << bits.Len(pages-1)
	p.lock.Lock()
	defer p.lock.Unlock()
	if slots > uint(len(p.ring)) && slots*pagecache.PageSize > pipeMaxSize && !privileged {
		return 0, unix.EPERM
	}
	if slots < p.used() {
		return 0, unix.EBUSY
	}
	ring := make([]pipePage, slots)
	n := uint(0)
	for i := p.tail; i != p.head; i++ {
		ring[n] = *p.slot(i)
		n++
	}
	grown := slots > uint(len(p.ring))
	p.ring, p.tail, p.head = ring, 0, n
	if grown {
		p.wakeWriters()
	}
	return int(slots) * pagecache.PageSize, nil
}
