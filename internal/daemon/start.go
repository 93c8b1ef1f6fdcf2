package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// readyEnv tells a daemon the descriptor on which its parent waits for news.
const readyEnv = "_GOVFS_READY_FD"

// Start runs this program again as a daemon that serves the mount, and returns
// when the mount is usable. The daemon is started by the command line that
// serves it in the foreground, in a session of its own. The error is an
// [*Error], mostly one that came from the daemon.
func Start(c Config) error {
	if err := c.Resolve(); err != nil {
		return err
	}
	exe, err := executable()
	if err != nil {
		return c.fail(err, "mount /proc")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return c.fail(err, "")
	}
	defer r.Close()
	// The daemon must not keep what this process was given to inherit: whoever
	// reads from the other end of a pipe would wait for the end of the mount.
	if err := closeOnExec(); err != nil {
		w.Close()
		return c.fail(err, "")
	}
	cmd := exec.Command(exe, "mount", "-f", "-t", c.Type, "-o", c.Options.String(), "--", c.Source, c.Dir)
	cmd.Args[0] = "govfs"
	cmd.Env = append(os.Environ(), readyEnv+"=3")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr // until it is ready: see detach
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return c.fail(fmt.Errorf("start the daemon: %w", err), "")
	}
	return awaitReady(&c, cmd, r)
}

// awaitReady waits until the daemon reports, or ends without a report.
func awaitReady(c *Config, cmd *exec.Cmd, r io.Reader) error {
	report, err := io.ReadAll(r)
	var m message
	if err == nil && len(report) > 0 {
		err = json.Unmarshal(report, &m)
	}
	switch {
	case err != nil:
		return c.fail(fmt.Errorf("report of the daemon: %w", err), "")
	case len(report) == 0:
		cmd.Wait()
		return c.fail(fmt.Errorf("the daemon ended before the mount was usable: %v", cmd.ProcessState), "run it with -f to see why")
	case m.Text != "":
		cmd.Wait()
		return m.asError()
	}
	return cmd.Process.Release()
}

// executable is this program. Its own path is better than /proc/self/exe,
// which would become its name in process listings; but it may have been removed.
func executable() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(exe); err != nil {
		return "/proc/self/exe", nil
	}
	return exe, nil
}

// closeOnExec marks all descriptors but the standard three.
func closeOnExec() error {
	err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	// Kernels before 5.11, and sandboxes.
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, fd := range fds {
		if n, err := strconv.Atoi(fd.Name()); err == nil && n > 2 {
			unix.CloseOnExec(n)
		}
	}
	return nil
}

// A Parent is the process that waits for a daemon to become ready.
type Parent struct{ fd int }

// ParentFromEnv is the parent that started this process by [Start]; nil if it
// was started otherwise.
func ParentFromEnv() *Parent {
	fd, err := strconv.Atoi(os.Getenv(readyEnv))
	os.Unsetenv(readyEnv)
	if err != nil || fd < 3 {
		return nil
	}
	unix.CloseOnExec(fd)
	return &Parent{fd}
}

// Report tells the parent the outcome, nil for a usable mount, and lets it go.
// An error means that the parent is gone.
func (p *Parent) Report(outcome error) error {
	var m message
	if outcome != nil {
		m = messageOf("mount", outcome)
	}
	report, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for b := bytes.NewBuffer(report); b.Len() > 0; {
		n, err := unix.Write(p.fd, b.Bytes())
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b.Next(n)
	}
	return p.close()
}

// close puts /dev/null in the descriptor's place. fusermount3, which this
// process will run, is handed a descriptor of the same number; were this one to
// become a file on the mount, the exec would close it, and so wait for this
// process.
func (p *Parent) close() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return unix.Close(p.fd)
	}
	defer null.Close()
	return unix.Dup3(int(null.Fd()), p.fd, unix.O_CLOEXEC)
}

// detach lets go of what a daemon shares with its parent: the working
// directory, and standard error, which becomes the log.
func detach(log string) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Dup3(int(f.Fd()), 2, 0)
}
