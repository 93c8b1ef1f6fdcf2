package mm

import "github.com/govfs/govfs/lockdep"

// VMAFlags say what may be done with an area, and how it behaves.
type VMAFlags uint32

const (
	VMARead VMAFlags = 1 << iota
	VMAWrite
	VMAExec
	VMAShared
	VMAMayRead // can become readable by mprotect
	VMAMayWrite
	VMAMayExec
	VMAIO         // device memory: touching it has effects
	VMAPFNMap     // memory without pages
	VMADontExpand // cannot grow
	VMALocked     // is never evicted
	VMASeqRead    // read in sequence: read ahead far
	VMARandRead   // read at random: do not read ahead
)

// A VMA is an area of an address space: a range of addresses that stands for
// a range of a file, or for memory without one. Its fields are changed with
// mmap_sem held exclusively.
type VMA struct {
	space      *AddressSpace
	start, end uint64 // addresses, multiples of the page size
	pageOffset uint64 // of start in the file, in pages
	flags      VMAFlags
	ops        *Ops
	private    any
}

// NewVMA makes an area of the addresses from start up to end, in no tree yet.
// Both are multiples of the page size and start comes first; anything else is a
// bug, and panics.
func NewVMA(space *AddressSpace, start, end, pageOffset uint64, flags VMAFlags) *VMA {
	if start >= end || start%pageSize != 0 || end%pageSize != 0 {
		panic("mm: area of no whole pages")
	}
	return &VMA{space: space, start: start, end: end, pageOffset: pageOffset, flags: flags, ops: &noOps}
}

// Space is the address space that the area belongs to.
func (v *VMA) Space() *AddressSpace { return v.space }

// MmapSem is the address space's lock as the lock checker sees it.
func (v *VMA) MmapSem() lockdep.Checkable { return v.space.MmapSem() }

// Start is the area's first address.
func (v *VMA) Start() uint64 { return v.start }

// End is the address after its last.
func (v *VMA) End() uint64 { return v.end }

// PageOffset is the page of the file that Start stands for.
func (v *VMA) PageOffset() uint64 { return v.pageOffset }

// Flags say what may be done with the area.
func (v *VMA) Flags() VMAFlags { return v.flags }

// SetOps chooses the area's methods, as a file's Mmap does; nil offers none.
func (v *VMA) SetOps(ops *Ops) {
	if ops == nil {
		ops = &noOps
	}
	v.ops = ops
}

// Private is what SetPrivate left.
func (v *VMA) Private() any { return v.private }

// SetPrivate leaves a value for the area's methods.
func (v *VMA) SetPrivate(p any) { v.private = p }

// PageOf is the page of the file that an address of the area stands for.
func (v *VMA) PageOf(addr uint64) uint64 {
	return v.pageOffset + (addr-v.start)/pageSize
}

const pageSize = 4096

var noOps Ops
