package fuse

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

// A Server is one mount in the kernel, and answers its requests.
type Server struct {
	opt       Options
	dir       string // absolute, without symlinks
	device    string // major:minor of the mount
	transport transport
	decoder   *gofuse.ProtocolServer

	ns    *vfs.Namespace // the server's own view of the superblock
	sb    *vfs.Superblock
	tasks tasks
	identities
	nodes    *nodeTable
	handles  *handleTable
	notifier *notifier
	calls    *calls
	locks    *filelock.ManagerOps
	counters counters

	ended   chan struct{} // closed when all is released
	err     error         // how it ended; read after ended
	unmount sync.Mutex
}

// Mount mounts the superblock at the root of ns at the directory dir of the
// host, and returns when the mount can be used. ns stays the caller's; the
// superblock lives until both are done with it.
//
// The error says what is missing, and wraps an error number: ENOENT or ENOTDIR
// for the mount point, ENOTCONN for one on which a mount is whose daemon has
// died, ENOENT or ENODEV for /dev/fuse, EPERM or EACCES for a right, EINVAL for
// an option.
func Mount(ns *vfs.Namespace, dir string, opt Options) (*Server, error) {
	s, err := newServer(ns, opt)
	if err != nil {
		return nil, err
	}
	if err := s.mountOn(dir); err != nil {
		s.release()
		return nil, err
	}
	go s.run()
	if !s.opt.Poll {
		s.refusePoll()
	}
	return s, nil
}

// newServer makes a server that is not connected to a kernel.
func newServer(ns *vfs.Namespace, opt Options) (*Server, error) {
	sb := ns.Superblock()
	if err := opt.complete(sb); err != nil {
		return nil, err
	}
	view, err := newView(ns, opt.Flags)
	if err != nil {
		return nil, fmt.Errorf("fuse: mount: %w", errnoOf(err))
	}
	s := &Server{opt: opt, ns: view, sb: sb, handles: newHandleTable(), locks: lockManagerOf(), ended: make(chan struct{})}
	s.tasks = tasks{ns: view, origin: s}
	s.nodes = newNodeTable(view.Root())
	s.decoder = s.newDecoder()
	s.calls = newCalls(s.decoderCancel)
	s.notifier = newNotifier(s.nodes)
	sb.AddObserver(s)
	return s, nil
}

// mountOn connects the server to the kernel.
func (s *Server) mountOn(dir string) error {
	dir, err := mountDir(dir)
	if err != nil {
		return err
	}
	m := kernelMount{
		dir: dir, source: s.opt.Source, subtype: s.opt.Subtype, flags: uintptr(s.opt.Flags),
		maxRead: s.opt.MaxRead, kernelPerms: s.opt.Permissions == PermissionsKernel, allowOther: s.opt.AllowOther,
	}
	fd, err := m.mount()
	if err != nil {
		return err
	}
	s.dir = dir
	s.transport = newDevFuse(fd, max(s.opt.MaxRead, s.opt.MaxWrite))
	if err := s.transport.start(s); err != nil {
		s.transport.close()
		_ = UnmountDir(dir, true) // nothing can be in use on it
		return fmt.Errorf("fuse: mount on %s: the kernel did not begin the conversation: %w", dir, errnoOf(err))
	}
	if mounts, err := mountsAt(dir); err == nil && len(mounts) > 0 {
		s.device = mounts[len(mounts)-1].device
	}
	s.notifier.start(s.transport)
	return nil
}

// run serves until the connection ends, and releases everything then.
func (s *Server) run() {
	err := s.transport.serve(s)
	s.calls.wait()
	s.release()
	if cerr := s.transport.close(); err == nil {
		err = cerr
	}
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("fuse: the connection of %s failed: %w", s.dir, errnoOf(err))
	}
	close(s.ended)
}

// release gives up all that the kernel may not have given up itself: it drops
// what it still had to say when the mount went. What was written is made
// durable before the superblock may go with its last user.
func (s *Server) release() {
	s.sb.RemoveObserver(s)
	s.notifier.stop()
	ctx := s.background()
	for _, h := range s.handles.takeAll() {
		h.dropLocks(ctx, s)
		h.release(ctx)
	}
	s.err = s.sync()
	s.nodes.clear(ctx)
	s.tasks.close()
	s.ns.Close(ctx)
}

// background is the context of work without a caller.
func (s *Server) background() context.Context { return context.Background() }

// sync writes the superblock out.
func (s *Server) sync() error {
	t := s.tasks.get()
	defer s.tasks.put(t)
	t.SetCred(vfs.RootCred())
	fd, err := t.Openat(vfs.AtPath(s.nodes.root.path), ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("fuse: sync %s: %w", s.dir, errnoOf(err))
	}
	defer t.Close(fd)
	if err := t.Syncfs(fd); err != nil {
		return fmt.Errorf("fuse: sync %s: %w", s.dir, errnoOf(err))
	}
	return nil
}

// refusePoll opens a file and polls it, so that the kernel learns that polling
// is not served, and does not ask again. The decoder knows the file's name and
// answers for it; nothing of the tree is touched. Whatever fails, a later poll
// is refused all the same.
func (s *Server) refusePoll() {
	fd, err := unix.Open(filepath.Join(s.dir, pollProbe), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
}

const pollProbe = ".go-fuse-epoll-hack"

// Dir is the directory on which the tree is mounted: absolute, without
// symlinks.
func (s *Server) Dir() string { return s.dir }

// Namespace is the server's view of the superblock: a mount of its own, with
// the flags of the kernel's.
func (s *Server) Namespace() *vfs.Namespace { return s.ns }

// Wait returns when the mount has ended, by Unmount or otherwise, and all is
// released: with what went wrong then, or with the connection. While another
// mount namespace of the host still has the mount it has not ended.
func (s *Server) Wait() error {
	<-s.ended
	return s.err
}

// Unmount takes the mount out of the kernel's tree, writes the superblock out,
// and returns when all is released. EBUSY if files or directories are in use on
// it, or another mount is on top of it; then nothing has changed. After the
// mount has ended otherwise it returns what Wait does.
//
// It must not be called from within the service of one of the mount's own
// requests.
func (s *Server) Unmount() error {
	s.unmount.Lock()
	defer s.unmount.Unlock()
	select {
	case <-s.ended:
		return s.err
	default:
	}
	if err := s.detach(); err != nil {
		return err
	}
	return s.Wait()
}

// unmountTries bounds how often a busy mount is tried: the kernel may still be
// finishing with a file that was closed.
const unmountTries = 5

func (s *Server) detach() error {
	delay := time.Millisecond
	for try := 1; ; try++ {
		err := s.detachOnce()
		if !errors.Is(err, unix.EBUSY) || try == unmountTries {
			return err
		}
		time.Sleep(delay)
		delay *= 2
	}
}

// detachOnce unmounts if the mount is where it was put: the kernel goes by the
// directory, where by now another mount may be.
func (s *Server) detachOnce() error {
	if mounts, err := mountsAt(s.dir); err == nil && s.device != "" {
		top := len(mounts) - 1
		switch i := findDevice(mounts, s.device); {
		case i < 0:
			return nil // somebody has unmounted it
		case i != top:
			return fmt.Errorf("fuse: unmount %s: another mount is on top of it: %w", s.dir, unix.EBUSY)
		}
	}
	err := UnmountDir(s.dir, false)
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

func findDevice(mounts []mountInfo, device string) int {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].device == device {
			return i
		}
	}
	return -1
}
