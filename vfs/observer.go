package vfs

import (
	"context"
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// EventKind is what happened.
type EventKind uint8

const (
	EntryCreated EventKind = iota // Name in Dir now stands for Child
	EntryChanged                  // Name in Dir may stand for something else
	EntryDeleted                  // Name in Dir, which stood for Child, is gone
	AttrChanged                   // attributes of Inode
	DataChanged                   // bytes [Off, Off+Len) of Inode; Len < 0: to the end
)

// An Event tells an [Observer] of one change. Inodes are valid during the
// call; an observer that keeps one references it.
type Event struct {
	Kind   EventKind
	Dir    *Inode // with a name
	Name   string
	Child  *Inode // may be nil
	Inode  *Inode // AttrChanged, DataChanged
	Off    int64
	Len    int64
	Origin any // the task's
	// Context is the task's that made the change, or of background work.
	Context context.Context
}

// An Observer is told of the changes of a superblock, after they are made and
// with no lock of the tree held, by the task that makes them. It is how a
// front end that caches keeps up with what happens beside it.
type Observer interface {
	Event(e *Event)
}

// observers are the observers of a superblock. With none, a change costs the
// load of one pointer.
type observers struct {
	lock lockdep.SpinLock
	list atomic.Pointer[[]Observer]
}

var observersClass = lockdep.NewClass("observers_lock", lockdep.Spin)

func (o *observers) init() { o.lock.Init(observersClass) }

// AddObserver has o told of changes until RemoveObserver.
func (sb *Superblock) AddObserver(o Observer) {
	sb.observers.lock.Lock()
	defer sb.observers.lock.Unlock()
	var list []Observer
	if old := sb.observers.list.Load(); old != nil {
		list = append(list, *old...)
	}
	list = append(list, o)
	sb.observers.list.Store(&list)
}

// RemoveObserver ends AddObserver; a call in progress may still end after it.
func (sb *Superblock) RemoveObserver(o Observer) {
	sb.observers.lock.Lock()
	defer sb.observers.lock.Unlock()
	old := sb.observers.list.Load()
	if old == nil {
		return
	}
	var list []Observer
	for _, x := range *old {
		if x != o {
			list = append(list, x)
		}
	}
	if len(list) == 0 {
		sb.observers.list.Store(nil)
	} else {
		sb.observers.list.Store(&list)
	}
}

func (o *observers) close() { o.list.Store(nil) }

// observed reports whether anybody wants to know.
func (sb *Superblock) observed() bool { return sb.observers.list.Load() != nil }

func (sb *Superblock) tell(ctx context.Context, e Event) {
	list := sb.observers.list.Load()
	if list == nil {
		return
	}
	e.Origin, e.Context = TaskFrom(ctx).Origin, ctx
	for _, o := range *list {
		o.Event(&e)
	}
}

func notifyEntry(ctx context.Context, kind EventKind, dir *Inode, d *Dentry) {
	if dir.sb.observed() {
		dir.sb.tell(ctx, Event{Kind: kind, Dir: dir, Name: d.Name(), Child: d.Inode()})
	}
}

func notifyDelete(ctx context.Context, dir *Inode, name string, child *Inode) {
	if dir.sb.observed() {
		dir.sb.tell(ctx, Event{Kind: EntryDeleted, Dir: dir, Name: name, Child: child})
	}
}

func notifyName(ctx context.Context, dir *Inode, name string) {
	if dir.sb.observed() {
		dir.sb.tell(ctx, Event{Kind: EntryChanged, Dir: dir, Name: name})
	}
}

func notifyRename(ctx context.Context, oldDir *Inode, oldName string, newDir *Inode, newName string, in, replaced *Inode) {
	if !oldDir.sb.observed() {
		return
	}
	oldDir.sb.tell(ctx, Event{Kind: EntryDeleted, Dir: oldDir, Name: oldName, Child: in})
	if replaced != nil {
		oldDir.sb.tell(ctx, Event{Kind: EntryDeleted, Dir: newDir, Name: newName, Child: replaced})
	}
	oldDir.sb.tell(ctx, Event{Kind: EntryChanged, Dir: newDir, Name: newName, Child: in})
}

// notifyAttr and notifyData tell of changes of the inode itself; no i_mutex is
// held.
func (in *Inode) notifyAttr(ctx context.Context) {
	if in.sb.observed() {
		in.sb.tell(ctx, Event{Kind: AttrChanged, Inode: in})
	}
}

func (in *Inode) notifyData(ctx context.Context, off, n int64) {
	if in.sb.observed() {
		in.sb.tell(ctx, Event{Kind: DataChanged, Inode: in, Off: off, Len: n})
	}
}
