package bench

import (
	gocontext "context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/context"
	gerrors "gvisor.dev/gvisor/pkg/errors"
	"gvisor.dev/gvisor/pkg/errors/linuxerr"
	"gvisor.dev/gvisor/pkg/fspath"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/tmpfs"
	"gvisor.dev/gvisor/pkg/sentry/kernel/auth"
	"gvisor.dev/gvisor/pkg/sentry/ktime"
	"gvisor.dev/gvisor/pkg/sentry/pgalloc"
	"gvisor.dev/gvisor/pkg/sentry/uniqueid"
	"gvisor.dev/gvisor/pkg/sentry/vfs"
)

// gvisorFS is gVisor's tmpfs below gVisor's switch, called as the sentry's
// system calls call it once they have copied the path in: parse the path, build
// a PathOperation that starts at the working directory, call the switch.
type gvisorFS struct {
	ctx   *sentryContext
	vfs   *vfs.VirtualFilesystem
	creds *auth.Credentials
	root  vfs.VirtualDentry // also the working directory
}

// openGvisor builds what a sentry has around a file system, and no more: a
// memory file, root's credentials, a clock, a switch, and a mount namespace
// whose root is a tmpfs. There is no platform, no kernel and no task.
func openGvisor(tb testing.TB) (fsys, error) {
	mf, err := newMemoryFile()
	if err != nil {
		return nil, err
	}
	tb.Cleanup(mf.Destroy)

	creds := auth.NewRootCredentials(auth.NewRootUserNamespace())
	ctx := &sentryContext{
		Context: gocontext.Background(),
		Logger:  log.Log(),
		NoTask:  &context.NoTask{},
		creds:   creds,
		clock:   &wallClock{},
		mf:      mf,
	}

	vfsObj := &vfs.VirtualFilesystem{}
	if err := vfsObj.Init(ctx); err != nil {
		return nil, fmt.Errorf("initialize the switch: %w", err)
	}
	tb.Cleanup(func() { vfsObj.Release(ctx) })
	if err := vfsObj.RegisterFilesystemType(tmpfs.Name, tmpfs.FilesystemType{}, &vfs.RegisterFilesystemTypeOptions{}); err != nil {
		return nil, fmt.Errorf("register tmpfs: %w", err)
	}

	mntns, err := vfsObj.NewMountNamespace(ctx, creds, "", tmpfs.Name, &vfs.MountOptions{}, nil)
	if err != nil {
		return nil, fmt.Errorf("create the mount namespace: %w", err)
	}
	tb.Cleanup(func() { mntns.DecRef(ctx) })
	ctx.mntns = mntns

	root := mntns.Root(ctx)
	tb.Cleanup(func() { root.DecRef(ctx) })
	return &gvisorFS{ctx: ctx, vfs: vfsObj, creds: creds, root: root}, nil
}

// newMemoryFile returns the store of the contents of regular files. No
// benchmark writes any; tmpfs wants it all the same.
func newMemoryFile() (*pgalloc.MemoryFile, error) {
	const name = "gvisor-memory"
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	mf, err := pgalloc.NewMemoryFile(file, pgalloc.MemoryFileOpts{
		DisableIMAWorkAround:    true,
		DisableMemoryAccounting: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the memory file: %w", err), file.Close())
	}
	return mf, nil
}

// pathOp is name as an operand. follow is whether a symbolic link in the last
// place is followed; an operation that makes or removes a name must not.
func (g *gvisorFS) pathOp(name string, follow bool) vfs.PathOperation {
	return vfs.PathOperation{
		Root:               g.root,
		Start:              g.root,
		Path:               fspath.Parse(name),
		FollowFinalSymlink: follow,
	}
}

func (g *gvisorFS) Stat(name string) error {
	pop := g.pathOp(name, true)
	_, err := g.vfs.StatAt(g.ctx, g.creds, &pop, &vfs.StatOptions{Mask: linux.STATX_BASIC_STATS})
	return err
}

func (g *gvisorFS) Create(name string) error {
	pop := g.pathOp(name, true)
	fd, err := g.vfs.OpenAt(g.ctx, g.creds, &pop, &vfs.OpenOptions{
		Flags: linux.O_WRONLY | linux.O_CREAT | linux.O_EXCL | linux.O_LARGEFILE,
		Mode:  0o644,
	})
	if err != nil {
		return err
	}
	fd.DecRef(g.ctx)
	return nil
}

func (g *gvisorFS) Unlink(name string) error {
	pop := g.pathOp(name, false)
	return g.vfs.UnlinkAt(g.ctx, g.creds, &pop)
}

func (g *gvisorFS) Rename(oldname, newname string) error {
	oldpop, newpop := g.pathOp(oldname, false), g.pathOp(newname, false)
	return g.vfs.RenameAt(g.ctx, g.creds, &oldpop, &newpop, &vfs.RenameOptions{})
}

func (g *gvisorFS) Mkdir(name string) error {
	pop := g.pathOp(name, false)
	return g.vfs.MkdirAt(g.ctx, g.creds, &pop, &vfs.MkdirOptions{Mode: 0o755})
}

func (g *gvisorFS) Readdir(name string) (int, error) {
	pop := g.pathOp(name, true)
	fd, err := g.vfs.OpenAt(g.ctx, g.creds, &pop, &vfs.OpenOptions{
		Flags: linux.O_RDONLY | linux.O_DIRECTORY | linux.O_LARGEFILE,
	})
	if err != nil {
		return 0, err
	}
	defer fd.DecRef(g.ctx)
	var n direntCounter
	err = fd.IterDirents(g.ctx, &n)
	return int(n), err
}

func (*gvisorFS) Errno(err error) syscall.Errno {
	var e *gerrors.Error
	if !errors.As(err, &e) {
		return 0
	}
	return linuxerr.ToUnix(e)
}

// direntCounter counts the entries of a directory but "." and "..".
type direntCounter int

func (n *direntCounter) Handle(d vfs.Dirent) error {
	if d.Name != "." && d.Name != ".." {
		*n++
	}
	return nil
}

// sentryContext is the part of a sentry task that a file system asks for. Like
// a task it answers from fields, with no chain of wrapped contexts to search.
type sentryContext struct {
	gocontext.Context
	log.Logger
	*context.NoTask

	creds *auth.Credentials
	clock ktime.Clock
	mf    *pgalloc.MemoryFile
	mntns *vfs.MountNamespace // nil until its root has been made

	inotifyCookie atomic.Uint32
}

// Value implements context.Context. The key of the mount namespace promises its
// caller a reference.
func (c *sentryContext) Value(key any) any {
	switch key {
	case auth.CtxCredentials:
		return c.creds
	case ktime.CtxRealtimeClock:
		return c.clock
	case pgalloc.CtxMemoryFile:
		return c.mf
	case vfs.CtxMountNamespace:
		if c.mntns == nil {
			return nil
		}
		c.mntns.IncRef()
		return c.mntns
	case uniqueid.CtxInotifyCookie: // a rename draws one, watched or not
		return c.inotifyCookie.Add(1)
	}
	return nil
}

// wallClock is the host's clock. The sentry's own costs about as much to read:
// both are a vDSO's arithmetic on the time stamp counter.
type wallClock struct {
	ktime.WallRateClock
	ktime.NoClockEvents
}

func (*wallClock) Now() ktime.Time { return ktime.FromNanoseconds(time.Now().UnixNano()) }

func (c *wallClock) NewTimer(l ktime.Listener) ktime.Timer { return ktime.NewSampledTimer(c, l) }
