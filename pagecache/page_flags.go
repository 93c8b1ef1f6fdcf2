package pagecache

import "context"

// PageFlags are the states of a page besides being locked.
type PageFlags uint32

// The two lowest bits of the word belong to the lock.
const (
	// PageUptodate: the content is valid. Set with the page locked; cleared
	// only after a failed read, on a clean page that nobody maps.
	PageUptodate PageFlags = 1 << (iota + 2)
	// PageDirty: the content has to be written. Set while something keeps
	// the page in its mapping (its lock, or a mapped entry); may be set during
	// writeback. Cleared with the page locked.
	PageDirty
	// PageWriteback: the content is being written, once at a time. Set with
	// the page locked, cleared by the completion.
	PageWriteback
	// PageError: I/O on the page has failed. Cleared before the next read,
	// tested and cleared by who waits for a write.
	PageError
	// PagePrivate: the file system has attached data of its own.
	PagePrivate
	// PageReferenced: used since reclaim last looked.
	PageReferenced
	// PageActive: on the active list.
	PageActive
	// PageReclaim: to be evicted as soon as its writeback ends.
	PageReclaim
	// PageReadahead: reading it starts the next asynchronous readahead.
	PageReadahead
	// PageMappedToDisk: all blocks of the page are allocated.
	PageMappedToDisk
	// PageOwnerPriv: the file system's own (the kernel's PG_checked).
	PageOwnerPriv
)

// Flags is the set of flags at this moment.
func (p *Page) Flags() PageFlags { return PageFlags(p.lock.Flags()) }

// Has reports whether all of the flags are set.
func (p *Page) Has(f PageFlags) bool { return p.Flags()&f == f }

// Set sets flags, and returns which of them were set before.
func (p *Page) Set(f PageFlags) PageFlags { return PageFlags(p.lock.Set(uint32(f))) }

// Clear clears flags, and returns which of them were set before. The end of
// writeback has waiters: it is cleared by [Page.ClearWriteback] instead.
func (p *Page) Clear(f PageFlags) PageFlags { return PageFlags(p.lock.Clear(uint32(f))) }

// Uptodate reports whether the content is valid.
func (p *Page) Uptodate() bool { return p.Has(PageUptodate) }

// Dirty reports whether the content has to be written.
func (p *Page) Dirty() bool { return p.Has(PageDirty) }

// Writeback reports whether the content is being written.
func (p *Page) Writeback() bool { return p.Has(PageWriteback) }

// Failed reports whether I/O on the page has failed.
func (p *Page) Failed() bool { return p.Has(PageError) }

// HasPrivate reports whether the file system has attached data.
func (p *Page) HasPrivate() bool { return p.Has(PagePrivate) }

// Referenced reports whether the page was used since reclaim last looked.
func (p *Page) Referenced() bool { return p.Has(PageReferenced) }

// Active reports whether the page is on the active list.
func (p *Page) Active() bool { return p.Has(PageActive) }

// SetWriteback marks the page as being written. The page is locked and not
// under writeback; anything else is a bug, and panics.
func (p *Page) SetWriteback() {
	if !p.lock.Locked() {
		panic("pagecache: writeback begun on an unlocked page")
	}
	if p.Set(PageWriteback) != 0 {
		panic("pagecache: writeback begun twice")
	}
}

// ClearWriteback marks the page as written, and wakes who waits for that. It
// does not block. Afterwards the page can vanish. It panics if the page was not
// under writeback.
func (p *Page) ClearWriteback() {
	if p.lock.ClearAndWake(uint32(PageWriteback)) == 0 {
		panic("pagecache: writeback ended that was not begun")
	}
}

// WaitWriteback waits until the page was seen not under writeback, and returns
// EINTR if ctx is done first. Unless the page is locked, a new writeback can
// have begun.
func (p *Page) WaitWriteback(ctx context.Context) error {
	return p.lock.WaitClear(ctx, uint32(PageWriteback))
}
