package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

// Requests that open and close files.

// openFlags are the flags of open that mean something to the tree. The others
// the kernel has dealt with: O_DIRECT is about its own cache, and walking and
// creating are done.
const openFlags = unix.O_ACCMODE | unix.O_APPEND | unix.O_TRUNC | unix.O_NONBLOCK | unix.O_SYNC | unix.O_NOATIME

// cacheFlags tell the kernel how to use its cache for a file.
func (s *Server) cacheFlags(flags uint32) uint32 {
	if s.opt.DirectIO {
		return gofuse.FOPEN_DIRECT_IO | gofuse.FOPEN_PARALLEL_DIRECT_WRITES
	}
	answer := uint32(gofuse.FOPEN_KEEP_CACHE)
	if flags&unix.O_DIRECT != 0 {
		answer |= gofuse.FOPEN_PARALLEL_DIRECT_WRITES
	}
	return answer
}

// openNode opens what a node stands for.
func (s *Server) openNode(t *vfs.Task, n *node, flags uint32) (*vfs.File, error) {
	how := vfs.OpenHow{Flags: int(flags & openFlags)}
	if flags&gofuse.FMODE_EXEC != 0 && s.opt.Permissions == PermissionsCore {
		// To be executed a file need not be readable.
		if err := vfs.InodePermission(t, n.inode, vfs.MayExec|vfs.MayOpen); err != nil {
			return nil, err
		}
		cred := *t.Cred()
		cred.Caps = cred.Caps.With(vfs.CapDACReadSearch)
		t.SetCred(&cred)
	}
	return t.OpenFile(vfs.AtPath(n.path), "", how)
}

func (fs *rawFS) Open(cancel <-chan struct{}, in *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	if fs.opt.Stateless {
		return gofuse.ENOSYS // the kernel opens by itself from now on
	}
	n := fs.nodes.acquire(in.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.begin(cancel, &in.InHeader)
	defer fs.end(t)
	if in.Mode&gofuse.OPEN_KILL_SUIDGID != 0 && fs.opt.Permissions == PermissionsKernel {
		fs.dropPrivileges(t, &in.Caller, n.inode)
	}
	f, err := fs.openNode(t, n, in.Flags)
	if err != nil {
		n.release(t)
		return status(err)
	}
	h := newHandle(n, f)
	fs.handles.add(h)
	out.Fh = h.id
	out.OpenFlags = fs.cacheFlags(in.Flags)
	return gofuse.OK
}

func (fs *rawFS) Create(cancel <-chan struct{}, in *gofuse.CreateIn, name string, out *gofuse.CreateOut) gofuse.Status {
	t, dir, st := fs.at(cancel, &in.InHeader, name)
	if st != gofuse.OK {
		return st
	}
	defer fs.done(t, dir)
	t.Umask(in.Umask)
	f, err := fs.createOrOpen(t, dir, name, in)
	if err != nil {
		return status(err)
	}
	return fs.answerOpened(t, f, in.Flags, out)
}

// createTries bounds how often a name may come and go while it is opened.
const createTries = 8

// createOrOpen creates a file, or opens the one that is there. The kernel
// creates what it takes to be missing; if it is wrong and there is something
// that cannot be opened like a file, ESTALE makes it look again.
func (fs *rawFS) createOrOpen(t *vfs.Task, dir *node, name string, in *gofuse.CreateIn) (*vfs.File, error) {
	at := vfs.AtPath(dir.path)
	how := vfs.OpenHow{Flags: int(in.Flags&openFlags) | unix.O_CREAT | unix.O_EXCL, Mode: in.Mode & 0o7777}
	for range createTries {
		f, err := t.OpenFile(at, name, how)
		if err != unix.EEXIST || in.Flags&unix.O_EXCL != 0 {
			return f, err
		}
		p, err := t.Lookup(at, name, 0)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return nil, err
		}
		f, err = fs.openExisting(t, p, in)
		if err != unix.ENOENT {
			return f, err
		}
	}
	return nil, unix.ESTALE
}

// openExisting opens the file at p, whose reference it takes over, for a
// request to create it.
func (fs *rawFS) openExisting(t *vfs.Task, p vfs.Path, in *gofuse.CreateIn) (*vfs.File, error) {
	defer p.Put(t)
	if !p.Inode().IsRegular() {
		return nil, unix.ESTALE
	}
	if in.OpenFlags&gofuse.OPEN_KILL_SUIDGID != 0 && fs.opt.Permissions == PermissionsKernel {
		fs.dropPrivileges(t, &in.Caller, p.Inode())
	}
	return t.OpenFile(vfs.AtPath(p), "", vfs.OpenHow{Flags: int(in.Flags & openFlags)})
}

func (fs *rawFS) Tmpfile(cancel <-chan struct{}, in *gofuse.CreateIn, out *gofuse.CreateOut) gofuse.Status {
	dir := fs.nodes.acquire(in.NodeId)
	if dir == nil {
		return statusStale
	}
	t := fs.begin(cancel, &in.InHeader)
	defer fs.done(t, dir)
	t.Umask(in.Umask)
	flags := int(in.Flags&(openFlags&^unix.O_TRUNC|unix.O_EXCL)) | unix.O_TMPFILE
	f, err := t.OpenFile(vfs.AtPath(dir.path), ".", vfs.OpenHow{Flags: flags, Mode: in.Mode & 0o7777})
	if err != nil {
		return status(err)
	}
	return fs.answerOpened(t, f, in.Flags, out)
}

// answerOpened answers with the node and the handle of a file just opened,
// whose reference it takes over.
func (fs *rawFS) answerOpened(t *vfs.Task, f *vfs.File, flags uint32, out *gofuse.CreateOut) gofuse.Status {
	p := f.Path()
	p.Get()
	if err := fs.answerEntry(t, p, &out.EntryOut); err != nil {
		f.Put(t)
		return status(err)
	}
	n := fs.nodes.acquire(out.NodeId)
	if n == nil {
		f.Put(t) // forgotten before it was told: not by this kernel
		return statusStale
	}
	h := newHandle(n, f)
	fs.handles.add(h)
	out.Fh = h.id
	out.OpenOut.OpenFlags = fs.cacheFlags(flags)
	return gofuse.OK
}

func (fs *rawFS) OpenDir(cancel <-chan struct{}, in *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	if fs.opt.Stateless {
		return gofuse.ENOSYS
	}
	n := fs.nodes.acquire(in.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.begin(cancel, &in.InHeader)
	defer fs.end(t)
	f, err := fs.openNode(t, n, in.Flags&^unix.O_TRUNC)
	if err == nil && !n.inode.IsDir() {
		f.Put(t)
		err = unix.ENOTDIR
	}
	if err != nil {
		n.release(t)
		return status(err)
	}
	keep := n.listing.opened()
	h := newHandle(n, f)
	h.listed = true
	fs.handles.add(h)
	out.Fh = h.id
	if fs.opt.AttrTimeout > 0 && fs.opt.EntryTimeout > 0 {
		out.OpenFlags = gofuse.FOPEN_CACHE_DIR
		if keep {
			out.OpenFlags |= gofuse.FOPEN_KEEP_CACHE
		}
	}
	return gofuse.OK
}

// Release ends a handle. With it go the locks that belong to the open file.
func (fs *rawFS) Release(_ <-chan struct{}, in *gofuse.ReleaseIn) {
	h := fs.handles.remove(in.Fh, in.NodeId)
	if h == nil {
		return
	}
	t := fs.beginOpen(nil, &in.InHeader)
	defer fs.end(t)
	h.dropLocks(t, fs.Server)
	h.release(t)
}

func (fs *rawFS) ReleaseDir(in *gofuse.ReleaseIn) { fs.Release(nil, in) }

// Flush is the close of one descriptor: the POSIX locks of whoever closes it
// go.
func (fs *rawFS) Flush(cancel <-chan struct{}, in *gofuse.FlushIn) gofuse.Status {
	if fs.opt.Stateless {
		return gofuse.ENOSYS // nothing is written, and locks are local
	}
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		err := h.file.Flush(t, filelock.OwnerOf(lockOwner(in.LockOwner)))
		h.closeOwner(t, fs.Server, in.LockOwner)
		return err
	})
}

// open calls f with the open file of a request: EBADF if there is none.
func (fs *rawFS) open(cancel <-chan struct{}, in *gofuse.InHeader, fh uint64, f func(*vfs.Task, *handle) error) gofuse.Status {
	t := fs.beginOpen(cancel, in)
	defer fs.end(t)
	h, err := fs.openFile(t, in.NodeId, fh)
	if err != nil {
		return status(err)
	}
	defer h.release(t)
	return status(f(t, h))
}

// openFile is the open file of a request, with a reference.
func (fs *rawFS) openFile(t *vfs.Task, nodeID, fh uint64) (*handle, error) {
	if fs.opt.Stateless {
		return fs.sharedFile(t, nodeID)
	}
	if h := fs.handles.acquire(fh, nodeID); h != nil {
		return h, nil
	}
	return nil, unix.EBADF
}

// sharedFile is the one open file that a node has where the kernel opens files
// without telling; it is opened with the first request and closed when the
// kernel forgets the node.
func (fs *rawFS) sharedFile(t *vfs.Task, nodeID uint64) (*handle, error) {
	n := fs.nodes.acquire(nodeID)
	if n == nil {
		return nil, unix.ESTALE
	}
	f, err := n.shared.get(func() (*vfs.File, error) {
		// The kernel has let the caller open it; who asks first is not
		// whom the others are to depend on.
		t.SetCred(vfs.RootCred())
		return fs.openNode(t, n, unix.O_RDONLY)
	})
	if err != nil {
		n.release(t)
		return nil, err
	}
	h := newHandle(n, f)
	h.dir = &n.shared.dir
	return h, nil
}
