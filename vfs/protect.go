package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// Protection is a set of rules against tricks with names in directories that
// everybody can write: the kernel's sysctls fs.protected_*. A namespace begins
// with none, as the kernel does.
type Protection uint32

const (
	// ProtectHardlinks: only the owner links to what is no regular file, is
	// setuid or setgid, or cannot be read and written by the caller (EPERM).
	ProtectHardlinks Protection = 1 << iota
	// ProtectSymlinks: the last symlink of a path, in a sticky directory that
	// all may write, is followed only if it belongs to the caller or to the
	// directory's owner (EACCES).
	ProtectSymlinks
	// ProtectFIFOs: O_CREAT opens no FIFO that is there already, in a sticky
	// directory that all may write, unless it belongs to the caller or to the
	// directory's owner (EACCES).
	ProtectFIFOs
	// ProtectRegular is ProtectFIFOs for regular files.
	ProtectRegular
	// ProtectFIFOsGroup and ProtectRegularGroup extend these to sticky
	// directories that a group may write.
	ProtectFIFOsGroup
	ProtectRegularGroup
)

// Protect chooses what is protected in the namespace, from now on.
func (ns *Namespace) Protect(p Protection) { ns.protection.Store(uint32(p)) }

func (t *Task) protects(p Protection) bool {
	return Protection(t.ns.protection.Load())&p != 0
}

// mayLink decides for ProtectHardlinks.
func (t *Task) mayLink(in *Inode) error {
	if !t.protects(ProtectHardlinks) || t.cred.ownerOrCapable(in) || safeToLink(t, in) {
		return nil
	}
	return unix.EPERM
}

func safeToLink(ctx context.Context, in *Inode) bool {
	const groupRuns = unix.S_ISGID | unix.S_IXGRP
	mode := in.Mode()
	return in.IsRegular() && mode&unix.S_ISUID == 0 && mode&groupRuns != groupRuns && InodePermission(ctx, in, MayRead|MayWrite) == nil
}

// mayFollow decides for ProtectSymlinks about a last symlink in the directory
// that the walk stands on.
func (w *walk) mayFollow(link *Inode) error {
	const exposed = unix.S_ISVTX | unix.S_IWOTH
	if !w.t.protects(ProtectSymlinks) || w.inode.Mode()&exposed != exposed {
		return nil
	}
	if owner := link.UID(); owner == w.t.cred.FSUID || owner == w.inode.UID() {
		return nil
	}
	return unix.EACCES
}

// dirOwner is what mayCreateIn needs to know of the directory of a name.
type dirOwner struct{ mode, uid uint32 }

// mayCreateIn decides for ProtectFIFOs and ProtectRegular about opening in
// with O_CREAT.
func (t *Task) mayCreateIn(dir dirOwner, in *Inode) error {
	if dir.mode&unix.S_ISVTX == 0 {
		return nil
	}
	group := Protection(0)
	switch in.Type() {
	case unix.S_IFREG:
		if !t.protects(ProtectRegular) {
			return nil
		}
		group = ProtectRegularGroup
	case unix.S_IFIFO:
		if !t.protects(ProtectFIFOs) {
			return nil
		}
		group = ProtectFIFOsGroup
	}
	if owner := in.UID(); owner == dir.uid || owner == t.cred.FSUID {
		return nil
	}
	if dir.mode&unix.S_IWOTH != 0 || dir.mode&unix.S_IWGRP != 0 && group != 0 && t.protects(group) {
		return unix.EACCES
	}
	return nil
}
