package vfs

import (
	"context"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// Namespaces of extended attributes.
const (
	xattrUser     = "user."
	xattrTrusted  = "trusted."
	xattrSecurity = "security."
	xattrSystem   = "system."
)

// Setxattr stores an extended attribute of what stands at p. flags is 0,
// XattrCreate (EEXIST if it is there) or XattrReplace (ENODATA if it is not).
// EINVAL for other flags; ERANGE for a name that is empty or beyond 255 bytes;
// E2BIG for a value beyond 64 KiB; EROFS; EPERM; EACCES; EOPNOTSUPP for a file
// system, or a name, without.
func (p Path) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	if err := checkSetxattr(name, value, flags); err != nil {
		return err
	}
	return p.changeXattr(ctx, name, func() error {
		return checkXattrValue(ctx, name, value)
	}, func() error {
		return setxattrLocked(ctx, p.Dentry, name, value, flags)
	})
}

// checkXattrValue checks values that mean something to the core.
func checkXattrValue(ctx context.Context, name string, value []byte) error {
	if len(value) == 0 {
		return nil
	}
	if name == capXattr {
		return checkCapXattr(ctx, value)
	}
	if _, ok := aclXattr(name); ok {
		_, err := ParseACL(value)
		return err
	}
	return nil
}

func checkSetxattr(name string, value []byte, flags int) error {
	if flags&^(XattrCreate|XattrReplace) != 0 {
		return unix.EINVAL
	}
	if err := checkXattrName(name); err != nil {
		return err
	}
	if len(value) > XattrSizeMax {
		return unix.E2BIG
	}
	return nil
}

func checkXattrName(name string) error {
	if name == "" || len(name) > XattrNameMax || strings.IndexByte(name, 0) >= 0 {
		return unix.ERANGE
	}
	return nil
}

// changeXattr makes a change that set does under i_mutex, with write access to
// the mount, once nobody has a delegation of the inode. check, if it is not nil,
// comes before i_mutex and before what the inode forbids.
func (p Path) changeXattr(ctx context.Context, name string, check, set func() error) error {
	in := p.Dentry.Inode()
	if err := p.Mount.WantWrite(ctx); err != nil {
		return err
	}
	err := func() error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		for {
			in.mutex.Lock()
			err := mayWriteXattr(ctx, in, name)
			if err == nil {
				err = in.tryBreakDelegation(ctx)
			}
			if err == nil {
				err = set()
			}
			in.mutex.Unlock()
			if err != errDelegated {
				return err
			}
			if err := in.waitDelegation(ctx); err != nil {
				return err
			}
		}
	}()
	p.Mount.DropWrite()
	if err == nil {
		in.notifyAttr(ctx)
	}
	return err
}

func setxattrLocked(ctx context.Context, d *Dentry, name string, value []byte, flags int) error {
	in := d.Inode()
	if typ, ok := aclXattr(name); ok {
		return setACLXattr(ctx, d, typ, value)
	}
	if in.ops.setxattr == nil {
		return unix.EOPNOTSUPP
	}
	if bareNamespace(name) {
		return unix.EINVAL
	}
	if name == capXattr {
		in.flags.And(^uint32(FlagNoCap))
	}
	return gateSetxattr(in.ops.setxattr, ctx, d, name, value, flags)
}

// bareNamespace: a namespace is no name.
func bareNamespace(name string) bool {
	switch name {
	case xattrUser, xattrTrusted, xattrSecurity, xattrSystem:
		return true
	}
	return false
}

// Removexattr removes an extended attribute of what stands at p. ENODATA if
// there is none; else as Setxattr.
func (p Path) Removexattr(ctx context.Context, name string) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	return p.changeXattr(ctx, name, nil, func() error {
		return removexattrLocked(ctx, p.Dentry, name)
	})
}

func removexattrLocked(ctx context.Context, d *Dentry, name string) error {
	in := d.Inode()
	if typ, ok := aclXattr(name); ok {
		return setACLXattr(ctx, d, typ, nil)
	}
	if name == capXattr && !TaskFrom(ctx).cred.Has(CapSetfcap) {
		return unix.EPERM
	}
	if in.ops.removexattr == nil {
		return unix.EOPNOTSUPP
	}
	if bareNamespace(name) {
		return unix.EINVAL
	}
	return gateRemovexattr(in.ops.removexattr, ctx, d, name)
}

// mayWriteXattr is who may change an attribute of the name.
func mayWriteXattr(ctx context.Context, in *Inode, name string) error {
	if in.hasFlag(FlagImmutable | FlagAppend) {
		return unix.EPERM
	}
	cred := TaskFrom(ctx).cred
	switch {
	case strings.HasPrefix(name, xattrSystem), name == capXattr:
		return nil // capabilities are checked with their value
	case strings.HasPrefix(name, xattrSecurity), strings.HasPrefix(name, xattrTrusted):
		if !cred.Has(CapSysAdmin) {
			return unix.EPERM
		}
		return nil
	case strings.HasPrefix(name, xattrUser):
		if !in.IsRegular() && !in.IsDir() {
			return unix.EPERM
		}
		// In a directory for all, attributes would be for all as well.
		if in.IsDir() && in.Mode()&unix.S_ISVTX != 0 && !cred.ownerOrCapable(in) {
			return unix.EPERM
		}
	}
	return InodePermission(ctx, in, MayWrite)
}

// mayReadXattr is who may read an attribute of the name.
func mayReadXattr(ctx context.Context, in *Inode, name string) error {
	switch {
	case strings.HasPrefix(name, xattrSystem), strings.HasPrefix(name, xattrSecurity):
		return nil
	case strings.HasPrefix(name, xattrTrusted):
		if !TaskFrom(ctx).cred.Has(CapSysAdmin) {
			return unix.ENODATA
		}
		return nil
	case strings.HasPrefix(name, xattrUser):
		if !in.IsRegular() && !in.IsDir() {
			return unix.ENODATA
		}
	}
	return InodePermission(ctx, in, MayRead)
}

// checkCapXattr checks the value of file capabilities: EINVAL for one that is
// none, EPERM for a caller who may not give capabilities.
func checkCapXattr(ctx context.Context, value []byte) error {
	if !capRevision2(value) && !capRevision3(value) {
		return unix.EINVAL
	}
	if !TaskFrom(ctx).cred.Has(CapSetfcap) {
		return unix.EPERM
	}
	return nil
}

// File capabilities: a word with the revision and the effective flag, two pairs
// of words with the sets, and in revision 3 the root user of the user namespace
// that they hold in. All words are little-endian.
const (
	capRevisionByte = 3 // the most significant of the first word
	capSize2        = 20
	capSize3        = 24
)

func capRevision2(v []byte) bool { return len(v) == capSize2 && v[capRevisionByte] == 2 }
func capRevision3(v []byte) bool { return len(v) == capSize3 && v[capRevisionByte] == 3 }

// getCapXattr is getxattr of file capabilities. Those of the namespace that we
// are in, whose root is uid 0, are given as revision 2. EINVAL for a value that
// is none, which can be stored by other means, or is empty.
func getCapXattr(ctx context.Context, d *Dentry, buf []byte) (int, error) {
	var room [capSize3]byte
	n, err := gateGetxattr(d.Inode().ops.getxattr, ctx, d, capXattr, room[:])
	if err == unix.ERANGE {
		err = unix.EINVAL
	}
	if err != nil {
		return 0, err
	}
	value := room[:n]
	switch {
	case capRevision3(value) && binary.LittleEndian.Uint32(value[capSize2:]) == 0:
		value = value[:capSize2]
		value[capRevisionByte] = 2
	case !capRevision2(value) && !capRevision3(value):
		return 0, unix.EINVAL
	}
	if len(buf) == 0 {
		return len(value), nil
	}
	if len(buf) < len(value) {
		return 0, unix.ERANGE
	}
	return copy(buf, value), nil
}

// Getxattr reads an extended attribute of what stands at p into buf and returns
// its length; with an empty buf it only asks for that. ERANGE if buf is too
// small or the name too long; ENODATA if there is none; EACCES; EOPNOTSUPP.
func (p Path) Getxattr(ctx context.Context, name string, buf []byte) (int, error) {
	if err := checkXattrName(name); err != nil {
		return 0, err
	}
	if len(buf) > XattrSizeMax {
		buf = buf[:XattrSizeMax]
	}
	in := p.Dentry.Inode()
	if typ, ok := aclXattr(name); ok {
		return getACLXattr(ctx, in, typ, buf)
	}
	if err := mayReadXattr(ctx, in, name); err != nil {
		return 0, err
	}
	if in.ops.getxattr == nil {
		return 0, unix.EOPNOTSUPP
	}
	if bareNamespace(name) {
		return 0, unix.EINVAL
	}
	if name == capXattr {
		return getCapXattr(ctx, p.Dentry, buf)
	}
	n, err := gateGetxattr(in.ops.getxattr, ctx, p.Dentry, name, buf)
	if err == unix.ERANGE && len(buf) >= XattrSizeMax {
		err = unix.E2BIG
	}
	return n, err
}

// Listxattr writes the names of the extended attributes of what stands at p,
// each ended by NUL, into buf and returns their length; with an empty buf it
// only asks for that. No right is needed. ERANGE if buf is too small.
func (p Path) Listxattr(ctx context.Context, buf []byte) (int, error) {
	if len(buf) > XattrListMax {
		buf = buf[:XattrListMax]
	}
	n, err := p.listxattr(ctx, buf)
	if err == unix.ERANGE && len(buf) >= XattrListMax {
		err = unix.E2BIG
	}
	return n, err
}

func (p Path) listxattr(ctx context.Context, buf []byte) (int, error) {
	in := p.Dentry.Inode()
	own := in.listACLs()
	if len(buf) > 0 {
		if len(own) > len(buf) {
			return 0, unix.ERANGE
		}
		if copy(buf, own) == len(buf) && in.ops.listxattr != nil {
			// No room is left, which to the driver would look like a question.
			n, err := gateListxattr(in.ops.listxattr, ctx, p.Dentry, nil)
			if err == nil && n > 0 {
				err = unix.ERANGE
			}
			return len(own), err
		}
		buf = buf[len(own):]
	}
	if in.ops.listxattr == nil {
		return len(own), nil
	}
	n, err := gateListxattr(in.ops.listxattr, ctx, p.Dentry, buf)
	return len(own) + n, err
}

const xattrAtFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH

func (t *Task) xattrPath(at At, path string, flags int, f func(p Path) error) error {
	if flags&^xattrAtFlags != 0 {
		return unix.EINVAL
	}
	return t.withPath(at, path, atWalk(flags), f)
}

// Setxattr stores an extended attribute of what path names; see
// [Path.Setxattr]. flags: AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
func (t *Task) Setxattr(at At, path, name string, value []byte, xflags, flags int) error {
	if err := checkSetxattr(name, value, xflags); err != nil {
		return err
	}
	return t.xattrPath(at, path, flags, func(p Path) error { return p.Setxattr(t, name, value, xflags) })
}

// Getxattr reads an extended attribute of what path names; see
// [Path.Getxattr].
func (t *Task) Getxattr(at At, path, name string, buf []byte, flags int) (n int, err error) {
	if err := checkXattrName(name); err != nil {
		return 0, err
	}
	err = t.xattrPath(at, path, flags, func(p Path) (err error) {
		n, err = p.Getxattr(t, name, buf)
		return err
	})
	return n, err
}

// Listxattr lists the extended attributes of what path names; see
// [Path.Listxattr].
func (t *Task) Listxattr(at At, path string, buf []byte, flags int) (n int, err error) {
	err = t.xattrPath(at, path, flags, func(p Path) (err error) {
		n, err = p.Listxattr(t, buf)
		return err
	})
	return n, err
}

// Removexattr removes an extended attribute of what path names; see
// [Path.Removexattr].
func (t *Task) Removexattr(at At, path, name string, flags int) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	return t.xattrPath(at, path, flags, func(p Path) error { return p.Removexattr(t, name) })
}

// Fsetxattr stores an extended attribute of an open file; see [Path.Setxattr].
// EBADF.
func (t *Task) Fsetxattr(fd int, name string, value []byte, xflags int) error {
	if err := checkSetxattr(name, value, xflags); err != nil {
		return err
	}
	return t.withFile(fd, func(f *File) error { return f.path.Setxattr(t, name, value, xflags) })
}

// Fgetxattr reads an extended attribute of an open file; see [Path.Getxattr].
// EBADF.
func (t *Task) Fgetxattr(fd int, name string, buf []byte) (n int, err error) {
	if err := checkXattrName(name); err != nil {
		return 0, err
	}
	err = t.withFile(fd, func(f *File) (err error) {
		n, err = f.path.Getxattr(t, name, buf)
		return err
	})
	return n, err
}

// Flistxattr lists the extended attributes of an open file; see
// [Path.Listxattr]. EBADF.
func (t *Task) Flistxattr(fd int, buf []byte) (n int, err error) {
	err = t.withFile(fd, func(f *File) (err error) {
		n, err = f.path.Listxattr(t, buf)
		return err
	})
	return n, err
}

// Fremovexattr removes an extended attribute of an open file; see
// [Path.Removexattr]. EBADF.
func (t *Task) Fremovexattr(fd int, name string) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	return t.withFile(fd, func(f *File) error { return f.path.Removexattr(t, name) })
}
