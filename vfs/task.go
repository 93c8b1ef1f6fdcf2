package vfs

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/lockdep"
)

// A Task is who calls: identity, root and current directory, open files,
// limits. The system calls are its methods. A task is used by one goroutine at
// a time, as a thread is; tasks made by Clone can share what threads share.
//
// A Task is a context.Context: its Done channel interrupts waits, which then
// fail with EINTR.
type Task struct {
	cred  *Cred
	ns    *Namespace
	fs    *FSStruct
	files *FDTable
	// Limits of this task.
	Limits Limits
	// Origin names the front end that this task calls for: changes it makes
	// are not reported back to an [Observer] of that origin.
	Origin any
	// PID is what lock listings show.
	PID int

	done <-chan struct{}
	rcu  rcuContext
	io   transfer // the one in progress
}

// Limits of a task (getrlimit).
type Limits struct {
	FileSize int64  // bytes, RLIMIT_FSIZE
	Files    int    // descriptors, RLIMIT_NOFILE
	OnXFSZ   func() // called when FileSize is exceeded: the SIGXFSZ
	OnPipe   func() // called at a write to a pipe without readers: the SIGPIPE
}

// DefaultLimits has no bound on the size of files.
var DefaultLimits = Limits{FileSize: math.MaxInt64, Files: 1 << 20}

// An FSStruct is what threads share of the name space: root, current
// directory, umask.
type FSStruct struct {
	lock      lockdep.SpinLock
	root, cwd atomic.Pointer[Path] // each referenced
	umask     atomic.Uint32
	users     atomic.Int32
}

var fsStructClass = lockdep.NewClass("fs_struct_lock", lockdep.Spin)

func newFSStruct(root, cwd Path, umask uint32) *FSStruct {
	fs := &FSStruct{}
	fs.lock.Init(fsStructClass)
	root.Get()
	cwd.Get()
	fs.root.Store(&root)
	fs.cwd.Store(&cwd)
	fs.umask.Store(umask)
	fs.users.Store(1)
	return fs
}

// set replaces root or cwd by p, whose reference it takes over.
func (fs *FSStruct) set(ctx context.Context, which *atomic.Pointer[Path], p Path) {
	fs.lock.Lock()
	old := which.Swap(&p)
	fs.lock.Unlock()
	old.Put(ctx)
}

// get copies root or cwd, with a reference.
func (fs *FSStruct) get(which *atomic.Pointer[Path]) Path {
	fs.lock.Lock()
	defer fs.lock.Unlock()
	p := *which.Load()
	p.Get()
	return p
}

func (fs *FSStruct) put(ctx context.Context) {
	if fs.users.Add(-1) == 0 {
		fs.root.Load().Put(ctx)
		fs.cwd.Load().Put(ctx)
	}
}

// NewTask makes a task at the root of the namespace, with the identity, no
// open files and umask 022. It is ended by Exit.
func (ns *Namespace) NewTask(cred *Cred) *Task {
	root := ns.Root()
	t := &Task{cred: cred, ns: ns, fs: newFSStruct(root, root, 0o022), files: newFDTable(), Limits: DefaultLimits}
	root.Put(t)
	t.rcu.t = t
	ns.get()
	return t
}

// CloneFlags say what a new task shares with its parent, beside the
// namespace.
type CloneFlags uint

const (
	CloneFS    CloneFlags = 1 << iota // root, cwd, umask
	CloneFiles                        // the table of descriptors
)

// Clone makes a further task: what it does not share it copies.
func (t *Task) Clone(flags CloneFlags) *Task {
	c := &Task{cred: t.cred, ns: t.ns, Limits: t.Limits, Origin: t.Origin, PID: t.PID}
	c.rcu.t = c
	t.ns.get()
	if flags&CloneFS != 0 {
		t.fs.users.Add(1)
		c.fs = t.fs
	} else {
		root, cwd := t.fs.get(&t.fs.root), t.fs.get(&t.fs.cwd)
		c.fs = newFSStruct(root, cwd, t.fs.umask.Load())
		root.Put(t)
		cwd.Put(t)
	}
	if flags&CloneFiles != 0 {
		c.files = t.files.share()
	} else {
		c.files = t.files.clone()
	}
	return c
}

// Exit ends the task: its descriptors are closed, its directories put.
func (t *Task) Exit() {
	t.done = nil
	t.files.put(t)
	t.fs.put(t)
	t.ns.Close(t)
	t.files, t.fs, t.ns = nil, nil, nil
}

// Cred is the task's identity.
func (t *Task) Cred() *Cred { return t.cred }

// SetCred changes the identity.
func (t *Task) SetCred(c *Cred) { t.cred = c }

// Umask sets the file mode creation mask and returns the old one.
func (t *Task) Umask(mask uint32) uint32 { return t.fs.umask.Swap(mask & 0o777) }

// SetDone gives the channel whose closing interrupts the task's waits; nil
// for none.
func (t *Task) SetDone(done <-chan struct{}) { t.done = done }

// Namespace is the mount namespace that the task lives in.
func (t *Task) Namespace() *Namespace { return t.ns }

// LockOwner is who owns the task's POSIX locks: its table of descriptors.
func (t *Task) LockOwner() filelock.Owner { return filelock.OwnerOf(t.files) }

// Deadline, Done, Err and Value make a task a context.
func (t *Task) Deadline() (time.Time, bool) { return time.Time{}, false }
func (t *Task) Done() <-chan struct{}       { return t.done }
func (t *Task) Err() error {
	select {
	case <-t.done:
		return context.Canceled
	default:
		return nil
	}
}
func (t *Task) Value(key any) any {
	if _, ok := key.(taskKey); ok {
		return t
	}
	return nil
}

type taskKey struct{}

// kernelTask is who acts when no task does: root, without files. It belongs
// to no namespace.
var kernelTask = func() *Task {
	t := &Task{cred: RootCred(), Limits: DefaultLimits}
	t.rcu.t = t
	return t
}()

// WithCred is a context that carries an identity and nothing else: for what is
// done before there is a namespace to live in, as making one.
func WithCred(ctx context.Context, cred *Cred) context.Context {
	t := &Task{cred: cred, Limits: DefaultLimits, done: ctx.Done()}
	t.rcu.t = t
	return t
}

// TaskFrom is the task that a context belongs to. A context without one (of
// background work) yields a task with root's identity.
func TaskFrom(ctx context.Context) *Task {
	switch c := ctx.(type) {
	case *Task:
		return c
	case *rcuContext:
		return c.t
	case nil:
		return kernelTask
	}
	if t, ok := ctx.Value(taskKey{}).(*Task); ok {
		return t
	}
	return kernelTask
}

// rcuContext is what a method gets in rcu-walk: the task, done from the
// start, so that nothing that heeds its context waits.
type rcuContext struct{ t *Task }

var closedChan = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c *rcuContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *rcuContext) Done() <-chan struct{}       { return closedChan }
func (c *rcuContext) Err() error                  { return unix.ECHILD }
func (c *rcuContext) Value(key any) any           { return c.t.Value(key) }
