package mm

import (
	"syscall"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// FaultFlags say what kind of access faulted, and what the handler may do.
type FaultFlags uint32

const (
	// FaultWrite: the access is a store.
	FaultWrite FaultFlags = 1 << iota
	// FaultMkwrite: the page is there and becomes writable.
	FaultMkwrite
	// FaultAllowRetry: the handler may release mmap_sem, wait, and answer
	// [FaultRetry].
	FaultAllowRetry
	// FaultRetryNowait: it must not wait; mmap_sem stays held.
	FaultRetryNowait
	// FaultKillable: a wait may be interrupted.
	FaultKillable
	// FaultTried: the second attempt; it does not end in [FaultRetry].
	FaultTried
	// FaultUser: the access came from the program, not from the core.
	FaultUser
)

// FaultResult is what came of a fault: 0 is success with the page unlocked.
type FaultResult uint32

const (
	// FaultOOM: out of memory.
	FaultOOM FaultResult = 1 << iota
	// FaultSIGBUS: beyond the end of the file, or the content cannot be had.
	FaultSIGBUS
	// FaultSIGSEGV: the access is not allowed.
	FaultSIGSEGV
	// FaultHWPoison: the memory is bad.
	FaultHWPoison
	// FaultMajor: I/O was needed; for the accounts.
	FaultMajor
	// FaultNoPage: the entry was installed, or there is nothing to do: the
	// access is made again.
	FaultNoPage
	// FaultLocked: the page that is returned is locked.
	FaultLocked
	// FaultRetry: mmap_sem was released; the whole fault starts over.
	FaultRetry

	// FaultError is any of the failures.
	FaultError = FaultOOM | FaultSIGBUS | FaultSIGSEGV | FaultHWPoison
)

// Fault (the kernel's vm_fault) describes one fault to the methods that handle
// it, and takes up what they find. It belongs to the goroutine that faulted.
type Fault struct {
	// Address is the faulting address, rounded down to a page.
	Address uint64
	// PageOffset is the page of the file that belongs there.
	PageOffset uint64
	// MaxPageOffset is the last page that MapPages may map.
	MaxPageOffset uint64
	// Flags say what kind of access it was.
	Flags FaultFlags
	// Page is the page: the result of Fault, an argument of PageMkwrite.
	Page *pagecache.Page
	// PageTable is the lock of the page table that holds the entry; held by
	// the caller of MapPages, nil where no page table is involved.
	PageTable *lockdep.SpinLock
	// CowPage is the copy that a store to a private mapping will get; nil
	// for others.
	CowPage *pagecache.Page
}

// err is the failure that a result stands for, nil if it is none.
func (r FaultResult) err() error {
	switch {
	case r&FaultOOM != 0:
		return syscall.ENOMEM
	case r&FaultError != 0:
		return syscall.EFAULT
	}
	return nil
}
