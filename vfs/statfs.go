package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// ST_* of statfs; a valid answer always has the second.
const (
	statfsReadOnly    = unix.ST_RDONLY
	statfsValid       = 0x20
	statfsNoSUID      = unix.ST_NOSUID
	statfsNoDev       = unix.ST_NODEV
	statfsNoExec      = unix.ST_NOEXEC
	statfsSynchronous = unix.ST_SYNCHRONOUS
	statfsMandLock    = unix.ST_MANDLOCK
	statfsNoAtime     = unix.ST_NOATIME
	statfsNoDirAtime  = unix.ST_NODIRATIME
	statfsRelatime    = unix.ST_RELATIME
)

// FillStatFS fills what is the same for every file system without blocks of
// its own: magic, block size, name length, and an id from the device number.
func (sb *Superblock) FillStatFS(buf *StatFS) {
	*buf = StatFS{
		Type: sb.Magic, Bsize: sb.BlockSize, Namelen: NameMax,
		Fsid: [2]int32{int32(sb.dev), int32(sb.dev >> 32)},
	}
}

// statFS asks the driver. ENOSYS if it has no answer to give.
func (d *Dentry) statFS(ctx context.Context, buf *StatFS) error {
	if d.sb.ops.statFS == nil {
		return unix.ENOSYS
	}
	*buf = StatFS{}
	if err := gateStatFS(d.sb.ops.statFS, ctx, d, buf); err != nil {
		return err
	}
	if buf.Frsize == 0 {
		buf.Frsize = buf.Bsize
	}
	return nil
}

// StatFS fills buf about the file system at p; Flags are those of the mount
// and of its superblock. ENOSYS if the driver has no answer.
func (p Path) StatFS(ctx context.Context, buf *StatFS) error {
	if err := p.Dentry.statFS(ctx, buf); err != nil {
		return err
	}
	buf.Flags = statfsFlags(p.Mount)
	return nil
}

func statfsFlags(m *Mount) int64 {
	flags := int64(statfsValid)
	for _, f := range [...]struct {
		mount  MountFlags
		statfs int64
	}{
		{MountReadOnly, statfsReadOnly}, {MountNoSUID, statfsNoSUID}, {MountNoDev, statfsNoDev}, {MountNoExec, statfsNoExec},
		{MountNoAtime, statfsNoAtime}, {MountNoDirAtime, statfsNoDirAtime}, {MountRelatime, statfsRelatime},
	} {
		if m.has(f.mount) {
			flags |= f.statfs
		}
	}
	super := m.sb.Flags()
	for _, f := range [...]struct {
		super  SuperFlags
		statfs int64
	}{
		{SuperReadOnly, statfsReadOnly}, {SuperSynchronous, statfsSynchronous}, {SuperMandLock, statfsMandLock},
	} {
		if super&f.super != 0 {
			flags |= f.statfs
		}
	}
	return flags
}

// Statfs fills buf about the file system that path is on. No right on the
// object itself is needed.
func (t *Task) Statfs(at At, path string, buf *StatFS) error {
	return t.withPath(at, path, WalkFollow|WalkAutomount, func(p Path) error { return p.StatFS(t, buf) })
}

// Fstatfs fills buf about the file system of an open file. EBADF.
func (t *Task) Fstatfs(fd int, buf *StatFS) error {
	f, err := t.files.get(fd)
	if err != nil {
		return err
	}
	defer f.Put(t)
	return f.path.StatFS(t, buf)
}
