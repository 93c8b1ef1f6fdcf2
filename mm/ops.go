package mm

import "context"

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between mapped memory and whoever backs it: the
// methods of vm_operations_struct, each as an interface of one method. A file
// system's Mmap chooses them for an area with [VMA.SetOps]; [OpsOf] resolves
// them once. A method that is not there gets the default that its comment
// names.
//
// All are called with the address space's mmap_sem held, so none may take an
// i_mutex: a write holds that while it touches the caller's memory.

// VMAOpener is told that a copy of an area has come into being: by a split, a
// move, or a fork. Not called for the mapping that mmap makes. It cannot fail.
// Absent: nothing is done.
//
// Rule: vm_operations_struct.open: mmap_sem yes, page_lock -, may_block yes.
type VMAOpener interface {
	Open(ctx context.Context, vma *VMA)
}

// VMACloser is told that an area goes. An area that has it is never merged
// with its neighbours. Absent: nothing is done.
//
// Rule: vm_operations_struct.close: mmap_sem yes, page_lock -, may_block yes.
type VMACloser interface {
	Close(ctx context.Context, vma *VMA)
}

// Faulter provides the page at vmf.PageOffset: it leaves it in vmf.Page with a
// reference, locked and with [FaultLocked] if it can be truncated, after it has
// looked once more whether it was. [FaultSIGBUS] beyond the end of the file and
// for an I/O error; [FaultRetry], with mmap_sem released, only where
// [FaultAllowRetry] allows it. Absent: SIGBUS.
//
// Rule: vm_operations_struct.fault: mmap_sem yes, page_lock may-return-locked, may_block yes.
type Faulter interface {
	Fault(ctx context.Context, vma *VMA, vmf *Fault) FaultResult
}

// PageMapper maps what it finds ready in the pages from vmf.PageOffset up to
// vmf.MaxPageOffset, for reading, and skips the rest. It runs under a page-table
// lock: pages are only trylocked. Absent: faults come one by one.
//
// Rule: vm_operations_struct.map_pages: mmap_sem yes, page_lock -, may_block no.
type PageMapper interface {
	MapPages(vma *VMA, vmf *Fault)
}

// PageMkwriter is asked before a page of a shared mapping becomes writable. It
// locks vmf.Page, and returns [FaultLocked]; if the page was truncated
// meanwhile it unlocks it and returns [FaultNoPage], and looks up no other. It
// reserves storage (failure is SIGBUS) and marks the page dirty. Absent: the
// page becomes writable.
//
// Rule: vm_operations_struct.page_mkwrite: mmap_sem yes, page_lock may-return-locked, may_block yes.
type PageMkwriter interface {
	PageMkwrite(ctx context.Context, vma *VMA, vmf *Fault) FaultResult
}

// PFNMkwriter is PageMkwriter for memory without pages: [FaultNoPage], or an
// error. Absent: the entry becomes writable.
//
// Rule: vm_operations_struct.pfn_mkwrite: mmap_sem yes, page_lock -, may_block yes.
type PFNMkwriter interface {
	PFNMkwrite(ctx context.Context, vma *VMA, vmf *Fault) FaultResult
}

// VMAAccesser copies between p and the area's memory at addr, to it if write
// is set, for a debugger, where the pages cannot be had. It returns the bytes
// copied, possibly fewer. Absent: EFAULT.
//
// Rule: vm_operations_struct.access: mmap_sem yes, page_lock -, may_block yes.
type VMAAccesser interface {
	Access(ctx context.Context, vma *VMA, addr uint64, p []byte, write bool) (int, error)
}

// Ops is a resolved table of an area's methods. It is immutable.
type Ops struct {
	opener       VMAOpener
	closer       VMACloser
	faulter      Faulter
	pageMapper   PageMapper
	pageMkwriter PageMkwriter
	pfnMkwriter  PFNMkwriter
	accesser     VMAAccesser
}

// OpsOf resolves the methods that x offers; nil offers none.
func OpsOf(x any) *Ops {
	o := new(Ops)
	o.opener, _ = x.(VMAOpener)
	o.closer, _ = x.(VMACloser)
	o.faulter, _ = x.(Faulter)
	o.pageMapper, _ = x.(PageMapper)
	o.pageMkwriter, _ = x.(PageMkwriter)
	o.pfnMkwriter, _ = x.(PFNMkwriter)
	o.accesser, _ = x.(VMAAccesser)
	return o
}
