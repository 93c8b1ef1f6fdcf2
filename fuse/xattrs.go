package fuse

import (
	"bytes"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Requests about extended attributes.

// xattr calls f with the node of a request.
func (fs *rawFS) xattr(cancel <-chan struct{}, h *gofuse.InHeader, f func(*vfs.Task, *node) error) gofuse.Status {
	n := fs.nodes.acquire(h.NodeId)
	if n == nil {
		return statusStale
	}
	t := fs.begin(cancel, h)
	defer fs.done(t, n)
	return status(f(t, n))
}

func (fs *rawFS) GetXAttr(cancel <-chan struct{}, h *gofuse.InHeader, name string, dest []byte) (size uint32, st gofuse.Status) {
	st = fs.xattr(cancel, h, func(t *vfs.Task, n *node) error {
		got, err := t.Getxattr(vfs.AtPath(n.path), "", name, dest, unix.AT_EMPTY_PATH)
		size = uint32(got)
		return err
	})
	return size, st
}

func (fs *rawFS) SetXAttr(cancel <-chan struct{}, in *gofuse.SetXAttrIn, name string, data []byte) gofuse.Status {
	if uint64(in.Size) > uint64(len(data)) {
		return gofuse.EINVAL
	}
	value := data[:in.Size]
	return fs.xattr(cancel, &in.InHeader, func(t *vfs.Task, n *node) error {
		err := t.Setxattr(vfs.AtPath(n.path), "", name, value, int(in.Flags), unix.AT_EMPTY_PATH)
		if err == nil && in.SetXAttrFlags&gofuse.SETXATTR_ACL_KILL_SGID != 0 && n.inode.Mode()&unix.S_ISGID != 0 {
			// The caller is not in the file's group: with a new ACL setgid
			// goes.
			err = n.path.Chmod(t, n.inode.Mode()&^unix.S_ISGID&0o7777)
		}
		return err
	})
}

func (fs *rawFS) RemoveXAttr(cancel <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return fs.xattr(cancel, h, func(t *vfs.Task, n *node) error {
		if name == "system.posix_acl_access" && n.inode.Mode()&unix.S_ISGID != 0 && fs.opt.Permissions == PermissionsKernel {
			// The kernel does not say whether the caller may keep setgid.
			if caller := ofCaller(&h.Caller); !maySetgid(caller, n.inode) {
				cred := *t.Cred()
				cred.Caps, cred.Groups = cred.Caps.Without(vfs.CapFsetid), caller.Groups
				t.SetCred(&cred)
			}
		}
		err := t.Removexattr(vfs.AtPath(n.path), "", name, unix.AT_EMPTY_PATH)
		if err == nil && name == "security.capability" {
			n.uncapped.Store(h.Pid)
		}
		return err
	})
}

// ListXAttr lists the names. Those that only an administrator may see are the
// one thing about which the kernel has not decided.
func (fs *rawFS) ListXAttr(cancel <-chan struct{}, h *gofuse.InHeader, dest []byte) (size uint32, st gofuse.Status) {
	st = fs.xattr(cancel, h, func(t *vfs.Task, n *node) error {
		at := vfs.AtPath(n.path)
		if fs.opt.Permissions == PermissionsKernel {
			cred := *t.Cred()
			cred.Caps = cred.Caps.Without(vfs.CapSysAdmin)
			if fs.hasTrusted(t, at) && callerCaps(h.Pid).Has(vfs.CapSysAdmin) {
				cred.Caps = cred.Caps.With(vfs.CapSysAdmin)
			}
			t.SetCred(&cred)
		}
		got, err := t.Listxattr(at, "", dest, unix.AT_EMPTY_PATH)
		size = uint32(got)
		return err
	})
	return size, st
}

// hasTrusted reports whether there are names that only an administrator sees:
// as a rule there are not, and the caller need not be looked at.
func (fs *rawFS) hasTrusted(t *vfs.Task, at vfs.At) bool {
	size, err := t.Listxattr(at, "", nil, unix.AT_EMPTY_PATH)
	if err != nil || size == 0 {
		return false
	}
	names := make([]byte, size)
	size, err = t.Listxattr(at, "", names, unix.AT_EMPTY_PATH)
	if err != nil {
		return true // it has just changed
	}
	for name := range bytes.SplitSeq(names[:size], []byte{0}) {
		if bytes.HasPrefix(name, []byte("trusted.")) {
			return true
		}
	}
	return false
}
