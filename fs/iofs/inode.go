package iofs

import (
	"context"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// inode is one file of the file system, by its path. Two of them stand for one
// path only while a file that has been replaced is still in use.
type inode struct {
	vfs.Inode
	path    string        // as io/fs has it: "." for the root
	link    string        // body of a symlink
	linkErr syscall.Errno // why it has none
	checked atomic.Int64  // when fsys was asked last, by clock
	// version counts the changes of content that were noticed: the blocks of
	// an older version are not those of a file opened now.
	version atomic.Uint32
}

func inodeOf(in *vfs.Inode) *inode   { return in.Impl().(*inode) }
func (in *inode) super() *superblock { return superOf(in.Superblock()) }

// newInode makes the inode of a path, with a reference.
func (sb *superblock) newInode(ctx context.Context, path string, info fs.FileInfo) (*inode, error) {
	core, err := vfs.NewInode(ctx, &sb.Superblock)
	if err != nil {
		return nil, err
	}
	in := inodeOf(core)
	in.path = path
	in.SetIno(inodeNumber(path))
	in.SetUID(sb.opts.uid)
	in.SetGID(sb.opts.gid)
	in.setInfo(info)
	in.checked.Store(clock())
	switch in.Type() {
	case unix.S_IFDIR:
		in.SetOps(pick(sb.live, liveDirTable, dirTable), dirFileTable)
	case unix.S_IFREG:
		in.SetOps(pick(sb.live, liveTable, nil), fileTable)
	case unix.S_IFLNK:
		in.SetOps(pick(sb.live, liveLinkTable, linkTable), nil)
		if in.link, in.linkErr = sb.readLink(path); in.linkErr == 0 {
			in.SetLink(in.link)
		}
	default:
		in.SetOps(pick(sb.live, liveTable, nil), nil)
		in.InitSpecial(0) // io/fs does not tell device numbers
	}
	return in, nil
}

func pick(live bool, a, b *vfs.InodeOps) *vfs.InodeOps {
	if live {
		return a
	}
	return b
}

// setInfo takes over what info says. The core leaves all of it alone on a
// read-only mount, so that no lock is needed.
func (in *inode) setInfo(info fs.FileInfo) {
	size, mtime := max(info.Size(), 0), timeOf(info)
	if size != in.Size() || mtime != in.Mtime() {
		in.version.Add(1)
	}
	in.SetMode(modeOf(info.Mode()) &^ in.super().opts.umask)
	in.SetSize(size)
	in.SetBlocks((size + 511) / 512)
	in.SetTimes(vfs.TimeAtime|vfs.TimeMtime|vfs.TimeCtime, mtime)
}

// modeOf is the mode of a file without setuid and setgid. What io/fs calls
// irregular is taken for a regular file.
func modeOf(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	switch {
	case m&fs.ModeDir != 0:
		mode |= unix.S_IFDIR
	case m&fs.ModeSymlink != 0:
		mode |= unix.S_IFLNK
	case m&fs.ModeNamedPipe != 0:
		mode |= unix.S_IFIFO
	case m&fs.ModeSocket != 0:
		mode |= unix.S_IFSOCK
	case m&fs.ModeCharDevice != 0:
		mode |= unix.S_IFCHR
	case m&fs.ModeDevice != 0:
		mode |= unix.S_IFBLK
	default:
		mode |= unix.S_IFREG
	}
	if m&fs.ModeSticky != 0 {
		mode |= unix.S_ISVTX
	}
	return mode
}

// timeOf is the time of last change; the epoch if there is none.
func timeOf(info fs.FileInfo) vfs.Timespec {
	t := info.ModTime()
	if t.IsZero() {
		return vfs.Timespec{}
	}
	return vfs.TimespecOf(t)
}

// readLink reads the body of a symlink.
func (sb *superblock) readLink(path string) (string, syscall.Errno) {
	body, err := fs.ReadLink(sb.fsys, path)
	switch {
	case err != nil:
		return "", errnoOf(err)
	case len(body) >= vfs.PathMax:
		return "", unix.ENAMETOOLONG
	case strings.IndexByte(body, 0) >= 0:
		return "", unix.EIO
	case body == "":
		return "", unix.ENOENT
	}
	return body, 0
}

// refresh asks fsys about the inode, and reports whether its name still stands
// for it: for a file of the same type, or a link with the same body.
func (in *inode) refresh() bool {
	sb := in.super()
	now := clock()
	stat := fs.Lstat
	if in.path == "." {
		stat = fs.Stat // what the root is reached by is not the mount's business
	}
	info, err := stat(sb.fsys, in.path)
	if err != nil || modeOf(info.Mode())&unix.S_IFMT != in.Type() {
		return false
	}
	if in.IsSymlink() {
		if body, errno := sb.readLink(in.path); body != in.link || errno != in.linkErr {
			return false
		}
		in.checked.Store(now)
		return true
	}
	in.setInfo(info)
	in.checked.Store(now)
	return true
}

// joinPath is the path of name in dir, as io/fs has it.
func joinPath(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// validName reports whether a component can stand in a path, both here and in
// io/fs.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= vfs.NameMax &&
		strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, 0) < 0 && utf8.ValidString(name)
}

// rootIno is the inode number of the root.
const rootIno = 1

// A pathHash makes inode numbers of paths: FNV-1a, which can go on from a
// directory to the names in it.
type pathHash uint64

const (
	fnvBasis pathHash = 14695981039346656037
	fnvPrime pathHash = 1099511628211
)

func (h pathHash) add(s string) pathHash {
	for i := range len(s) {
		h = (h ^ pathHash(s[i])) * fnvPrime
	}
	return h
}

// ino is the inode number; the lowest are not given out.
func (h pathHash) ino() uint64 {
	if h <= rootIno {
		h += 1 << 32
	}
	return uint64(h)
}

func inodeNumber(path string) uint64 {
	if path == "." {
		return rootIno
	}
	return fnvBasis.add(path).ino()
}

// Methods of inodes. The live tables are those of a file system that may
// change; the others leave everything to the caches.
type (
	dirOps     struct{}
	linkOps    struct{}
	liveOps    struct{}
	liveDirOps struct {
		dirOps
		liveOps
	}
	liveLinkOps struct {
		linkOps
		liveOps
	}
)

var (
	dirTable      = vfs.InodeOpsOf(dirOps{})
	linkTable     = vfs.InodeOpsOf(linkOps{})
	liveTable     = vfs.InodeOpsOf(liveOps{})
	liveDirTable  = vfs.InodeOpsOf(liveDirOps{})
	liveLinkTable = vfs.InodeOpsOf(liveLinkOps{})
)

// Lookup asks for the name, and remembers also that there is none.
func (dirOps) Lookup(ctx context.Context, dir *vfs.Inode, d *vfs.Dentry, _ vfs.WalkFlags) (*vfs.Dentry, error) {
	name := d.Name()
	if err := vfs.CheckName(name); err != nil {
		return nil, err
	}
	sb := superOf(dir.Superblock())
	d.FSWord = uint64(clock())
	if !validName(name) {
		d.Add(nil)
		return nil, nil
	}
	path := joinPath(inodeOf(dir).path, name)
	info, err := fs.Lstat(sb.fsys, path)
	if err != nil {
		if no := errnoOf(err); no != unix.ENOENT {
			return nil, no
		}
		d.Add(nil)
		return nil, nil
	}
	in, err := sb.newInode(ctx, path, info)
	if err != nil {
		return nil, err
	}
	d.Add(&in.Inode)
	return nil, nil
}

// Readlink is asked about a link whose body could not be had.
func (linkOps) Readlink(_ context.Context, d *vfs.Dentry, buf []byte) (int, error) {
	in := inodeOf(d.Inode())
	if in.linkErr != 0 {
		return 0, in.linkErr
	}
	return copy(buf, in.link), nil
}

// FollowLink is asked about a link whose body could not be had.
func (linkOps) FollowLink(_ context.Context, d *vfs.Dentry) (vfs.Link, error) {
	in := inodeOf(d.Inode())
	if in.linkErr != 0 {
		return vfs.Link{}, in.linkErr
	}
	return vfs.Link{Body: in.link}, nil
}

// Getattr shows attributes that are not older than the mount's timeout; ESTALE
// if the file is not there any more, or another one is.
func (liveOps) Getattr(_ context.Context, _ *vfs.Mount, d *vfs.Dentry, st *vfs.Stat) error {
	in := inodeOf(d.Inode())
	if in.super().expired(in.checked.Load()) && !in.refresh() {
		return unix.ESTALE
	}
	in.FillStat(st)
	return nil
}

// liveDentryOps are the methods of dentries of a file system that may change.
type liveDentryOps struct{}

var liveDentryTable = vfs.DentryOpsOf(liveDentryOps{})

// Revalidate believes a name for the mount's timeout, then asks again.
func (liveDentryOps) Revalidate(_ context.Context, d *vfs.Dentry, flags vfs.WalkFlags) (bool, error) {
	sb := superOf(d.Superblock())
	again := flags&vfs.WalkReval != 0
	core := d.Inode()
	if core == nil {
		return !again && !sb.expired(int64(d.FSWord)), nil
	}
	in := inodeOf(core)
	if !again && !sb.expired(in.checked.Load()) {
		return true, nil
	}
	if flags&vfs.WalkRCU != 0 {
		return false, unix.ECHILD
	}
	return in.refresh(), nil
}
