package memfs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// An inode is any file of a memory file system.
type inode struct {
	vfs.Inode

	flags  atomic.Uint32 // FS_*_FL, as chattr shows them; written under i_mutex
	cuts   atomic.Uint32 // how often the end was cut off, for readers
	pages  pageIndex     // of a regular file
	dir    *dirIndex     // of a directory
	xattrs atomic.Pointer[xattrSet]
}

func inodeOf(in *vfs.Inode) *inode { return in.Impl().(*inode) }

func (in *inode) super() *super { return in.Superblock().Impl().(*super) }

// Sizes as tmpfs shows them.
const (
	direntSize   = 20  // an entry's share of the size of its directory
	inlineTarget = 127 // a symlink with a longer body takes a page
)

// The methods of inodes, by type.
var (
	dirOps      = vfs.InodeOpsOf(dirMethods{})
	fileOps     = vfs.InodeOpsOf(fileMethods{})
	otherOps    = vfs.InodeOpsOf(inodeMethods{})
	dirFileOps  = vfs.FileOpsOf(dirFileMethods{})
	dataFileOps = vfs.FileOpsOf(dataFileMethods{})
)

// inodeMethods are those of every inode; fileMethods of a regular file.
type (
	inodeMethods struct{}
	fileMethods  struct{ inodeMethods }
)

// newInode makes an inode with the type and permissions of mode, owned by the
// caller, as a child of dir; nil for the root. ENOSPC if there may be no more.
func (sb *super) newInode(ctx context.Context, dir *inode, mode uint32) (*inode, error) {
	if !sb.space.take(inodeSpace) {
		return nil, unix.ENOSPC
	}
	core, err := vfs.NewInode(ctx, &sb.Superblock)
	if err != nil {
		sb.space.give(inodeSpace)
		return nil, err
	}
	in := inodeOf(core)
	in.SetIno(sb.lastIno.Add(1))
	if dir != nil {
		in.InitOwner(ctx, &dir.Inode, mode)
		in.setFlags(dir.flags.Load() & inheritedFlags)
	} else {
		in.InitOwner(ctx, nil, mode)
	}
	in.InitTimes()
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		in.dir = new(dirIndex)
		in.SetNlink(2)
		in.SetSize(2 * direntSize)
		in.SetOps(dirOps, dirFileOps)
	case unix.S_IFREG:
		in.SetOps(fileOps, dataFileOps)
	default:
		in.SetOps(otherOps, nil)
	}
	return in, nil
}

// EvictInode frees what the inode has: it is gone for good, links or not.
func (superMethods) EvictInode(_ context.Context, core *vfs.Inode) {
	in, sb := inodeOf(core), superOf(core)
	if in.IsRegular() {
		in.dropPages(0, endOfPages)
	} else if in.IsSymlink() && in.Size() > inlineTarget {
		sb.blocks.give(1)
	}
	sb.space.give(inodeSpace + in.xattrs.Load().space())
	in.Clear()
}

// Setattr changes attributes, the size of a regular file included.
func (inodeMethods) Setattr(ctx context.Context, d *vfs.Dentry, a *vfs.Attr) error {
	in := inodeOf(d.Inode())
	if err := vfs.CheckAttrChange(ctx, d, a); err != nil {
		return err
	}
	if a.Valid&vfs.AttrSize != 0 && in.IsRegular() {
		// As on tmpfs, what the call does not ask to be stamped is stamped
		// nevertheless if the size is new or there is something to cut off.
		if a.Size != in.Size() || in.Blocks() > 0 {
			a.Valid |= vfs.AttrMtime | vfs.AttrCtime
		}
		in.truncate(a.Size)
	}
	in.CopyAttr(a)
	return nil
}
