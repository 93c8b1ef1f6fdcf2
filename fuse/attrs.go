package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Requests about attributes.

// getattr finds attributes: of the open file if the request has one.
func (fs *rawFS) getattr(cancel <-chan struct{}, h *gofuse.InHeader, fh uint64, hasFh bool, st *vfs.Stat) error {
	n := fs.nodes.acquire(h.NodeId)
	if n == nil {
		return unix.ESTALE
	}
	t := fs.beginOpen(cancel, h)
	defer fs.done(t, n)
	if hasFh && !fs.opt.Stateless {
		open := fs.handles.acquire(fh, h.NodeId)
		if open == nil {
			return unix.EBADF
		}
		defer open.release(t)
		return open.file.Getattr(t, st)
	}
	return n.path.Getattr(t, st)
}

func (fs *rawFS) GetAttr(cancel <-chan struct{}, in *gofuse.GetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	var st vfs.Stat
	if err := fs.getattr(cancel, &in.InHeader, in.Fh(), in.Flags()&gofuse.FUSE_GETATTR_FH != 0, &st); err != nil {
		return status(err)
	}
	putAttr(&out.Attr, &st)
	out.SetTimeout(fs.opt.AttrTimeout)
	return gofuse.OK
}

func (fs *rawFS) Statx(cancel <-chan struct{}, in *gofuse.StatxIn, out *gofuse.StatxOut) gofuse.Status {
	var st vfs.Stat
	if err := fs.getattr(cancel, &in.InHeader, in.Fh, in.GetattrFlags&gofuse.FUSE_GETATTR_FH != 0, &st); err != nil {
		return status(err)
	}
	putStatx(&out.Statx, &st)
	out.SetTimeout(fs.opt.AttrTimeout)
	return gofuse.OK
}

func (fs *rawFS) SetAttr(cancel <-chan struct{}, in *gofuse.SetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	if in.Atimensec >= 1e9 || in.Mtimensec >= 1e9 {
		return gofuse.EINVAL
	}
	n := fs.nodes.acquire(in.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.begin(cancel, &in.InHeader)
	defer fs.done(t, n)
	const beside = gofuse.FATTR_FH | gofuse.FATTR_LOCKOWNER | gofuse.FATTR_KILL_SUIDGID
	if in.Valid&^beside == 0 {
		if err := fs.setNothing(t, n, in); err != nil {
			return status(err)
		}
	} else {
		n.uncapped.Store(0)
	}
	if in.Valid&gofuse.FATTR_SIZE != 0 {
		if err := fs.truncate(t, n, in); err != nil {
			return status(err)
		}
	}
	if a := attrOf(in, n.inode); a.Valid != 0 {
		if err := n.path.Setattr(t, a); err != nil {
			return status(err)
		}
	}
	var st vfs.Stat
	if err := n.path.Getattr(t, &st); err != nil {
		return status(err)
	}
	putAttr(&out.Attr, &st)
	out.SetTimeout(fs.opt.AttrTimeout)
	return gofuse.OK
}

// setNothing serves a request that names no attribute. The kernel makes it for
// the stamp of a chown that keeps both owners, which also takes setuid and
// setgid from a file; and before a change of the data of a file whose setuid,
// setgid or capabilities have to go, which the request for that change sees to.
// Only capabilities that it has removed just before tell which one it is. Else
// what a chown does is done for those who may chown, and others are not refused:
// a writer need not own the file.
func (fs *rawFS) setNothing(t *vfs.Task, n *node, in *gofuse.SetAttrIn) error {
	const unchanged = ^uint32(0)
	if n.uncapped.CompareAndSwap(in.Pid, 0) {
		return nil
	}
	t.SetCred(ofCaller(&in.Caller))
	if err := n.path.Chown(t, unchanged, unchanged); err != unix.EPERM {
		return err
	}
	return nil
}

// truncate sets the size, through the open file if the request has one.
func (fs *rawFS) truncate(t *vfs.Task, n *node, in *gofuse.SetAttrIn) error {
	size := int64(in.Size)
	if in.Valid&gofuse.FATTR_KILL_SUIDGID != 0 && fs.opt.Permissions == PermissionsKernel {
		fs.dropPrivileges(t, &in.Caller, n.inode)
	}
	if in.Valid&gofuse.FATTR_FH == 0 {
		return n.path.Truncate(t, size)
	}
	h := fs.handles.acquire(in.Fh, in.NodeId)
	if h == nil {
		return unix.EBADF
	}
	defer h.release(t)
	return h.file.Truncate(t, size)
}

// attrOf is what a request changes beside the size, of which no field is set if
// that is nothing.
func attrOf(in *gofuse.SetAttrIn, inode *vfs.Inode) *vfs.Attr {
	a := &vfs.Attr{}
	if in.Valid&gofuse.FATTR_MODE != 0 {
		a.Valid |= vfs.AttrMode
		a.Mode = inode.Type() | in.Mode&0o7777
	}
	if in.Valid&gofuse.FATTR_UID != 0 {
		a.Valid |= vfs.AttrUID
		a.UID = in.Uid
	}
	if in.Valid&gofuse.FATTR_GID != 0 {
		a.Valid |= vfs.AttrGID
		a.GID = in.Gid
	}
	if a.Valid&(vfs.AttrUID|vfs.AttrGID) != 0 && !inode.IsDir() {
		a.Valid |= lostWithOwner(inode, a, &in.Caller)
	}
	attrTimes(a, in)
	if a.Valid != 0 {
		a.Valid |= vfs.AttrCtime
	}
	return a
}

// lostWithOwner are the privileges that a change of owner takes from a file,
// whoever makes it; but where its group may not execute it, setgid stays if the
// caller could set it. A mode that is set along says itself which it has.
func lostWithOwner(inode *vfs.Inode, a *vfs.Attr, caller *gofuse.Caller) vfs.AttrMask {
	lost := vfs.AttrKillPriv
	if a.Valid&vfs.AttrMode == 0 {
		lost |= vfs.AttrKillSUID
		if mode := inode.Mode(); mode&unix.S_IXGRP != 0 || mode&unix.S_ISGID != 0 && !maySetgid(ofCaller(caller), inode) {
			lost |= vfs.AttrKillSGID
		}
	}
	return lost
}

func maySetgid(c *vfs.Cred, inode *vfs.Inode) bool {
	return c.InGroup(inode.GID()) || c.Has(vfs.CapFsetid)
}

// attrTimes adds the times. That both are to be now needs less of a right than
// given ones.
func attrTimes(a *vfs.Attr, in *gofuse.SetAttrIn) {
	const both = gofuse.FATTR_ATIME_NOW | gofuse.FATTR_MTIME_NOW
	if in.Valid&both == both {
		a.Valid |= vfs.AttrAtime | vfs.AttrMtime | vfs.AttrTouch
		return
	}
	if in.Valid&gofuse.FATTR_ATIME != 0 {
		a.Valid |= vfs.AttrAtime | vfs.AttrTimesSet
		if in.Valid&gofuse.FATTR_ATIME_NOW == 0 {
			a.Valid |= vfs.AttrAtimeSet
			a.Atime = vfs.Timespec{Sec: int64(in.Atime), Nsec: in.Atimensec}
		}
	}
	if in.Valid&gofuse.FATTR_MTIME != 0 {
		a.Valid |= vfs.AttrMtime | vfs.AttrTimesSet
		if in.Valid&gofuse.FATTR_MTIME_NOW == 0 {
			a.Valid |= vfs.AttrMtimeSet
			a.Mtime = vfs.Timespec{Sec: int64(in.Mtime), Nsec: in.Mtimensec}
		}
	}
}

// Access is asked only when the kernel does not decide itself.
func (fs *rawFS) Access(cancel <-chan struct{}, in *gofuse.AccessIn) gofuse.Status {
	n := fs.nodes.acquire(in.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.begin(cancel, &in.InHeader)
	defer fs.done(t, n)
	// The caller's ids are the ones to test with: the kernel has put the real
	// ones in their place for access(2).
	return status(t.Faccessat(vfs.AtPath(n.path), "", in.Mask, unix.AT_EACCESS|unix.AT_EMPTY_PATH))
}

func (fs *rawFS) StatFs(cancel <-chan struct{}, h *gofuse.InHeader, out *gofuse.StatfsOut) gofuse.Status {
	n := fs.nodes.acquire(h.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.beginOpen(cancel, h)
	defer fs.done(t, n)
	var st vfs.StatFS
	if err := n.path.StatFS(t, &st); err != nil {
		return status(err)
	}
	*out = gofuse.StatfsOut{
		Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: uint32(st.Bsize), Frsize: uint32(st.Frsize), NameLen: uint32(st.Namelen),
	}
	return gofuse.OK
}
