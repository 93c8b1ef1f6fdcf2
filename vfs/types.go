package vfs

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/pagecache"
)

// Limits of names and paths, in bytes.
const (
	NameMax = 255  // longest component, enforced by the file system
	PathMax = 4096 // longest path, its terminator included
	// MaxSymlinks is how many symlinks and automounts one walk may cross.
	MaxSymlinks = 40
	// MaxFileSize is the largest file size and offset the core accepts.
	MaxFileSize = 1<<63 - 1
	// maxRWCount is the most that one read or write moves: INT_MAX rounded
	// down to a page.
	maxRWCount = 0x7ffff000
)

// Dev is a device number in the kernel's dev_t encoding ([unix.Mkdev]).
type Dev = uint64

// Kiocb and Iter describe one transfer: a file position with flags, and a
// cursor over the caller's segments.
type (
	Kiocb            = pagecache.Kiocb
	Iter             = pagecache.Iter
	WritebackControl = pagecache.WritebackControl
)

// Modes of a [WritebackControl].
const (
	WBSyncNone = pagecache.WBSyncNone
	WBSyncAll  = pagecache.WBSyncAll
)

// Timespec is a point in time: seconds since the epoch and nanoseconds in
// [0, 1e9).
type Timespec struct {
	Sec  int64
	Nsec uint32
}

// TimespecOf converts t.
func TimespecOf(t time.Time) Timespec {
	return Timespec{Sec: t.Unix(), Nsec: uint32(t.Nanosecond())}
}

// Now is the current time.
func Now() Timespec { return TimespecOf(time.Now()) }

// Time converts ts.
func (ts Timespec) Time() time.Time { return time.Unix(ts.Sec, int64(ts.Nsec)) }

// Compare orders two times: negative if ts is the earlier one.
func (ts Timespec) Compare(o Timespec) int {
	switch {
	case ts.Sec < o.Sec, ts.Sec == o.Sec && ts.Nsec < o.Nsec:
		return -1
	case ts == o:
		return 0
	}
	return 1
}

// WalkFlags are the flags of a path walk as a method sees them.
type WalkFlags uint32

const (
	WalkFollow       WalkFlags = 1 << iota // a final symlink is followed
	WalkDirectory                          // the result must be a directory
	WalkAutomount                          // a final automount is triggered
	WalkParent                             // more components follow
	WalkOpen                               // the final component is to be opened
	WalkCreate                             // … created
	WalkExcl                               // … and must not exist
	WalkRenameTarget                       // … is the target of a rename
	WalkReval                              // distrust caches, as after ESTALE; in ref-walk
	WalkRCU                                // rcu-walk: nothing may block
	WalkEmpty                              // an empty path means the start itself
	WalkNoXdev                             // RESOLVE_NO_XDEV
	WalkNoMagiclinks                       // RESOLVE_NO_MAGICLINKS
	WalkNoSymlinks                         // RESOLVE_NO_SYMLINKS
	WalkBeneath                            // RESOLVE_BENEATH
	WalkInRoot                             // RESOLVE_IN_ROOT
	WalkCached                             // RESOLVE_CACHED
	walkJumped                             // the last step was no name lookup
	walkMountpoint                         // last component of an unmount: not revalidated

	walkScoped = WalkBeneath | WalkInRoot
)

// Access is a set of rights for [Permissioner] and [Task.Access].
type Access uint32

const (
	MayExec  Access = 1 // search, for directories
	MayWrite Access = 2
	MayRead  Access = 4

	MayAppend   Access = 0x08
	MayAccess   Access = 0x10
	MayOpen     Access = 0x20
	MayChdir    Access = 0x40
	MayNotBlock Access = 0x80
)

// RenameFlags are the flags of renameat2.
type RenameFlags uint32

const (
	RenameNoReplace RenameFlags = unix.RENAME_NOREPLACE
	RenameExchange  RenameFlags = unix.RENAME_EXCHANGE
	RenameWhiteout  RenameFlags = unix.RENAME_WHITEOUT
)

// Flags of setxattr.
const (
	XattrCreate  = unix.XATTR_CREATE
	XattrReplace = unix.XATTR_REPLACE

	XattrNameMax = 255
	XattrSizeMax = 65536
	XattrListMax = 65536
)

// TimeFlags say which times an update is about.
type TimeFlags uint32

const (
	TimeAtime TimeFlags = 1 << iota
	TimeMtime
	TimeCtime
	TimeVersion
)

// AttrMask says which fields of an [Attr] are meant.
type AttrMask uint32

const (
	AttrMode AttrMask = 1 << iota
	AttrUID
	AttrGID
	AttrSize
	AttrAtime
	AttrMtime
	AttrCtime
	AttrAtimeSet // Atime holds a given value, not "now"
	AttrMtimeSet
	AttrTimesSet // an explicit utimes call
	AttrForce    // ownership is not checked
	AttrFile     // File is set
	AttrOpen     // from O_TRUNC
	AttrKillSUID // drop setuid, told so that Mode can be derived
	AttrKillSGID
	AttrKillPriv // drop file capabilities
	AttrTouch    // both times now, by utimes(NULL)
)

// Attr is a change of attributes (the kernel's iattr).
type Attr struct {
	Valid               AttrMask
	Mode                uint32
	UID, GID            uint32
	Size                int64
	Atime, Mtime, Ctime Timespec
	File                *File // with AttrFile: the open file of ftruncate
}

// Stat is what stat returns about an inode (the kernel's kstat).
type Stat struct {
	Ino       uint64
	Dev       Dev
	Rdev      Dev
	Mode      uint32 // type and permission bits, as in st_mode
	Nlink     uint32
	UID, GID  uint32
	Size      int64 // bytes
	Blksize   int32 // bytes
	Blocks    int64 // 512-byte units
	Atime     Timespec
	Mtime     Timespec
	Ctime     Timespec
	Btime     Timespec // birth; zero where unknown
	MountID   uint64
	Attrs     uint64 // STATX_ATTR_*
	AttrsMask uint64
}

// StatFS is what statfs returns about a file system.
type StatFS struct {
	Type          int64
	Bsize, Frsize int64 // bytes
	Blocks        uint64
	Bfree, Bavail uint64 // blocks of Frsize
	Files, Ffree  uint64
	Fsid          [2]int32
	Namelen       int64
	Flags         int64 // ST_*
}

// SuperFlags are the flags of a superblock and of mount(2) (MS_*).
type SuperFlags uint64

const (
	SuperReadOnly    SuperFlags = unix.MS_RDONLY
	SuperNoSUID      SuperFlags = unix.MS_NOSUID
	SuperNoDev       SuperFlags = unix.MS_NODEV
	SuperNoExec      SuperFlags = unix.MS_NOEXEC
	SuperSynchronous SuperFlags = unix.MS_SYNCHRONOUS
	SuperMandLock    SuperFlags = unix.MS_MANDLOCK
	SuperDirSync     SuperFlags = unix.MS_DIRSYNC
	SuperNoAtime     SuperFlags = unix.MS_NOATIME
	SuperNoDirAtime  SuperFlags = unix.MS_NODIRATIME
	SuperPosixACL    SuperFlags = unix.MS_POSIXACL
	SuperLazytime    SuperFlags = unix.MS_LAZYTIME
	SuperNoUser      SuperFlags = 1 << 31 // cannot be mounted by a user
)

// Link is what following a symlink yields: a body to go on with, or a place
// to jump to (a magic link). A cookie that is not nil is handed to PutLink
// when the body is no longer needed.
type Link struct {
	Body   string
	Jump   Path // referenced by the method for the walk; the walk puts it
	Cookie any
}

// AtomicResult is what [AtomicOpener] did.
type AtomicResult uint8

const (
	AtomicOpened  AtomicResult = iota // the file is open
	AtomicCreated                     // the file was created and is open
	AtomicNoOpen                      // only looked up or created: open it as usual
)

// Extended flags of open that x/sys lacks or that are ours.
const (
	oTmpfileBit = unix.O_TMPFILE &^ unix.O_DIRECTORY
)

// OpenHow is the argument of openat2.
type OpenHow struct {
	Flags   int // O_*
	Mode    uint32
	Resolve uint64 // RESOLVE_*
}
