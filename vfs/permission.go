package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// InodePermission decides whether the caller may access the inode: what the
// superblock and the inode's flags forbid, then the driver's Permission or
// [GenericPermission]. EROFS, EACCES, EPERM, or the driver's error; with
// MayNotBlock also ECHILD. That a mount is read-only is not looked at here.
func InodePermission(ctx context.Context, in *Inode, mask Access) error {
	if mask&MayWrite != 0 {
		if in.sb.ReadOnly() {
			switch in.Type() {
			case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
				return unix.EROFS
			}
		}
		if in.hasFlag(FlagImmutable) {
			return unix.EPERM
		}
	}
	if in.ops.permission != nil {
		return gatePermission(in.ops.permission, ctx, in, mask)
	}
	return GenericPermission(ctx, in, mask)
}

// GenericPermission decides by mode, ACL and capabilities. It does not block
// and stores nothing.
func GenericPermission(ctx context.Context, in *Inode, mask Access) error {
	cred := TaskFrom(ctx).cred
	want := uint32(mask & (MayRead | MayWrite | MayExec))
	mode := in.Mode()
	err := modePermission(ctx, cred, in, mode, want, mask)
	if err != unix.EACCES {
		return err
	}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		if cred.Has(CapDACOverride) || want&uint32(MayWrite) == 0 && cred.Has(CapDACReadSearch) {
			return nil
		}
		return unix.EACCES
	}
	if want == uint32(MayRead) && cred.Has(CapDACReadSearch) {
		return nil
	}
	if (want&uint32(MayExec) == 0 || mode&0o111 != 0) && cred.Has(CapDACOverride) {
		return nil
	}
	return unix.EACCES
}

// modePermission decides without capabilities. The owner's bits decide for
// the owner, even where group or others would have more.
func modePermission(ctx context.Context, cred *Cred, in *Inode, mode, want uint32, mask Access) error {
	if cred.FSUID == in.UID() {
		return bitsGrant(mode>>6, want)
	}
	if mode&0o070 != 0 && in.sb.Flags()&SuperPosixACL != 0 && in.Type() != unix.S_IFLNK {
		if decided, err := aclPermission(ctx, in, mask); decided {
			return err
		}
	}
	// The group matters only if its bits differ from the others'.
	if (mode>>3^mode)&want != 0 && cred.InGroup(in.GID()) {
		return bitsGrant(mode>>3, want)
	}
	return bitsGrant(mode, want)
}

func bitsGrant(bits, want uint32) error {
	if want&^bits&7 != 0 {
		return unix.EACCES
	}
	return nil
}

// mayCreate checks that a name may be made in dir, whose i_mutex is held.
func mayCreate(ctx context.Context, dir *Inode, d *Dentry) error {
	if !d.Negative() {
		return unix.EEXIST
	}
	if dir.Dead() {
		return unix.ENOENT
	}
	return InodePermission(ctx, dir, MayWrite|MayExec)
}

// mayDelete checks that a name may be removed from dir, both locked as §10
// asks; wantDir says what the caller takes it for.
func mayDelete(ctx context.Context, dir *Inode, victim *Dentry, wantDir bool) error {
	in := victim.Inode()
	if in == nil {
		return unix.ENOENT
	}
	if err := InodePermission(ctx, dir, MayWrite|MayExec); err != nil {
		return err
	}
	if dir.hasFlag(FlagAppend) {
		return unix.EPERM
	}
	if stickyForbids(TaskFrom(ctx).cred, dir, in) || in.hasFlag(FlagAppend|FlagImmutable|FlagSwapfile) {
		return unix.EPERM
	}
	if wantDir {
		if !in.IsDir() {
			return unix.ENOTDIR
		}
		if victim.IsRoot() {
			return unix.EBUSY
		}
	} else if in.IsDir() {
		return unix.EISDIR
	}
	if dir.Dead() {
		return unix.ENOENT
	}
	if victim.Has(DentrySillyRenamed) {
		return unix.EBUSY
	}
	return nil
}

// stickyForbids: in a sticky directory only the owners and CAP_FOWNER remove
// or rename.
func stickyForbids(cred *Cred, dir, in *Inode) bool {
	return dir.Mode()&unix.S_ISVTX != 0 && cred.FSUID != in.UID() && cred.FSUID != dir.UID() && !cred.Has(CapFowner)
}
