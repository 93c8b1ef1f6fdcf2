package vfs

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Access control lists as extended attributes: a version (u32), then eight
// bytes an entry: tag and rights (u16), id (u32), all little-endian.
const (
	aclAccessXattr  = "system.posix_acl_access"
	aclDefaultXattr = "system.posix_acl_default"

	aclVersion   = 2
	aclHeader    = 4
	aclEntrySize = 8
	aclNoID      = ^uint32(0)
)

// aclXattr is the list that an attribute's name stands for.
func aclXattr(name string) (ACLType, bool) {
	switch name {
	case aclAccessXattr:
		return ACLAccess, true
	case aclDefaultXattr:
		return ACLDefault, true
	}
	return 0, false
}

func (t ACLType) xattr() string {
	if t == ACLDefault {
		return aclDefaultXattr
	}
	return aclAccessXattr
}

// ParseACL decodes the value of an extended attribute: nil for one without
// entries. EINVAL for a value that is none or has unknown tags; EOPNOTSUPP for
// another version. The list is not checked beyond that.
func ParseACL(value []byte) (*ACL, error) {
	if len(value) < aclHeader {
		return nil, unix.EINVAL
	}
	if binary.LittleEndian.Uint32(value) != aclVersion {
		return nil, unix.EOPNOTSUPP
	}
	value = value[aclHeader:]
	if len(value)%aclEntrySize != 0 {
		return nil, unix.EINVAL
	}
	if len(value) == 0 {
		return nil, nil
	}
	a := &ACL{entries: make([]ACLEntry, 0, len(value)/aclEntrySize)}
	for ; len(value) > 0; value = value[aclEntrySize:] {
		e := ACLEntry{Tag: binary.LittleEndian.Uint16(value), Perm: binary.LittleEndian.Uint16(value[2:])}
		switch e.Tag {
		case ACLUser, ACLGroup:
			if e.ID = binary.LittleEndian.Uint32(value[4:]); e.ID == aclNoID {
				return nil, unix.EINVAL
			}
		case ACLUserObj, ACLGroupObj, ACLMask, ACLOther:
		default:
			return nil, unix.EINVAL
		}
		a.entries = append(a.entries, e)
	}
	return a, nil
}

// Append appends the list as the value of an extended attribute.
func (a *ACL) Append(buf []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, aclVersion)
	for _, e := range a.entries {
		id := aclNoID
		if e.Tag == ACLUser || e.Tag == ACLGroup {
			id = e.ID
		}
		buf = binary.LittleEndian.AppendUint16(buf, e.Tag)
		buf = binary.LittleEndian.AppendUint16(buf, e.Perm)
		buf = binary.LittleEndian.AppendUint32(buf, id)
	}
	return buf
}

// getACLXattr is getxattr of a list. EOPNOTSUPP where there can be none.
func getACLXattr(ctx context.Context, in *Inode, typ ACLType, buf []byte) (int, error) {
	if in.sb.Flags()&SuperPosixACL == 0 || in.IsSymlink() {
		return 0, unix.EOPNOTSUPP
	}
	acl, err := in.getACL(ctx, typ, false)
	if err != nil {
		return 0, err
	}
	if acl == nil {
		return 0, unix.ENODATA
	}
	n := aclHeader + len(acl.entries)*aclEntrySize
	if len(buf) == 0 {
		return n, nil
	}
	if len(buf) < n {
		return 0, unix.ERANGE
	}
	acl.Append(buf[:0])
	return n, nil
}

// setACLXattr is setxattr of a list, and removexattr with no value. i_mutex is
// held. The value is checked, and becomes what the list really says: an access
// list that the mode can express is the mode. EPERM for a caller who does not
// own the file; EACCES for a default list of what is no directory.
func setACLXattr(ctx context.Context, d *Dentry, typ ACLType, value []byte) error {
	in := d.Inode()
	var acl *ACL
	if len(value) > 0 {
		var err error
		if acl, err = ParseACL(value); err != nil {
			return err
		}
	}
	if in.sb.Flags()&SuperPosixACL == 0 || in.IsSymlink() {
		return unix.EOPNOTSUPP
	}
	if typ == ACLDefault && !in.IsDir() {
		if acl != nil {
			return unix.EACCES
		}
		return nil
	}
	cred := TaskFrom(ctx).cred
	if !cred.ownerOrCapable(in) {
		return unix.EPERM
	}
	mode := in.Mode()
	if acl != nil {
		if err := acl.check(); err != nil {
			return err
		}
		if typ == ACLAccess {
			perm, equal := acl.equivMode()
			if mode = mode&^0o777 | perm; equal {
				acl = nil
			}
		}
	}
	// Where the lists live in the cache alone, one that goes takes setgid along
	// as a new one does: tmpfs asks here also when there is no list.
	if typ == ACLAccess && (value != nil || in.ops.getACL == nil) && !cred.inGroupOrCapable(in.GID()) {
		mode &^= setGID
	}
	return storeACL(ctx, d, typ, acl, mode)
}

// storeACL gives the inode a list, nil for none, and the mode that goes with
// it. A driver without GetACL keeps none itself: its inodes have them in the
// cache.
func storeACL(ctx context.Context, d *Dentry, typ ACLType, acl *ACL, mode uint32) error {
	in := d.Inode()
	if in.ops.getACL != nil {
		if err := storeACLXattr(ctx, d, typ, acl); err != nil {
			return err
		}
	}
	if typ == ACLAccess && mode != in.Mode() {
		attr := Attr{Valid: AttrMode | AttrCtime | AttrForce, Mode: mode}
		attr.stamp(in.sb)
		// The list is to stay as it is: it has its mode from here.
		in.acls[typ].Store(nil)
		var err error
		if in.ops.setattr != nil {
			err = gateSetattr(in.ops.setattr, ctx, d, &attr)
		} else {
			err = simpleSetattr(ctx, d, &attr)
		}
		if err != nil {
			return err
		}
	} else {
		if err := in.updateTime(ctx, in.sb.truncateTime(Now()), TimeCtime); err != nil {
			return err
		}
	}
	in.SetCachedACL(typ, acl)
	return nil
}

// storeACLXattr has the driver keep the list as an extended attribute.
func storeACLXattr(ctx context.Context, d *Dentry, typ ACLType, acl *ACL) error {
	in := d.Inode()
	if acl != nil {
		if in.ops.setxattr == nil {
			return unix.EOPNOTSUPP
		}
		return gateSetxattr(in.ops.setxattr, ctx, d, typ.xattr(), acl.Append(nil), 0)
	}
	if in.ops.removexattr == nil {
		return unix.EOPNOTSUPP
	}
	if err := gateRemovexattr(in.ops.removexattr, ctx, d, typ.xattr()); err != nil && err != unix.ENODATA {
		return err
	}
	return nil
}

// listACLs are the names of the lists that live in the inode's cache; those that
// a driver keeps it lists itself.
func (in *Inode) listACLs() string {
	if in.ops.getACL != nil || in.sb.Flags()&SuperPosixACL == 0 {
		return ""
	}
	has := func(typ ACLType) bool {
		acl := in.acls[typ].Load()
		return acl != nil && acl != noACL
	}
	names := ""
	if has(ACLAccess) {
		names = aclAccessXattr + "\x00"
	}
	if has(ACLDefault) {
		names += aclDefaultXattr + "\x00"
	}
	return names
}
