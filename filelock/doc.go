// Package filelock keeps the locks that programs take on files: POSIX record
// locks, locks of open file descriptions (OFD), flock locks, leases and
// delegations. They are advisory but for [Context.CheckMandatory], and the
// three families ignore each other.
//
// A [Context] holds the locks of one inode. A [Lock] is both a request and
// a record: a caller fills one in and hands it to [Context.SetPosix] or
// [Context.Flock], which record a copy; a lease is recorded itself.
//
// # Locks
//
// Each Context has a spin lock, flc_lock, which guards its records and the
// links between them and those that wait for them. The global
// blocked_lock_lock nests inside it and guards who waits for whom. Only a
// request that waits, or that ends a wait, takes the global one, so that
// locks on two files never meet otherwise:
//
//	flc_lock -> blocked_lock_lock -> a lock manager's own spin locks
//
// A waiter is put on the list of one record that is in its way, and is woken
// when that record shrinks or goes; it then starts over. It holds no place in
// a line: the waiters of a record are woken first come first served, but a
// newcomer may be faster.
//
// # Cost
//
// Records are in balanced trees, by owner and by type, whose nodes know how
// far the records below them reach for anybody but one given owner. So a
// request on a file with n records costs O(log n), and O(log n) for each
// record of its owner that it replaces.
package filelock
