//go:build lockdep

package vfs

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there: that of a negative dentry's inode, for
// one.

func lockRenameLock() lockdep.Checkable   { return &renameLock }
func lockNamespaceSem() lockdep.Checkable { return &namespaceSem }

func lockDLock(d *Dentry) lockdep.Checkable {
	if d == nil {
		return nil
	}
	return &d.lock
}

func lockPathDLock(p Path) lockdep.Checkable { return lockDLock(p.Dentry) }

func lockILock(in *Inode) lockdep.Checkable {
	if in == nil {
		return nil
	}
	return &in.lock
}

func lockDentryILock(d *Dentry) lockdep.Checkable { return lockILock(inodeOf(d)) }

func lockIMutex(in *Inode) lockdep.Checkable {
	if in == nil {
		return nil
	}
	return &in.mutex
}

func lockDentryIMutex(d *Dentry) lockdep.Checkable { return lockIMutex(inodeOf(d)) }

func inodeOf(d *Dentry) *Inode {
	if d == nil {
		return nil
	}
	return d.Inode()
}

// lockFreezeWrite is the outermost freeze level of the inode's superblock: to
// be inside it is to have write access to the mount.
func lockFreezeWrite(in *Inode) lockdep.Checkable {
	if in == nil || in.sb == nil {
		return nil
	}
	return &in.sb.writers[freezeWrite].level
}

func lockDentryFreezeWrite(d *Dentry) lockdep.Checkable {
	if d == nil || d.sb == nil {
		return nil
	}
	return &d.sb.writers[freezeWrite].level
}

// lockFileIMutex is that of the file's inode.
func lockFileIMutex(f *File) lockdep.Checkable {
	if f == nil {
		return nil
	}
	return lockIMutex(f.inode)
}

// lockFileFreezeWrite is nil for what is not a regular file: to write to a pipe
// or a device is no change of the file system.
func lockFileFreezeWrite(f *File) lockdep.Checkable {
	if f == nil || f.inode == nil || !f.inode.IsRegular() {
		return nil
	}
	return lockFreezeWrite(f.inode)
}

func lockKiocbIMutex(k *Kiocb) lockdep.Checkable      { return lockFileIMutex(fileOf(k)) }
func lockKiocbFreezeWrite(k *Kiocb) lockdep.Checkable { return lockFileFreezeWrite(fileOf(k)) }

// fileOf is the open file of a request; the core's own requests have none.
func fileOf(k *Kiocb) *File {
	if k == nil {
		return nil
	}
	f, _ := k.File.(*File)
	return f
}

// lockMmapSem is that of the address space that the area belongs to, where
// there is one.
func lockMmapSem(v VMA) lockdep.Checkable {
	if m, ok := v.(interface{ MmapSem() lockdep.Checkable }); ok {
		return m.MmapSem()
	}
	return nil
}

func lockSUmount(sb *Superblock) lockdep.Checkable {
	if sb == nil {
		return nil
	}
	return &sb.umount
}

func lockDentrySUmount(d *Dentry) lockdep.Checkable {
	if d == nil {
		return nil
	}
	return lockSUmount(d.sb)
}

func lockRenameMutex(in *Inode) lockdep.Checkable {
	if in == nil || in.sb == nil {
		return nil
	}
	return &in.sb.renameMutex
}

func lockDqioSem(sb *Superblock) lockdep.Checkable {
	if sb == nil {
		return nil
	}
	if q, ok := sb.impl.(QuotaSuperblock); ok {
		return q.Quota().DqioSem()
	}
	return nil
}

func lockPageLock(p *pagecache.Page) lockdep.Checkable { return p.PageLock() }
