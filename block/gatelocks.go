//go:build lockdep

package block

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there.

func lockBufferHead(b *BufferHead) lockdep.Checkable {
	if b == nil {
		return nil
	}
	return &b.lock
}

func lockBdMutex(b *BlockDevice) lockdep.Checkable {
	if b == nil {
		return nil
	}
	return &b.mutex
}

// lockDiskBdMutex is the whole disk's: that of a partition, if one is being
// opened or closed, is held around it.
func lockDiskBdMutex(d *Disk) lockdep.Checkable {
	if d == nil {
		return nil
	}
	return lockBdMutex(d.whole)
}

func lockSwapLock() lockdep.Checkable { return &pagecache.SwapLock }
