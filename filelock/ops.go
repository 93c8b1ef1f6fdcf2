package filelock

import "context"

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between file locks and those who extend them: the
// methods of file_lock_operations, which a file system hangs on a lock record
// that has private data of its own, and of lock_manager_operations, which let
// a server hold locks on behalf of its clients. Each is an interface of one
// method; a table of them is resolved once with [OpsOf] or [ManagerOpsOf].
//
// A method takes a context exactly where it may block. In the rules i_lock
// stands for the spin lock of the inode's lock [Context], flc_lock; the
// global blocked_lock_lock nests inside it. A method that runs under either
// calls back into this package only where its comment says so.

// file_lock_operations

// LockCopier copies or counts the private data of old for new, its
// duplicate: a granted request that is recorded, or a range that is split. A
// lock that is copied only to report a conflict has no private data, and is
// not announced here.
//
// Rule: file_lock_operations.fl_copy_lock: i_lock yes, may_block no.
type LockCopier interface {
	CopyLock(new, old *Lock)
}

// PrivateReleaser gives up the private data of lock, which is going away:
// once for each record that has operations, requests included. For a lease it
// must not block, and ctx is done from the start.
//
// Rule: file_lock_operations.fl_release_private: i_lock maybe, may_block not-for-leases.
type PrivateReleaser interface {
	ReleasePrivate(ctx context.Context, lock *Lock)
}

// lock_manager_operations

// OwnerComparer reports whether a and b, two locks of this manager, have the
// same owner. It is an equivalence relation. Absent: the same if their
// [Owner] values are equal. During deadlock detection the lock that is held
// belongs to neither, perhaps, and blocked_lock_lock keeps both alive.
//
// Rule: lock_manager_operations.lm_compare_owner: i_lock yes-any-inode, blocked_lock_lock maybe, may_block no.
type OwnerComparer interface {
	CompareOwner(a, b *Lock) bool
}

// OwnerKeyer gives a number that is the same for all locks of an owner, and
// seldom for others: a key that differs between locks of one owner hides them
// from each other and from deadlock detection. It is asked once for each
// request. Absent: the [Owner] value, or nothing if the manager compares
// owners itself.
//
// Rule: lock_manager_operations.lm_owner_key: i_lock yes-any-inode, blocked_lock_lock yes, may_block no.
type OwnerKeyer interface {
	OwnerKey(lock *Lock) uint64
}

// Notifier is called, instead of waking a task, when the lock that blocked
// waiter is gone. Nothing has been granted: the manager queues a retry of the
// request, with the same Lock, which keeps its place in the order of those that
// wait: until the retry, or [Context.Cancel], others whose way it would be in
// wait for it, though not longer than [ManagerTimeout]. waiter is in no list any
// more. A manager that has this method never waits in [Context.SetPosix]: it
// gets [ErrDeferred] instead.
//
// Rule: lock_manager_operations.lm_notify: i_lock yes, blocked_lock_lock yes, may_block no.
type Notifier interface {
	Notify(waiter *Lock)
}

// Granter is called by a file system whose lock method returned
// [ErrDeferred], once it knows the answer, and never before that method has
// returned. A nil result means granted; conflict, if known, says what was in
// the way otherwise. An error means that the manager does not want the lock
// any more: the file system releases it. The request is the manager's again,
// who gives up its private data. See [Lock.Grant].
//
// Rule: lock_manager_operations.lm_grant: i_lock no, blocked_lock_lock no, may_block no.
type Granter interface {
	Grant(lock, conflict *Lock, result error) error
}

// Breaker tells the holder of lease that somebody needs the file, once for
// each change of [Lock.Target]. True makes the lease go at once. It may call
// [Lock.SetBreakDeadline]. Without it a lease is refused (ENOLCK).
//
// Rule: lock_manager_operations.lm_break: i_lock yes, blocked_lock_lock no, may_block no.
type Breaker interface {
	Break(lease *Lock) bool
}

// Changer changes the type of a lease that is held, or removes it (Unlock),
// and adds a removed one to dispose. [ModifyLease] does that, and may be
// called here. Absent: ModifyLease.
//
// Rule: lock_manager_operations.lm_change: i_lock yes, blocked_lock_lock no, may_block no.
type Changer interface {
	Change(lease *Lock, typ Type, dispose *[]*Lock) error
}

// Ops are the file_lock_operations that a file system has, resolved.
type Ops struct {
	copyLock       LockCopier
	releasePrivate PrivateReleaser
}

// OpsOf resolves the methods that x has. The result is immutable and may be
// shared by any number of locks.
func OpsOf(x any) *Ops {
	o := new(Ops)
	o.copyLock, _ = x.(LockCopier)
	o.releasePrivate, _ = x.(PrivateReleaser)
	return o
}
