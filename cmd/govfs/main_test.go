package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// binary is the command, built once for all tests, with the race detector and
// the lock checker if the tests have them.
var binary string

// binaryEnv hands the binary to a process that runs a test for another one.
const binaryEnv = "GOVFS_TEST_BINARY"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if binary = os.Getenv(binaryEnv); binary != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "govfs-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "govfs")
		build := []string{"build", "-o", binary}
		if raceEnabled {
			build = append(build, "-race")
		}
		if lockdep.Enabled {
			build = append(build, "-tags", "lockdep")
		}
		if out, err := exec.Command("go", append(build, ".")...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// require skips a test that lacks something; where all is to be there, it
// fails.
func require(t testing.TB, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s", what)
	default:
		t.Skipf("needs %s", what)
	}
}

func requireMount(t testing.TB) {
	t.Helper()
	require(t, os.Geteuid() == 0, "root")
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require(t, err == nil, "/dev/fuse")
	unix.Close(fd)
}

func requireProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require(t, err == nil, "the program "+name)
	return path
}

// bench is where a test works: a directory of its own, with one for sockets,
// and a mount point.
type bench struct {
	*testing.T
	dir string
	mnt string
	env []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "govfs-")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, dir: dir, mnt: filepath.Join(dir, "mnt")}
	b.env = append(os.Environ(), "XDG_RUNTIME_DIR="+filepath.Join(dir, "run"), "GORACE=halt_on_error=1")
	if err := os.Mkdir(b.mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cleanUp)
	return b
}

// cleanUp ends what a failed test left behind.
func (b *bench) cleanUp() {
	for _, pid := range b.daemons() {
		b.Errorf("daemon %d is left", pid)
		unix.Kill(pid, unix.SIGKILL)
	}
	for b.mounted() != "" {
		b.Errorf("%s is still mounted", b.mnt)
		if unix.Unmount(b.mnt, unix.MNT_DETACH) != nil {
			break
		}
	}
	left, _ := os.ReadDir(filepath.Join(b.dir, "run", "govfs"))
	for _, f := range left {
		content, _ := os.ReadFile(filepath.Join(b.dir, "run", "govfs", f.Name())) // a daemon's last words
		b.Errorf("%s is left in the runtime directory: %s", f.Name(), content)
	}
	os.RemoveAll(b.dir)
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

func (b *bench) runCommand(name string, args ...string) result {
	b.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGABRT) } // shows where it hangs
	cmd.Dir, cmd.Env = b.dir, b.env
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A daemon that keeps its parent's output open would keep this waiting.
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.Fatalf("%s %q: %v", name, args, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func (b *bench) govfs(args ...string) result {
	b.Helper()
	return b.runCommand(binary, args...)
}

// ok runs the command, which has to succeed and say nothing.
func (b *bench) ok(args ...string) {
	b.Helper()
	if r := b.govfs(args...); r.code != 0 || r.stderr != "" || r.stdout != "" {
		b.Fatalf("govfs %q: exit %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
	}
}

// fails runs the command, which has to fail with one line that contains the
// texts.
func (b *bench) fails(args []string, code int, texts ...string) {
	b.Helper()
	r := b.govfs(args...)
	if r.code != code || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "govfs: ") {
		b.Fatalf("govfs %q: exit %d, stdout %q, stderr %q; want exit %d and one line", args, r.code, r.stdout, r.stderr, code)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			b.Fatalf("govfs %q: %q does not say %q", args, r.stderr, text)
		}
	}
}

// mounted is the line of the mount table for the mount point; empty if nothing
// is mounted there.
func (b *bench) mounted() string {
	b.Helper()
	return mountLine(b, b.mnt)
}

func mountLine(t testing.TB, dir string) string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(info)) {
		if strings.Contains(line, " "+dir+" ") {
			return line
		}
	}
	return ""
}

// daemons are the processes that serve mounts of this bench.
func (b *bench) daemons() []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil || exe != binary {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if strings.Contains(string(cmdline), b.dir+"/") {
			var pid int
			fmt.Sscan(filepath.Base(dir), &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

func (b *bench) daemon() int {
	b.Helper()
	pids := b.daemons()
	if len(pids) != 1 {
		b.Fatalf("daemons: %v, want one", pids)
	}
	return pids[0]
}

// eventually waits for something that another process does.
func (b *bench) eventually(what string, cond func() bool) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("still not: %s", what)
		}
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.mnt, name) }

func (b *bench) write(name, text string) {
	b.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) read(name, want string) {
	b.Helper()
	got, err := os.ReadFile(b.path(name))
	if err != nil || string(got) != want {
		b.Fatalf("%s: %q, %v; want %q", name, got, err, want)
	}
}

// holder keeps a mount busy from another process, in a given way, until it is
// let go.
func (b *bench) holder(script string) (pid int, letGo func()) {
	b.Helper()
	cmd := exec.Command("sh", "-c", script+"\necho ready; read end")
	cmd.Dir, cmd.Env = b.dir, append(b.env, "MNT="+b.mnt)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if n, err := out.Read(make([]byte, 16)); n == 0 {
		b.Fatalf("holder: %v", err)
	}
	done := false
	letGo = func() {
		if !done {
			done = true
			in.Close()
			cmd.Wait()
		}
	}
	b.Cleanup(letGo)
	return cmd.Process.Pid, letGo
}

// foreground starts the command and returns when the mount is usable.
func (b *bench) foreground(args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	b.Helper()
	stderr = new(bytes.Buffer)
	cmd = exec.Command(binary, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = b.dir, b.env, stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	b.eventually("the mount is usable", func() bool {
		r := b.govfs("mount", "--json")
		return strings.Contains(r.stdout, b.mnt) && strings.Contains(r.stdout, `"live"`)
	})
	return cmd, stderr
}

// exit waits for the end of a command that runs in the foreground.
func (b *bench) exit(cmd *exec.Cmd) int {
	b.Helper()
	timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Signal(syscall.SIGABRT) })
	defer timer.Stop()
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
