package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// endWait is how long a daemon that has unmounted may take to end.
	endWait = 10 * time.Second
	// answerWait is how long a daemon may take to answer what needs no work.
	answerWait = 5 * time.Second
	// elsewhereInterval is how often to look whether the mount is in use in
	// other mount namespaces.
	elsewhereInterval = 2 * time.Second
)

// Umount unmounts what is mounted at dir and, except in mode Lazy, waits until
// its daemon has written everything and ended. A mount whose daemon is dead is
// cleared away. note is for the user's eyes: what went otherwise than usual
// without being a failure. The error is an [*Error].
func Umount(dir string, mode Mode) (note string, err error) {
	u := &unmounting{dir: dir, mode: mode}
	if err := u.find(); err != nil {
		return "", err
	}
	c, path, err := connect(u.mount)
	switch {
	case err == nil:
		defer c.close()
		return u.ask(c, path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return u.clear(path)
	case mode == Force:
		return "", u.force()
	case errors.Is(err, fs.ErrPermission):
		return "", u.fail(errors.New("it was mounted by another user"), "run as that user, or as root")
	case errors.Is(err, fs.ErrNotExist):
		if probe(u.dir) == Dead {
			return u.clear("")
		}
		return "", u.fail(errors.New("its daemon has no control socket where this user looks"), "unmount with umount(8); set XDG_RUNTIME_DIR as it was when mounting")
	}
	return "", u.fail(err, "")
}

// unmounting is one call of Umount.
type unmounting struct {
	dir   string
	mode  Mode
	mount *mountEntry
	below []string // mounts on this one
}

func (u *unmounting) fail(err error, do string) error {
	return &Error{Op: "umount " + u.dir, Err: err, Do: do}
}

// find finds the mount.
func (u *unmounting) find() error {
	mounts, err := readMounts()
	if err != nil {
		return u.fail(err, "mount /proc")
	}
	m, dir, err := findMount(mounts, u.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return u.fail(errors.New("there is no such directory"), "see govfs mount for what is mounted")
	case err != nil:
		return u.fail(cause(err), "see govfs mount for what is mounted")
	case m == nil:
		return u.fail(errors.New("nothing is mounted there"), "see govfs mount for what is mounted")
	case !m.ours():
		return u.fail(fmt.Errorf("that is a mount of type %s, not one of govfs", m.Type), "unmount it with umount(8)")
	}
	u.mount, u.dir, u.below = m, dir, mountsBelow(mounts, m.ID)
	return nil
}

// ask has the daemon unmount.
func (u *unmounting) ask(c *client, socket string) (note string, err error) {
	daemon := c.watch()
	defer daemon.close()
	ctx := context.Background() // writing back takes what it takes
	if u.mode != Plain {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, endWait)
		defer cancel()
	}
	err = u.await(ctx, c)
	var told *Error
	switch {
	case err == nil && u.mode == Lazy:
		return "", nil
	case err == nil && daemon.ended(endWait):
		return "", nil
	case err == nil:
		return "", u.fail(fmt.Errorf("unmounted, but its daemon (pid %d) goes on", c.pid), "end it: kill "+fmt.Sprint(c.pid))
	case errors.Is(err, unix.EBUSY) && len(u.below) > 0:
		return "", u.fail(unix.EBUSY, "unmount first what is mounted below it: "+strings.Join(u.below, ", "))
	case errors.Is(err, unix.EBUSY):
		return "", describeBusy(u.mount, err)
	case errors.As(err, &told):
		return "", told
	case errors.Is(err, context.DeadlineExceeded) && u.mode == Force:
		return "", u.force()
	case daemon != nil && daemon.ended(answerWait):
		// It died of what it was asked, or was dying before.
		if u.stands() {
			return u.clear(socket)
		}
		return "", u.fail(errors.New("unmounted, but its daemon died before all was written"), "check "+u.mount.Source)
	}
	return "", u.fail(fmt.Errorf("its daemon did not answer: %w", err), "see whether it still runs: pid "+fmt.Sprint(c.pid))
}

// stands reports whether the mount is still there.
func (u *unmounting) stands() bool {
	mounts, err := readMounts()
	if err != nil {
		return false
	}
	m := topMount(mounts, u.dir)
	return m != nil && m.ID == u.mount.ID
}

// await waits for the daemon's answer: for as long as it writes, but not for as
// long as the mount lives on in other mount namespaces.
func (u *unmounting) await(ctx context.Context, c *client) error {
	answer := make(chan error, 1)
	go func() { answer <- c.unmount(ctx, u.mode) }()
	for {
		select {
		case err := <-answer:
			return err
		case <-time.After(elsewhereInterval):
		}
		if users := mountedElsewhere(u.mount.Dev); len(users) > 0 {
			return u.fail(errors.New("unmounted, but not in the mount namespaces of "+listUsers(users)), "it ends when these have ended or unmounted it")
		}
	}
}

// force ends a mount whose daemon does not answer.
func (u *unmounting) force() error {
	if err := detachMount(u.dir, u.mount.Dev, true); err != nil {
		return u.fail(err, "run as root")
	}
	return nil
}

// clear takes away a mount whose daemon is dead.
func (u *unmounting) clear(socket string) (note string, err error) {
	if err := detachMount(u.dir, u.mount.Dev, false); err != nil {
		return "", u.fail(err, "run as root, or as the user who mounted")
	}
	note = "the daemon of " + u.dir + " was dead: what it had not written is lost"
	if socket == "" {
		return note, nil
	}
	if fi, err := os.Stat(logPath(socket)); err == nil && fi.Size() > 0 {
		os.Remove(socket)
		return note + "; its log is " + logPath(socket), nil
	}
	removeSocket(socket)
	return note, nil
}

// probe finds out whether the daemon of a mount is there, by a request that
// the kernel cannot answer from its cache.
func probe(dir string) State {
	answer := make(chan State, 1)
	go func() {
		var st unix.Statfs_t
		switch err := unix.Statfs(dir, &st); {
		case isDead(err):
			answer <- Dead
		case err == nil:
			answer <- Live
		default:
			answer <- Unknown
		}
	}()
	select {
	case s := <-answer:
		return s
	case <-time.After(answerWait):
		return Unknown
	}
}

// List is every govfs mount that this process can see, with what its daemon
// says of it.
func List() ([]Status, error) {
	mounts, err := readMounts()
	if err != nil {
		return nil, &Error{Op: "list mounts", Err: err, Do: "mount /proc"}
	}
	all := []Status{}
	for i := range mounts {
		if m := &mounts[i]; m.ours() {
			all = append(all, describe(m))
		}
	}
	return all, nil
}

func describe(m *mountEntry) Status {
	s := Status{Dir: m.Dir, Source: m.Source, Options: m.Options, Dev: m.Dev, State: Unknown}
	c, _, err := connect(m)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			s.State = Dead
		} else if errors.Is(err, fs.ErrNotExist) && probe(m.Dir) == Dead {
			s.State = Dead
		}
		return s
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	told, err := c.status(ctx)
	if err != nil {
		return s
	}
	told.Dir = m.Dir // where this process sees it
	return told
}
