package vfs

import (
	"context"
	"math"
)

// Writeback of inodes: a superblock whose driver has WriteInode keeps a list
// of its dirty inodes. Data pages are the page cache's; this is the metadata
// side, and the order data before metadata.

// queueDirty lists an inode that has just become dirty; its i_lock is held.
func (sb *Superblock) queueDirty(in *Inode) {
	sb.dirtyLock.Lock()
	if !in.onDirty {
		in.onDirty = true
		in.dirtyPrev, in.dirtyNext = nil, sb.dirtyFirst
		if sb.dirtyFirst != nil {
			sb.dirtyFirst.dirtyPrev = in
		} else {
			sb.dirtyLast = in
		}
		sb.dirtyFirst = in
	}
	sb.dirtyLock.Unlock()
}

// clearDirty takes an inode off the list.
func (sb *Superblock) clearDirty(in *Inode) {
	sb.dirtyLock.Lock()
	if in.onDirty {
		sb.unlinkDirty(in)
	}
	sb.dirtyLock.Unlock()
}

func (sb *Superblock) unlinkDirty(in *Inode) {
	if in.dirtyPrev != nil {
		in.dirtyPrev.dirtyNext = in.dirtyNext
	} else {
		sb.dirtyFirst = in.dirtyNext
	}
	if in.dirtyNext != nil {
		in.dirtyNext.dirtyPrev = in.dirtyPrev
	} else {
		sb.dirtyLast = in.dirtyPrev
	}
	in.dirtyPrev, in.dirtyNext, in.onDirty = nil, nil, false
}

// writeInode writes one inode out, alone: a second writer waits if it is
// asked for integrity, else leaves. The caller has a reference, or the inode
// is WILL_FREE.
func (in *Inode) writeInode(ctx context.Context, wbc *WritebackControl) error {
	for {
		in.lock.Lock()
		if in.has(InodeNew | InodeFreeing) {
			in.lock.Unlock()
			return nil
		}
		if !in.has(InodeSync) {
			break
		}
		in.lock.Unlock()
		if wbc.SyncMode != WBSyncAll {
			return nil
		}
		in.wait(InodeSync, func() bool { return in.has(InodeSync) })
	}
	dirty := in.State() & (InodeDirty | InodeDirtyTime)
	if dirty == 0 {
		in.lock.Unlock()
		return nil
	}
	// The bits are cleared before the method runs: a change meanwhile makes
	// the inode dirty again.
	in.setState(InodeSync)
	in.clearState(dirty)
	in.lock.Unlock()
	in.sb.clearDirty(in)

	var err error
	if dirty&(InodeDirtySync|InodeDirtyDatasync|InodeDirtyTime) != 0 && in.sb.ops.writeInode != nil {
		err = gateWriteInode(in.sb.ops.writeInode, ctx, in, wbc)
	}

	in.lock.Lock()
	in.clearState(InodeSync)
	if err != nil {
		in.setState(dirty) // nothing was saved: it stays to be written
	}
	if in.has(InodeDirty) && !in.has(InodeFreeing|InodeWillFree) {
		in.sb.queueDirty(in)
	} else if in.count.Load() == 0 && !in.has(InodeFreeing|InodeWillFree) {
		in.addUnused()
	}
	in.lock.Unlock()
	in.wake()
	return err
}

// writeNow writes an inode with integrity.
func (in *Inode) writeNow(ctx context.Context) error {
	return in.writeInode(ctx, &WritebackControl{SyncMode: WBSyncAll, NrToWrite: math.MaxInt64, RangeEnd: math.MaxInt64})
}

// writeDirty writes all inodes that are dirty now; what becomes dirty
// meanwhile is left.
func (sb *Superblock) writeDirty(ctx context.Context, mode WritebackControl) error {
	var first error
	for _, in := range sb.snapshotDirty() {
		wbc := mode
		if err := in.writeInode(ctx, &wbc); err != nil && first == nil {
			first = err
		}
		in.Put(ctx)
	}
	return first
}

// snapshotDirty references every dirty inode that still lives.
func (sb *Superblock) snapshotDirty() []*Inode {
	var all []*Inode
	sb.dirtyLock.Lock()
	for in := sb.dirtyLast; in != nil; in = in.dirtyPrev {
		all = append(all, in)
	}
	sb.dirtyLock.Unlock()
	live := all[:0]
	for _, in := range all {
		in.lock.Lock()
		if !in.has(InodeFreeing | InodeWillFree) {
			in.count.Add(1)
			live = append(live, in)
		}
		in.lock.Unlock()
	}
	return live
}

// sync is one pass of a sync of the superblock: first one that starts
// everything, then one that waits. s_umount is held at least shared.
func (sb *Superblock) sync(ctx context.Context, wait bool) error {
	if sb.ReadOnly() {
		return nil
	}
	mode := WritebackControl{SyncMode: WBSyncNone, NrToWrite: math.MaxInt64, RangeEnd: math.MaxInt64}
	if wait {
		mode.SyncMode = WBSyncAll
	}
	err := sb.writeDirty(ctx, mode)
	if sb.ops.syncFS != nil {
		if e := gateSyncFS(sb.ops.syncFS, ctx, sb, wait); err == nil {
			err = e
		}
	}
	return err
}

// Sync makes everything of the superblock durable, as far as its driver has
// something durable.
func (sb *Superblock) Sync(ctx context.Context) error {
	sb.umount.RLock()
	defer sb.umount.RUnlock()
	if err := sb.sync(ctx, false); err != nil {
		return err
	}
	return sb.sync(ctx, true)
}
