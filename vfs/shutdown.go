package vfs

import (
	"context"
	"fmt"
)

// KillAnonSuper is the kill_sb of a file system without a device: the whole
// shutdown, with s_umount held exclusively on entry and released at the end.
func KillAnonSuper(ctx context.Context, sb *Superblock) { sb.shutdown(ctx) }

// KillLitterSuper is the kill_sb of a file system whose tree lives in its
// dentries alone: the names it has pinned are dropped first.
func KillLitterSuper(ctx context.Context, sb *Superblock) {
	sb.stopShrinkers()
	if sb.root != nil {
		sb.dying.Store(true)
		sb.root.pruneChildren(ctx, true)
	}
	sb.shutdown(ctx)
}

// shutdown ends a superblock: the dentries go, everything is written, the
// inodes are evicted, then the driver puts its part.
func (sb *Superblock) shutdown(ctx context.Context) {
	sb.observers.close()
	sb.stopShrinkers()
	if root := sb.root; root != nil {
		root.pruneChildren(ctx, false)
		if n := root.count.Load(); n != 1 {
			panic(fmt.Sprintf("vfs: shutdown of %s: the root dentry still has %d users", sb.typ.Name, n-1))
		}
		sb.root = nil
		root.kill(ctx)
		sb.sync(ctx, false)
		sb.sync(ctx, true)
		sb.dying.Store(true)
		sb.shrinkInodes(ctx, 0)
		if sb.ops.putSuper != nil {
			gatePutSuper(sb.ops.putSuper, ctx, sb)
		}
	} else {
		sb.dying.Store(true)
	}
	if n := sb.InodeCount(); n != 0 {
		panic(fmt.Sprintf("vfs: shutdown of %s: %d inodes are still in use", sb.typ.Name, n))
	}
	if n := sb.dentries.Load(); n != 0 {
		panic(fmt.Sprintf("vfs: shutdown of %s: %d dentries are still in use", sb.typ.Name, n))
	}
	sb.umount.Unlock()
}

// stopShrinkers waits for the shrinkers that run, whose references would look
// like users, and lets no new one start.
func (sb *Superblock) stopShrinkers() {
	sb.shrinkersStopped.Store(true)
	sb.background.Wait()
}
