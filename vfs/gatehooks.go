//go:build lockdep

package vfs

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// What a row cannot say about a method, because it depends on which arguments
// are the same object, or on what they are. A hook enterGateX runs after the
// entry of gate X.

func enterGateRename(g *lockdep.Gate, oldDir *Inode, oldDentry *Dentry, newDir *Inode, newDentry *Dentry) {
	enterRename(g, oldDir, oldDentry, newDir, newDentry, 0)
}

func enterGateRename2(g *lockdep.Gate, oldDir *Inode, oldDentry *Dentry, newDir *Inode, newDentry *Dentry, flags RenameFlags) {
	enterRename(g, oldDir, oldDentry, newDir, newDentry, flags)
}

// enterRename checks what renames are called with besides the parents: the
// rename mutex of the superblock if the parents differ (P2), and i_mutex of the
// victims (P1). A moved or exchanged directory is not locked: what happens in
// it goes on. A directory that is replaced is: it must stay empty.
func enterRename(g *lockdep.Gate, oldDir *Inode, oldDentry *Dentry, newDir *Inode, newDentry *Dentry, flags RenameFlags) {
	if oldDir != newDir {
		g.When(lockrule.WhenCrossDirectory,
			lockdep.LockArg{Lock: "s_vfs_rename_mutex", Object: "oldDir", L: lockRenameMutex(oldDir)})
	}
	if in := inodeOf(oldDentry); in != nil {
		cond := lockrule.WhenNotDirectory
		if in.IsDir() {
			cond = lockrule.WhenDirectory
		}
		g.When(cond, lockdep.LockArg{Lock: "i_mutex", Object: "oldDentry", L: lockIMutex(in)})
	}
	if in := inodeOf(newDentry); in != nil {
		cond := lockrule.WhenReplaced
		switch {
		case flags&RenameExchange == 0:
		case in.IsDir():
			cond = lockrule.WhenExchangedDirectory
		default:
			cond = lockrule.WhenExchangedNotDirectory
		}
		g.When(cond, lockdep.LockArg{Lock: "i_mutex", Object: "newDentry", L: lockIMutex(in)})
	}
}
