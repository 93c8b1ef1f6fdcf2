package pagecache

import (
	"context"
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// A page is the unit of the cache: PageSize bytes of a file, from the byte
// offset index*PageSize on.
const (
	PageShift = 12
	PageSize  = 1 << PageShift
	PageMask  = PageSize - 1
)

// Frame is the memory of a page.
type Frame [PageSize]byte

// A Page is a frame with its place in a file and its state.
//
// The page lock guards identity (which mapping), the way to uptodate, the
// private data, and the start of writeback. It belongs to whoever is at work on
// the page rather than to a goroutine: the completion of a read unlocks what
// the submitter locked, after the submitter has let go of it with
// [Page.TransferLock]. Flags are bits of the lock's word, each change is atomic;
// who may change which, and when, stands at the flag.
//
// A page lives while it has references: one is the cache's, one belongs to the
// private data, and each user has one.
type Page struct {
	lock    lockdep.BitLock // page_lock, and the flags
	refs    atomic.Int32
	mapping atomic.Pointer[Mapping] // nil: not in a cache (any more)
	index   uint64                  // kept after the page has left its mapping
	frame   *Frame
	private any // under the page lock, while PagePrivate is set
}

// NewPage makes a page for the index-th piece of a file on frame: clean, not
// uptodate, unlocked, in no mapping, with one reference.
func NewPage(index uint64, frame *Frame) *Page {
	p := &Page{index: index, frame: frame}
	p.lock.Init(lockdep.PageLock)
	p.lock.SetID(index)
	p.refs.Store(1)
	return p
}

// Index is the page's place in its file, in pages.
func (p *Page) Index() uint64 { return p.index }

// Offset is the page's place in its file, in bytes.
func (p *Page) Offset() int64 { return int64(p.index) << PageShift }

// Bytes is the page's memory. Who writes it holds the page lock, or fills a
// page that nobody else can see yet.
func (p *Page) Bytes() []byte { return p.frame[:] }

// Mapping is the mapping that the page belongs to; nil once it was truncated,
// invalidated or evicted. Only the page lock keeps it: who has locked a page
// that a lookup found looks again before using it ([Page.In]).
func (p *Page) Mapping() *Mapping { return p.mapping.Load() }

// In reports whether the page belongs to m. The page lock is held.
func (p *Page) In(m *Mapping) bool { return m != nil && p.mapping.Load() == m }

// Get takes a reference; the caller has one, or the lock of the tree in which
// the page was found.
func (p *Page) Get() *Page {
	if p.refs.Add(1) <= 1 {
		panic("pagecache: reference taken on a freed page")
	}
	return p
}

// Put gives a reference back, and reports whether it was the last one: the
// frame is the caller's then.
func (p *Page) Put() (last bool) {
	n := p.refs.Add(-1)
	if n < 0 {
		panic("pagecache: put of a page without a reference")
	}
	return n == 0
}

// Refs is the number of references; a snapshot.
func (p *Page) Refs() int { return int(p.refs.Load()) }

// Lock takes the page lock, and may block. A goroutine locks several pages of
// a mapping in ascending order of their indexes only.
func (p *Page) Lock() { p.lock.Lock() }

// LockContext is Lock whose wait ends with EINTR, and without the lock, when
// ctx is done.
func (p *Page) LockContext(ctx context.Context) error { return p.lock.LockContext(ctx) }

// TryLock takes the page lock if it is free: the only form for callers that
// must not block.
func (p *Page) TryLock() bool { return p.lock.TryLock() }

// Unlock releases the page lock and wakes who waits for it. It does not block.
// It panics if the page is not locked.
func (p *Page) Unlock() { p.lock.Unlock() }

// Locked reports whether somebody holds the page lock; a snapshot.
func (p *Page) Locked() bool { return p.lock.Locked() }

// WaitUnlocked waits until the page was seen unlocked, and returns EINTR if
// ctx is done first. The caller holds nothing afterwards and tests again.
func (p *Page) WaitUnlocked(ctx context.Context) error { return p.lock.WaitUnlocked(ctx) }

// TransferLock lets go of the page lock without unlocking the page: from here
// on it belongs to the I/O that is about to be submitted.
func (p *Page) TransferLock() { p.lock.Transfer() }

// AdoptLock makes the caller the owner of a page lock that was transferred.
func (p *Page) AdoptLock() { p.lock.Adopt() }

// PageLock is the page lock as the lock checker sees it.
func (p *Page) PageLock() lockdep.Checkable {
	if p == nil {
		return nil
	}
	return &p.lock
}

// AttachPrivate gives the page data of its file system's, and a reference for
// them. The page is locked and has none.
func (p *Page) AttachPrivate(v any) {
	if v == nil || p.Has(PagePrivate) {
		panic("pagecache: private data attached twice, or none")
	}
	p.Get()
	p.private = v
	p.lock.Set(uint32(PagePrivate))
}

// Private is what AttachPrivate gave; nil if nothing is attached. The page is
// locked.
func (p *Page) Private() any { return p.private }

// DetachPrivate takes the private data off, and gives their reference back.
// The page is locked, and not under writeback; nil if nothing is attached.
func (p *Page) DetachPrivate() any {
	if !p.Has(PagePrivate) {
		return nil
	}
	v := p.private
	p.private = nil
	p.lock.Clear(uint32(PagePrivate))
	if p.Put() {
		panic("pagecache: private data outlived their page")
	}
	return v
}
