package quota

import "context"

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between quota and a file system: the methods of
// dquot_operations, each as an interface of one method. Each wraps the generic
// operation of the same name, and does around it what the file system needs,
// such as a transaction. A driver collects them in a value of its own and
// resolves it once with [OpsOf]. A method that is not there is the generic
// operation itself.
//
// Where the rule says that the file system is entered again, the generic
// operation reads or writes the quota file through the superblock's QuotaRead
// and QuotaWrite: the caller holds no lock that those need.

// DquotWriter writes one dquot to the quota file, and makes it clean. EIO if
// it is not active.
//
// Rule: dquot_operations.write_dquot: fs_recursion yes, held dqonoff_sem|dqptr_sem.
type DquotWriter interface {
	WriteDquot(ctx context.Context, dquot *Dquot) error
}

// DquotAcquirer reads a dquot at its first use, and gives it a place in the
// quota file if it has none, so that later writes cannot fail for want of
// space.
//
// Rule: dquot_operations.acquire_dquot: fs_recursion yes, held dqonoff_sem|dqptr_sem.
type DquotAcquirer interface {
	AcquireDquot(ctx context.Context, dquot *Dquot) error
}

// DquotReleaser gives the dquot's place in the quota file back at its last
// put, if neither limits nor usage are left in it. If somebody has got the
// dquot meanwhile it does nothing.
//
// Rule: dquot_operations.release_dquot: fs_recursion yes, held dqonoff_sem|dqptr_sem.
type DquotReleaser interface {
	ReleaseDquot(ctx context.Context, dquot *Dquot) error
}

// DquotDirtier notes that usage or limits have changed, and reports whether
// that was noted already. A file system with a journal writes the dquot at
// once, inside its transaction.
//
// Rule: dquot_operations.mark_dirty: fs_recursion no, held -.
type DquotDirtier interface {
	MarkDirty(ctx context.Context, dquot *Dquot) (wasDirty bool, err error)
}

// QuotaInfoWriter writes what the quota file of the type says about itself:
// grace times, free lists, sizes.
//
// Rule: dquot_operations.write_info: fs_recursion yes, held dqonoff_sem.
type QuotaInfoWriter interface {
	WriteInfo(ctx context.Context, sb *Super, typ Type) error
}

// Ops is a resolved table of dquot methods. It is immutable.
type Ops struct {
	writer     DquotWriter
	acquirer   DquotAcquirer
	releaser   DquotReleaser
	dirtier    DquotDirtier
	infoWriter QuotaInfoWriter
}

// OpsOf resolves the methods that x offers; nil offers none.
func OpsOf(x any) *Ops {
	o := new(Ops)
	o.writer, _ = x.(DquotWriter)
	o.acquirer, _ = x.(DquotAcquirer)
	o.releaser, _ = x.(DquotReleaser)
	o.dirtier, _ = x.(DquotDirtier)
	o.infoWriter, _ = x.(QuotaInfoWriter)
	return o
}
