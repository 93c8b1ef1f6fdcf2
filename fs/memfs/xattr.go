package memfs

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// An xattrSet is the extended attributes of an inode, in descending order of
// their names, which is how tmpfs lists them. A set is never changed: readers
// take no lock, writers make a new one.
type xattrSet []xattr

type xattr struct {
	name  string
	value []byte
}

// xattrOverhead is what an attribute costs of the space for inodes, in bytes,
// beside its name and value.
const xattrOverhead = 40

func xattrSpace(name string, value []byte) int64 {
	return int64(xattrOverhead + len(name) + len(value))
}

// all is the set's attributes; none of no set.
func (s *xattrSet) all() []xattr {
	if s == nil {
		return nil
	}
	return *s
}

func (s *xattrSet) space() (n int64) {
	for _, x := range s.all() {
		n += xattrSpace(x.name, x.value)
	}
	return n
}

func (s *xattrSet) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(s.all(), name, func(x xattr, name string) int { return strings.Compare(name, x.name) })
}

// checkXattrName is EOPNOTSUPP for a name in a name space that is not kept
// here, EINVAL for a name space without a name.
func checkXattrName(name string) error {
	for _, space := range [...]string{"user.", "trusted.", "security."} {
		if rest, ok := strings.CutPrefix(name, space); ok {
			if rest == "" {
				return unix.EINVAL
			}
			return nil
		}
	}
	return unix.EOPNOTSUPP
}

// Setxattr stores an attribute. What it costs is taken from the space for
// inodes (ENOSPC) before what it replaces is given back.
func (inodeMethods) Setxattr(_ context.Context, d *vfs.Dentry, name string, value []byte, flags int) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	in := inodeOf(d.Inode())
	space := &in.super().space
	cost := xattrSpace(name, value)
	if !space.take(cost) {
		return unix.ENOSPC
	}
	set := in.xattrs.Load()
	at, found := set.find(name)
	var err error
	switch {
	case found && flags&vfs.XattrCreate != 0:
		err = unix.EEXIST
	case !found && flags&vfs.XattrReplace != 0:
		err = unix.ENODATA
	}
	if err != nil {
		space.give(cost)
		return err
	}
	x := xattr{strings.Clone(name), slices.Clone(value)}
	var changed xattrSet
	if found {
		old := set.all()[at]
		space.give(xattrSpace(old.name, old.value))
		changed = slices.Clone(set.all())
		changed[at] = x
	} else {
		changed = make(xattrSet, 0, len(set.all())+1)
		changed = append(append(append(changed, set.all()[:at]...), x), set.all()[at:]...)
	}
	in.xattrs.Store(&changed)
	in.SetTimes(vfs.TimeCtime, vfs.Now())
	return nil
}

// Getxattr copies the value of an attribute.
func (inodeMethods) Getxattr(_ context.Context, d *vfs.Dentry, name string, buf []byte) (int, error) {
	if err := checkXattrName(name); err != nil {
		return 0, err
	}
	set := inodeOf(d.Inode()).xattrs.Load()
	at, found := set.find(name)
	if !found {
		return 0, unix.ENODATA
	}
	value := set.all()[at].value
	switch {
	case len(buf) == 0:
		return len(value), nil
	case len(buf) < len(value):
		return 0, unix.ERANGE
	}
	return copy(buf, value), nil
}

// Listxattr writes the names of the attributes.
func (inodeMethods) Listxattr(ctx context.Context, d *vfs.Dentry, buf []byte) (int, error) {
	seesTrusted := vfs.TaskFrom(ctx).Cred().Has(vfs.CapSysAdmin)
	n := 0
	for _, x := range inodeOf(d.Inode()).xattrs.Load().all() {
		if !seesTrusted && strings.HasPrefix(x.name, "trusted.") {
			continue
		}
		if len(buf) > 0 {
			if len(buf)-n < len(x.name)+1 {
				return 0, unix.ERANGE
			}
			copy(buf[n:], x.name)
			buf[n+len(x.name)] = 0
		}
		n += len(x.name) + 1
	}
	return n, nil
}

// Removexattr removes an attribute.
func (inodeMethods) Removexattr(_ context.Context, d *vfs.Dentry, name string) error {
	if err := checkXattrName(name); err != nil {
		return err
	}
	in := inodeOf(d.Inode())
	set := in.xattrs.Load()
	at, found := set.find(name)
	if !found {
		return unix.ENODATA
	}
	old := set.all()[at]
	if len(set.all()) == 1 {
		in.xattrs.Store(nil)
	} else {
		changed := xattrSet(slices.Delete(slices.Clone(set.all()), at, at+1))
		in.xattrs.Store(&changed)
	}
	in.super().space.give(xattrSpace(old.name, old.value))
	in.SetTimes(vfs.TimeCtime, vfs.Now())
	return nil
}
