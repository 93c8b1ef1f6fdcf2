// Package quota holds disk quotas: the record of what one user, group or
// project uses and may use on a file system, and the methods by which a file
// system stores such records.
//
// Locks, outer to inner: dqonoff_sem, dqptr_sem, a dquot's dq_lock, dqio_sem;
// below them the spin locks dq_data_lock, then dq_list_lock, then
// dq_state_lock. An inode that is a quota file is itself never charged, which
// is what keeps quota from calling itself.
package quota
