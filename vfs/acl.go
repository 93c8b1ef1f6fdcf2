package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// ACLType names the two access control lists of an inode.
type ACLType uint8

const (
	ACLAccess  ACLType = iota // decides about access
	ACLDefault                // of a directory: what its new children get
)

// Tags of an [ACLEntry], in the order of a valid list.
const (
	ACLUserObj  uint16 = 0x01 // the owner
	ACLUser     uint16 = 0x02 // the user with the entry's id
	ACLGroupObj uint16 = 0x04 // the owning group
	ACLGroup    uint16 = 0x08 // the group with the entry's id
	ACLMask     uint16 = 0x10 // the most that ACLUser, ACLGroupObj and ACLGroup grant
	ACLOther    uint16 = 0x20 // everybody else
)

// An ACLEntry grants Perm (MayRead, MayWrite, MayExec) to whom Tag and ID name.
type ACLEntry struct {
	Tag  uint16
	Perm uint16
	ID   uint32 // with ACLUser and ACLGroup
}

// An ACL is a POSIX access control list. It is immutable.
type ACL struct {
	entries []ACLEntry
}

// noACL in an inode's cache says that it is known to have none.
var noACL = new(ACL)

// NewACL makes a list of the entries, which it keeps. EINVAL for one that is
// not valid: owner, users, owning group, groups, mask, others, in this order,
// the mask being there if users or groups are.
func NewACL(entries []ACLEntry) (*ACL, error) {
	a := &ACL{entries}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

// Entries are the entries of the list, not to be changed; none of a nil list.
func (a *ACL) Entries() []ACLEntry {
	if a == nil {
		return nil
	}
	return a.entries
}

func (a *ACL) check() error {
	next := ACLUserObj // the fixed entry that is due, or the group it opens
	needMask := false
	for _, e := range a.entries {
		if e.Perm&^7 != 0 {
			return unix.EINVAL
		}
		ok := false
		switch e.Tag {
		case ACLUserObj:
			ok, next = next == ACLUserObj, ACLUser
		case ACLUser:
			ok, needMask = next == ACLUser, true
		case ACLGroupObj:
			ok, next = next == ACLUser, ACLGroup
		case ACLGroup:
			ok, needMask = next == ACLGroup, true
		case ACLMask:
			ok, next = next == ACLGroup, ACLOther
		case ACLOther:
			ok = next == ACLOther || next == ACLGroup && !needMask
			next = 0
		}
		if !ok {
			return unix.EINVAL
		}
	}
	if next != 0 {
		return unix.EINVAL
	}
	return nil
}

// permission decides by the list: EACCES if it grants less than mask, EIO if it
// is malformed.
func (a *ACL) permission(in *Inode, cred *Cred, mask Access) error {
	want := uint16(mask & (MayRead | MayWrite | MayExec))
	groupFound := false
	for i, e := range a.entries {
		switch e.Tag {
		case ACLUserObj:
			if in.UID() == cred.FSUID {
				return aclGrant(e.Perm, want)
			}
		case ACLUser:
			if e.ID == cred.FSUID {
				return a.maskedGrant(i, want)
			}
		case ACLGroupObj, ACLGroup:
			id := e.ID
			if e.Tag == ACLGroupObj {
				id = in.GID()
			}
			if cred.InGroup(id) {
				groupFound = true
				if e.Perm&want == want {
					return a.maskedGrant(i, want)
				}
			}
		case ACLMask:
		case ACLOther:
			if groupFound {
				return unix.EACCES
			}
			return aclGrant(e.Perm, want)
		default:
			return unix.EIO
		}
	}
	return unix.EIO
}

func aclGrant(perm, want uint16) error {
	if perm&want == want {
		return nil
	}
	return unix.EACCES
}

// maskedGrant is the answer of entry i, limited by the mask.
func (a *ACL) maskedGrant(i int, want uint16) error {
	for _, e := range a.entries[i+1:] {
		if e.Tag == ACLMask {
			return aclGrant(a.entries[i].Perm&e.Perm, want)
		}
	}
	return aclGrant(a.entries[i].Perm, want)
}

// equivMode is the permission bits that the list stands for; equal says that
// they express all of it, so that no list is needed.
func (a *ACL) equivMode() (perm uint32, equal bool) {
	equal = true
	for _, e := range a.entries {
		switch e.Tag {
		case ACLUserObj:
			perm |= uint32(e.Perm) << 6
		case ACLGroupObj:
			perm |= uint32(e.Perm) << 3
		case ACLOther:
			perm |= uint32(e.Perm)
		case ACLMask:
			perm = perm&^0o070 | uint32(e.Perm)<<3
			equal = false
		default:
			equal = false
		}
	}
	return perm, equal
}

// groupIndex is the entry that the group bits of the mode stand for: the mask,
// without one the owning group.
func (a *ACL) groupIndex() int {
	group := -1
	for i, e := range a.entries {
		switch e.Tag {
		case ACLGroupObj:
			group = i
		case ACLMask:
			return i
		}
	}
	return group
}

// chmod is the list after a chmod to mode. EIO if it is malformed.
func (a *ACL) chmod(mode uint32) (*ACL, error) {
	g := a.groupIndex()
	if g < 0 {
		return nil, unix.EIO
	}
	n := &ACL{append([]ACLEntry(nil), a.entries...)}
	for i := range n.entries {
		switch n.entries[i].Tag {
		case ACLUserObj:
			n.entries[i].Perm = uint16(mode >> 6 & 7)
		case ACLOther:
			n.entries[i].Perm = uint16(mode & 7)
		}
	}
	n.entries[g].Perm = uint16(mode >> 3 & 7)
	return n, nil
}

// inherit is the access list of a child created with mode below a directory
// whose default list a is, and the child's mode. EIO if it is malformed.
func (a *ACL) inherit(mode uint32) (*ACL, uint32, error) {
	g := a.groupIndex()
	if g < 0 {
		return nil, 0, unix.EIO
	}
	n := &ACL{append([]ACLEntry(nil), a.entries...)}
	perm := mode
	limit := func(e *ACLEntry, shift uint) {
		e.Perm &= uint16(mode >> shift & 7)
		perm = perm&^(7<<shift) | uint32(e.Perm)<<shift
	}
	for i := range n.entries {
		switch e := &n.entries[i]; e.Tag {
		case ACLUserObj:
			limit(e, 6)
		case ACLOther:
			limit(e, 0)
		}
	}
	limit(&n.entries[g], 3)
	return n, perm, nil
}

// SetCachedACL keeps a list with the inode, nil for the knowledge that there is
// none: for GetACL, and for a driver that changed what it has stored.
func (in *Inode) SetCachedACL(typ ACLType, acl *ACL) {
	if acl == nil {
		acl = noACL
	}
	in.acls[typ].Store(acl)
}

// ForgetACL drops what is cached of a list: it is loaded again when needed. For
// a driver with GetACL.
func (in *Inode) ForgetACL(typ ACLType) { in.acls[typ].Store(nil) }

// GetACL is a list of the inode, nil if there is none. It may ask the driver.
func (in *Inode) GetACL(ctx context.Context, typ ACLType) (*ACL, error) {
	return in.getACL(ctx, typ, false)
}

// getACL is GetACL, with ECHILD for a list that is not in memory where that is
// the limit. A driver without GetACL keeps no lists itself: those of its
// inodes live in the cache, for as long as the inode.
func (in *Inode) getACL(ctx context.Context, typ ACLType, mayNotBlock bool) (*ACL, error) {
	if in.sb.Flags()&SuperPosixACL == 0 || in.IsSymlink() {
		return nil, nil
	}
	switch acl := in.acls[typ].Load(); {
	case acl == noACL:
		return nil, nil
	case acl != nil:
		return acl, nil
	case in.ops.getACL == nil:
		return nil, nil
	case mayNotBlock:
		return nil, unix.ECHILD
	}
	return gateGetACL(in.ops.getACL, ctx, in, typ)
}

// aclPermission lets the inode's access list decide: decided is false if there
// is none. EACCES if it grants less than mask; ECHILD with MayNotBlock in mask
// if the list is not in memory.
func aclPermission(ctx context.Context, in *Inode, mask Access) (decided bool, err error) {
	acl, err := in.getACL(ctx, ACLAccess, mask&MayNotBlock != 0)
	if acl == nil || err != nil {
		return err != nil, err
	}
	return true, acl.permission(in, TaskFrom(ctx).Cred(), mask)
}

// InheritACL gives a new inode the lists that the default list of its
// directory asks for, and its mode; without one, the caller's umask applies.
// For the create methods of a driver whose superblock has lists, before the
// inode is visible. The lists are those to store.
func (in *Inode) InheritACL(ctx context.Context, dir *Inode) (access, dflt *ACL, err error) {
	if in.IsSymlink() || in.sb.Flags()&SuperPosixACL == 0 {
		return nil, nil, nil
	}
	parent, err := dir.getACL(ctx, ACLDefault, false)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		if fs := TaskFrom(ctx).fs; fs != nil {
			in.SetMode(in.Mode() &^ fs.umask.Load())
		}
	} else {
		var mode uint32
		if access, mode, err = parent.inherit(in.Mode()); err != nil {
			return nil, nil, err
		}
		in.SetMode(mode)
		if _, equal := access.equivMode(); equal {
			access = nil
		}
		if in.IsDir() {
			dflt = parent
		}
	}
	in.SetCachedACL(ACLAccess, access)
	in.SetCachedACL(ACLDefault, dflt)
	return access, dflt, nil
}

// chmodACL makes the access list that lives in the inode's cache follow a
// change of the mode. i_mutex is held.
func (in *Inode) chmodACL() error {
	acl := in.acls[ACLAccess].Load()
	if acl == nil || acl == noACL || in.sb.Flags()&SuperPosixACL == 0 {
		return nil
	}
	changed, err := acl.chmod(in.Mode())
	if err == nil {
		in.acls[ACLAccess].Store(changed)
	}
	return err
}
