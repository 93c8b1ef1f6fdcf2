package iofs

import (
	"context"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Magic is the type that statfs shows: the letters "iofs".
const Magic = 0x73666f69

// superblock is a mounted file system.
type superblock struct {
	vfs.Superblock
	fsys           fs.FS
	source         string
	opts, defaults options
	live           bool      // fsys may change: see expired
	closer         io.Closer // of the archive, if the mount opened it
	blocks         blockCache
	opens          atomic.Int64 // files of fsys that are open; none is left after unmount
}

func superOf(sb *vfs.Superblock) *superblock { return sb.Impl().(*superblock) }

// fill sets the superblock up; s_umount is held.
func (sb *superblock) fill(ctx context.Context) error {
	sb.Magic = Magic
	sb.blocks.init(cacheLimit)
	sb.SetOps(superTable)
	if sb.live {
		sb.SetDentryOps(liveDentryTable)
	}
	info, err := fs.Stat(sb.fsys, ".")
	if err != nil {
		return &Error{Op: "mount", Path: sb.source, Reason: "no root directory: " + err.Error(), Errno: errnoOf(err)}
	}
	if !info.IsDir() {
		return &Error{Op: "mount", Path: sb.source, Reason: "the root is not a directory", Errno: unix.ENOTDIR}
	}
	root, err := sb.newInode(ctx, ".", info)
	if err != nil {
		return err
	}
	sb.SetRoot(vfs.MakeRoot(&root.Inode))
	return nil
}

// start is the beginning of this package's clock, which is monotonic.
var start = time.Now()

func clock() int64 { return int64(time.Since(start)) }

// expired reports whether what was seen at the time of clock has to be looked
// at again.
func (sb *superblock) expired(seen int64) bool {
	return sb.live && clock()-seen >= int64(sb.opts.timeout)
}

// superOps has the methods of superblocks.
type superOps struct{}

var superTable = vfs.SuperOpsOf(superOps{})

// AllocInode allocates an inode.
func (superOps) AllocInode(context.Context, *vfs.Superblock) vfs.InodeImpl { return new(inode) }

// StatFS shows the size of an archive, all of it in use. The size of other
// file systems is not known, and shown as 0.
func (superOps) StatFS(_ context.Context, d *vfs.Dentry, buf *vfs.StatFS) error {
	sb := superOf(d.Superblock())
	*buf = vfs.StatFS{Type: Magic, Bsize: sb.BlockSize, Frsize: sb.BlockSize, Namelen: vfs.NameMax}
	if a, ok := sb.fsys.(*archive); ok {
		buf.Blocks = (a.bytes + uint64(sb.BlockSize) - 1) / uint64(sb.BlockSize)
		buf.Files = uint64(len(a.entries))
	}
	id := sb.Dev()
	buf.Fsid = [2]int32{int32(id), int32(id >> 32)}
	return nil
}

// RemountFS keeps the mount read-only, and its options as they are.
func (superOps) RemountFS(_ context.Context, s *vfs.Superblock, flags *vfs.SuperFlags, data any) error {
	sb := superOf(s)
	*flags |= vfs.SuperReadOnly
	list, _ := data.(string)
	o, err := parseOptions(list, sb.opts)
	if err != nil {
		return err
	}
	if o != sb.opts {
		return &Error{Op: "mount", Reason: "options cannot be changed by a remount", Errno: unix.EINVAL}
	}
	return nil
}

// ShowOptions shows what differs from the defaults.
func (superOps) ShowOptions(_ context.Context, w io.Writer, root *vfs.Dentry) error {
	sb := superOf(root.Superblock())
	_, err := io.WriteString(w, sb.opts.show(sb.defaults))
	return err
}
