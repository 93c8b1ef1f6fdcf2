package pagecache

import "math"

// SyncMode is the purpose of a writeback.
type SyncMode uint8

const (
	// WBSyncNone is cleansing: dirty pages are turned into clean ones. What
	// would have to be waited for is redirtied and skipped.
	WBSyncNone SyncMode = iota
	// WBSyncAll is data integrity: everything that was dirty at the start is
	// under I/O at the end, even if that means waiting for I/O in progress.
	WBSyncAll
)

// NrUnlimited as [WritebackControl.NrToWrite] asks for all dirty pages.
const NrUnlimited = math.MaxInt64

// WritebackControl is the order given to a writeback: how much of what to
// write, and why. It belongs to the goroutine that writes back.
type WritebackControl struct {
	// NrToWrite is the number of pages to write; each page written takes one
	// off. At or below zero a cleansing writeback stops; an integrity one
	// does not look at it.
	NrToWrite int64
	// PagesSkipped counts the pages that were redirtied instead of written.
	PagesSkipped int64
	// RangeStart and RangeEnd are the first and the last byte to write; with
	// RangeCyclic they are not used.
	RangeStart, RangeEnd int64
	// SyncMode is cleansing or integrity.
	SyncMode SyncMode
	// RangeCyclic goes on where the last cyclic writeback of the mapping
	// stopped, and wraps round once.
	RangeCyclic bool
	// ForReclaim: the page has been chosen for eviction.
	ForReclaim bool
	// ForKupdate: the periodic writeback of what is old enough.
	ForKupdate bool
	// ForBackground: the writeback that runs above the background threshold.
	ForBackground bool
	// ForSync: sync(2) or syncfs(2), after which SyncFS finishes the job; an
	// inode need not be waited for one by one.
	ForSync bool
	// TaggedWritepages: take a snapshot of the dirty pages also where the
	// mode would not ask for one, so that the walk ends while writers go on.
	TaggedWritepages bool
}
