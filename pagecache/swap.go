package pagecache

import "github.com/govfs/govfs/lockdep"

// SwapArea describes a file or device that backs anonymous memory. Its slots
// are pages; the first is a header, and never used.
type SwapArea struct {
	// Slots is the number of slots, the header's included.
	Slots uint64
	// Span is the distance in slots from the first to the last place on the
	// device that the area uses, which is how far a seek can be.
	Span uint64
	// Extents maps runs of slots to the device, ascending; empty if swap I/O
	// goes through the file system.
	Extents []SwapExtent
}

// SwapExtent is a run of slots that is contiguous on the device.
type SwapExtent struct {
	Slot, Count uint64 // pages
	Block       uint64 // first place on the device, in pages
}

// SwapLock is swap_lock: it guards which slots of all areas are in use.
var SwapLock lockdep.SpinLock

func init() { SwapLock.Init(lockdep.SwapLock) }
