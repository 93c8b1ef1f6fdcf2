package vfs

import (
	"context"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// Pipes without a name live on a superblock of their own, which is there as
// long as there are any.
var pipeFS struct {
	lock  lockdep.Mutex
	mount *Mount // without a reference: its pipes have them
	inos  atomic.Uint64
}

var pipeFSType = FileSystemTypeOf("pipefs", "pipes", pipefs{})

func init() { pipeFS.lock.Init(lockdep.NewClass("pipefs_lock", lockdep.Sleep)) }

const pipefsMagic = 0x50495045

type pipefs struct{}

func (pipefs) Mount(ctx context.Context, typ *FileSystemType, flags SuperFlags, _ string, _ any) (*Dentry, error) {
	return MountNodev(ctx, typ, flags|SuperNoUser, new(Superblock), func(sb *Superblock) error {
		sb.Magic = pipefsMagic
		sb.SetOps(pipeSuperOps)
		sb.SetDentryOps(pipeDentryOps)
		root, err := NewInode(ctx, sb)
		if err != nil {
			return err
		}
		root.SetIno(1)
		root.SetMode(unix.S_IFDIR | 0o600)
		root.InitTimes()
		sb.SetRoot(MakeRoot(root))
		return nil
	})
}

func (pipefs) KillSB(ctx context.Context, sb *Superblock) { KillAnonSuper(ctx, sb) }

var (
	pipeSuperOps  = SuperOpsOf(pipefsSuper{})
	pipeDentryOps = DentryOpsOf(pipefsDentry{})
)

type pipefsSuper struct{}

func (pipefsSuper) StatFS(_ context.Context, d *Dentry, buf *StatFS) error {
	d.sb.FillStatFS(buf)
	return nil
}

type pipefsDentry struct{}

func (pipefsDentry) Dname(d *Dentry) (string, error) {
	return "pipe:[" + strconv.FormatUint(d.Inode().ino, 10) + "]", nil
}

// pipeMount is the mount of pipes, referenced.
func pipeMount(ctx context.Context) (*Mount, error) {
	pipeFS.lock.Lock()
	defer pipeFS.lock.Unlock()
	if m := pipeFS.mount; m != nil && m.getUnlessDead() {
		return m, nil
	}
	root, err := mountType(ctx, pipeFSType, 0, "pipe:", nil)
	if err != nil {
		return nil, err
	}
	pipeFS.mount = newMount(root, 0)
	pipeFS.inos.Store(1)
	return pipeFS.mount, nil
}

// getUnlessDead takes a reference if there still are any.
func (m *Mount) getUnlessDead() bool {
	for {
		n := m.count.Load()
		if n == 0 {
			return false
		}
		if m.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Pipe2 makes a pipe and gives descriptors for its ends. Flags: O_CLOEXEC,
// O_NONBLOCK, and O_DIRECT for packets; EINVAL for others. EMFILE, ENFILE.
func (t *Task) Pipe2(flags int) (r, w int, err error) {
	rf, wf, err := NewPipe(t, flags)
	if err != nil {
		return -1, -1, err
	}
	cloexec := flags&unix.O_CLOEXEC != 0
	if r, err = t.InstallFD(rf, cloexec); err != nil {
		rf.Put(t)
		wf.Put(t)
		return -1, -1, err
	}
	if w, err = t.InstallFD(wf, cloexec); err != nil {
		wf.Put(t)
		_ = t.Close(r) // a pipe's close has no error
		return -1, -1, err
	}
	return r, w, nil
}

// NewPipe is [Task.Pipe2] without descriptors: the caller puts both files.
func NewPipe(ctx context.Context, flags int) (r, w *File, err error) {
	if flags&^(unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_DIRECT) != 0 {
		return nil, nil, unix.EINVAL
	}
	m, err := pipeMount(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer m.Put(ctx)
	in, err := NewInode(ctx, m.sb)
	if err != nil {
		return nil, nil, err
	}
	in.SetIno(pipeFS.inos.Add(1))
	in.InitOwner(ctx, nil, unix.S_IFIFO|0o600)
	in.SetOps(nil, fifoFileOps)
	in.InitTimes()
	d := newDentry(m.sb, nil, "", 0)
	d.Instantiate(in)
	defer d.Put(ctx)

	p := newPipe()
	p.files, p.readers, p.writers, p.readOpens, p.writeOpens = 2, 1, 1, 1, 1
	in.pipe.Store(p)
	end := func(mode FileMode, flags int) *File {
		f := newFile(Path{m, d}, in, flags, TaskFrom(ctx).cred)
		f.mode = mode | fileOpened
		f.streamMode()
		e := &pipeEnd{pipe: p}
		e.seenWriters.Store(neverSeen)
		f.Private = e
		in.opens.Add(1)
		return f
	}
	r = end(FileRead, unix.O_RDONLY|flags&unix.O_NONBLOCK)
	w = end(FileWrite, unix.O_WRONLY|flags&(unix.O_NONBLOCK|unix.O_DIRECT))
	return r, w, nil
}
