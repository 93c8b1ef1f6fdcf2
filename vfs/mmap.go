package vfs

// VMA is an area of mapped memory as the core hands it from who maps to the
// file's Mmap: a *mm.VMA.
type VMA interface {
	// Start and End are the addresses, PageOffset the page of the file that
	// Start stands for.
	Start() uint64
	End() uint64
	PageOffset() uint64
	// Private and SetPrivate keep a value for the area's methods.
	Private() any
	SetPrivate(any)
}
