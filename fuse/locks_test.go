package fuse_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// TestLocksBetweenProcesses: flock, POSIX and OFD locks exclude between
// processes, are seen with their range and their holder, and end with it.
func TestLocksBetweenProcesses(t *testing.T) {
	dir := mount(t)
	file := dir + "/f"
	holder := start(t, "locks", file)
	holder.expect("locked")
	pid := holder.cmd.Process.Pid

	f, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		t.Errorf("flock: %v", err)
	}
	for _, c := range []struct {
		start int64
		errno error
		getlk string
	}{
		{0, unix.EAGAIN, fmt.Sprintf("type 1 start 0 len 10 pid %d", pid)},
		{9, unix.EAGAIN, fmt.Sprintf("type 1 start 0 len 10 pid %d", pid)},
		{10, nil, "free"},
		// An OFD lock is no process's. The kernel has no way to be told so.
		{100, unix.EAGAIN, "type 1 start 100 len 10 pid 0"},
		{110, nil, "free"},
	} {
		lock := unix.Flock_t{Type: unix.F_RDLCK, Start: c.start, Len: 1}
		if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != c.errno {
			t.Errorf("F_SETLK at %d: %v, want %v", c.start, err, c.errno)
		}
		lock.Type = unix.F_UNLCK
		must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
		if got := run(t, "getlk", file, strconv.FormatInt(c.start, 10)); got != c.getlk {
			t.Errorf("F_GETLK at %d: %q, want %q", c.start, got, c.getlk)
		}
	}
	holder.finish()
	all := unix.Flock_t{Type: unix.F_WRLCK}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &all))
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// TestLocksBesideTheMount: a lock through the Go API and one through the mount
// exclude each other, and a waiter gets what is given up.
func TestLocksBesideTheMount(t *testing.T) {
	ns := newMem(t, "")
	s := mountAt(t, ns, fuse.Options{})
	must(t, os.WriteFile(s.Dir()+"/f", nil, 0o644))
	beside := task(t, ns)
	beside.PID = 4242
	fd, err := beside.Openat(vfs.AtCWD, "/f", unix.O_RDWR, 0)
	must(t, err)
	must(t, beside.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Len: 1}))
	if got := run(t, "getlk", s.Dir()+"/f", "0"); got != "type 1 start 0 len 1 pid 4242" && got != "type 1 start 0 len 1 pid 0" {
		t.Errorf("F_GETLK: %q", got)
	}
	w := start(t, "wait", s.Dir()+"/f")
	w.line()
	eventually(t, "the lock is waited for", func() bool { return s.Stats().InFlight == 1 })
	must(t, beside.FcntlLock(fd, unix.F_SETLK, &vfs.Flock{Type: unix.F_UNLCK}))
	w.expect("<nil>")
	w.finish()
	must(t, beside.Close(fd))
}

// TestLockInterrupted: a signal ends the wait for a lock with EINTR, or, for a
// handler with SA_RESTART, begins it anew.
func TestLockInterrupted(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	file := s.Dir() + "/f"
	holder := start(t, "locks", file)
	holder.expect("locked")

	w := start(t, "wait", file, "norestart")
	w.line()
	eventually(t, "the lock is waited for", func() bool { return s.Stats().InFlight == 1 })
	eventually(t, "the wait ends", func() bool {
		_ = w.cmd.Process.Signal(unix.SIGUSR1)
		time.Sleep(5 * time.Millisecond)
		return s.Stats().InFlight == 0
	})
	w.expect("interrupted system call")
	w.finish()
	if s.Stats().Interrupts == 0 {
		t.Error("no interrupt was counted")
	}

	// The runtime's own handlers restart.
	before := s.Stats().Requests["SETLKW"]
	w = start(t, "wait", file)
	w.line()
	eventually(t, "the lock is waited for again and again", func() bool {
		_ = w.cmd.Process.Signal(unix.SIGURG)
		time.Sleep(5 * time.Millisecond)
		return s.Stats().Requests["SETLKW"] >= before+3
	})
	holder.finish()
	w.expect("<nil>")
	w.finish()
}

// TestManyLockWaiters: waiters do not keep other requests from being served.
func TestManyLockWaiters(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	file := s.Dir() + "/f"
	must(t, os.WriteFile(file, nil, 0o644))
	first, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	must(t, unix.Flock(int(first.Fd()), unix.LOCK_EX))
	const waiters = 100
	done := make(chan error, waiters)
	for range waiters {
		go func() {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err == nil {
				err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
				f.Close()
			}
			done <- err
		}()
	}
	eventually(t, "all wait", func() bool { return s.Stats().InFlight == waiters })
	must(t, os.WriteFile(s.Dir()+"/g", []byte("x"), 0o644))
	must(t, first.Close())
	for range waiters {
		must(t, <-done)
	}
}

// TestDeadlockDetected: two processes that would wait for each other do not.
func TestDeadlockDetected(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{})
	file := s.Dir() + "/f"
	must(t, os.WriteFile(file, nil, 0o644))
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	mine := unix.Flock_t{Type: unix.F_WRLCK, Start: 0, Len: 1}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &mine))
	other := start(t, "deadlock", file)
	other.expect("locked")
	eventually(t, "the other waits for mine", func() bool { return s.Stats().InFlight == 1 })
	theirs := unix.Flock_t{Type: unix.F_WRLCK, Start: 50, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &theirs); err != unix.EDEADLK {
		t.Errorf("F_SETLKW: %v", err)
	}
}

// lockAndWait file: locks byte 50, then waits for byte 0.
func lockAndWait(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 50, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		return err
	}
	fmt.Println("locked")
	lock.Start = 0
	return unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &lock)
}

func init() { helpers["deadlock"] = lockAndWait }
