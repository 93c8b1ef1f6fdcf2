package difftest

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// NewHost is a machine on a fresh tmpfs of the host's kernel. It needs root.
func NewHost(c Config) (*Machine, error) {
	dir, err := os.MkdirTemp("", "difftest-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(dir)
	if err := unix.Mount("difftest", dir, "tmpfs", uintptr(c.MountFlags), c.Options); err != nil {
		return nil, fmt.Errorf("mount tmpfs on %s: %w", dir, err)
	}
	m, err := NewHostAt(dir)
	// The threads stand in the tree: it lasts as long as they do.
	return m, errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
}

// NewHostAt is a machine on a directory of the host, which becomes the root of
// its users. It needs root. The directory's mount is in use until Close.
func NewHostAt(dir string) (*Machine, error) {
	var all []Caller
	end := func() error {
		for _, c := range all {
			c.(*thread).stop()
		}
		return nil
	}
	for _, u := range append(Users[:len(Users):len(Users)], User{Name: "watch"}) {
		th, err := newThread(dir, u)
		if err != nil {
			end()
			return nil, err
		}
		all = append(all, th)
	}
	return newMachine(all[:len(Users)], all[len(Users)], end), nil
}

// thread is an operating system thread that is one user: identity, root,
// current directory and umask are the thread's own. It ends with its
// goroutine.
type thread struct {
	calls chan func(System)
	done  chan struct{}
}

func newThread(root string, u User) (*thread, error) {
	th := &thread{calls: make(chan func(System)), done: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(th.done)
		runtime.LockOSThread() // never unlocked: the thread is of no other use
		err := becomeUser(root, u)
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
func becomeUser(root string, u User) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("chdir: %w", err)
	}
	unix.Umask(0o022)
	if u.UID == 0 {
		return nil
	}
	return setIdentity(u)
}
