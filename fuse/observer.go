package fuse

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/govfs/govfs/vfs"
)

// Event tells the kernel of a change that was not made through this mount. It
// is the vfs.Observer of the superblock, and runs in the task that made the
// change.
func (s *Server) Event(e *vfs.Event) {
	var d delivery
	if e.Kind == vfs.EntryChanged && e.Child != nil && e.Child.IsDir() {
		s.movedDir(e.Child, &d)
	}
	if e.Origin == any(s) {
		return // the kernel knows what it asked for
	}
	switch e.Kind {
	case vfs.EntryCreated, vfs.EntryChanged, vfs.EntryDeleted:
		s.entryEvent(e, &d)
	case vfs.AttrChanged:
		s.inodeEvent(e.Inode, attrsOnly, 0, &d)
	case vfs.DataChanged:
		s.inodeEvent(e.Inode, e.Off, e.Len, &d)
	}
	if _, serving := e.Origin.(*Server); !serving {
		s.await(e.Context, &d)
	}
}

// movedDir: the listing of a directory that was renamed says the wrong thing
// about its parent. The kernel does not think of that itself.
func (s *Server) movedDir(in *vfs.Inode, d *delivery) {
	n := s.nodes.find(in)
	if n == nil {
		return
	}
	n.listing.changes.Add(1)
	s.notifier.add(notice{kind: noticeInode, node: n.id, off: 0, end: toEnd}, d)
	n.release(s.background())
}

// entryEvent: what the kernel knows under a name, the directory's listing and
// attributes, and the link count of what the name stood for may all be wrong.
func (s *Server) entryEvent(e *vfs.Event, d *delivery) {
	ctx := s.background()
	dir := s.nodes.find(e.Dir)
	if dir != nil {
		dir.listing.changes.Add(1)
		n := notice{kind: noticeEntry, node: dir.id, name: e.Name}
		if e.Kind == vfs.EntryDeleted && e.Child != nil && gone(e.Child) {
			// Who is in a removed directory, or has it open, is to see
			// that it is one.
			if child := s.nodes.find(e.Child); child != nil {
				n.kind, n.child = noticeDelete, child.id
				child.release(ctx)
			}
		}
		s.notifier.add(n, d)
		s.notifier.add(notice{kind: noticeInode, node: dir.id, off: 0, end: toEnd}, d)
		dir.release(ctx)
	}
	if e.Child != nil {
		s.inodeEvent(e.Child, attrsOnly, 0, d)
	}
}

// gone reports whether an inode has lost its last name.
func gone(in *vfs.Inode) bool { return in.Nlink() == 0 || in.IsDir() && in.Dead() }

// attrsOnly stands for an offset where no data have changed.
const attrsOnly = -1

func (s *Server) inodeEvent(in *vfs.Inode, off, length int64, d *delivery) {
	n := s.nodes.find(in)
	if n == nil {
		return
	}
	end := toEnd
	if off >= 0 && length >= 0 && length < toEnd-off {
		end = off + length
	}
	s.notifier.add(notice{kind: noticeInode, node: n.id, off: off, end: end}, d)
	n.release(s.background())
}

// A delivery is what one change has to tell the kernel.
type delivery struct {
	left atomic.Int32
	done chan struct{} // closed when left reaches zero; nil if nothing was added
}

func (d *delivery) add() {
	if d.done == nil {
		d.done = make(chan struct{})
		d.left.Store(1) // the maker's own, until it waits
	}
	d.left.Add(1)
}

func (d *delivery) finish() {
	if d.left.Add(-1) == 0 {
		close(d.done)
	}
}

// deliveryLimit bounds how long the maker of a change waits for the kernel.
// The kernel takes a notification once requests that are in its way are
// answered. A driver that changes another tree while it serves a request
// without passing the request's context on could wait for itself here; past
// this time the notification is left to arrive later.
const deliveryLimit = 5 * time.Second

// await waits until the kernel has been told, so that what the maker of the
// change does next sees it there.
func (s *Server) await(ctx context.Context, d *delivery) {
	if d.done == nil {
		return
	}
	d.finish()
	select {
	case <-d.done:
		return
	default:
	}
	limit := time.NewTimer(deliveryLimit)
	defer limit.Stop()
	select {
	case <-d.done:
	case <-s.notifier.stopped:
	case <-ctx.Done():
		s.notifier.late.Add(1)
	case <-limit.C:
		s.notifier.late.Add(1)
	}
}
