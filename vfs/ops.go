package vfs

import (
	"context"
	"io"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/pagecache"
)

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between the VFS and a file system: the methods
// of dentry_operations, inode_operations, super_operations, file_system_type
// and file_operations, each as an interface of one method. A driver collects
// the methods of one table in a value of its own (often an empty struct),
// and resolves it once with [DentryOpsOf], [InodeOpsOf], [SuperOpsOf],
// [FileSystemTypeOf] or [FileOpsOf]. A method that is not there gets the
// default that its comment names.
//
// A method takes a context exactly where it may block. Through it travel the
// calling [Task] (see [TaskFrom]) and interruption: when the context is done,
// a method that waits gives up with EINTR. The context that a method gets in
// rcu-walk is done from the start: nothing may be waited for there.

// dentry_operations

// DentryRevalidator says whether a cached name still stands for what the
// cache believes: on every hit of an ordinary component, negative dentries
// included. False makes the VFS drop the dentry and look the name up anew; an
// error fails the walk; ECHILD in rcu-walk (WalkRCU in flags) asks to be
// called again in ref-walk. In rcu-walk it stores nothing and reads parent and
// inode once. Absent: every cached name is valid.
//
// Rule: dentry_operations.d_revalidate: rename_lock no, d_lock no, may_block ref-walk, rcu_walk maybe.
type DentryRevalidator interface {
	Revalidate(ctx context.Context, dentry *Dentry, flags WalkFlags) (valid bool, err error)
}

// DentryWeakRevalidator says whether the object at the end of a walk is
// usable when the walk did not arrive there by a name (a start point, "..",
// a magic link, a mount). False is ESTALE. Absent: it is usable.
//
// Rule: dentry_operations.d_weak_revalidate: rename_lock no, d_lock no, may_block yes, rcu_walk no.
type DentryWeakRevalidator interface {
	WeakRevalidate(ctx context.Context, dentry *Dentry, flags WalkFlags) (valid bool, err error)
}

// DentryHasher may replace the default hash of a name in directory dir, or
// refuse the name with an error. Names that Compare calls equal must hash
// equal. It uses only immutable data: the directory may be changing.
//
// Rule: dentry_operations.d_hash: rename_lock no, d_lock no, may_block no, rcu_walk maybe.
type DentryHasher interface {
	Hash(dir *Dentry, name string, hash uint32) (uint32, error)
}

// DentryComparer reports whether str, a snapshot of the name of dentry,
// stands for the name looked for in directory dir. It is pure, and never
// reads dentry's own name, parent or inode. Absent: the bytes decide.
//
// Rule: dentry_operations.d_compare: rename_lock yes, d_lock no, may_block no, rcu_walk maybe.
type DentryComparer interface {
	Compare(dir, dentry *Dentry, str, name string) (equal bool)
}

// DentryDeleter is asked when the last user of a hashed dentry goes: true
// destroys it now, false leaves it cached. It has no side effects.
//
// Rule: dentry_operations.d_delete: rename_lock no, d_lock yes, may_block no, rcu_walk no.
type DentryDeleter interface {
	Delete(dentry *Dentry) bool
}

// DentryReleaser tears down what the driver attached to dentry; the last
// call about it, exactly once for each dentry ever allocated.
//
// Rule: dentry_operations.d_release: rename_lock no, d_lock no, may_block yes, rcu_walk no.
type DentryReleaser interface {
	Release(ctx context.Context, dentry *Dentry)
}

// DentryPruner is told that dentry is about to leave the cache, before it
// is unhashed.
//
// Rule: dentry_operations.d_prune: rename_lock no, d_lock yes, may_block no, rcu_walk no.
type DentryPruner interface {
	Prune(dentry *Dentry)
}

// DentryIputter takes over the reference on inode that dentry has just lost,
// and puts it exactly once with [Inode.Put]. The caller may hold the parent
// directory's i_mutex. Absent: the reference is put.
//
// Rule: dentry_operations.d_iput: rename_lock no, d_lock no, may_block yes, rcu_walk no.
type DentryIputter interface {
	Iput(ctx context.Context, dentry *Dentry, inode *Inode)
}

// DentryNamer builds the name under which a pseudo object is shown.
//
// Rule: dentry_operations.d_dname: rename_lock no, d_lock no, may_block no, rcu_walk no.
type DentryNamer interface {
	Dname(dentry *Dentry) (string, error)
}

// DentryAutomounter makes the mount that belongs on path, a dentry marked
// [DentryNeedAutomount]. A nil mount means that somebody else did it; EISDIR
// that a final component is an ordinary directory. Absent: EREMOTE.
//
// Rule: dentry_operations.d_automount: rename_lock no, d_lock no, may_block yes, rcu_walk no.
type DentryAutomounter interface {
	Automount(ctx context.Context, path Path) (*Mount, error)
}

// DentryManager holds or redirects walkers at a dentry marked
// [DentryManageTransit]: nil lets them pass, EISDIR stops them there as at an
// ordinary directory, ECHILD in rcu-walk asks to be called in ref-walk.
//
// Rule: dentry_operations.d_manage: rename_lock no, d_lock no, may_block ref-walk, rcu_walk maybe.
type DentryManager interface {
	Manage(ctx context.Context, dentry *Dentry, rcuWalk bool) error
}

// inode_operations

// Lookuper finds the name of dentry (new, negative, unhashed) in dir and
// attaches what it finds with [Dentry.Add], nil for a missing name: ENOENT is
// never returned for one. It may return another dentry, with a reference, to
// be used instead ([SpliceAlias]). The length of the name is checked here
// (ENAMETOOLONG). An inode without it is not walkable (ENOTDIR).
//
// Rule: inode_operations.lookup: i_mutex yes, may_block yes.
type Lookuper interface {
	Lookup(ctx context.Context, dir *Inode, dentry *Dentry, flags WalkFlags) (*Dentry, error)
}

// Creater makes a regular file under the negative dentry. mode has the type
// bits and the umask applied (unless the superblock has ACLs). Absent: EACCES.
//
// Rule: inode_operations.create: i_mutex yes, may_block yes.
type Creater interface {
	Create(ctx context.Context, dir *Inode, dentry *Dentry, mode uint32, excl bool) error
}

// Linker gives the inode of old a further name. Absent: EPERM.
//
// Rule: inode_operations.link: i_mutex both, may_block yes.
type Linker interface {
	Link(ctx context.Context, old *Dentry, dir *Inode, new *Dentry) error
}

// Mknoder makes a device, FIFO or socket. Absent: EPERM.
//
// Rule: inode_operations.mknod: i_mutex yes, may_block yes.
type Mknoder interface {
	Mknod(ctx context.Context, dir *Inode, dentry *Dentry, mode uint32, dev Dev) error
}

// Symlinker makes a symbolic link of 1 to 4095 bytes. Absent: EPERM.
//
// Rule: inode_operations.symlink: i_mutex yes, may_block yes.
type Symlinker interface {
	Symlink(ctx context.Context, dir *Inode, dentry *Dentry, target string) error
}

// Mkdirer makes a directory. Absent: EPERM.
//
// Rule: inode_operations.mkdir: i_mutex yes, may_block yes.
type Mkdirer interface {
	Mkdir(ctx context.Context, dir *Inode, dentry *Dentry, mode uint32) error
}

// Unlinker removes the name of a non-directory. The data go later, in
// EvictInode. Absent: EPERM.
//
// Rule: inode_operations.unlink: i_mutex both, may_block yes, i_mutex_victim yes.
type Unlinker interface {
	Unlink(ctx context.Context, dir *Inode, victim *Dentry) error
}

// Rmdirer removes an empty directory (ENOTEMPTY). Absent: EPERM.
//
// Rule: inode_operations.rmdir: i_mutex both, may_block yes, i_mutex_victim yes.
type Rmdirer interface {
	Rmdir(ctx context.Context, dir *Inode, victim *Dentry) error
}

// Renamer is the form of rename without flags: any flag is EINVAL for a
// driver that has only this one.
//
// Rule: inode_operations.rename: i_mutex all, may_block yes, s_vfs_rename_mutex cross-directory, i_mutex_victim yes.
type Renamer interface {
	Rename(ctx context.Context, oldDir *Inode, oldDentry *Dentry, newDir *Inode, newDentry *Dentry) error
}

// Renamer2 renames, exchanges or leaves a whiteout, as flags ask. It refuses
// flags it does not know (EINVAL). Absent, with Renamer: EPERM.
//
// Rule: inode_operations.rename2: i_mutex all, may_block yes, s_vfs_rename_mutex cross-directory, i_mutex_victim yes.
type Renamer2 interface {
	Rename2(ctx context.Context, oldDir *Inode, oldDentry *Dentry, newDir *Inode, newDentry *Dentry, flags RenameFlags) error
}

// Readlinker copies the body of a symlink into buf, truncated, and returns
// the count. Absent: EINVAL.
//
// Rule: inode_operations.readlink: i_mutex no, may_block yes.
type Readlinker interface {
	Readlink(ctx context.Context, dentry *Dentry, buf []byte) (int, error)
}

// LinkFollower gives the text with which a walk goes on, or the place to
// which it jumps. It is not called for an inode whose body is in memory
// ([Inode.SetLink]).
//
// Rule: inode_operations.follow_link: i_mutex no, may_block yes.
type LinkFollower interface {
	FollowLink(ctx context.Context, dentry *Dentry) (Link, error)
}

// LinkPutter is called exactly once for each FollowLink that left a cookie.
//
// Rule: inode_operations.put_link: i_mutex no, may_block yes.
type LinkPutter interface {
	PutLink(ctx context.Context, inode *Inode, cookie any)
}

// Truncater frees the blocks past the new size of inode: the historic form,
// called inside the default setattr after the size has changed.
//
// Rule: inode_operations.truncate: i_mutex -, may_block yes.
type Truncater interface {
	Truncate(ctx context.Context, inode *Inode)
}

// Permissioner decides access. With MayNotBlock in mask it is called in
// rcu-walk and answers ECHILD where it would have to wait. Absent:
// [GenericPermission].
//
// Rule: inode_operations.permission: i_mutex no, may_block ref-walk.
type Permissioner interface {
	Permission(ctx context.Context, inode *Inode, mask Access) error
}

// ACLGetter loads an ACL into the inode's cache and returns it; nil is none.
//
// Rule: inode_operations.get_acl: i_mutex no, may_block yes.
type ACLGetter interface {
	GetACL(ctx context.Context, inode *Inode, typ ACLType) (*ACL, error)
}

// AttrSetter changes attributes: first [CheckAttrChange], then the size, then
// [Inode.CopyAttr]. Absent: just these.
//
// Rule: inode_operations.setattr: i_mutex yes, may_block yes.
type AttrSetter interface {
	Setattr(ctx context.Context, dentry *Dentry, attr *Attr) error
}

// AttrGetter fills stat. Absent: [Inode.FillStat].
//
// Rule: inode_operations.getattr: i_mutex no, may_block yes.
type AttrGetter interface {
	Getattr(ctx context.Context, mnt *Mount, dentry *Dentry, stat *Stat) error
}

// XattrSetter stores an extended attribute; flags is 0, XattrCreate (EEXIST)
// or XattrReplace (ENODATA). Absent: EOPNOTSUPP.
//
// Rule: inode_operations.setxattr: i_mutex yes, may_block yes.
type XattrSetter interface {
	Setxattr(ctx context.Context, dentry *Dentry, name string, value []byte, flags int) error
}

// XattrGetter reads an extended attribute: with an empty buf it returns the
// length; ERANGE if buf is too small; ENODATA if there is none. Absent:
// EOPNOTSUPP.
//
// Rule: inode_operations.getxattr: i_mutex no, may_block yes.
type XattrGetter interface {
	Getxattr(ctx context.Context, dentry *Dentry, name string, buf []byte) (int, error)
}

// XattrLister writes the names, each ended by NUL, into buf; with an empty
// buf it returns the length. Names of trusted. are hidden from callers
// without CAP_SYS_ADMIN. Absent: there are none.
//
// Rule: inode_operations.listxattr: i_mutex no, may_block yes.
type XattrLister interface {
	Listxattr(ctx context.Context, dentry *Dentry, buf []byte) (int, error)
}

// XattrRemover removes an extended attribute (ENODATA). Absent: EOPNOTSUPP.
//
// Rule: inode_operations.removexattr: i_mutex yes, may_block yes.
type XattrRemover interface {
	Removexattr(ctx context.Context, dentry *Dentry, name string) error
}

// Fiemapper reports the extents of inode in [start, start+length) through
// [FiemapInfo.Extent]. Absent: EOPNOTSUPP.
//
// Rule: inode_operations.fiemap: i_mutex no, may_block yes.
type Fiemapper interface {
	Fiemap(ctx context.Context, inode *Inode, info *FiemapInfo, start, length uint64) error
}

// TimeUpdater stores new times for access and writes. Absent: the inode's
// fields are set and the inode is marked dirty.
//
// Rule: inode_operations.update_time: i_mutex no, may_block yes.
type TimeUpdater interface {
	UpdateTime(ctx context.Context, inode *Inode, when Timespec, flags TimeFlags) error
}

// AtomicOpener looks up, creates and opens in one step. It finishes with
// [File.FinishOpen] or [File.FinishNoOpen]. Absent: lookup, create, open.
//
// Rule: inode_operations.atomic_open: i_mutex yes, may_block yes.
type AtomicOpener interface {
	AtomicOpen(ctx context.Context, dir *Inode, dentry *Dentry, file *File, flags int, mode uint32) (AtomicResult, error)
}

// Tmpfiler makes an inode without a name under the anonymous dentry
// ([Dentry.Tmpfile]). dir is not locked. Absent: EOPNOTSUPP.
//
// Rule: inode_operations.tmpfile: i_mutex no, may_block yes.
type Tmpfiler interface {
	Tmpfile(ctx context.Context, dir *Inode, dentry *Dentry, mode uint32) error
}

// DentryOpener replaces the whole generic open of dentry: historic, for
// stacked file systems.
//
// Rule: inode_operations.dentry_open: i_mutex no, may_block yes.
type DentryOpener interface {
	DentryOpen(ctx context.Context, dentry *Dentry, file *File, cred *Cred) error
}

// super_operations

// InodeAllocer allocates the driver's inode, which embeds [Inode]; nil is
// ENOMEM. Absent: a plain Inode.
//
// Rule: super_operations.alloc_inode: s_umount -, may_block yes.
type InodeAllocer interface {
	AllocInode(ctx context.Context, sb *Superblock) InodeImpl
}

// InodeDestroyer is the last call about an inode, after EvictInode.
//
// Rule: super_operations.destroy_inode: s_umount -, may_block yes.
type InodeDestroyer interface {
	DestroyInode(ctx context.Context, inode *Inode)
}

// InodeDirtier is told each time that the inode itself is marked dirty,
// before the bits are set. It takes neither i_mutex nor s_umount.
//
// Rule: super_operations.dirty_inode: s_umount -, may_block yes.
type InodeDirtier interface {
	DirtyInode(ctx context.Context, inode *Inode, flags InodeState)
}

// InodeWriter writes the inode's metadata out; with [WBSyncAll] they are
// durable on return.
//
// Rule: super_operations.write_inode: s_umount -, may_block yes.
type InodeWriter interface {
	WriteInode(ctx context.Context, inode *Inode, wbc *WritebackControl) error
}

// InodeDropper says at the last put whether to evict the inode now. Absent:
// yes if it has no links or is not hashed.
//
// Rule: super_operations.drop_inode: s_umount -, may_block no, i_lock yes.
type InodeDropper interface {
	DropInode(inode *Inode) bool
}

// InodeEvicter drops the inode's pages, frees its storage if it has no
// links, and calls [Inode.Clear] exactly once. Absent: just that.
//
// Rule: super_operations.evict_inode: s_umount -, may_block yes.
type InodeEvicter interface {
	EvictInode(ctx context.Context, inode *Inode)
}

// SuperPutter releases the driver's private data at the end of a superblock.
//
// Rule: super_operations.put_super: s_umount write, may_block yes.
type SuperPutter interface {
	PutSuper(ctx context.Context, sb *Superblock)
}

// FSSyncer pushes the file system's own state out; with wait it is durable
// on return. s_umount is held at least shared.
//
// Rule: super_operations.sync_fs: s_umount read, may_block yes.
type FSSyncer interface {
	SyncFS(ctx context.Context, sb *Superblock, wait bool) error
}

// FSFreezer makes the image consistent while all writers are stopped.
//
// Rule: super_operations.freeze_fs: s_umount write, may_block yes.
type FSFreezer interface {
	FreezeFS(ctx context.Context, sb *Superblock) error
}

// FSUnfreezer undoes FreezeFS.
//
// Rule: super_operations.unfreeze_fs: s_umount write, may_block yes.
type FSUnfreezer interface {
	UnfreezeFS(ctx context.Context, sb *Superblock) error
}

// StatFSer fills buf; the VFS adds the mount flags. Absent: ENOSYS.
//
// Rule: super_operations.statfs: s_umount maybe-read, may_block yes.
type StatFSer interface {
	StatFS(ctx context.Context, dentry *Dentry, buf *StatFS) error
}

// Remounter changes the options of a live superblock; on an error nothing
// has changed.
//
// Rule: super_operations.remount_fs: s_umount write, may_block yes.
type Remounter interface {
	RemountFS(ctx context.Context, sb *Superblock, flags *SuperFlags, data any) error
}

// UmountBeginner aborts outstanding requests, for a forced unmount.
//
// Rule: super_operations.umount_begin: s_umount no, may_block yes.
type UmountBeginner interface {
	UmountBegin(ctx context.Context, sb *Superblock)
}

// OptionShower appends ",name[=value]" for every option that is not the
// default, escaped with [EscapeOption].
//
// Rule: super_operations.show_options: s_umount no, may_block yes, namespace_sem yes.
type OptionShower interface {
	ShowOptions(ctx context.Context, w io.Writer, root *Dentry) error
}

// QuotaReader reads the quota file of the type at byte offset off: short at
// its end, zeros in holes.
//
// Rule: super_operations.quota_read: s_umount no, may_block yes, dqio_sem yes.
type QuotaReader interface {
	QuotaRead(ctx context.Context, sb *Superblock, typ int, p []byte, off int64) (int, error)
}

// QuotaWriter writes the quota file of the type at byte offset off.
//
// Rule: super_operations.quota_write: s_umount no, may_block yes, dqio_sem yes.
type QuotaWriter interface {
	QuotaWrite(ctx context.Context, sb *Superblock, typ int, p []byte, off int64) (int, error)
}

// BdevPageFreer detaches the file system's buffers from a page of the raw
// device's cache; true means that the page can go.
//
// Rule: super_operations.bdev_try_to_free_page: s_umount no, may_block yes.
type BdevPageFreer interface {
	BdevTryToFreePage(ctx context.Context, sb *Superblock, page *pagecache.Page, gfp pagecache.GFP) bool
}

// file_system_type

// Mounter returns the root dentry of a superblock, with a reference on the
// dentry and an active one on the superblock, whose s_umount is locked
// exclusively ([MountNodev], [MountSingle], [GetSuper]).
//
// Rule: file_system_type.mount: may_block yes, s_umount returns-write-locked.
type Mounter interface {
	Mount(ctx context.Context, typ *FileSystemType, flags SuperFlags, source string, data any) (root *Dentry, err error)
}

// SuperKiller takes a superblock with s_umount held exclusively, does the
// whole shutdown ([KillAnonSuper], [KillLitterSuper]) and releases s_umount.
//
// Rule: file_system_type.kill_sb: may_block yes, s_umount write-unlocks.
type SuperKiller interface {
	KillSB(ctx context.Context, sb *Superblock)
}

// file_operations

// Llseeker moves the file position; it does its own locking. Absent: ESPIPE.
//
// Rule: file_operations.llseek: may_block yes.
type Llseeker interface {
	Llseek(ctx context.Context, file *File, offset int64, whence int) (int64, error)
}

// Reader reads at pos and returns the count and the new position.
//
// Rule: file_operations.read: may_block yes.
type Reader interface {
	Read(ctx context.Context, file *File, p []byte, pos int64) (n int, newPos int64, err error)
}

// Writer writes at pos and returns the count and the new position.
//
// Rule: file_operations.write: may_block yes.
type Writer interface {
	Write(ctx context.Context, file *File, p []byte, pos int64) (n int, newPos int64, err error)
}

// IterReader reads at iocb.Pos into iter, and advances iocb.Pos.
//
// Rule: file_operations.read_iter: may_block yes.
type IterReader interface {
	ReadIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error)
}

// IterWriter writes iter at iocb.Pos (at the end of file with IocbAppend),
// and advances iocb.Pos. See [GenericWriteChecks] for its duties.
//
// Rule: file_operations.write_iter: may_block yes.
type IterWriter interface {
	WriteIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error)
}

// Iterater emits directory entries from dc.Pos on. The directory's i_mutex
// is held. Absent: ENOTDIR.
//
// Rule: file_operations.iterate: may_block yes.
type Iterater interface {
	Iterate(ctx context.Context, file *File, dc *DirContext) error
}

// Poller registers on every wait queue that can change the answer, then
// returns the ready mask. Absent: always readable and writable.
//
// Rule: file_operations.poll: may_block yes.
type Poller interface {
	Poll(ctx context.Context, file *File, table *PollTable) PollMask
}

// Ioctler handles a command that the VFS does not. Absent, and for an
// unknown command: ENOTTY.
//
// Rule: file_operations.unlocked_ioctl: may_block yes.
type Ioctler interface {
	UnlockedIoctl(ctx context.Context, file *File, cmd uint32, arg *IoctlArg) (int, error)
}

// CompatIoctler handles a command of a 32-bit caller; ENOTTY falls through
// to UnlockedIoctl.
//
// Rule: file_operations.compat_ioctl: may_block yes.
type CompatIoctler interface {
	CompatIoctl(ctx context.Context, file *File, cmd uint32, arg *IoctlArg) (int, error)
}

// Mmapper prepares a mapping: it sets the methods of vma. Absent: ENODEV.
//
// Rule: file_operations.mmap: may_block yes.
type Mmapper interface {
	Mmap(ctx context.Context, file *File, vma VMA) error
}

// Opener is called when an inode is opened, before the file is visible. On
// an error Release is not called. Absent: success.
//
// Rule: file_operations.open: may_block yes.
type Opener interface {
	Open(ctx context.Context, inode *Inode, file *File) error
}

// Flusher is called at every close of a descriptor; its error is close's.
//
// Rule: file_operations.flush: may_block yes.
type Flusher interface {
	Flush(ctx context.Context, file *File, owner filelock.Owner) error
}

// Releaser is called once, when the last reference to the open file goes.
//
// Rule: file_operations.release: may_block yes.
type Releaser interface {
	Release(ctx context.Context, inode *Inode, file *File) error
}

// Fsyncer writes and awaits the data in [start, end], then the metadata (with
// datasync only those that are needed to read the data). Absent: EINVAL.
//
// Rule: file_operations.fsync: may_block yes.
type Fsyncer interface {
	Fsync(ctx context.Context, file *File, start, end int64, datasync bool) error
}

// AioFsyncer queues an fsync that completes iocb later (EIOCBQUEUED), or
// does it at once. Absent: EINVAL at submission.
//
// Rule: file_operations.aio_fsync: may_block yes.
type AioFsyncer interface {
	AioFsync(ctx context.Context, iocb *Kiocb, datasync bool) error
}

// Fasyncer switches SIGIO delivery and owns the FASYNC bit of the file's
// flags ([File.FasyncHelper]).
//
// Rule: file_operations.fasync: may_block yes.
type Fasyncer interface {
	Fasync(ctx context.Context, fd int, file *File, on bool) (changed bool, err error)
}

// FileLocker handles POSIX and OFD lock commands. Absent: locks are local.
//
// Rule: file_operations.lock: may_block yes.
type FileLocker interface {
	Lock(ctx context.Context, file *File, cmd int, lock *filelock.Lock) error
}

// VectorReader is the historic vectored read: one call, in segment order.
//
// Rule: file_operations.readv: may_block yes.
type VectorReader interface {
	Readv(ctx context.Context, file *File, iov [][]byte, pos int64) (n int, newPos int64, err error)
}

// VectorWriter is the historic vectored write.
//
// Rule: file_operations.writev: may_block yes.
type VectorWriter interface {
	Writev(ctx context.Context, file *File, iov [][]byte, pos int64) (n int, newPos int64, err error)
}

// FileSender is the source side of the historic sendfile: it hands the data
// from pos on to actor, piece by piece, until actor takes less than offered.
//
// Rule: file_operations.sendfile: may_block yes.
type FileSender interface {
	Sendfile(ctx context.Context, file *File, pos int64, count int, actor ReadActor) (n int, newPos int64, err error)
}

// PageSender is a sink for whole pages by reference; more says that further
// data follow.
//
// Rule: file_operations.sendpage: may_block yes.
type PageSender interface {
	Sendpage(ctx context.Context, file *File, page *pagecache.Page, offset, size int, pos int64, more bool) (int, error)
}

// UnmappedAreaGetter chooses the address of a mapping.
//
// Rule: file_operations.get_unmapped_area: may_block yes.
type UnmappedAreaGetter interface {
	GetUnmappedArea(ctx context.Context, file *File, addr, length, pgoff uint64, flags int) (uint64, error)
}

// FlagChecker may veto flags that F_SETFL would set.
//
// Rule: file_operations.check_flags: may_block yes.
type FlagChecker interface {
	CheckFlags(ctx context.Context, flags int) error
}

// Flocker handles flock(2). Absent: the lock is local.
//
// Rule: file_operations.flock: may_block yes.
type Flocker interface {
	Flock(ctx context.Context, file *File, cmd int, lock *filelock.Lock) error
}

// SpliceWriter moves data from pipe into the file at pos.
//
// Rule: file_operations.splice_write: may_block yes.
type SpliceWriter interface {
	SpliceWrite(ctx context.Context, pipe *Pipe, file *File, pos int64, length int, flags uint32) (n int, newPos int64, err error)
}

// SpliceReader moves data from the file at pos into pipe.
//
// Rule: file_operations.splice_read: may_block yes.
type SpliceReader interface {
	SpliceRead(ctx context.Context, file *File, pos int64, pipe *Pipe, length int, flags uint32) (n int, newPos int64, err error)
}

// LeaseSetter gets, changes or removes a lease; it calls the generic setlease
// before or after its own work. Absent: the generic one.
//
// Rule: file_operations.setlease: may_block yes.
type LeaseSetter interface {
	Setlease(ctx context.Context, file *File, typ int, lease **filelock.Lock, priv *any) error
}

// Fallocater preallocates, punches, collapses, zeroes or inserts. It takes
// i_mutex itself, and refuses unknown modes (EOPNOTSUPP). Absent: EOPNOTSUPP.
//
// Rule: file_operations.fallocate: may_block yes.
type Fallocater interface {
	Fallocate(ctx context.Context, file *File, mode uint32, offset, length int64) error
}
