package pagecache

// GFP says what an allocation, or whoever is asked to give memory up, may do.
// The bits are cleared by callers that already hold what the act would need:
// inside a transaction the file system must not be entered again, in a
// completion nothing may be waited for.
type GFP uint32

const (
	// GFPWait: may block.
	GFPWait GFP = 1 << iota
	// GFPIO: may start I/O.
	GFPIO
	// GFPFS: may call file system methods.
	GFPFS
	// GFPWrite: the page is meant to be dirtied.
	GFPWrite

	// GFPAtomic: none of these; for completions and under spinlocks.
	GFPAtomic GFP = 0
	// GFPNoIO: may wait for memory, but start no I/O to get it.
	GFPNoIO = GFPWait
	// GFPNoFS: may do I/O, but not through a file system.
	GFPNoFS = GFPWait | GFPIO
	// GFPKernel: no restriction.
	GFPKernel = GFPWait | GFPIO | GFPFS
)

// MayBlock reports whether the holder of the mask may sleep.
func (g GFP) MayBlock() bool { return g&GFPWait != 0 }
