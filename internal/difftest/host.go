package difftest

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// NewHost is a machine on a fresh tmpfs of the host's kernel. It needs root. The
// mount is seen by the machine's threads alone, in a mount namespace of their
// own, and ends with them.
func NewHost(c Config) (*Machine, error) {
	dir := os.TempDir() // hidden there, not used
	ns := -1
	defer func() {
		if ns >= 0 {
			unix.Close(ns)
		}
	}()
	return newHost(dir, func(first bool) (err error) {
		if !first {
			return wrap("enter the mount namespace", unix.Setns(ns, unix.CLONE_NEWNS))
		}
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return wrap("new mount namespace", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return wrap("make mounts private", err)
		}
		if err := unix.Mount("difftest", dir, "tmpfs", uintptr(c.MountFlags), c.Options); err != nil {
			return wrap("mount tmpfs", err)
		}
		ns, err = unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return wrap("open the mount namespace", err)
	})
}

// NewHostAt is a machine on a directory of the host, which becomes the root of
// its users. It needs root. The directory's mount is in use until Close.
func NewHostAt(dir string) (*Machine, error) {
	return newHost(dir, func(bool) error { return nil })
}

// newHost is a machine on dir. Each of its threads, which shares nothing of its
// place in the name space with others by then, calls prepare.
func newHost(dir string, prepare func(first bool) error) (*Machine, error) {
	var all []Caller
	end := func() error {
		for _, c := range all {
			c.(*thread).stop()
		}
		return nil
	}
	for _, u := range append([]User{{Name: "watch"}}, Users...) {
		th, err := newThread(dir, u, func() error { return prepare(len(all) == 0) })
		if err != nil {
			end()
			return nil, err
		}
		all = append(all, th)
	}
	return newMachine(all[1:], all[0], end), nil
}

// thread is an operating system thread that is one user: identity, root,
// current directory and umask are the thread's own. It ends with its
// goroutine.
type thread struct {
	calls chan func(System)
	done  chan struct{}
}

func newThread(root string, u User, prepare func() error) (*thread, error) {
	th := &thread{calls: make(chan func(System)), done: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(th.done)
		runtime.LockOSThread() // never unlocked: the thread is of no other use
		err := becomeUser(root, u, prepare)
		ready <- err
		if err != nil {
			return
		}
		for f := range th.calls {
			f(kernel{})
			th.done <- struct{}{}
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("be %s in %s: %w", u.Name, root, err)
	}
	return th, nil
}

func (th *thread) Do(f func(System)) {
	th.calls <- f
	<-th.done
}

func (th *thread) stop() {
	close(th.calls)
	<-th.done
}

// becomeUser changes the calling thread, and no other: hence the raw calls.
func becomeUser(root string, u User, prepare func() error) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return wrap("unshare", err)
	}
	if err := prepare(); err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return wrap("chroot", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return wrap("chdir", err)
	}
	unix.Umask(0o022)
	if u.UID == 0 {
		return nil
	}
	return wrap("change identity", setIdentity(u))
}
