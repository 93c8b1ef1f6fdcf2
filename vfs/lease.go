package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

// leaseOpens tells the locks of an inode who has it open.
type leaseOpens struct{ in *Inode }

func (o leaseOpens) Writers() bool { return o.in.writes.Load() > 0 }

// Others: an inode that is being executed is in use by more than its opens.
func (o leaseOpens) Others(any) bool { return o.in.opens.Load() > 1 || o.in.writes.Load() < 0 }

// fcntlLeases is the manager of the leases that tasks take.
var fcntlLeases = filelock.FcntlLeases(
	func(l *filelock.Lock) { l.File.(*File).sendSignal(-1) },
	func(l *filelock.Lock) { l.File.(*File).clearOwner() },
)

// Setlease is F_SETLEASE: F_RDLCK to be told before somebody opens the file for
// writing, F_WRLCK before anybody opens it, F_UNLCK to give the lease up. The
// holder is told by the signal of [Task.SetOwn] and [Task.SetSig]. EBADF;
// EACCES for a caller that neither owns the file nor has CAP_LEASE; EINVAL for
// what is no regular file, or another typ; EAGAIN if the file is open in a way
// that conflicts, or there is no lease to give up.
func (t *Task) Setlease(fd, typ int) error {
	return t.withFile(fd, func(f *File) error { return f.Lease(t, typ) })
}

// Lease is [Task.Setlease] for an open file.
func (f *File) Lease(t *Task, typ int) error {
	owner := any(f)
	switch typ {
	case unix.F_UNLCK:
		return f.Setlease(t, typ, nil, &owner)
	case unix.F_RDLCK, unix.F_WRLCK:
	default:
		return unix.EINVAL
	}
	lease := filelock.NewLease(filelock.Lease, leaseType(typ), f, t.PID, fcntlLeases)
	if err := f.Setlease(t, typ, &lease, &owner); err != nil {
		return err
	}
	f.ownBy(t.PID)
	return nil
}

// LeaseTo is Lease for a holder that is no process: told is called, instead of a
// signal, with what the lease is to become, under spin locks, and does not
// block. EBUSY if the file has a lease already.
func (f *File) LeaseTo(t *Task, typ int, told func(to filelock.Type)) error {
	if f.LeaseType() != unix.F_UNLCK {
		return unix.EBUSY
	}
	owner := any(f)
	lease := filelock.NewLease(filelock.Lease, leaseType(typ), f, t.PID, filelock.FcntlLeases(
		func(l *filelock.Lock) { told(l.Target()) },
		func(*filelock.Lock) {},
	))
	err := f.Setlease(t, typ, &lease, &owner)
	if err == nil && lease != nil {
		return unix.EBUSY // another one was faster, and was changed
	}
	return err
}

// Getlease is F_GETLEASE: the type of the lease that the open file holds, or
// what it is being broken to; F_UNLCK if there is none. EBADF.
func (t *Task) Getlease(fd int) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	return f.LeaseType(), nil
}

// LeaseType is [Task.Getlease] for an open file.
func (f *File) LeaseType() int {
	if l := f.inode.Locks(); l != nil {
		switch l.GetLease(f) {
		case filelock.Read:
			return unix.F_RDLCK
		case filelock.Write:
			return unix.F_WRLCK
		}
	}
	return unix.F_UNLCK
}

func leaseType(typ int) filelock.Type {
	switch typ {
	case unix.F_RDLCK:
		return filelock.Read
	case unix.F_WRLCK:
		return filelock.Write
	}
	return filelock.Unlock
}

// Setlease sets, changes or, with F_UNLCK, removes a lease: through the driver's
// Setlease if it has one, else [GenericSetlease]. *lease becomes nil if it was
// recorded.
func (f *File) Setlease(ctx context.Context, typ int, lease **filelock.Lock, priv *any) error {
	if f.ops.setlease != nil {
		return gateSetlease(f.ops.setlease, ctx, f, typ, lease, priv)
	}
	return GenericSetlease(ctx, f, typ, lease, priv)
}

// GenericSetlease is what a driver's Setlease calls before or after its own
// work: it checks who asks for what, and records the lease. With F_UNLCK
// *priv is the owner. It does not block: for a delegation, EAGAIN also says that
// somebody is changing the file.
func GenericSetlease(ctx context.Context, f *File, typ int, lease **filelock.Lock, priv *any) error {
	in, cred := f.inode, TaskFrom(ctx).cred
	if cred.FSUID != in.UID() && !cred.Has(CapLease) {
		return unix.EACCES
	}
	if !in.IsRegular() {
		return unix.EINVAL
	}
	switch typ {
	case unix.F_UNLCK:
		l := in.Locks()
		if l == nil {
			return unix.EAGAIN
		}
		return l.RemoveLease(f, filelock.OwnerOf(*priv))
	case unix.F_RDLCK, unix.F_WRLCK:
		if (*lease).Kind == filelock.Deleg {
			// Who changes the file looks for delegations under it.
			if !in.TryLock() {
				return unix.EAGAIN
			}
			defer in.Unlock()
		}
		return in.lockContext().SetLease(lease, leaseOpens{in})
	}
	return unix.EINVAL
}
