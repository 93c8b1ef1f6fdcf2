package pagecache

import "context"

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between the page cache and a file system: the
// methods of address_space_operations, each as an interface of one method. A
// driver collects them in a value of its own and resolves it once with
// [OpsOf]. A method that is not there gets the default that its comment names.
//
// A method takes a context exactly where it may block. The page lock has no
// owner: who completes the I/O releases it.

// AOP is an outcome of a method that is neither plain success nor an error.
type AOP uint8

const (
	// AOPDone is plain success.
	AOPDone AOP = iota
	// AOPWritepageActivate: the page cannot be written now; it is redirtied
	// and still locked, and goes to the head of the active list.
	AOPWritepageActivate
	// AOPTruncatedPage: the method had to give the page lock up on its way;
	// the caller drops its reference and looks the page up anew.
	AOPTruncatedPage
)

// PageWriter starts to write one dirty page whose dirty flag the caller has
// cleared. It redirties the page, or sets writeback, and then unlocks it;
// [AOPWritepageActivate] leaves it locked. For integrity it starts I/O even if
// it must wait for I/O in progress; for cleansing it redirties instead. With an
// error the page is unlocked and the error recorded in the mapping. Absent: the
// mapping has no writeback of single pages.
//
// Rule: address_space_operations.writepage: page_lock yes-unlocks, i_mutex -, may_block yes.
type PageWriter interface {
	Writepage(ctx context.Context, page *Page, wbc *WritebackControl) (AOP, error)
}

// PageReader brings one locked page up to date and unlocks it, now or when
// the I/O completes: success is a page found uptodate then, not the result.
// Bytes past the end of the file are zero. file may be nil. Absent: what is not
// in the cache cannot be read (EINVAL).
//
// Rule: address_space_operations.readpage: page_lock yes-unlocks, i_mutex -, may_block yes.
type PageReader interface {
	Readpage(ctx context.Context, file any, page *Page) (AOP, error)
}

// PageSyncer pushes out queued I/O for a page that somebody is about to wait
// for. It does not lock the page, which may have left its mapping. Absent: the
// queue of the device is flushed.
//
// Rule: address_space_operations.sync_page: page_lock maybe, i_mutex -, may_block yes.
type PageSyncer interface {
	SyncPage(ctx context.Context, page *Page)
}

// PagesWriter writes dirty pages of the mapping, those that were dirty when it
// began: in wbc's range, about NrToWrite of them, counted down. It takes the
// page locks itself. Absent: PageWriter, page by page.
//
// Rule: address_space_operations.writepages: page_lock -, i_mutex -, may_block yes.
type PagesWriter interface {
	Writepages(ctx context.Context, mapping *Mapping, wbc *WritebackControl) error
}

// PageDirtier marks the page dirty: first its buffers, then the page, then the
// tag in the mapping if the page is still there. It reports whether this call
// made the page dirty. It may run under a spinlock. Absent: the buffers' variant.
//
// Rule: address_space_operations.set_page_dirty: page_lock no, i_mutex -, may_block no.
type PageDirtier interface {
	SetPageDirty(page *Page) (dirtied bool)
}

// PagesReader reads ahead: it inserts the pages, which are in ascending order,
// not locked and not in the cache yet, and starts I/O; they come unlocked when
// it completes. A page that somebody else inserted meanwhile is skipped, an
// error leaves the page not uptodate. Absent: PageReader, page by page.
//
// Rule: address_space_operations.readpages: page_lock -, i_mutex -, may_block yes.
type PagesReader interface {
	Readpages(ctx context.Context, file any, mapping *Mapping, pages []*Page) error
}

// WriteBeginner prepares length bytes at byte offset pos, all in one page, to
// be written: it finds or makes the page, allocates, reads what will not be
// overwritten, and returns the page locked and referenced, with a cookie for
// WriteEnd. With an error no page is locked. file may be nil. Absent: EINVAL.
//
// Rule: address_space_operations.write_begin: page_lock locks, i_mutex yes, may_block yes.
type WriteBeginner interface {
	WriteBegin(ctx context.Context, file any, mapping *Mapping, pos int64, length int, flags WriteFlags) (page *Page, fsdata any, err error)
}

// WriteEnder commits what was copied into the page of a WriteBegin (0 to
// length bytes), exactly once for each success of that. It moves the file's
// size before it unlocks the page, and returns the number of bytes it accepts;
// a short copy into a page that is not uptodate counts as 0.
//
// Rule: address_space_operations.write_end: page_lock yes-unlocks, i_mutex yes, may_block yes.
type WriteEnder interface {
	WriteEnd(ctx context.Context, file any, mapping *Mapping, pos int64, length, copied int, page *Page, fsdata any) (accepted int, err error)
}

// Bmapper maps a block of the file to one of the device; 0 is a hole or an
// error. It never allocates. Called by the FIBMAP ioctl and the swapper.
// Absent: EINVAL.
//
// Rule: address_space_operations.bmap: page_lock -, i_mutex -, may_block yes.
type Bmapper interface {
	Bmap(ctx context.Context, mapping *Mapping, block uint64) uint64
}

// PageInvalidator cuts length bytes from offset on out of a page with private
// data: on return no dirty buffer is left there and no I/O in flight. It cannot
// refuse. Absent: the buffers' variant.
//
// Rule: address_space_operations.invalidatepage: page_lock yes, i_mutex -, may_block yes.
type PageInvalidator interface {
	Invalidatepage(ctx context.Context, page *Page, offset, length int)
}

// PageReleaser is asked to give up the private data of a clean page: true if
// it has gone, false if the page has to stay. It blocks, does I/O and enters
// the file system only as far as gfp allows. Absent: plain buffers are freed.
//
// Rule: address_space_operations.releasepage: page_lock yes, i_mutex -, may_block yes.
type PageReleaser interface {
	Releasepage(ctx context.Context, page *Page, gfp GFP) (released bool)
}

// PageFreer is told, exactly once, that a page has left the cache: its mapping
// is nil, its index still set.
//
// Rule: address_space_operations.freepage: page_lock yes, i_mutex -, may_block no.
type PageFreer interface {
	Freepage(page *Page)
}

// DirectIOer moves data between the request's memory and the storage, past the
// cache: to the storage if write is set, else from it. It returns the bytes
// moved (0: do it all through the cache), EINVAL for a misaligned request, or
// [EIOCBQUEUED]. Absent: EINVAL at open with O_DIRECT.
//
// Rule: address_space_operations.direct_IO: page_lock -, i_mutex -, may_block yes.
type DirectIOer interface {
	DirectIO(ctx context.Context, iocb *Kiocb, iter *Iter, pos int64, write bool) (int, error)
}

// PageMigrater moves content, private data and identity of page to newPage.
// EAGAIN: busy, nothing has changed. With [MigrateAsync] it must not wait.
// Absent: a page without private data is copied.
//
// Rule: address_space_operations.migratepage: page_lock both, i_mutex -, may_block yes.
type PageMigrater interface {
	Migratepage(ctx context.Context, mapping *Mapping, newPage, page *Page, mode MigrateMode) error
}

// PageLaunderer cleans a dirty page just before it is invalidated: it writes
// and waits, and the page stays locked throughout. Absent: EBUSY.
//
// Rule: address_space_operations.launder_page: page_lock yes, i_mutex -, may_block yes.
type PageLaunderer interface {
	LaunderPage(ctx context.Context, page *Page) error
}

// PartialUptodater reports whether count bytes from offset on are valid in a
// page that is not uptodate as a whole. Absent: they are not.
//
// Rule: address_space_operations.is_partially_uptodate: page_lock yes, i_mutex -, may_block yes.
type PartialUptodater interface {
	IsPartiallyUptodate(ctx context.Context, page *Page, offset, count int) bool
}

// PageErrorRemover drops a page whose memory is bad, so that the next access
// reads it again; lost dirty data are recorded as EIO in the mapping. Absent:
// only a clean page that nobody uses can be dropped.
//
// Rule: address_space_operations.error_remove_page: page_lock yes, i_mutex -, may_block yes.
type PageErrorRemover interface {
	ErrorRemovePage(ctx context.Context, mapping *Mapping, page *Page) error
}

// SwapActivater makes the mapping's file a swap area and sets area.Span. 0 extents: swap
// I/O goes through Readpage and DirectIO of the file; more: through the extents
// installed in area, without the file system. Absent: the extents come from
// Bmap.
//
// Rule: address_space_operations.swap_activate: page_lock no, i_mutex -, may_block yes.
type SwapActivater interface {
	SwapActivate(ctx context.Context, mapping *Mapping, area *SwapArea, file any) (extents int, err error)
}

// SwapDeactivater undoes a successful SwapActivate, at swapoff.
//
// Rule: address_space_operations.swap_deactivate: page_lock no, i_mutex -, may_block yes.
type SwapDeactivater interface {
	SwapDeactivate(ctx context.Context, mapping *Mapping, file any)
}

// WriteFlags qualify a WriteBegin.
type WriteFlags uint32

const (
	// WriteUninterruptible: the copy that follows will not be short.
	WriteUninterruptible WriteFlags = 1 << iota
	// WriteContExpand: the gap before the position is being filled.
	WriteContExpand
	// WriteNoFS: allocations must not enter the file system.
	WriteNoFS
)

// MigrateMode says how long a migration may wait.
type MigrateMode uint8

const (
	MigrateAsync     MigrateMode = iota // not at all
	MigrateSyncLight                    // for locks, not for writeback
	MigrateSync                         // for whatever it takes
)

// Ops is a resolved table of address space methods. It is immutable, and
// shared by the mappings of one file system.
type Ops struct {
	pageWriter       PageWriter
	pageReader       PageReader
	pageSyncer       PageSyncer
	pagesWriter      PagesWriter
	pageDirtier      PageDirtier
	pagesReader      PagesReader
	writeBeginner    WriteBeginner
	writeEnder       WriteEnder
	bmapper          Bmapper
	pageInvalidator  PageInvalidator
	pageReleaser     PageReleaser
	pageFreer        PageFreer
	directIOer       DirectIOer
	pageMigrater     PageMigrater
	pageLaunderer    PageLaunderer
	partialUptodater PartialUptodater
	pageErrorRemover PageErrorRemover
	swapActivater    SwapActivater
	swapDeactivater  SwapDeactivater
}

// OpsOf resolves the methods that x offers; nil offers none.
func OpsOf(x any) *Ops {
	o := new(Ops)
	o.pageWriter, _ = x.(PageWriter)
	o.pageReader, _ = x.(PageReader)
	o.pageSyncer, _ = x.(PageSyncer)
	o.pagesWriter, _ = x.(PagesWriter)
	o.pageDirtier, _ = x.(PageDirtier)
	o.pagesReader, _ = x.(PagesReader)
	o.writeBeginner, _ = x.(WriteBeginner)
	o.writeEnder, _ = x.(WriteEnder)
	o.bmapper, _ = x.(Bmapper)
	o.pageInvalidator, _ = x.(PageInvalidator)
	o.pageReleaser, _ = x.(PageReleaser)
	o.pageFreer, _ = x.(PageFreer)
	o.directIOer, _ = x.(DirectIOer)
	o.pageMigrater, _ = x.(PageMigrater)
	o.pageLaunderer, _ = x.(PageLaunderer)
	o.partialUptodater, _ = x.(PartialUptodater)
	o.pageErrorRemover, _ = x.(PageErrorRemover)
	o.swapActivater, _ = x.(SwapActivater)
	o.swapDeactivater, _ = x.(SwapDeactivater)
	return o
}
