package filelock

import (
	"context"
	"math"
	"syscall"
)

// Owner stands for whoever owns a lock: the descriptor table of a process for
// POSIX locks, an open file for OFD and flock locks and for leases, whatever
// a lock manager likes for its own. Owners are the same if they compare
// equal, unless the manager says otherwise ([OwnerComparer]).
type Owner struct{ v any }

// OwnerOf is the owner that v, as a rule a pointer, stands for.
func OwnerOf[T comparable](v T) Owner { return Owner{v} }

// Value is what the owner was made from, nil for the zero Owner.
func (o Owner) Value() any { return o.v }

// Kind is the family of a lock.
type Kind uint8

// The kinds. POSIX and OFD locks see each other; Flock locks see only their
// like; leases, delegations and layouts share a list, see [Context.Break].
const (
	POSIX  Kind = iota // a byte range, owned by a process
	OFD                // a byte range, owned by an open file
	Flock              // a whole file, owned by an open file
	Lease              // a promise to be told before somebody opens the file
	Deleg              // a lease of a file server, broken by changes of names and attributes too
	Layout             // a lease on the placement of a file's blocks

	numKinds
)

var kindNames = [numKinds]string{"POSIX", "OFD", "FLOCK", "LEASE", "DELEG", "LAYOUT"}

// String is the kind's name in the list of locks.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return "unknown"
}

// leaseLike reports whether locks of this kind are in the list of leases.
func (k Kind) leaseLike() bool { return k == Lease || k == Deleg || k == Layout }

// Type is what a lock or a request is for. The values are those of F_RDLCK,
// F_WRLCK and F_UNLCK.
type Type uint8

// The types of lock.
const (
	Read Type = iota
	Write
	Unlock

	numTypes
)

var typeNames = [numTypes]string{"READ", "WRITE", "UNLCK"}

// String is the type's name in the list of locks.
func (t Type) String() string {
	if t < numTypes {
		return typeNames[t]
	}
	return "unknown"
}

// conflicts is the rule for two locks of different owners.
func (t Type) conflicts(u Type) bool { return t == Write || u == Write }

// Flags modify a request.
type Flags uint8

const (
	// FlagSleep: wait for what is in the way.
	FlagSleep Flags = 1 << iota
	// FlagAccess: only test whether the lock could be had.
	FlagAccess
	// FlagExists: fail with ENOENT an Unlock that unlocks nothing.
	FlagExists
	// FlagClose: the Unlock is due to a close.
	FlagClose
	// FlagMand: a flock request with LOCK_MAND. It is recorded, and is in
	// nobody's way.
	FlagMand
)

// End is the last byte of a range without end.
const End = math.MaxInt64

// Lock is a lock, or a request for one. The exported fields belong to the
// caller until the request is made, and to the [Context] while it is under
// way; those of a recorded lock are read by the methods of this package's
// contract, under the lock that their rule names, and written by nobody else.
type Lock struct {
	// Owner owns the lock; File is the open file that it came through,
	// compared but never looked into; PID is for listings.
	Owner Owner
	File  any
	PID   int

	// Start and End are the first and the last byte, 0 <= Start <= End.
	// They mean something for POSIX and OFD locks.
	Start, End int64

	Kind  Kind
	Type  Type
	Flags Flags

	// Ops are the methods of the file system that handles the lock, and
	// Private its data; Manager are those of the lock manager that asked.
	// All may be nil.
	Ops     *Ops
	Manager *ManagerOps
	Private any

	ctx    *Context // that it is recorded in or was last requested of
	key    uint64   // by Manager's OwnerKey, copied to every record of a request
	failed bool     // the method that was just called for it
	group  *ownerLocks
	prev   *Lock // in a flock list
	next   *Lock
	queue  *waitQueue  // who waits for this record to shrink or go, if anybody
	wait   *waiter     // this request's place in such a queue, once it waited
	lease  *leaseState // of a lease, from when it was recorded
}

// Context is the lock context that l is recorded in, or of which it was last
// requested; nil before that.
func (l *Lock) Context() *Context { return l.ctx }

// Length is the number of bytes in l's range as fcntl gives it: 0 for a range
// without end.
func (l *Lock) Length() int64 {
	if l.End == End {
		return 0
	}
	return l.End - l.Start + 1
}

// Release gives up the private data of a request that its caller is done
// with. Whoever fills in [Lock.Ops] calls it once, after the last use; for
// records the package does. It may block unless l is a lease.
func (l *Lock) Release(ctx context.Context) {
	if l.Ops == nil || l.Ops.releasePrivate == nil {
		return
	}
	if l.Kind.leaseLike() {
		ctx = doneContext
	}
	gateReleasePrivate(l.Ops.releasePrivate, ctx, l)
}

// Grant tells the lock manager that asked for l what became of a request
// that the file system's lock method answered with [ErrDeferred]: nil for
// granted, or an error, with the lock that was in the way if one is known. A
// file system calls it after that method has returned, with no lock of this
// package held, and without blocking. If it returns an error the manager does
// not want the lock any more, and the file system releases it: EINVAL if
// l's manager takes no late answers at all.
func (l *Lock) Grant(conflict *Lock, result error) error {
	if !l.Manager.CanGrant() {
		return syscall.EINVAL
	}
	return gateGrant(l.Manager.grant, l, conflict, result)
}

// valid reports whether l is a sensible request of one of the kinds.
func (l *Lock) valid(kinds ...Kind) bool {
	for _, k := range kinds {
		if l.Kind == k {
			return l.Type < numTypes && l.Start >= 0 && l.Start <= l.End
		}
	}
	return false
}

// record makes the record of a request, or a second one of a record that is
// split, in n. The caller holds flc_lock.
func (l *Lock) record(n *Lock) *Lock {
	n.Owner, n.File, n.PID = l.Owner, l.File, l.PID
	n.Start, n.End = l.Start, l.End
	n.Kind, n.Type, n.Flags = l.Kind, l.Type, l.Flags&FlagMand
	n.Ops, n.Manager, n.Private = l.Ops, l.Manager, l.Private
	n.ctx, n.key = l.ctx, l.key
	if l.Ops != nil && l.Ops.copyLock != nil {
		gateCopyLock(l.Ops.copyLock, n, l)
	}
	return n
}

// describe overwrites what l says about the lock with what holder says, and
// leaves the file system's part alone. An open file has no process: the PID
// of an OFD lock is -1.
func (l *Lock) describe(holder *Lock) {
	l.Owner, l.File, l.PID = holder.Owner, holder.File, holder.PID
	l.Start, l.End = holder.Start, holder.End
	l.Kind, l.Type = holder.Kind, holder.Type
	l.Manager, l.key = holder.Manager, holder.key
	if l.Kind == OFD {
		l.PID = -1
	}
}

// doneContext is given to a method that must not block but takes a context
// for its other callers.
var doneContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
