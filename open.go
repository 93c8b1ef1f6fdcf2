package govfs

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/iofs"
	_ "github.com/govfs/govfs/fs/memfs" // the types that Open knows
	"github.com/govfs/govfs/vfs"
)

// An FS is a mounted file system, as one identity sees it.
type FS struct {
	tree *tree
	cred *vfs.Cred
}

// tree is what the views of a file system share.
type tree struct {
	pool   taskPool
	closed atomic.Bool  // Close was called
	users  atomic.Int64 // open files, and one until Close
}

// An Option is a wish of [Open], [OpenFS] or [New].
type Option func(*config)

type config struct {
	typ     string
	options string
	flags   vfs.SuperFlags
	cred    *vfs.Cred
}

// WithType names the type of the file system, instead of a guess from the
// source ([GuessType]).
func WithType(name string) Option { return func(c *config) { c.typ = name } }

// WithOptions gives the file system's own mount options, separated by commas:
// "size=64m" for a memory file system.
func WithOptions(list string) Option { return func(c *config) { c.options = list } }

// WithReadOnly mounts so that every change fails with EROFS.
func WithReadOnly() Option { return func(c *config) { c.flags |= vfs.SuperReadOnly } }

// WithCred chooses the identity that mounts and acts, instead of the
// process's own. It is not changed afterwards.
func WithCred(cred *vfs.Cred) Option { return func(c *config) { c.cred = cred } }

func configOf(opts []Option) config {
	var c config
	for _, o := range opts {
		o(&c)
	}
	if c.cred == nil {
		c.cred = processIdentity().cred
	}
	return c
}

// Open mounts source for this program alone. "mem" is an empty memory file
// system; any other source is the path of something on the host, whose type
// is guessed ([GuessType]) unless [WithType] names it. When ctx is done before
// the file system is mounted, Open gives up; afterwards ctx has no effect.
//
// If there is an error, it is of type *fs.PathError, with Op "mount".
func Open(ctx context.Context, source string, opts ...Option) (*FS, error) {
	c := configOf(opts)
	if c.typ == "" {
		var err error
		if c.typ, err = GuessType(source); err != nil {
			return nil, err
		}
	}
	typ, err := vfs.LookupType(c.typ)
	if err != nil {
		return nil, &fs.PathError{Op: "mount", Path: source, Err: &typeError{c.typ}}
	}
	return c.mount(ctx, typ, source, c.options)
}

// OpenFS mounts any [io/fs.FS], read-only: see package fs/iofs for how it then
// looks. Errors are as with [Open].
func OpenFS(ctx context.Context, fsys fs.FS, opts ...Option) (*FS, error) {
	c := configOf(opts)
	return c.mount(ctx, iofs.Type, "io/fs", iofs.Config{FS: fsys, Options: c.options})
}

// New is an FS of a namespace, which it takes over: Close closes it. Of the
// options only [WithCred] has a meaning.
func New(ns *vfs.Namespace, opts ...Option) *FS {
	c := configOf(opts)
	t := new(tree)
	t.pool.init(ns, processIdentity().umask)
	t.users.Store(1)
	return &FS{tree: t, cred: c.cred}
}

func (c *config) mount(ctx context.Context, typ *vfs.FileSystemType, source string, data any) (*FS, error) {
	if err := ctx.Err(); err != nil {
		return nil, &fs.PathError{Op: "mount", Path: source, Err: err}
	}
	ns, err := vfs.NewNamespaceOf(vfs.WithCred(ctx, c.cred), typ, source, c.flags, data)
	if err != nil {
		return nil, &fs.PathError{Op: "mount", Path: source, Err: err}
	}
	return New(ns, WithCred(c.cred)), nil
}

// Close unmounts. It writes out what the file system has in memory, and
// returns the error of that. Files that are open stay usable, and keep the
// file system until the last of them is closed; other calls fail with
// fs.ErrClosed. So does a second Close, also one of another view (see
// [FS.As]).
func (f *FS) Close() error {
	t := f.tree
	if !t.closed.CompareAndSwap(false, true) {
		return &fs.PathError{Op: "unmount", Path: "/", Err: fs.ErrClosed}
	}
	err := t.sync()
	t.release()
	if err != nil {
		return &fs.PathError{Op: "unmount", Path: "/", Err: err}
	}
	return nil
}

// sync writes everything out.
func (t *tree) sync() error {
	task, err := t.pool.get(vfs.RootCred())
	if err != nil {
		return err
	}
	defer t.pool.put(task)
	fd, err := task.Openat(vfs.AtCWD, "/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = task.Syncfs(fd)
	if e := task.Close(fd); err == nil {
		err = e
	}
	return err
}

// acquire counts a user, unless the last one is gone already.
func (t *tree) acquire() bool {
	for {
		n := t.users.Load()
		if n == 0 {
			return false
		}
		if t.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (t *tree) release() {
	if t.users.Add(-1) == 0 {
		t.pool.close()
	}
}

// As is a view of the same file system that acts for another identity, which
// must not be changed afterwards. It needs no Close of its own.
func (f *FS) As(cred *vfs.Cred) *FS { return &FS{tree: f.tree, cred: cred} }

// Task makes a task in the file system's name space, whose methods are the
// system calls; nil for cred is the identity of f. One goroutine uses it at a
// time, and ends it with Exit: until then the file system stays mounted.
// fs.ErrClosed after Close.
func (f *FS) Task(cred *vfs.Cred) (*vfs.Task, error) {
	if cred == nil {
		cred = f.cred
	}
	if f.tree.closed.Load() {
		return nil, fs.ErrClosed
	}
	return f.tree.pool.make(cred)
}

// Namespace is the mount namespace that the file system is the root of: what a
// front end serves. It is valid until Close.
func (f *FS) Namespace() *vfs.Namespace { return f.tree.pool.ns }

// begin lends a task for a call by path; end takes it back.
func (f *FS) begin() (*vfs.Task, error) {
	if f.tree.closed.Load() {
		return nil, fs.ErrClosed
	}
	return f.tree.pool.get(f.cred)
}

func (f *FS) end(t *vfs.Task) { f.tree.pool.put(t) }

// call makes a system call by path, and wraps its error.
func (f *FS) call(op, name string, do func(*vfs.Task) error) error {
	t, err := f.begin()
	if err == nil {
		err = do(t)
		f.end(t)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// call2 is call for two strings. One that no C string can hold is refused
// before anything else, as package os does; of single paths the walk says so.
func (f *FS) call2(op, oldname, newname string, do func(*vfs.Task) error) error {
	t, err := f.begin()
	if err == nil {
		if hasNUL(oldname) || hasNUL(newname) {
			err = unix.EINVAL
		} else {
			err = do(t)
		}
		f.end(t)
	}
	if err != nil {
		return &os.LinkError{Op: op, Old: oldname, New: newname, Err: err}
	}
	return nil
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
