package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kinds of sites.
const (
	kernelSite = "govfs"      // a mount as users make it
	coreSite   = "govfs-core" // one on which the switch checks permissions
	tmpfsSite  = "tmpfs"      // the host's own
)

// A site is a place where clients work: a directory of the file system in
// question, empty at first, and one of the host for all else.
type site struct {
	*testing.T
	kind string
	dir  string // on the file system
	host string // off it
	env  []string
	cred *syscall.Credential // of the clients; nil for the test's own
}

// onSites runs a test on sites of the given kinds, all if there are none.
func onSites(t *testing.T, test func(s *site), kinds ...string) {
	requireMount(t)
	if len(kinds) == 0 {
		kinds = []string{kernelSite, coreSite, tmpfsSite}
	}
	if *at != "" {
		for place := range strings.SplitSeq(*at, ",") {
			name, dir, ok := strings.Cut(place, "=")
			if !ok {
				t.Fatalf("-clients.at: %q is not NAME=DIR", place)
			}
			t.Run(name, func(t *testing.T) { test(givenSite(t, name, dir)) })
		}
		return
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(newSite(t, kind)) })
	}
}

// mounted reports whether the site is a mount of govfs made for the test.
func (s *site) mounted() bool { return *at == "" && s.kind != tmpfsSite }

func baseSite(t *testing.T, kind string) *site {
	t.Helper()
	host, err := os.MkdirTemp("", "govfs-clients-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(host) })
	s := &site{T: t, kind: kind, host: host}
	for _, dir := range []string{"home", "run", "mnt"} {
		if err := os.Mkdir(filepath.Join(host, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(host, 0o755); err != nil {
		t.Fatal(err)
	}
	// No more than a program needs: what a person or a machine has set up for
	// git or Go is not to show.
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(host, "home"), "XDG_RUNTIME_DIR=" + filepath.Join(host, "run"),
		"LC_ALL=C.UTF-8", "TZ=UTC",
		"GORACE=atexit_sleep_ms=10", // a second for each use of the command is too long
	}
	return s
}

// givenSite is a site in a directory that is there already.
func givenSite(t *testing.T, name, dir string) *site {
	t.Helper()
	s := baseSite(t, name)
	var err error
	if s.dir, err = os.MkdirTemp(dir, "govfs-clients-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	return s
}

// newSite makes the file system of a site, and takes it away at the end of the
// test.
func newSite(t *testing.T, kind string) *site {
	t.Helper()
	s := baseSite(t, kind)
	s.dir = filepath.Join(s.host, "mnt")
	size := "size=2g"
	if *full {
		size = "size=8g"
	}
	if kind == tmpfsSite {
		if err := unix.Mount("clients", s.dir, "tmpfs", 0, size); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.unmountTmpfs() })
		return s
	}
	options := size + ",allow_other"
	if kind == coreSite {
		options += ",permissions=core"
	}
	if out, err := s.output(s.govfs("mount", "-o", options, "mem", s.dir)); err != nil || out != "" {
		t.Fatalf("mount: %s%v", out, err)
	}
	t.Cleanup(s.end)
	return s
}

func (s *site) unmountTmpfs() {
	// A client that was killed may take a moment to be gone.
	var err error
	for range 100 {
		if err = unix.Unmount(s.dir, 0); err != unix.EBUSY {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		s.Errorf("unmount tmpfs: %v", err)
		unix.Unmount(s.dir, unix.MNT_DETACH)
	}
}

// end empties the mount and takes it away. Nothing may be left of it.
func (s *site) end() {
	log := s.openLog()
	pid := s.daemon()
	if !s.Failed() {
		s.empty()
		s.spaceReturned()
	}
	if out, err := s.output(s.govfs("umount", s.dir)); err != nil || out != "" {
		s.Errorf("umount: %s%v", out, err)
	}
	if log != nil {
		text, err := io.ReadAll(log)
		if err != nil || len(text) > 0 {
			s.Errorf("the daemon's log: %s %v", text, err)
		}
		log.Close()
	}
	if pid != 0 && alive(pid) {
		s.Errorf("daemon %d is left", pid)
		unix.Kill(pid, unix.SIGKILL)
		unix.Unmount(s.dir, unix.MNT_DETACH)
	}
}

// alive reports whether a process is more than an entry that its parent has not
// read yet.
func alive(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil
}

// daemon is the process that serves the mount.
func (s *site) daemon() int {
	out, err := s.output(s.govfs("mount", "--json"))
	var mounts []struct {
		Dir string `json:"dir"`
		PID int    `json:"pid"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &mounts)
	}
	for _, m := range mounts {
		if m.Dir == s.dir && m.PID != 0 {
			return m.PID
		}
	}
	s.Errorf("no daemon serves %s: %s %v", s.dir, out, err)
	return 0
}

// openLog opens what the daemon writes to where its standard error was.
func (s *site) openLog() *os.File {
	logs, _ := filepath.Glob(filepath.Join(s.host, "run", "govfs", "*.log"))
	if len(logs) != 1 {
		s.Errorf("logs of the daemon: %q, want one", logs)
		return nil
	}
	f, err := os.Open(logs[0])
	if err != nil {
		s.Error(err)
		return nil
	}
	return f
}

// empty removes all there is.
func (s *site) empty() {
	all, err := os.ReadDir(s.dir)
	if err != nil {
		s.Error(err)
	}
	for _, e := range all {
		if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
			s.Error(err)
		}
	}
}

// spaceReturned checks that an empty file system has nothing in use. What a
// client had open when it was killed is released a moment later.
func (s *site) spaceReturned() {
	var st unix.Statfs_t
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := unix.Statfs(s.dir, &st); err != nil {
			s.Error(err)
			return
		}
		// The root is an inode.
		if st.Bfree == st.Blocks && st.Ffree == st.Files-1 {
			return
		}
		if time.Now().After(end) {
			s.Errorf("empty, it has %d blocks and %d inodes in use", st.Blocks-st.Bfree, st.Files-st.Ffree)
			return
		}
	}
}

// path is that of a name on the file system.
func (s *site) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// as is the site as a user sees it who has a directory of their own there, in
// which clients run.
func (s *site) as(uid uint32) *site {
	s.Helper()
	u := *s
	u.cred = &syscall.Credential{Uid: uid, Gid: uid}
	u.dir = s.path("home")
	home := filepath.Join(s.host, "home")
	for _, dir := range []string{u.dir, home} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.Chown(dir, int(uid), int(uid)); err != nil {
			s.Fatal(err)
		}
	}
	return &u
}

// prepare makes a command that runs in the site's directory.
func (s *site) prepare(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, slices.Clone(s.env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.cred}
	return cmd
}

// govfs makes the command, run outside the mount.
func (s *site) govfs(args ...string) *exec.Cmd {
	cmd := s.prepare(binary, args...)
	cmd.Dir = s.host
	return cmd
}

// patience is how long a client may take. The race detector and the checker
// make the daemon slow.
func patience() time.Duration {
	if *full {
		return time.Hour
	}
	return 4 * time.Minute
}

// output runs a command, and returns what it printed, and an error with what it
// complained of.
func (s *site) output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A daemon that keeps its parent's output open would keep this waiting.
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(patience(), func() {
		s.Errorf("%q hangs; the daemon:\n%s", cmd.Args, s.goroutines())
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	})
	err := cmd.Wait()
	timer.Stop()
	if err != nil {
		err = fmt.Errorf("%q: %w\n%s%s", cmd.Args, err, &stdout, &stderr)
	}
	return stdout.String(), err
}

// goroutines is what the daemon is at.
func (s *site) goroutines() string {
	sockets, _ := filepath.Glob(filepath.Join(s.host, "run", "govfs", "*.sock"))
	if len(sockets) == 0 {
		return "no socket"
	}
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", sockets[0])
		},
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://govfs/debug/pprof/goroutine?debug=2")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// command runs a program, which has to succeed.
func (s *site) command(name string, args ...string) string {
	s.Helper()
	out, err := s.output(s.prepare(name, args...))
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// shell runs a script, each command of which has to succeed. In it $HOST is the
// directory off the file system.
func (s *site) shell(script string) string {
	s.Helper()
	cmd := s.prepare("bash", "-euc", "set -o pipefail\n"+script)
	cmd.Env = append(cmd.Env, "HOST="+s.host)
	out, err := s.output(cmd)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// prints runs a script and compares what it prints.
func (s *site) prints(want, script string) {
	s.Helper()
	if got := s.shell(script); strings.TrimSpace(got) != strings.TrimSpace(want) {
		s.Fatalf("%s\nprints:\n%s\nwant:\n%s", script, got, want)
	}
}

// refuses runs a script that has to fail, complaining of something.
func (s *site) refuses(complaint, script string) {
	s.Helper()
	_, err := s.output(s.prepare("bash", "-euc", script))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(err.Error(), complaint) {
		s.Fatalf("%s\nended with %v, want a complaint of %q", script, err, complaint)
	}
}

// start starts a client that goes on while the test does other things; its
// standard input is the text. It is killed at the end of the test if it is
// still there.
func (s *site) start(stdin, name string, args ...string) *running {
	s.Helper()
	return s.startCommand(s.prepare(name, args...), stdin)
}

// startHelper starts one of the helpers as a client.
func (s *site) startHelper(name string, args ...string) *running {
	s.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := s.prepare(exe, args...)
	cmd.Env = append(cmd.Env, helperEnv+"="+name)
	return s.startCommand(cmd, "")
}

func (s *site) startCommand(cmd *exec.Cmd, stdin string) *running {
	s.Helper()
	r := &running{s: s, cmd: cmd}
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = &r.stdout, &r.stderr
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if cmd.ProcessState == nil {
			r.kill()
		}
	})
	return r
}

// running is a client that was started.
type running struct {
	s              *site
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

// kill ends the client, and the processes it started, with SIGKILL.
func (r *running) kill() {
	unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
	r.cmd.Wait()
}

// finish waits for the client to succeed, and returns what it printed.
func (r *running) finish() string {
	r.s.Helper()
	timer := time.AfterFunc(patience(), func() {
		r.s.Errorf("%q hangs; the daemon:\n%s", r.cmd.Args, r.s.goroutines())
		unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
	})
	defer timer.Stop()
	if err := r.cmd.Wait(); err != nil {
		r.s.Fatalf("%q: %v\n%s%s", r.cmd.Args, err, &r.stdout, &r.stderr)
	}
	return r.stdout.String()
}

// eventually waits for something that another process does.
func (s *site) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("still not: %s", what)
		}
	}
}

func (s *site) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

func (s *site) read(name string) string {
	s.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}
