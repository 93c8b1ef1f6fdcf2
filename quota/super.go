package quota

import "github.com/govfs/govfs/lockdep"

// Type is what a quota is counted by.
type Type uint8

const (
	User Type = iota
	Group
	Project

	NumTypes = 3
)

var typeNames = [NumTypes]string{"user", "group", "project"}

func (t Type) String() string {
	if t < NumTypes {
		return typeNames[t]
	}
	return "invalid"
}

// State says which quotas of a superblock are on. Limits are never enforced
// without usage being counted.
type State uint8

const (
	// Counted: usage is kept up to date.
	Counted State = 1 << iota
	// Enforced: limits are checked.
	Enforced
	// Suspended: off because the file system is read-only, to be resumed.
	Suspended
)

// Info is what a quota file says about itself.
type Info struct {
	Format                uint32 // 1 old, 2 vfsv0, 4 vfsv1
	BlockGrace, InoGrace  int64  // seconds
	MaxSpace, MaxInodes   int64  // largest limit that the format holds; bytes, number
	Dirty                 bool
	FreeBlock, FreeRecord uint32 // heads of the lists in the file; 0 is none
	Blocks                uint32 // of the file, 1 KiB each
}

// Super is what quota knows of one superblock. The locks are taken in the
// order of their fields.
type Super struct {
	ops *Ops

	onoff lockdep.Mutex    // dqonoff_sem: quota on and off, sync, state changes
	ptr   lockdep.RWMutex  // dqptr_sem: the pointers from inodes to dquots
	io    lockdep.Mutex    // dqio_sem: all I/O on the quota files
	data  lockdep.SpinLock // dq_data_lock: usage, limits and grace of all dquots
	list  lockdep.SpinLock // dq_list_lock: which dquots there are, and which are dirty
	state lockdep.SpinLock // dq_state_lock

	states [NumTypes]State           // under state
	infos  [NumTypes]Info            // under data
	dirty  [NumTypes]map[*Dquot]bool // under list
	dquots [NumTypes]map[ID]*Dquot   // under list
}

// ID is a user, group or project number.
type ID uint32

// NewSuper makes the quota state of a superblock, with all quotas off.
func NewSuper(ops *Ops) *Super {
	s := &Super{ops: ops}
	s.onoff.Init(lockdep.DqonoffSem)
	s.ptr.Init(lockdep.DqptrSem)
	s.io.Init(lockdep.DqioSem)
	s.data.Init(lockdep.DqDataLock)
	s.list.Init(lockdep.DqListLock)
	s.state.Init(lockdep.DqStateLock)
	for t := range NumTypes {
		s.dirty[t] = make(map[*Dquot]bool)
		s.dquots[t] = make(map[ID]*Dquot)
	}
	return s
}

// Ops is the table of methods given to NewSuper.
func (s *Super) Ops() *Ops { return s.ops }

// State says which quotas of the type are on. It does not block.
func (s *Super) State(t Type) State {
	s.state.Lock()
	defer s.state.Unlock()
	return s.states[t]
}

// SetState turns quotas of the type on or off. The caller holds dqonoff_sem.
func (s *Super) SetState(t Type, state State) {
	s.state.Lock()
	defer s.state.Unlock()
	s.states[t] = state
}

// Info is what the quota file of the type says about itself. It does not
// block.
func (s *Super) Info(t Type) Info {
	s.data.Lock()
	defer s.data.Unlock()
	return s.infos[t]
}

// SetInfo changes what the quota file of the type says about itself, in
// memory. It does not block.
func (s *Super) SetInfo(t Type, info Info) {
	s.data.Lock()
	defer s.data.Unlock()
	s.infos[t] = info
}

// Off runs f with dqonoff_sem held: no quota goes on or off meanwhile. It may
// block.
func (s *Super) Off(f func() error) error {
	s.onoff.Lock()
	defer s.onoff.Unlock()
	return f()
}

// FileIO runs f with dqio_sem held, as all I/O on the quota files does. It may
// block.
func (s *Super) FileIO(f func() error) error {
	s.io.Lock()
	defer s.io.Unlock()
	return f()
}

// DqioSem is dqio_sem as the lock checker sees it.
func (s *Super) DqioSem() lockdep.Checkable {
	if s == nil {
		return nil
	}
	return &s.io
}
