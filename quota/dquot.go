package quota

import (
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// Usage is what one id uses and may use. A limit of 0 is none, a grace time of
// 0 is not running.
type Usage struct {
	Space, Reserved            int64 // bytes
	Inodes                     int64
	SpaceHard, SpaceSoft       int64 // bytes
	InodesHard, InodesSoft     int64
	SpaceGraceEnd, InoGraceEnd int64 // seconds since the epoch
}

// DquotFlags are the states of a dquot.
type DquotFlags uint32

const (
	// DquotRead: it was read from the quota file.
	DquotRead DquotFlags = 1 << iota
	// DquotActive: it has a place in the quota file, and can be charged.
	DquotActive
	// DquotDirty: it has to be written. Set along with its place on the list
	// of dirty dquots.
	DquotDirty
	// DquotFake: it has no limits at all; usage is counted, nothing is
	// checked.
	DquotFake
	// DquotSpaceWarned, DquotInodesWarned: the excess was reported.
	DquotSpaceWarned
	DquotInodesWarned
)

// A Dquot is the record of one user, group or project on one superblock.
type Dquot struct {
	lock lockdep.Mutex // dq_lock: reading, and the last release
	sb   *Super
	typ  Type
	id   ID

	flags atomic.Uint32
	refs  atomic.Int32
	off   atomic.Int64 // place in the quota file, bytes; 0: none
	usage Usage        // under the superblock's dq_data_lock
}

// NewDquot makes a dquot that was not read yet, with one reference.
func NewDquot(sb *Super, t Type, id ID) *Dquot {
	d := &Dquot{sb: sb, typ: t, id: id}
	d.lock.Init(lockdep.DqLock)
	d.refs.Store(1)
	return d
}

// Super is the superblock's quota state.
func (d *Dquot) Super() *Super { return d.sb }

// Type and ID say whose usage it is.
func (d *Dquot) Type() Type { return d.typ }

// ID is the number of the user, group or project.
func (d *Dquot) ID() ID { return d.id }

// Has reports whether all of the flags are set.
func (d *Dquot) Has(f DquotFlags) bool { return DquotFlags(d.flags.Load())&f == f }

// Set sets flags, and returns which of them were set before.
func (d *Dquot) Set(f DquotFlags) DquotFlags { return DquotFlags(d.flags.Or(uint32(f))) & f }

// Clear clears flags, and returns which of them were set before.
func (d *Dquot) Clear(f DquotFlags) DquotFlags { return DquotFlags(d.flags.And(^uint32(f))) & f }

// Offset is the dquot's place in the quota file in bytes; 0 if it has none.
func (d *Dquot) Offset() int64 { return d.off.Load() }

// SetOffset notes the dquot's place in the quota file. The caller holds
// dqio_sem.
func (d *Dquot) SetOffset(off int64) { d.off.Store(off) }

// Usage is the record at this moment. It does not block.
func (d *Dquot) Usage() Usage {
	d.sb.data.Lock()
	defer d.sb.data.Unlock()
	return d.usage
}

// Update changes the record under dq_data_lock; f must not block. The caller
// marks the dquot dirty afterwards.
func (d *Dquot) Update(f func(*Usage)) {
	d.sb.data.Lock()
	defer d.sb.data.Unlock()
	f(&d.usage)
}

// NoteDirty is the generic part of MarkDirty: it sets the dirty flag, puts the
// dquot on its superblock's list of dirty ones, and reports whether it was
// there already. A dquot that is not active is left alone. It does not block.
func (d *Dquot) NoteDirty() (wasDirty bool) {
	if !d.Has(DquotActive) {
		return false
	}
	if d.Has(DquotDirty) {
		return true
	}
	d.sb.list.Lock()
	defer d.sb.list.Unlock()
	if d.Set(DquotDirty) != 0 {
		return true
	}
	d.sb.dirty[d.typ][d] = true
	return false
}

// NoteClean clears the dirty flag before the dquot is written, and reports
// whether it was set: if not, there is nothing to write. The caller holds
// dqio_sem.
func (d *Dquot) NoteClean() (wasDirty bool) {
	d.sb.list.Lock()
	defer d.sb.list.Unlock()
	delete(d.sb.dirty[d.typ], d)
	return d.Clear(DquotDirty) != 0
}

// Dirty returns the dirty dquots of the type at this moment, in no order. It
// takes no references: the caller holds dqonoff_sem, under which dquots are not
// freed.
func (s *Super) Dirty(t Type) []*Dquot {
	s.list.Lock()
	defer s.list.Unlock()
	ds := make([]*Dquot, 0, len(s.dirty[t]))
	for d := range s.dirty[t] {
		ds = append(ds, d)
	}
	return ds
}
