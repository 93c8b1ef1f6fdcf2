package vfs

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// FileMode says what may be done with an open file (the kernel's f_mode).
type FileMode uint32

const (
	FileRead  FileMode = 1 << iota // open for reading
	FileWrite                      // open for writing
	FileLseek                      // has a position
	FilePread                      // takes positions
	FilePwrite
	FilePath       // O_PATH: no methods
	FileExec       // open for execution
	FileNonseek    // position is meaningless and not locked
	FileAtomicPos  // position is guarded by f_pos_lock
	FileDirect     // O_DIRECT is supported; set by the driver's Open
	FileNowait     // IocbNowait is heeded; set by the driver's Open
	fileOpened     // open succeeded: release is due
	fileWriter     // holds write access to the mount
	fileInodeWrite // counted among the inode's writers
)

// FileImpl is a driver's open file: any type that embeds [File].
type FileImpl interface {
	VFSFile() *File
}

// FileAllocer is implemented by a table of file methods whose driver keeps
// state with an open file: it allocates a struct that embeds [File].
type FileAllocer interface {
	AllocFile() FileImpl
}

// A File is an open file description. Descriptors, mappings and callers hold
// references on it.
type File struct {
	count atomic.Int32
	mode  FileMode
	flags atomic.Uint32 // O_*, changed by F_SETFL under lock
	path  Path
	inode *Inode
	ops   *FileOps
	impl  FileImpl
	cred  *Cred // the opener's
	id    uint64

	posLock lockdep.Mutex    // f_pos_lock: the position, for files shared by threads
	lock    lockdep.SpinLock // f_lock: flags, owner
	pos     atomic.Int64     // bytes, or a directory's cookie

	// Private belongs to the driver.
	Private any
	owner   fileOwner
	locks   atomic.Bool // POSIX locks may have been taken through it

	atomic *atomicState // of an AtomicOpen in progress
}

// fileOwner is who gets SIGIO (F_SETOWN) and with which signal (F_SETSIG).
type fileOwner struct {
	pid, signal int
	notify      func(signal, fd int)
}

// VFSFile gives the core's part of a driver's open file.
func (f *File) VFSFile() *File { return f }

// Impl is the driver's file that this one is embedded in.
func (f *File) Impl() FileImpl { return f.impl }

// Path, Inode, Mode, Flags, Cred, ID of the open file. The path is that by
// which it was opened; its dentry may be unlinked by now.
func (f *File) Path() Path     { return f.path }
func (f *File) Inode() *Inode  { return f.inode }
func (f *File) Mode() FileMode { return f.mode }
func (f *File) Flags() int     { return int(f.flags.Load()) }
func (f *File) Cred() *Cred    { return f.cred }
func (f *File) ID() uint64     { return f.id }

// Pos and SetPos are the position; a method that changes it holds what
// [Llseeker] asks for.
func (f *File) Pos() int64     { return f.pos.Load() }
func (f *File) SetPos(p int64) { f.pos.Store(p) }

// SetMode narrows or widens what may be done, in Open.
func (f *File) SetMode(m FileMode) { f.mode = m }

// newFile allocates an open file of inode at path, on which it takes
// references; it has one reference itself and is not yet open.
func newFile(path Path, inode *Inode, flags int, cred *Cred) *File {
	var impl FileImpl
	ops := inode.fops
	if flags&unix.O_PATH != 0 {
		ops = &noFileOps
	}
	if ops.allocFile != nil {
		impl = ops.allocFile.AllocFile()
	} else {
		impl = new(File)
	}
	f := impl.VFSFile()
	f.impl, f.inode, f.ops, f.cred = impl, inode, ops, cred
	f.id = newID()
	f.posLock.Init(lockdep.FPosLock)
	f.lock.Init(lockdep.FLock)
	f.count.Store(1)
	f.flags.Store(uint32(flags))
	f.path = path
	path.Get()
	return f
}

// Get takes a reference.
func (f *File) Get() *File {
	if f.count.Add(1) <= 1 {
		panic("vfs: reference taken on a closed file")
	}
	return f
}

// Put drops a reference. The last one closes the file: locks go, then
// Release, then write access, dentry and mount.
func (f *File) Put(ctx context.Context) {
	n := f.count.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic("vfs: put of a closed file")
	}
	f.closeLast(ctx)
}

func (f *File) closeLast(ctx context.Context) {
	if f.mode&fileOpened != 0 {
		if l := f.inode.Locks(); l != nil {
			f.releaseLocks(ctx, l)
		}
		if f.Flags()&unix.O_ASYNC != 0 && f.ops.fasync != nil {
			gateFasync(f.ops.fasync, ctx, -1, f, false)
		}
		if f.ops.release != nil {
			// The result has nobody to go to.
			_ = gateRelease(f.ops.release, ctx, f.inode, f)
		}
		f.inode.opens.Add(-1)
	}
	if f.mode&fileInodeWrite != 0 {
		f.inode.writes.Add(-1)
	}
	if f.mode&fileWriter != 0 {
		f.path.Mount.writers.Add(-1)
	}
	f.path.Put(ctx)
}
