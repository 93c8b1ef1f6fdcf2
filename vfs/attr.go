package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

const (
	allPerms = 0o7777 // permission bits with setuid, setgid and sticky
	setUID   = unix.S_ISUID
	setGID   = unix.S_ISGID
	groupX   = unix.S_IXGRP
)

// capXattr holds a file's capabilities.
const capXattr = "security.capability"

// notifyChange makes a change of attributes (the kernel's notify_change): what
// flags forbid, the stamps, what is to be dropped, then the driver's Setattr.
// i_mutex is held, and write access to the mount; both stay. a comes back as
// the driver got it. EAGAIN if a delegation has to be broken first.
func notifyChange(ctx context.Context, d *Dentry, a *Attr) error {
	in := d.Inode()
	if err := maySetattr(ctx, in, a.Valid); err != nil {
		return err
	}
	if a.Valid&AttrMode != 0 {
		if a.Valid&(AttrKillSUID|AttrKillSGID) != 0 {
			return unix.EINVAL // two ways to say what the mode is to be
		}
		if in.IsSymlink() {
			return unix.EOPNOTSUPP
		}
	}
	a.stamp(in.sb)
	a.dropPrivileges(ctx, d)
	if a.Valid&^(AttrKillSUID|AttrKillSGID) == 0 {
		return nil
	}
	if err := in.tryBreakDelegation(ctx); err != nil {
		return err
	}
	var err error
	if in.ops.setattr != nil {
		err = gateSetattr(in.ops.setattr, ctx, d, a)
	} else {
		err = simpleSetattr(ctx, d, a)
	}
	if err == nil && a.Valid&AttrMode != 0 && in.ops.getACL == nil {
		err = in.chmodACL()
	}
	return err
}

// maySetattr is what the inode's flags forbid, and who may set both times to
// now.
func maySetattr(ctx context.Context, in *Inode, valid AttrMask) error {
	if valid&(AttrMode|AttrUID|AttrGID|AttrTimesSet) != 0 && in.hasFlag(FlagImmutable|FlagAppend) {
		return unix.EPERM
	}
	if valid&AttrTouch == 0 {
		return nil
	}
	if in.hasFlag(FlagImmutable) {
		return unix.EPERM
	}
	if TaskFrom(ctx).cred.ownerOrCapable(in) {
		return nil
	}
	return InodePermission(ctx, in, MayWrite)
}

// stamp fills the times: what is not given is now.
func (a *Attr) stamp(sb *Superblock) {
	now := sb.truncateTime(Now())
	a.Ctime = now
	if a.Valid&AttrAtimeSet == 0 {
		a.Atime = now
	} else {
		a.Atime = sb.truncateTime(a.Atime)
	}
	if a.Valid&AttrMtimeSet == 0 {
		a.Mtime = now
	} else {
		a.Mtime = sb.truncateTime(a.Mtime)
	}
}

// dropPrivileges turns the AttrKill bits into what they mean for the inode.
func (a *Attr) dropPrivileges(ctx context.Context, d *Dentry) {
	in := d.Inode()
	if a.Valid&AttrKillPriv != 0 && !needKillPriv(ctx, d) {
		a.Valid &^= AttrKillPriv
	}
	mode := in.Mode()
	drop := uint32(0)
	if a.Valid&AttrKillSUID != 0 {
		drop |= setUID
	}
	if a.Valid&AttrKillSGID != 0 {
		drop |= setGID
	}
	if mode&drop != 0 {
		a.Valid |= AttrMode
		a.Mode = mode &^ drop
	}
}

// needKillPriv reports whether the file has capabilities.
func needKillPriv(ctx context.Context, d *Dentry) bool {
	in := d.Inode()
	if in.hasFlag(FlagNoCap) || in.ops.getxattr == nil {
		return false
	}
	n, err := gateGetxattr(in.ops.getxattr, ctx, d, capXattr, nil)
	return err == nil && n > 0
}

// inGroupOrCapable reports whether the caller may keep setgid for the group.
func (c *Cred) inGroupOrCapable(gid uint32) bool { return c.InGroup(gid) || c.Has(CapFsetid) }

// dropSGID is AttrKillSGID if a change of owner takes setgid from the inode:
// where the group may execute it is a privilege, and it may only be kept by a
// member of the group.
func (in *Inode) dropSGID(cred *Cred) AttrMask {
	mode := in.Mode()
	if mode&setGID != 0 && (mode&groupX != 0 || !cred.inGroupOrCapable(in.GID())) {
		return AttrKillSGID
	}
	return 0
}

// dropSUIDGID are the bits that a write by the caller takes from the inode.
func (in *Inode) dropSUIDGID(cred *Cred) AttrMask {
	if !in.IsRegular() || cred.Has(CapFsetid) {
		return 0
	}
	kill := in.dropSGID(cred)
	if in.Mode()&setUID != 0 {
		kill |= AttrKillSUID
	}
	return kill
}

// dropOnWrite is all that a write by the caller takes from the file.
func dropOnWrite(ctx context.Context, d *Dentry) AttrMask {
	in := d.Inode()
	kill := in.dropSUIDGID(TaskFrom(ctx).cred)
	if needKillPriv(ctx, d) {
		kill |= AttrKillPriv
	}
	return kill
}

// RemovePrivs takes setuid, setgid and file capabilities from a regular file
// that is about to be written. For a method that writes: i_mutex is held, and
// the caller is inside [Superblock.StartWrite].
func (f *File) RemovePrivs(ctx context.Context) error {
	if !f.inode.IsRegular() {
		return nil
	}
	kill := dropOnWrite(ctx, f.path.Dentry)
	if kill == 0 {
		return nil
	}
	err := notifyChange(ctx, f.path.Dentry, &Attr{Valid: AttrForce | kill})
	if err == errDelegated {
		return unix.EAGAIN // a writer's open has broken them all: a race with a new one
	}
	return err
}

// CheckAttrChange is what a driver's Setattr does first: it decides whether
// the caller may make the change, drops setgid from a mode whose group the
// caller is not in, and removes file capabilities if that is asked for. EPERM;
// EFBIG for a size beyond the caller's limit or the file system's; ETXTBSY for
// a shorter swap file. i_mutex is held.
func CheckAttrChange(ctx context.Context, d *Dentry, a *Attr) error {
	in, t := d.Inode(), TaskFrom(ctx)
	if a.Valid&AttrSize != 0 {
		if err := checkNewSize(t, in, a.Size); err != nil {
			return err
		}
	}
	if a.Valid&AttrForce == 0 {
		if err := a.checkOwnership(t.cred, in); err != nil {
			return err
		}
	}
	if a.Valid&AttrKillPriv != 0 && in.ops.removexattr != nil {
		if err := gateRemovexattr(in.ops.removexattr, ctx, d, capXattr); err != nil && err != unix.ENODATA {
			return err
		}
	}
	return nil
}

func (a *Attr) checkOwnership(cred *Cred, in *Inode) error {
	owner := cred.FSUID == in.UID()
	if a.Valid&AttrUID != 0 && !(owner && a.UID == in.UID()) && !cred.Has(CapChown) {
		return unix.EPERM
	}
	if a.Valid&AttrGID != 0 && !(owner && (a.GID == in.GID() || cred.InGroup(a.GID))) && !cred.Has(CapChown) {
		return unix.EPERM
	}
	if a.Valid&AttrMode != 0 {
		if !cred.ownerOrCapable(in) {
			return unix.EPERM
		}
		gid := in.GID()
		if a.Valid&AttrGID != 0 {
			gid = a.GID
		}
		if !cred.inGroupOrCapable(gid) {
			a.Mode &^= setGID
		}
	}
	if a.Valid&(AttrAtimeSet|AttrMtimeSet|AttrTimesSet) != 0 && !cred.ownerOrCapable(in) {
		return unix.EPERM
	}
	return nil
}

// checkNewSize is what limits the size of a file.
func checkNewSize(t *Task, in *Inode, size int64) error {
	switch {
	case size < 0:
		return unix.EINVAL
	case size > in.Size():
		if size > t.Limits.FileSize {
			t.exceedFileSize()
			return unix.EFBIG
		}
		if size > in.sb.MaxBytes {
			return unix.EFBIG
		}
	case in.hasFlag(FlagSwapfile):
		return unix.ETXTBSY
	}
	return nil
}

// exceedFileSize is the SIGXFSZ.
func (t *Task) exceedFileSize() {
	if t.Limits.OnXFSZ != nil {
		t.Limits.OnXFSZ()
	}
}

// CopyAttr stores owner, mode and times: what a driver's Setattr does last. The
// size is the driver's to change. i_mutex is held.
func (in *Inode) CopyAttr(a *Attr) {
	if a.Valid&AttrUID != 0 {
		in.uid.Store(a.UID)
	}
	if a.Valid&AttrGID != 0 {
		in.gid.Store(a.GID)
	}
	if a.Valid&AttrMode != 0 {
		in.mode.Store(in.Type() | a.Mode&allPerms)
	}
	in.setTimes(a.Valid, a.Atime, a.Mtime, a.Ctime)
}

// simpleSetattr is the Setattr of a driver without one.
func simpleSetattr(ctx context.Context, d *Dentry, a *Attr) error {
	if err := CheckAttrChange(ctx, d, a); err != nil {
		return err
	}
	in := d.Inode()
	if a.Valid&AttrSize != 0 && a.Size != in.Size() {
		in.SetSize(a.Size)
		if in.ops.truncate != nil {
			gateTruncate(in.ops.truncate, ctx, in)
		}
	}
	in.CopyAttr(a)
	in.MarkDirty(ctx, InodeDirtySync|InodeDirtyDatasync)
	return nil
}

// Setattr makes the change of attributes at p: the inode is locked, and
// delegations are broken, waiting for it if need be. EROFS for a read-only
// mount; see [CheckAttrChange].
func (p Path) Setattr(ctx context.Context, a *Attr) error {
	return p.change(ctx, func(_ *Inode, c *Attr) { *c = *a })
}

// change makes the change of attributes that fill asks for, which is called
// with i_mutex held, perhaps more than once.
func (p Path) change(ctx context.Context, fill func(in *Inode, a *Attr)) error {
	in := p.Dentry.Inode()
	if in == nil {
		return unix.ENOENT
	}
	if err := p.Mount.WantWrite(ctx); err != nil {
		return err
	}
	a, err := in.lockedChange(ctx, p.Dentry, fill)
	p.Mount.DropWrite()
	if err == nil {
		in.notifyChanged(ctx, a)
	}
	return err
}

// lockedChange locks the inode for a change, and does it again when a
// delegation was in the way.
func (in *Inode) lockedChange(ctx context.Context, d *Dentry, fill func(in *Inode, a *Attr)) (*Attr, error) {
	for {
		a := new(Attr)
		in.mutex.Lock()
		fill(in, a)
		err := notifyChange(ctx, d, a)
		in.mutex.Unlock()
		if err != errDelegated {
			return a, err
		}
		if err := in.waitDelegation(ctx); err != nil {
			return a, err
		}
	}
}

// notifyChanged tells observers of a change of attributes, and of the data if
// the size was among them.
func (in *Inode) notifyChanged(ctx context.Context, a *Attr) {
	if a.Valid&AttrSize != 0 {
		in.notifyData(ctx, a.Size, -1)
	} else {
		in.notifyAttr(ctx)
	}
}
