package block

import (
	"context"
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// A BufferHead is one block of a device inside a page: where it is on the
// device, where in the page, and in which state.
//
// Its lock guards one I/O. It is taken by who submits and released by the
// completion, so it has no owner in between ([BufferHead.TransferLock]).
type BufferHead struct {
	lock  lockdep.BitLock // bh_lock, and the flags
	refs  atomic.Int32
	end   EndIOer // set by the submitter, with the buffer locked
	next  *BufferHead
	page  *pagecache.Page
	bdev  *BlockDevice
	block uint64 // on the device, in units of size; valid while BufferMapped
	off   uint32 // in the page, bytes
	size  uint32 // bytes
}

// BufferFlags are the states of a buffer besides being locked.
type BufferFlags uint32

// The two lowest bits of the word belong to the lock.
const (
	// BufferUptodate: the content is valid.
	BufferUptodate BufferFlags = 1 << (iota + 2)
	// BufferDirty: the content has to be written.
	BufferDirty
	// BufferReq: I/O was once submitted for it.
	BufferReq
	// BufferMapped: it has a place on the device.
	BufferMapped
	// BufferNew: the place was just allocated, and holds what it held before.
	BufferNew
	// BufferAsyncRead: part of the read of its whole page.
	BufferAsyncRead
	// BufferAsyncWrite: part of the write of its whole page.
	BufferAsyncWrite
	// BufferDelay: its place is reserved, but not chosen yet.
	BufferDelay
	// BufferBoundary: the next block lies elsewhere on the device.
	BufferBoundary
	// BufferWriteError: a write of it has failed.
	BufferWriteError
	// BufferUnwritten: allocated, to be read as zeros until it is written.
	BufferUnwritten
	// BufferMeta: it holds metadata.
	BufferMeta
)

// NewBufferHead makes an unlocked buffer without flags for size bytes of page
// from byte off on, with one reference. size is a power of two, and the buffer
// lies inside the page; anything else is a bug, and panics.
func NewBufferHead(page *pagecache.Page, off, size int) *BufferHead {
	if size <= 0 || size&(size-1) != 0 || off < 0 || off%size != 0 || off+size > pagecache.PageSize {
		panic("block: buffer does not fit its page")
	}
	b := &BufferHead{page: page, off: uint32(off), size: uint32(size)}
	b.next = b
	b.lock.Init(lockdep.BufferLock)
	b.refs.Store(1)
	return b
}

// Page is the page that holds the buffer.
func (b *BufferHead) Page() *pagecache.Page { return b.page }

// Offset is the buffer's place in its page, in bytes.
func (b *BufferHead) Offset() int { return int(b.off) }

// Size is the buffer's length in bytes.
func (b *BufferHead) Size() int { return int(b.size) }

// Bytes is the buffer's memory.
func (b *BufferHead) Bytes() []byte { return b.page.Bytes()[b.off : b.off+b.size] }

// Device and Block say where the buffer is; they mean something while
// BufferMapped is set.
func (b *BufferHead) Device() *BlockDevice { return b.bdev }

// Block is the buffer's number on its device, in units of its size.
func (b *BufferHead) Block() uint64 { return b.block }

// Map gives the buffer its place on a device. The buffer is locked, or its page
// is.
func (b *BufferHead) Map(bdev *BlockDevice, block uint64) {
	b.bdev, b.block = bdev, block
	b.Set(BufferMapped)
}

// Next is the following buffer of the same page; the last one's is the first.
func (b *BufferHead) Next() *BufferHead { return b.next }

// Get takes a reference; the caller has one.
func (b *BufferHead) Get() *BufferHead {
	if b.refs.Add(1) <= 1 {
		panic("block: reference taken on a freed buffer")
	}
	return b
}

// Put gives a reference back, and reports whether it was the last one.
func (b *BufferHead) Put() (last bool) {
	n := b.refs.Add(-1)
	if n < 0 {
		panic("block: put of a buffer without a reference")
	}
	return n == 0
}

// Lock takes the buffer lock: it waits for I/O in flight. It may block.
func (b *BufferHead) Lock() { b.lock.Lock() }

// LockContext is Lock whose wait ends with EINTR, and without the lock, when
// ctx is done.
func (b *BufferHead) LockContext(ctx context.Context) error { return b.lock.LockContext(ctx) }

// TryLock takes the buffer lock if it is free.
func (b *BufferHead) TryLock() bool { return b.lock.TryLock() }

// Unlock releases the buffer lock. It does not block. It panics if the buffer is
// not locked.
func (b *BufferHead) Unlock() { b.lock.Unlock() }

// Locked reports whether somebody holds the buffer lock; a snapshot.
func (b *BufferHead) Locked() bool { return b.lock.Locked() }

// WaitUnlocked waits until the buffer was seen unlocked, and returns EINTR if
// ctx is done first.
func (b *BufferHead) WaitUnlocked(ctx context.Context) error { return b.lock.WaitUnlocked(ctx) }

// TransferLock lets go of the buffer lock without unlocking the buffer: from
// here on it belongs to the I/O that is about to be submitted.
func (b *BufferHead) TransferLock() { b.lock.Transfer() }

// Flags is the set of flags at this moment.
func (b *BufferHead) Flags() BufferFlags { return BufferFlags(b.lock.Flags()) }

// Has reports whether all of the flags are set.
func (b *BufferHead) Has(f BufferFlags) bool { return b.Flags()&f == f }

// Set sets flags, and returns which of them were set before.
func (b *BufferHead) Set(f BufferFlags) BufferFlags { return BufferFlags(b.lock.Set(uint32(f))) }

// Clear clears flags, and returns which of them were set before.
func (b *BufferHead) Clear(f BufferFlags) BufferFlags { return BufferFlags(b.lock.Clear(uint32(f))) }

// SetEndIO chooses who is told of the end of the I/O that the caller is about
// to submit. The buffer is locked.
func (b *BufferHead) SetEndIO(end EndIOer) { b.end = end }

// EndIO tells the one that SetEndIO chose. It is called once for each submitted
// I/O, by the completion, and must not block. Afterwards the buffer may be gone.
func (b *BufferHead) EndIO(uptodate bool) {
	lockdep.EnterInterrupt()
	b.lock.Adopt()
	gateEndIO(b.end, b, uptodate)
	lockdep.ExitInterrupt()
}
