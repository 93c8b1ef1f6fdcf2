package iofs

import (
	"archive/zip"
	"context"
	"embed"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Type is the file system type "iofs".
var Type = vfs.FileSystemTypeOf("iofs", "a zip archive or any io/fs.FS, read-only", fsType{})

func init() {
	if err := vfs.Register(Type); err != nil {
		panic("iofs: " + err.Error()) // the name is this package's alone
	}
}

// Config is the data of a mount. A mount also takes an [io/fs.FS] alone, or a
// string of options alone.
type Config struct {
	// FS is what is mounted. Without it the mount's source is the path of a zip
	// archive on the host, which the mount opens and closes.
	FS fs.FS
	// Options is a comma-separated list of uid=N and gid=N (the owner of
	// everything), umask=OCTAL (permissions to take away) and timeout=SECONDS
	// (how long to believe what was looked up, 1 by default).
	Options string
	// Immutable promises that FS never changes; timeout has no effect then.
	Immutable bool
}

// fsType has the methods of the type.
type fsType struct{}

// Mount makes a superblock of its own for every mount. Errors are of type
// [*Error].
func (fsType) Mount(ctx context.Context, typ *vfs.FileSystemType, flags vfs.SuperFlags, source string, data any) (*vfs.Dentry, error) {
	cfg, err := configOf(data)
	if err != nil {
		return nil, err
	}
	cred := vfs.TaskFrom(ctx).Cred()
	sb := &superblock{fsys: cfg.FS, source: source}
	sb.defaults = options{uid: cred.FSUID, gid: cred.FSGID, timeout: defaultTimeout}
	if sb.opts, err = parseOptions(cfg.Options, sb.defaults); err != nil {
		return nil, err
	}
	switch f := cfg.FS.(type) {
	case nil:
		a, err := openArchive(source)
		if err != nil {
			return nil, err
		}
		sb.fsys, sb.closer = a, a.closer
	case *zip.Reader:
		sb.fsys = newArchive(f)
	case *zip.ReadCloser:
		sb.fsys = newArchive(&f.Reader)
	}
	sb.live = !cfg.Immutable && !immutable(sb.fsys)
	return vfs.MountNodev(ctx, typ, flags|vfs.SuperReadOnly, sb, func(*vfs.Superblock) error { return sb.fill(ctx) })
}

// KillSB shuts a superblock down, and closes the archive that the mount opened.
func (fsType) KillSB(ctx context.Context, s *vfs.Superblock) {
	sb := superOf(s)
	vfs.KillAnonSuper(ctx, s)
	if sb.closer != nil {
		// Nothing was written: there is nothing that an error could be about.
		_ = sb.closer.Close()
	}
}

func configOf(data any) (Config, error) {
	switch d := data.(type) {
	case nil:
		return Config{}, nil
	case string:
		return Config{Options: d}, nil
	case Config:
		return d, nil
	case *Config:
		return *d, nil
	case fs.FS:
		return Config{FS: d}, nil
	}
	return Config{}, &Error{Op: "mount", Reason: fmt.Sprintf("data of type %T is no io/fs.FS, iofs.Config or option string", data), Errno: unix.EINVAL}
}

// immutable knows the file systems that cannot change.
func immutable(fsys fs.FS) bool {
	switch fsys.(type) {
	case embed.FS, *embed.FS, *archive:
		return true
	}
	return false
}

// An Omission is an entry of a zip archive that the mount does not show.
type Omission struct {
	Name   string // as the archive has it
	Reason string
}

// Omissions lists what the mount of a zip archive leaves out: entries whose
// names no path can hold or lead out of the archive, and those that another
// entry overrides. It is nil for other superblocks.
func Omissions(sb *vfs.Superblock) []Omission {
	if s, ok := sb.Impl().(*superblock); ok {
		if a, ok := s.fsys.(*archive); ok {
			return a.omitted
		}
	}
	return nil
}
