package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// dirMethods are the methods of directories: what changes names is called with
// the i_mutex of all directories that change.
type dirMethods struct{ inodeMethods }

// Lookup finds nothing: a name that exists is in the cache, pinned.
func (dirMethods) Lookup(_ context.Context, _ *vfs.Inode, d *vfs.Dentry, _ vfs.WalkFlags) (*vfs.Dentry, error) {
	if err := vfs.CheckName(d.Name()); err != nil {
		return nil, err
	}
	d.Add(nil)
	return nil, nil
}

func (dirMethods) Create(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, mode uint32, _ bool) error {
	return makeNode(ctx, dir, d, mode, 0)
}

func (dirMethods) Mkdir(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, mode uint32) error {
	err := makeNode(ctx, dir, d, mode, 0)
	if err == nil {
		dir.IncNlink()
	}
	return err
}

func (dirMethods) Mknod(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, mode uint32, dev vfs.Dev) error {
	return makeNode(ctx, dir, d, mode, dev)
}

// makeNode makes an inode and gives it the name d in dir.
func makeNode(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, mode uint32, dev vfs.Dev) error {
	in, err := makeInode(ctx, dir, mode)
	if err != nil {
		return err
	}
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR, unix.S_IFREG:
	default:
		in.InitSpecial(dev)
	}
	addName(dir, d, in)
	return nil
}

// makeInode makes an inode as child of dir, with the access control lists that
// it inherits.
func makeInode(ctx context.Context, dir *vfs.Inode, mode uint32) (*inode, error) {
	in, err := superOf(dir).newInode(ctx, inodeOf(dir), mode)
	if err != nil {
		return nil, err
	}
	// The lists live in the inode's cache, for as long as the inode does.
	if _, _, err := in.InheritACL(ctx, dir); err != nil {
		in.Put(ctx)
		return nil, err
	}
	return in, nil
}

// addName gives in, whose reference passes to d, the name d in dir. The inode
// is new: its stamps become the directory's.
func addName(dir *vfs.Inode, d *vfs.Dentry, in *inode) {
	d.Instantiate(&in.Inode)
	listName(dir, d)
	dir.Touch(in.Btime())
}

// listName makes the positive dentry d an entry of dir.
func listName(dir *vfs.Inode, d *vfs.Dentry) {
	d.Pin()
	inodeOf(dir).dir.add(d)
	dir.SetSize(dir.Size() + direntSize)
}

func (dirMethods) Symlink(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, target string) error {
	in, err := makeInode(ctx, dir, unix.S_IFLNK|0o777)
	if err != nil {
		return err
	}
	if len(target) > inlineTarget {
		if !superOf(dir).blocks.take(1) {
			in.Put(ctx)
			return unix.ENOSPC
		}
		in.SetBlocks(pageSize / 512)
	}
	in.SetLink(target)
	addName(dir, d, in)
	return nil
}

func (dirMethods) Tmpfile(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, mode uint32) error {
	in, err := makeInode(ctx, dir, mode)
	if err != nil {
		return err
	}
	in.SetNlink(0)
	d.Tmpfile(&in.Inode)
	return nil
}

// Link costs the space of an inode for each name but the first: names are
// memory too, and one file could have any number.
func (dirMethods) Link(_ context.Context, old *vfs.Dentry, dir *vfs.Inode, d *vfs.Dentry) error {
	in := old.Inode()
	if in.Nlink() > 0 && !superOf(dir).space.take(inodeSpace) {
		return unix.ENOSPC
	}
	now := vfs.Now()
	in.IncNlink()
	in.SetTimes(vfs.TimeCtime, now)
	d.Instantiate(in.Get())
	listName(dir, d)
	dir.Touch(now)
	return nil
}

func (dirMethods) Unlink(ctx context.Context, dir *vfs.Inode, victim *vfs.Dentry) error {
	removeName(ctx, dir, victim, vfs.Now())
	return nil
}

func (dirMethods) Rmdir(ctx context.Context, dir *vfs.Inode, victim *vfs.Dentry) error {
	in := inodeOf(victim.Inode())
	if in.dir.count != 0 {
		return unix.ENOTEMPTY
	}
	in.DropNlink()
	dir.DropNlink()
	removeName(ctx, dir, victim, vfs.Now())
	return nil
}

// removeName takes the name d, and one link of what it stands for, out of dir.
func removeName(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, now vfs.Timespec) {
	inodeOf(dir).dir.remove(d)
	dropName(ctx, dir, d, now)
}

// dropName is removeName of a name that is no longer listed.
func dropName(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, now vfs.Timespec) {
	in := d.Inode()
	if in.Nlink() > 1 && !in.IsDir() {
		superOf(dir).space.give(inodeSpace)
	}
	dir.SetSize(dir.Size() - direntSize)
	dir.Touch(now)
	in.SetTimes(vfs.TimeCtime, now)
	in.DropNlink()
	d.Unpin(ctx)
}

// A dirFile is an open directory.
type dirFile struct {
	vfs.File

	// end is the cookie before which a listing stops: names that appear while
	// it is under way, as those of a program that renames what it lists, do not
	// make it endless. Zero until it begins. Under the directory's i_mutex.
	end uint64
}

type dirFileMethods struct{ ioctlMethods }

func (dirFileMethods) AllocFile() vfs.FileImpl { return new(dirFile) }

// Iterate emits entries in the order of their cookies.
func (dirFileMethods) Iterate(_ context.Context, f *vfs.File, dc *vfs.DirContext) error {
	file := f.Impl().(*dirFile)
	index := inodeOf(f.Inode()).dir
	if file.end == 0 || dc.Pos == 0 {
		file.end = index.next()
	}
	if !dc.EmitDots(f) {
		return nil
	}
	from := uint64(dc.Pos)
	dc.Pos = int64(max(from, file.end))
	index.scan(from, file.end, func(d *vfs.Dentry) bool {
		in, cookie := d.Inode(), int64(d.FSWord)
		if dc.Emit(d.Name(), in.Ino(), vfs.DirentType(in.Mode()), cookie) {
			return true
		}
		dc.Pos = cookie
		return false
	})
	return nil
}

// Llseek moves to a cookie, taken as it is.
func (dirFileMethods) Llseek(_ context.Context, f *vfs.File, offset int64, whence int) (int64, error) {
	in := f.Inode()
	in.Lock()
	defer in.Unlock()
	switch whence {
	case unix.SEEK_SET:
	case unix.SEEK_CUR:
		offset += f.Pos()
	default:
		return 0, unix.EINVAL
	}
	if offset < 0 {
		return 0, unix.EINVAL
	}
	f.SetPos(offset)
	return offset, nil
}

// Fsync has nothing to do.
func (dirFileMethods) Fsync(context.Context, *vfs.File, int64, int64, bool) error { return nil }
