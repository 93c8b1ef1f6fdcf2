package vfs

import (
	"sync"

	"github.com/govfs/govfs/lockdep"
)

// Waits for the state of inodes (NEW, SYNC, FREEING) go through a small table
// of conditions that all inodes share: no inode pays for a queue of its own.
type inodeWaitTable [64]struct {
	mu   lockdep.SpinLock
	cond *sync.Cond
}

var inodeWaits inodeWaitTable

func init() {
	class := lockdep.NewClass("inode_wait_lock", lockdep.Spin)
	for i := range inodeWaits {
		inodeWaits[i].mu.Init(class)
		inodeWaits[i].cond = sync.NewCond(&inodeWaits[i].mu)
	}
}

// wait blocks while cond, which reads in.state, holds. what names the state
// that is waited for, for the lock checker.
func (in *Inode) wait(what InodeState, cond func() bool) {
	if !cond() {
		return
	}
	lockdep.MightBlock("inode state")
	w := &inodeWaits[in.id%uint64(len(inodeWaits))]
	w.mu.Lock()
	for cond() {
		w.cond.Wait()
	}
	w.mu.Unlock()
}

// wake wakes all who wait for a state of the inode.
func (in *Inode) wake() {
	w := &inodeWaits[in.id%uint64(len(inodeWaits))]
	w.mu.Lock()
	w.cond.Broadcast()
	w.mu.Unlock()
}
