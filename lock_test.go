package govfs_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs"
)

func lockFiles(t *testing.T) (fsys *govfs.FS, a, b *govfs.File) {
	t.Helper()
	fsys, err := govfs.Open(t.Context(), "mem")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	if err := fsys.WriteFile("/f", []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func() *govfs.File {
		f, err := fsys.OpenFile("/f", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return fsys, open(), open()
}

func wantErrno(t *testing.T, what string, err error, want syscall.Errno) {
	t.Helper()
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != "/f" || !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestFilesLockRanges(t *testing.T) {
	fsys, a, b := lockFiles(t)
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	ok("lock", a.TryLock(govfs.Exclusive, 2, 4))
	wantErrno(t, "a lock in conflict", b.TryLock(govfs.Shared, 5, 1), unix.EAGAIN)
	ok("beside it", b.TryLock(govfs.Exclusive, 6, 0))
	ok("unlock of the middle", a.Unlock(3, 1))
	ok("what is free", b.TryLock(govfs.Shared, 3, 1))
	ok("downgrade", a.TryLock(govfs.Shared, 2, 1))
	ok("shared", b.TryLock(govfs.Shared, 2, 2))

	done := make(chan error, 1)
	go func() { done <- b.Lock(t.Context(), govfs.Exclusive, 4, 2) }()
	select {
	case err := <-done:
		t.Fatalf("the lock is held: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	ok("close of the holder", a.Close())
	ok("the wait", <-done)

	r, err := fsys.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantErrno(t, "exclusive, open for reading", r.TryLock(govfs.Exclusive, 0, 1), unix.EBADF)
	wantErrno(t, "no mode", r.TryLock(77, 0, 1), unix.EINVAL)
	wantErrno(t, "before the file", r.TryLock(govfs.Shared, -1, 1), unix.EINVAL)
	wantErrno(t, "too far", r.TryLock(govfs.Shared, 1<<62, 1<<62+1), unix.EOVERFLOW)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantErrno(t, "a wait that is given up", r.Lock(ctx, govfs.Shared, 4, 1), unix.EINTR)
}

func TestLeaseIsBroken(t *testing.T) {
	fsys, a, b := lockFiles(t)
	_, err := a.Lease(govfs.Exclusive, nil)
	wantErrno(t, "a lease on what others have open", err, unix.EAGAIN)
	b.Close()
	a.Close()
	f, err := fsys.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	called := make(chan govfs.LockMode, 4)
	l, err := f.Lease(govfs.Exclusive, func(to govfs.LockMode) { called <- to })
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Lease(govfs.Shared, nil)
	wantErrno(t, "a second one", err, unix.EBUSY)

	// Who reads makes it shared.
	opened := make(chan error, 1)
	open := func(flag int) {
		g, err := fsys.OpenFile("/f", flag, 0)
		if err == nil {
			err = g.Close()
		}
		opened <- err
	}
	go open(os.O_RDONLY)
	if to := <-l.Breaks(); to != govfs.Shared || <-called != govfs.Shared {
		t.Errorf("it is to become %v", to)
	}
	if mode, err := l.Mode(); mode != govfs.Shared || err != nil {
		t.Errorf("being broken it is %v, %v", mode, err)
	}
	if err := l.Downgrade(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}

	// Who writes takes it away.
	go open(os.O_WRONLY)
	if to := <-l.Breaks(); to != govfs.Unlocked {
		t.Errorf("it is to become %v", to)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
	wantErrno(t, "released twice", l.Release(), unix.EAGAIN)
	wantErrno(t, "downgraded after that", l.Downgrade(), unix.EAGAIN)
	if mode, err := l.Mode(); mode != govfs.Unlocked || err != nil {
		t.Errorf("it is %v, %v", mode, err)
	}
	_, err = f.Lease(govfs.Unlocked, nil)
	wantErrno(t, "a lease of no mode", err, unix.EINVAL)
}
