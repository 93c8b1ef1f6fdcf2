package fuse_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/fuse"
)

// A client is a helper that runs in a process of its own. It says one line for
// each step that it has done.
type client struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines *bufio.Reader
	out   io.Closer
	stdin io.Closer
	err   *bytes.Buffer
}

// helperEnviron makes the test binary the named helper. Under the race detector
// a process sleeps for a second at its end, unless it is told not to.
func helperEnviron(name string) []string {
	return append(os.Environ(), helperEnv+"="+name, "GORACE=atexit_sleep_ms=0")
}

// start starts the test binary as the named helper.
func start(t testing.TB, name string, args ...string) *client {
	t.Helper()
	c := &client{t: t, cmd: exec.Command(os.Args[0], args...), err: new(bytes.Buffer)}
	c.cmd.Env = helperEnviron(name)
	c.cmd.Stderr = c.err
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	c.stdin, err = c.cmd.StdinPipe()
	must(t, err)
	c.lines, c.out = bufio.NewReader(out), out
	must(t, c.cmd.Start())
	t.Cleanup(c.kill)
	return c
}

// expect reads the next line.
func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.line(); got != want {
		c.t.Fatalf("the helper said %q, want %q; stderr: %s", got, want, c.err)
	}
}

func (c *client) line() string {
	line, _ := c.lines.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

// kill ends the process with SIGKILL and waits for it.
func (c *client) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// finish lets the helper end by itself.
func (c *client) finish() {
	c.t.Helper()
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("helper: %v: %s", err, c.err)
	}
}

// run runs a helper to its end and returns what it printed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = helperEnviron(name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("helper %s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not come true: %s", what)
		}
	}
}

// waitForStdin keeps a helper until its parent has had enough.
func waitForStdin() { _, _ = io.Copy(io.Discard, os.Stdin) }

func init() {
	if os.Getenv(helperEnv) != "" {
		// The main goroutine keeps the main thread, to which the kernel gives
		// the signals of the process.
		runtime.LockOSThread()
	}
	helpers["locks"] = holdLocks
	helpers["wait"] = waitForLock
	helpers["getlk"] = getLock
	helpers["mmap"] = mapShared
	helpers["daemon"] = serveMemory
	helpers["read"] = readBlocked
}

// holdLocks file: takes every kind of lock on it, and keeps them.
func holdLocks(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("flock: %w", err)
	}
	posix := unix.Flock_t{Type: unix.F_WRLCK, Start: 0, Len: 10}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &posix); err != nil {
		return fmt.Errorf("F_SETLK: %w", err)
	}
	ofd := unix.Flock_t{Type: unix.F_WRLCK, Start: 100, Len: 10}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &ofd); err != nil {
		return fmt.Errorf("F_OFD_SETLK: %w", err)
	}
	fmt.Println("locked")
	waitForStdin()
	return nil
}

// waitForLock file [norestart]: waits for a POSIX lock on byte 0. With norestart
// a signal ends the wait for good.
func waitForLock(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1)
		if err := clearRestart(unix.SIGUSR1); err != nil {
			return err
		}
	}
	fmt.Println(os.Getpid())
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 0, Len: 1}
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &lock)
	fmt.Println(err)
	return nil
}

// clearRestart takes SA_RESTART off the handler that the runtime has for a
// signal, as many programs have theirs.
func clearRestart(sig unix.Signal) error {
	var act struct {
		handler  uintptr
		flags    uint64
		restorer uintptr
		mask     uint64
	}
	const restart = 0x10000000
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&act)), 8, 0, 0); e != 0 {
		return e
	}
	act.flags &^= restart
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0); e != 0 {
		return e
	}
	return nil
}

// getLock file start: prints what a write lock on one byte would meet.
func getLock(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var start int64
	fmt.Sscan(args[1], &start)
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return err
	}
	if lock.Type == unix.F_UNLCK {
		fmt.Println("free")
		return nil
	}
	fmt.Printf("type %d start %d len %d pid %d\n", lock.Type, lock.Start, lock.Len, lock.Pid)
	return nil
}

// mapShared file: maps 3 pages shared, by a descriptor that appends; changes the
// second one, says how the first begins, waits, and says it again.
func mapShared(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 3*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	copy(mem[4096:], "written through the map")
	if err := unix.Msync(mem, unix.MS_SYNC); err != nil {
		return fmt.Errorf("msync: %w", err)
	}
	fmt.Println(string(mem[:5]))
	var token [1]byte
	os.Stdin.Read(token[:])
	fmt.Println(string(mem[:5]))
	return unix.Munmap(mem)
}

// serveMemory dir: mounts a memory file system until it is killed.
func serveMemory(args []string) error {
	ns, err := memfs.New(nil, "")
	if err != nil {
		return err
	}
	s, err := fuse.Mount(ns, args[0], fuse.Options{AllowOther: len(args) > 1})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	return s.Wait()
}

// tryAccess path…: prints for each whether it can be read, written, searched or
// executed, and its attributes seen: by the calls themselves.
func tryAccess(args []string) error {
	for _, path := range args {
		var r [4]string
		for i, try := range [...]func() error{
			func() error { return tryOpen(path, unix.O_RDONLY) },
			func() error { return tryOpen(path, unix.O_WRONLY) },
			func() error { return unix.Access(path, unix.X_OK) },
			func() error { var st unix.Stat_t; return unix.Lstat(path, &st) },
		} {
			r[i] = "ok"
			if err := try(); err != nil {
				r[i] = unix.ErrnoName(err.(unix.Errno))
			}
		}
		fmt.Println(strings.Join(r[:], " "))
	}
	return nil
}

func tryOpen(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_NONBLOCK, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// readBlocked file: reads from a file that does not answer.
func readBlocked(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1)
	if err := clearRestart(unix.SIGUSR1); err != nil {
		return err
	}
	fmt.Println(os.Getpid())
	n, err := unix.Read(fd, make([]byte, 10))
	fmt.Println(n, err)
	return nil
}
