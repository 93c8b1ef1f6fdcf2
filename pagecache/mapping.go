package pagecache

import "github.com/govfs/govfs/lockdep"

// Host is what a mapping needs to know of the inode that it belongs to.
type Host interface {
	// Size is the length of the file in bytes (i_size). It does not block.
	Size() int64
	// DirtyPages is told that the mapping has dirty pages, so that the inode
	// goes to its dirty list. It does not block: it can be called under a
	// spinlock.
	DirtyPages()
	// IMutex is the lock that writers of the file hold; nil for the inode of
	// a block device, where writes take none.
	IMutex() lockdep.Checkable
}

// A Mapping (the address space of an inode) is the set of cached pages of one
// file, with the methods that read and write them.
type Mapping struct {
	host Host
	ops  *Ops
	gfp  GFP

	// Errors is where a failed writeback leaves its error for every open file
	// to find once.
	Errors ErrorCursor

	tree lockdep.SpinLock // tree_lock: which pages there are, and their tags
}

// Init prepares a mapping for the inode host, which it never outlives.
func (m *Mapping) Init(host Host, ops *Ops, gfp GFP) {
	m.host, m.ops, m.gfp = host, ops, gfp
	m.tree.Init(lockdep.TreeLock)
}

// Host is the inode that the mapping belongs to.
func (m *Mapping) Host() Host { return m.host }

// Ops is the table of methods given to Init.
func (m *Mapping) Ops() *Ops { return m.ops }

// GFP is what allocations for the mapping may do.
func (m *Mapping) GFP() GFP { return m.gfp }
