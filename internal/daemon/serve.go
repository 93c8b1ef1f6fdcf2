package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// forceWait is how long a daemon waits for the kernel to let go of a mount
// that was taken away by force.
const forceWait = 5 * time.Second

// A daemon serves one mount.
type daemon struct {
	cfg    Config
	log    *slog.Logger
	ns     *vfs.Namespace
	server *fuse.Server
	mount  mountEntry
	since  time.Time

	left  chan struct{} // closed when the kernel must not be waited for any more
	leave sync.Once
	ended chan struct{} // closed when the file system is shut down
	err   error         // of the shutdown; set before ended is closed
}

// Serve mounts and serves until the mount is gone. SIGINT unmounts, unless the
// mount is busy; a second one, and SIGTERM and SIGHUP at once, take a busy
// mount away from its users. With a parent, the process is a daemon that
// reports to it; otherwise it stays in the foreground.
//
// The error is an [*Error]: that nothing was mounted, or that the file system
// could not be shut down cleanly.
func Serve(c Config, parent *Parent) error {
	err := serve(c, parent)
	if err != nil && parent != nil {
		// Too late for the parent if the mount was usable once; then the log
		// has it.
		parent.Report(err)
	}
	return err
}

func serve(c Config, parent *Parent) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)

	if err := c.Resolve(); err != nil {
		return err
	}
	d := &daemon{cfg: c, log: slog.Default(), since: time.Now(), left: make(chan struct{}), ended: make(chan struct{})}
	if err := d.start(); err != nil {
		return err
	}
	ctl, err := d.listen()
	if err == nil && parent == nil {
		d.log.Info("mounted", "source", c.Source, "dir", c.Dir, "type", c.Type)
	}
	if err == nil && parent != nil {
		if err = detach(logPath(ctl.path)); err == nil {
			err = parent.Report(nil)
		}
		parent = nil
	}
	if err != nil {
		err = c.fail(err, "")
		if undo := d.beginUnmount(Force); undo != nil {
			d.log.Error("not unmounted", "dir", c.Dir, "error", undo)
		}
	}
	go d.handleSignals(signals)

	end := d.wait()
	if ctl != nil {
		ctl.close(end == nil)
	}
	if err == nil {
		err = end
	}
	return err
}

// start mounts.
func (d *daemon) start() error {
	c := &d.cfg
	ns, err := c.newNamespace()
	if isOptionError(err) {
		return &Error{Op: c.op(), Err: err, Do: "see govfs mount --help", Usage: true}
	}
	if err != nil {
		return c.fail(err, adviceFor(err))
	}
	server, err := fuse.Mount(ns, c.Dir, c.fuseOptions())
	if err != nil {
		ns.Close(context.Background())
		return c.fail(shorten(err, "fuse: mount on "+c.Dir+": "), adviceFor(err))
	}
	d.ns, d.server = ns, server
	mounts, err := readMounts()
	if err != nil {
		return errors.Join(c.fail(err, "mount /proc"), d.abandon())
	}
	m := topMount(mounts, c.Dir)
	if m == nil || !m.ours() {
		return errors.Join(c.fail(errors.New("the mount vanished at once"), "see what else mounts there"), d.abandon())
	}
	d.mount = *m
	return nil
}

// newNamespace mounts inside this process, with its identity: files may come to
// belong to who mounts.
func (c *Config) newNamespace() (*vfs.Namespace, error) {
	ctx := vfs.WithCred(context.Background(), processCred())
	return vfs.NewNamespace(ctx, c.Type, c.Source, c.Options.Flags, c.Options.Driver)
}

// isOptionError reports whether a driver refuses an option that it was given:
// drivers then say which, and fail with EINVAL.
func isOptionError(err error) bool {
	return errors.Is(err, unix.EINVAL) && strings.Contains(err.Error(), `option "`)
}

// adviceFor is what to do about an error of mounting.
func adviceFor(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "run as root, or ask its owner"
	case errors.Is(err, unix.ENOENT):
		return "check the name"
	case errors.Is(err, unix.EINVAL):
		return "check the source"
	}
	return ""
}

// abandon undoes a mount that cannot be used.
func (d *daemon) abandon() error {
	err := d.server.Unmount()
	d.ns.Close(context.Background())
	return err
}

// fuseOptions is how the front end is to mount.
func (c *Config) fuseOptions() fuse.Options {
	o := fuse.Options{
		Source: c.Options.FSName,
		// The others are the superblock's alone.
		Flags: c.Options.Flags & (vfs.SuperReadOnly | vfs.SuperNoSUID | vfs.SuperNoDev | vfs.SuperNoExec | vfs.SuperNoAtime |
			vfs.SuperNoDirAtime | vfs.SuperSynchronous | vfs.SuperDirSync | unix.MS_STRICTATIME),
		AllowOther: c.Options.AllowOther,
	}
	if o.Source == "" {
		o.Source = c.Source
	}
	if c.Options.Permissions == PermissionsCore {
		o.Permissions = fuse.PermissionsCore
	}
	return o
}

// wait waits for the end of the mount and shuts the file system down.
func (d *daemon) wait() error {
	gone := make(chan error, 1)
	go func() { gone <- d.server.Wait() }()
	ctx := context.Background()
	var err error
	select {
	case err = <-gone:
	case <-d.left:
		d.log.Warn("the kernel still holds the mount; ending without it", "dir", d.cfg.Dir)
		err = d.ns.Superblock().Sync(ctx)
	}
	if err != nil {
		d.err = &Error{Op: "umount " + d.cfg.Dir, Err: fmt.Errorf("unmounted, but with a failure: %w", cause(err)), Do: "check " + d.cfg.Source}
		d.log.Error(d.err.Error())
	}
	d.ns.Close(ctx)
	close(d.ended)
	return d.err
}

// handleSignals unmounts at a signal. A further one while that lasts, or after
// it has failed, uses force.
func (d *daemon) handleSignals(signals <-chan os.Signal) {
	var sig os.Signal
	select {
	case sig = <-signals:
	case <-d.ended:
		return
	}
	done := make(chan error, 1)
	go func() { done <- d.unmount(Plain) }()
	select {
	case err := <-done:
		switch {
		case err == nil:
			return
		case sig == unix.SIGINT && errors.Is(err, unix.EBUSY):
			d.log.Warn(describeBusy(&d.mount, err).Error() + "; or interrupt again")
			select {
			case <-signals:
			case <-d.ended:
				return
			}
		default:
			d.log.Warn("taken away by force", "dir", d.cfg.Dir, "error", err)
		}
	case <-signals:
	}
	if err := d.unmount(Force); err != nil {
		d.log.Error("not unmounted", "dir", d.cfg.Dir, "error", err)
	}
}

// A Mode says how to unmount.
type Mode string

const (
	// Plain unmounts what nobody uses: EBUSY otherwise.
	Plain Mode = "plain"
	// Lazy takes the mount out of sight now; it ends when its last user is
	// gone.
	Lazy Mode = "lazy"
	// Force ends the mount now: whoever uses it gets errors.
	Force Mode = "force"
)

// unmount takes the mount away. Except in mode Lazy it returns when the file
// system is shut down, with the error of that.
func (d *daemon) unmount(mode Mode) error {
	if err := d.beginUnmount(mode); err != nil || mode == Lazy {
		return err
	}
	<-d.ended
	return d.err
}

func (d *daemon) beginUnmount(mode Mode) error {
	select {
	case <-d.ended:
		return nil
	default:
	}
	switch mode {
	case Plain:
		// Written back while the mount still stands, a failure leaves
		// everything as it is.
		if err := d.ns.Superblock().Sync(context.Background()); err != nil {
			return &Error{Op: "umount " + d.cfg.Dir, Err: fmt.Errorf("not all could be written: %w", cause(err)), Do: "check " + d.cfg.Source + ", or give up what is not written with -f"}
		}
		return shorten(d.server.Unmount(), "fuse: unmount "+d.cfg.Dir+": ")
	case Force:
		time.AfterFunc(forceWait, func() { d.leave.Do(func() { close(d.left) }) })
	}
	return d.takeAway(mode == Force)
}

// takeAway detaches the mount wherever it is now. One that is out of sight
// already is left to end, or ended if force is set.
func (d *daemon) takeAway(force bool) error {
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	for i := range mounts {
		m := &mounts[i]
		if m.Dev != d.mount.Dev || m.Root != "/" {
			continue
		}
		if topMount(mounts, m.Dir) != m {
			return fmt.Errorf("another mount is on top of it: %w", unix.EBUSY)
		}
		return detachMount(m.Dir, m.Dev, force)
	}
	if force {
		abortConnection(d.mount.Dev)
	}
	return nil
}
