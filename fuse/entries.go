package fuse

import (
	"context"
	"strings"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// rawFS is the side of a server that the decoder calls: one method for each
// operation of the protocol. Requests about names are here.
//
// A request works on a node by the node's dentry and a single name below it, in
// the server's own view of the superblock: it follows no symlink, crosses no
// mount, and goes nowhere but one step down.
type rawFS struct{ *Server }

var _ gofuse.RawFileSystem = (*rawFS)(nil)

func (fs *rawFS) String() string      { return fs.opt.Subtype }
func (fs *rawFS) SetDebug(bool)       {}
func (fs *rawFS) Init(*gofuse.Server) {}
func (fs *rawFS) OnUnmount()          {}

// checkName refuses what is not a single step down. The kernel never asks for
// such a name.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return unix.EINVAL
	}
	return nil
}

// at is where a request about a name begins: the directory's node, referenced,
// and a task. ESTALE for an unknown node.
func (fs *rawFS) at(cancel <-chan struct{}, h *gofuse.InHeader, name string) (*vfs.Task, *node, gofuse.Status) {
	if err := checkName(name); err != nil {
		return nil, nil, status(err)
	}
	dir := fs.nodes.acquire(h.NodeId)
	if dir == nil {
		return nil, nil, statusStale
	}
	return fs.begin(cancel, h), dir, gofuse.OK
}

func (fs *rawFS) done(t *vfs.Task, n *node) {
	n.release(t)
	fs.end(t)
}

func (fs *rawFS) Lookup(cancel <-chan struct{}, h *gofuse.InHeader, name string, out *gofuse.EntryOut) gofuse.Status {
	t, dir, st := fs.at(cancel, h, name)
	if st != gofuse.OK {
		return st
	}
	defer fs.done(t, dir)
	err := fs.lookup(t, dir, name, out)
	if err == unix.ENOENT && fs.opt.NegativeTimeout > 0 {
		// A node id of zero is a missing name that may be remembered.
		*out = gofuse.EntryOut{}
		out.SetEntryTimeout(fs.opt.NegativeTimeout)
		return gofuse.OK
	}
	return status(err)
}

// lookup finds a name and answers with its node, which is then looked up once
// more.
func (s *Server) lookup(t *vfs.Task, dir *node, name string, out *gofuse.EntryOut) error {
	p, err := t.Lookup(vfs.AtPath(dir.path), name, 0)
	if err != nil {
		return err
	}
	return s.answerEntry(t, p, out)
}

// answerEntry answers with the node at p, whose reference it takes over.
func (s *Server) answerEntry(ctx context.Context, p vfs.Path, out *gofuse.EntryOut) error {
	var st vfs.Stat
	// The node goes first: a change after the attributes were read is then
	// one that the kernel is told of.
	n := s.nodes.lookedUp(ctx, p)
	if err := n.path.Getattr(ctx, &st); err != nil {
		s.nodes.forget(ctx, n.id, 1)
		return err
	}
	s.putEntry(out, n, &st)
	return nil
}

func (fs *rawFS) Forget(id, lookups uint64) { fs.nodes.forget(fs.background(), id, lookups) }

// create makes a name and answers with what it stands for.
func (fs *rawFS) create(cancel <-chan struct{}, h *gofuse.InHeader, name string, umask uint32, out *gofuse.EntryOut, make func(*vfs.Task, vfs.At) error) gofuse.Status {
	t, dir, st := fs.at(cancel, h, name)
	if st != gofuse.OK {
		return st
	}
	defer fs.done(t, dir)
	t.Umask(umask)
	if err := make(t, vfs.AtPath(dir.path)); err != nil {
		return status(err)
	}
	err := fs.lookup(t, dir, name, out)
	if err == unix.ENOENT {
		// Somebody has removed it already.
		return statusStale
	}
	return status(err)
}

func (fs *rawFS) Mknod(cancel <-chan struct{}, in *gofuse.MknodIn, name string, out *gofuse.EntryOut) gofuse.Status {
	return fs.create(cancel, &in.InHeader, name, in.Umask, out, func(t *vfs.Task, at vfs.At) error {
		return t.Mknodat(at, name, in.Mode, decodeDev(in.Rdev))
	})
}

func (fs *rawFS) Mkdir(cancel <-chan struct{}, in *gofuse.MkdirIn, name string, out *gofuse.EntryOut) gofuse.Status {
	return fs.create(cancel, &in.InHeader, name, in.Umask, out, func(t *vfs.Task, at vfs.At) error {
		return t.Mkdirat(at, name, in.Mode)
	})
}

func (fs *rawFS) Symlink(cancel <-chan struct{}, h *gofuse.InHeader, target, name string, out *gofuse.EntryOut) gofuse.Status {
	return fs.create(cancel, h, name, 0, out, func(t *vfs.Task, at vfs.At) error {
		return t.Symlinkat(target, at, name)
	})
}

func (fs *rawFS) Link(cancel <-chan struct{}, in *gofuse.LinkIn, name string, out *gofuse.EntryOut) gofuse.Status {
	old := fs.nodes.acquire(in.Oldnodeid)
	if old == nil {
		return statusStale
	}
	defer old.release(fs.background())
	return fs.create(cancel, &in.InHeader, name, 0, out, func(t *vfs.Task, at vfs.At) error {
		return t.Linkat(vfs.AtPath(old.path), "", at, name, unix.AT_EMPTY_PATH)
	})
}

func (fs *rawFS) Unlink(cancel <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return fs.remove(cancel, h, name, 0)
}

func (fs *rawFS) Rmdir(cancel <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return fs.remove(cancel, h, name, unix.AT_REMOVEDIR)
}

func (fs *rawFS) remove(cancel <-chan struct{}, h *gofuse.InHeader, name string, flags int) gofuse.Status {
	t, dir, st := fs.at(cancel, h, name)
	if st != gofuse.OK {
		return st
	}
	defer fs.done(t, dir)
	return status(t.Unlinkat(vfs.AtPath(dir.path), name, flags))
}

func (fs *rawFS) Rename(cancel <-chan struct{}, in *gofuse.RenameIn, oldName, newName string) gofuse.Status {
	if err := checkName(newName); err != nil {
		return status(err)
	}
	to := fs.nodes.acquire(in.Newdir)
	if to == nil {
		return statusStale
	}
	defer to.release(fs.background())
	t, from, st := fs.at(cancel, &in.InHeader, oldName)
	if st != gofuse.OK {
		return st
	}
	defer fs.done(t, from)
	// The old form of the request has no flags; its memory may hold anything.
	flags := vfs.RenameFlags(0)
	if in.Opcode == opRename2 {
		flags = vfs.RenameFlags(in.Flags)
	}
	return status(t.Renameat2(vfs.AtPath(from.path), oldName, vfs.AtPath(to.path), newName, flags))
}

func (fs *rawFS) Readlink(cancel <-chan struct{}, h *gofuse.InHeader) ([]byte, gofuse.Status) {
	n := fs.nodes.acquire(h.NodeId)
	if n == nil {
		return nil, statusStale
	}
	t := fs.begin(cancel, h)
	defer fs.done(t, n)
	buf := make([]byte, vfs.PathMax)
	size, err := t.Readlinkat(vfs.AtPath(n.path), "", buf)
	if err != nil {
		return nil, status(err)
	}
	return buf[:size], gofuse.OK
}
