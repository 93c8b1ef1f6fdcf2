package memfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// FS_*_FL: what chattr(1) shows of an inode.
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
	flagNoDump    = 0x40
	flagNoAtime   = 0x80
)

// The flags of an inode that chattr(1) can change, and those that a new inode
// has from its directory.
const (
	settableFlags  = flagImmutable | flagAppend | flagNoDump | flagNoAtime
	inheritedFlags = flagNoDump | flagNoAtime
)

// setFlags stores FS_*_FL flags, and what they mean to the core. i_mutex is
// held, or the inode is new.
func (in *inode) setFlags(flags uint32) {
	in.flags.Store(flags)
	core := in.Flags() &^ (vfs.FlagImmutable | vfs.FlagAppend | vfs.FlagNoAtime | vfs.FlagNoDump)
	if flags&flagImmutable != 0 {
		core |= vfs.FlagImmutable
	}
	if flags&flagAppend != 0 {
		core |= vfs.FlagAppend
	}
	if flags&flagNoAtime != 0 {
		core |= vfs.FlagNoAtime
	}
	if flags&flagNoDump != 0 {
		core |= vfs.FlagNoDump
	}
	in.SetFlags(core)
}

// Commands and flags of the ioctl form that xfs_io(8) uses.
const (
	ioctlFSGetXattr = 0x801c581f
	ioctlFSSetXattr = 0x401c5820
	fsxattrSize     = 28 // bytes: the flags in the first 4, then four numbers of 4
	fsxattrNumbers  = 16 // bytes of the numbers, of which none is supported

	xflagReadOnly  = 0x80000002 // only shown, by file systems that have it
	xflagImmutable = 0x08
	xflagAppend    = 0x10
	xflagNoAtime   = 0x40
	xflagNoDump    = 0x80
)

// xflags pairs both sets of flags.
var xflags = [...]struct{ flag, xflag uint32 }{
	{flagImmutable, xflagImmutable}, {flagAppend, xflagAppend},
	{flagNoAtime, xflagNoAtime}, {flagNoDump, xflagNoDump},
}

// ioctlMethods are those of open files and directories alike.
type ioctlMethods struct{}

// UnlockedIoctl gets and sets the inode's flags. Setting needs the owner or
// CAP_FOWNER, changing immutable and append-only CAP_LINUX_IMMUTABLE (EPERM);
// flags that are not known are EOPNOTSUPP.
func (ioctlMethods) UnlockedIoctl(ctx context.Context, f *vfs.File, cmd uint32, arg *vfs.IoctlArg) (int, error) {
	in := inodeOf(f.Inode())
	switch cmd {
	case unix.FS_IOC_GETFLAGS:
		return 0, arg.PutUint32(in.flags.Load())
	case unix.FS_IOC_SETFLAGS:
		flags, err := arg.Uint32()
		if err != nil {
			return 0, err
		}
		return 0, changeFlags(ctx, f, flags)
	case ioctlFSGetXattr:
		return 0, getXflags(in.flags.Load(), arg)
	case ioctlFSSetXattr:
		flags, err := parseXflags(arg)
		if err != nil {
			return 0, err
		}
		return 0, changeFlags(ctx, f, flags)
	}
	return 0, unix.ENOTTY
}

func getXflags(flags uint32, arg *vfs.IoctlArg) error {
	if len(arg.Out) < fsxattrSize {
		return unix.EFAULT
	}
	clear(arg.Out[:fsxattrSize])
	set := uint32(0)
	for _, x := range xflags {
		if flags&x.flag != 0 {
			set |= x.xflag
		}
	}
	return arg.PutUint32(set)
}

// parseXflags is what the argument means as FS_*_FL flags; for what these
// cannot say, a flag that is not supported.
func parseXflags(arg *vfs.IoctlArg) (flags uint32, err error) {
	set, err := arg.Uint32()
	if err != nil || len(arg.In) < fsxattrSize {
		return 0, unix.EFAULT
	}
	set &^= xflagReadOnly
	for _, x := range xflags {
		if set&x.xflag != 0 {
			flags |= x.flag
			set &^= x.xflag
		}
	}
	for _, b := range arg.In[4 : 4+fsxattrNumbers] {
		set |= uint32(b)
	}
	if set != 0 {
		flags |= ^uint32(settableFlags)
	}
	return flags, nil
}

// changeFlags is the inode's chattr.
func changeFlags(ctx context.Context, f *vfs.File, flags uint32) error {
	mnt := f.Path().Mount
	if err := mnt.WantWrite(ctx); err != nil {
		return err
	}
	defer mnt.DropWrite()
	in := inodeOf(f.Inode())
	cred := vfs.TaskFrom(ctx).Cred()
	if cred.FSUID != in.UID() && !cred.Has(vfs.CapFowner) {
		return unix.EPERM
	}
	in.Lock()
	defer in.Unlock()
	if (flags^in.flags.Load())&(flagImmutable|flagAppend) != 0 && !cred.Has(vfs.CapLinuxImm) {
		return unix.EPERM
	}
	if flags&^uint32(settableFlags) != 0 {
		return unix.EOPNOTSUPP
	}
	in.setFlags(flags)
	in.SetTimes(vfs.TimeCtime|vfs.TimeVersion, vfs.Now())
	return nil
}
