package mm

import "github.com/govfs/govfs/lockdep"

// An AddressSpace is the memory of one process: the areas mapped in it.
type AddressSpace struct {
	sem lockdep.RWMutex // mmap_sem: the areas; faults hold it shared
	id  uint64
}

// NewAddressSpace makes an address space without areas. id orders address
// spaces whose locks are held together (a fork's parent and child).
func NewAddressSpace(id uint64) *AddressSpace {
	as := &AddressSpace{id: id}
	as.sem.Init(lockdep.MmapSem)
	as.sem.SetID(id)
	return as
}

// Lock takes mmap_sem for a change of the areas. It may block.
func (as *AddressSpace) Lock() { as.sem.Lock() }

// Unlock ends Lock.
func (as *AddressSpace) Unlock() { as.sem.Unlock() }

// RLock takes mmap_sem for a fault or a look at the areas. It may block.
func (as *AddressSpace) RLock() { as.sem.RLock() }

// RUnlock ends RLock. A method that answers [FaultRetry] has called it.
func (as *AddressSpace) RUnlock() { as.sem.RUnlock() }

// MmapSem is mmap_sem as the lock checker sees it.
func (as *AddressSpace) MmapSem() lockdep.Checkable {
	if as == nil {
		return nil
	}
	return &as.sem
}
