package memfs

import (
	"context"
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Type is the file system type "memfs". Its mount data are a string of
// options, joined by commas:
//
//	size=N       the space, in bytes; with k, m, g, t, p or e in units of 1024
//	             to that power; with % in percent of the memory. 0 is no
//	             limit, the default half of the memory
//	nr_blocks=N  the same in pages of 4096 bytes
//	nr_inodes=N  how many files; 0 is no limit, the default one for each page
//	             of half the memory
//	mode=N       permissions of the root, octal, default 1777
//	uid=N, gid=N owner of the root, default who mounts
//	acl, noacl   whether there are access control lists, default acl
//
// A remount takes size, nr_blocks and nr_inodes: not below what is in use, and
// not where there is no limit. Errors about options are an [*OptionError].
var Type = vfs.FileSystemTypeOf("memfs", "files in memory, gone when they are unmounted", fsType{})

func init() {
	if err := vfs.Register(Type); err != nil {
		panic("memfs: register: " + err.Error())
	}
}

// New makes an empty memory file system the root of a namespace of its own,
// which the caller closes. options are as for [Type].
func New(ctx context.Context, options string) (*vfs.Namespace, error) {
	return vfs.NewNamespaceOf(ctx, Type, "memfs", 0, options)
}

type fsType struct{}

// A super is the superblock of a memory file system.
type super struct {
	vfs.Superblock

	lastIno atomic.Uint64
	blocks  limit // pages
	space   limit // for inodes and their extended attributes, in bytes
	arena   arena
	opts    atomic.Pointer[options] // as they are shown
}

func superOf(in *vfs.Inode) *super { return in.Superblock().Impl().(*super) }

var superOps = vfs.SuperOpsOf(superMethods{})

type superMethods struct{}

// AllocInode allocates an inode that the core will fill.
func (superMethods) AllocInode(context.Context, *vfs.Superblock) vfs.InodeImpl { return new(inode) }

func (fsType) Mount(ctx context.Context, typ *vfs.FileSystemType, flags vfs.SuperFlags, _ string, data any) (*vfs.Dentry, error) {
	memory := memoryPages()
	opts, err := mountOptions(data, memory)
	if err != nil {
		return nil, err
	}
	if opts.given&optBlocks == 0 {
		opts.blocks = memory / 2
	}
	if opts.given&optInodes == 0 {
		opts.inodes = memory / 2
	}
	cred := vfs.TaskFrom(ctx).Cred()
	if opts.given&optUID == 0 {
		opts.uid = cred.FSUID
	}
	if opts.given&optGID == 0 {
		opts.gid = cred.FSGID
	}
	sb := &super{}
	return vfs.MountNodev(ctx, typ, flags, sb, func(*vfs.Superblock) error { return sb.fill(ctx, &opts) })
}

func (fsType) KillSB(ctx context.Context, s *vfs.Superblock) {
	sb := s.Impl().(*super)
	vfs.KillLitterSuper(ctx, s)
	sb.arena.close()
}

// mountOptions reads the data of a mount or remount.
func mountOptions(data any, memory int64) (options, error) {
	switch data := data.(type) {
	case nil:
		return parseOptions("", memory)
	case string:
		return parseOptions(data, memory)
	}
	return options{}, unix.EINVAL
}

// fill sets up a new superblock with an empty root.
func (sb *super) fill(ctx context.Context, opts *options) error {
	sb.SetOps(superOps)
	sb.Magic = unix.TMPFS_MAGIC
	sb.BlockSize = pageSize
	sb.MaxBytes = vfs.MaxFileSize
	if opts.acl {
		sb.SetFlag(vfs.SuperPosixACL)
	} else {
		sb.ClearFlag(vfs.SuperPosixACL)
	}
	sb.blocks.init(opts.blocks)
	sb.space.init(opts.inodes * inodeSpace)
	sb.arena.init()
	sb.opts.Store(opts)
	in, err := sb.newInode(ctx, nil, unix.S_IFDIR|opts.mode)
	if err != nil {
		return err
	}
	in.SetUID(opts.uid)
	in.SetGID(opts.gid)
	sb.SetRoot(vfs.MakeRoot(&in.Inode))
	return nil
}

// StatFS answers as tmpfs does: zeros where there is no limit.
func (superMethods) StatFS(_ context.Context, d *vfs.Dentry, buf *vfs.StatFS) error {
	sb := d.Superblock().Impl().(*super)
	sb.FillStatFS(buf)
	if total := sb.blocks.total.Load(); total != 0 {
		buf.Blocks = uint64(total)
		buf.Bfree = uint64(sb.blocks.left.Load())
		buf.Bavail = buf.Bfree
	}
	if total := sb.space.total.Load(); total != 0 {
		buf.Files = uint64(total / inodeSpace)
		buf.Ffree = uint64(sb.space.left.Load() / inodeSpace)
	}
	return nil
}

// RemountFS changes the limits. The other options are the root's attributes,
// which by now are chmod's and chown's business: they are ignored, as tmpfs
// does. Whether there are access control lists does not change.
func (superMethods) RemountFS(_ context.Context, s *vfs.Superblock, _ *vfs.SuperFlags, data any) error {
	sb := s.Impl().(*super)
	opts, err := mountOptions(data, memoryPages())
	if err != nil {
		return err
	}
	shown := *sb.opts.Load()
	if opts.given&optACL != 0 && opts.acl != shown.acl {
		return &OptionError{"acl", "cannot change in a remount"}
	}
	var changes []resizing
	if opts.given&optBlocks != 0 {
		changes = append(changes, resizing{"size", &sb.blocks, opts.blocks})
		shown.blocks = opts.blocks
	}
	if opts.given&optInodes != 0 {
		changes = append(changes, resizing{"nr_inodes", &sb.space, opts.inodes * inodeSpace})
		shown.inodes = opts.inodes
	}
	if err := resizeAll(changes); err != nil {
		return err
	}
	sb.opts.Store(&shown)
	return nil
}

// ShowOptions appends the options with which the superblock could be made
// again.
func (superMethods) ShowOptions(_ context.Context, w io.Writer, root *vfs.Dentry) error {
	return root.Superblock().Impl().(*super).opts.Load().write(w, memoryPages())
}
