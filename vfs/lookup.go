package vfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"
)

// lookupChild finds or looks up the component in ref-walk, and references it;
// it may be negative.
func (w *walk) lookupChild() (*Dentry, error) {
	parent := w.path.Dentry
	d := parent.sb.dcache.lookup(parent, w.last, w.lastHash)
	if d != nil && d.Has(dentryOpRevalidate) {
		var err error
		if d, err = d.revalidate(w.t, w.flags); err != nil {
			return nil, err
		}
	}
	if d != nil {
		return d, nil
	}
	if w.flags&WalkCached != 0 {
		return nil, unix.EAGAIN
	}
	return lookupOne(w.t, parent, w.last, w.lastHash, w.flags)
}

// revalidate asks the driver about a cached dentry in ref-walk. One that is
// not valid is dropped and nil returned; an error puts it.
func (d *Dentry) revalidate(ctx context.Context, flags WalkFlags) (*Dentry, error) {
	valid, err := gateRevalidate(d.ops.revalidate, ctx, d, flags&^WalkRCU)
	if err != nil {
		d.Put(ctx)
		return nil, err
	}
	if !valid {
		d.invalidate(ctx)
		d.Put(ctx)
		return nil, nil
	}
	return d, nil
}

// lookupOne looks a name up under the directory's i_mutex.
func lookupOne(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	dir := parent.Inode()
	if dir == nil {
		return nil, unix.ENOENT
	}
	dir.mutex.Lock()
	defer dir.mutex.Unlock()
	return lookupLocked(ctx, parent, name, hash, flags)
}

// lookupLocked finds a name in the cache or asks the driver; the directory's
// i_mutex is held. The dentry comes back referenced, negative if there is no
// such name.
func lookupLocked(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	flags &^= WalkRCU
	d := parent.sb.dcache.lookup(parent, name, hash)
	if d != nil && d.Has(dentryOpRevalidate) {
		var err error
		if d, err = d.revalidate(ctx, flags); err != nil {
			return nil, err
		}
	}
	if d != nil {
		return d, nil
	}
	return lookupReal(ctx, parent, name, hash, flags)
}

// lookupReal asks the driver.
func lookupReal(ctx context.Context, parent *Dentry, name string, hash uint32, flags WalkFlags) (*Dentry, error) {
	dir := parent.Inode()
	if dir.Dead() {
		return nil, unix.ENOENT
	}
	if dir.ops.lookup == nil {
		return nil, unix.ENOTDIR
	}
	// The cache keeps the name: as a copy, not as part of the caller's path.
	d := newDentry(parent.sb, parent, strings.Clone(name), hash)
	other, err := gateLookup(dir.ops.lookup, ctx, dir, d, flags)
	if err != nil || other != nil {
		d.Put(ctx)
	}
	if err != nil {
		return nil, err
	}
	if other != nil {
		return other, nil
	}
	return d, nil
}

// stepInto steps to d, whose reference it takes over, in ref-walk.
func (w *walk) stepInto(d *Dentry, final bool) (body string, isLink bool, err error) {
	w.endBody()
	path := Path{w.path.Mount.Get(), d}
	if DentryFlag(d.flags.Load())&dentryManaged != 0 {
		if path, err = w.crossMounts(path); err != nil {
			path.Put(w.t)
			return "", false, err
		}
		if path.Mount != w.path.Mount && w.flags&WalkNoXdev != 0 {
			path.Put(w.t)
			return "", false, unix.EXDEV
		}
	}
	inode := path.Inode()
	if inode == nil {
		path.Put(w.t)
		return "", false, unix.ENOENT
	}
	if w.followsLink(inode, final) {
		body, err = w.followLink(path, final)
		path.Put(w.t)
		return body, err == nil, err
	}
	w.setPath(path)
	return "", false, nil
}

// crossMounts goes down into what is mounted on path, or is to be: first the
// driver's Manage, then mounts, then automounts, until nothing changes. It
// takes path's references over and returns those of the result.
func (w *walk) crossMounts(path Path) (Path, error) {
	for {
		f := DentryFlag(path.Dentry.flags.Load())
		if f&DentryManageTransit != 0 && path.Dentry.ops.manage != nil {
			if err := gateManage(path.Dentry.ops.manage, w.t, path.Dentry, false); err == unix.EISDIR {
				return path, nil
			} else if err != nil {
				return path, err
			}
		}
		if f&dentryMounted != 0 {
			if m := lookupMount(path.Mount, path.Dentry); m != nil {
				path.Put(w.t)
				path = Path{m, m.root.Get()}
				w.flags |= walkJumped
				continue
			}
		}
		if f&DentryNeedAutomount != 0 {
			again, err := w.automount(path)
			if err != nil {
				return path, err
			}
			if again {
				continue
			}
		}
		return path, nil
	}
}

// automount has the driver mount what belongs on path. It reports whether
// path is to be looked at again.
func (w *walk) automount(path Path) (bool, error) {
	const wants = WalkParent | WalkDirectory | WalkOpen | WalkCreate | WalkAutomount
	if w.flags&wants == 0 && !path.Dentry.Negative() {
		return false, nil
	}
	if path.Dentry.ops == nil || path.Dentry.ops.automount == nil {
		return false, unix.EREMOTE
	}
	if w.links++; w.links >= MaxSymlinks {
		return false, unix.ELOOP
	}
	m, err := gateAutomount(path.Dentry.ops.automount, w.t, path)
	if err == unix.EISDIR && w.flags&WalkParent == 0 {
		return false, nil
	}
	if err == unix.EISDIR {
		return false, unix.EREMOTE
	}
	if err != nil || m == nil {
		return err == nil, err
	}
	return true, finishAutomount(w.t, m, path)
}
