package vfs_test

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/vfs"
)

func wholeFile(typ int16) *vfs.Flock { return &vfs.Flock{Type: typ} }

// lockTasks makes two tasks that share nothing but the tree, each with /f open
// for both.
func lockTasks(t *testing.T) (a, b *vfs.Task, fa, fb int) {
	t.Helper()
	a = newRoot(t, "")
	create(t, a, "/f", "0123456789")
	b = clone(t, a, nil, 0)
	a.PID, b.PID = 101, 102
	return a, b, open(t, a, "/f", unix.O_RDWR), open(t, b, "/f", unix.O_RDWR)
}

func TestRangeLocksOfTwoProcesses(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	must(t, "lock [2, 5]", a.FcntlLock(fa, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Start: 2, Len: 4}))
	wantErr(t, "a lock in conflict", b.FcntlLock(fb, unix.F_SETLK, &vfs.Flock{Type: unix.F_RDLCK, Start: 5, Len: 1}), unix.EAGAIN)
	must(t, "a lock beside it", b.FcntlLock(fb, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Start: 6, Len: 0}))
	fl := &vfs.Flock{Type: unix.F_RDLCK, Whence: unix.SEEK_END, Start: -10}
	must(t, "F_GETLK", b.FcntlLock(fb, unix.F_GETLK, fl))
	if *fl != (vfs.Flock{Type: unix.F_WRLCK, Start: 2, Len: 4, PID: 101}) {
		t.Errorf("F_GETLK: %+v", *fl)
	}
	fl = &vfs.Flock{Type: unix.F_WRLCK, Start: 7, Len: 1}
	must(t, "F_GETLK", a.FcntlLock(fa, unix.F_GETLK, fl))
	if *fl != (vfs.Flock{Type: unix.F_WRLCK, Start: 6, PID: 102}) {
		t.Errorf("F_GETLK: %+v", *fl)
	}
	fl = &vfs.Flock{Type: unix.F_WRLCK, Start: 0, Len: 2}
	must(t, "F_GETLK", b.FcntlLock(fb, unix.F_GETLK, fl))
	if fl.Type != unix.F_UNLCK || fl.Len != 2 {
		t.Errorf("F_GETLK where there is none: %+v", *fl)
	}
}

func TestLockRequestErrors(t *testing.T) {
	a, _, fa, _ := lockTasks(t)
	r, w := open(t, a, "/f", unix.O_RDONLY), open(t, a, "/f", unix.O_WRONLY)
	for _, c := range []struct {
		name string
		fd   int
		cmd  int
		fl   vfs.Flock
		want error
	}{
		{"a bad descriptor", 99, unix.F_SETLK, vfs.Flock{}, unix.EBADF},
		{"an unknown command", fa, 12345, vfs.Flock{}, unix.EINVAL},
		{"an unknown type", fa, unix.F_SETLK, vfs.Flock{Type: 9}, unix.EINVAL},
		{"an unknown whence", fa, unix.F_SETLK, vfs.Flock{Whence: 9}, unix.EINVAL},
		{"a range before the file", fa, unix.F_SETLK, vfs.Flock{Start: -1}, unix.EINVAL},
		{"a range too far", fa, unix.F_SETLK, vfs.Flock{Start: vfs.MaxFileSize, Len: 2}, unix.EOVERFLOW},
		{"to write, not open for it", r, unix.F_SETLK, vfs.Flock{Type: unix.F_WRLCK}, unix.EBADF},
		{"to read, not open for it", w, unix.F_SETLK, vfs.Flock{Type: unix.F_RDLCK}, unix.EBADF},
		{"F_GETLK for a lock that is none", fa, unix.F_GETLK, vfs.Flock{Type: unix.F_UNLCK}, unix.EINVAL},
		{"an OFD lock with a pid", fa, unix.F_OFD_SETLK, vfs.Flock{Type: unix.F_RDLCK, PID: 1}, unix.EINVAL},
		{"to unlock what is not locked", r, unix.F_SETLK, vfs.Flock{Type: unix.F_UNLCK}, nil},
	} {
		wantErr(t, c.name, a.FcntlLock(c.fd, c.cmd, &c.fl), c.want)
	}
}

func TestAnyCloseDropsThePOSIXLocks(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	other := open(t, a, "/f", unix.O_RDONLY)
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
	must(t, "close", a.Close(other))
	must(t, "lock after the close of another descriptor", b.FcntlLock(fb, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
}

func TestOpenFileLocksBelongToTheOpenFile(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	other := open(t, a, "/f", unix.O_RDWR)
	must(t, "lock", a.FcntlLock(fa, unix.F_OFD_SETLK, wholeFile(unix.F_WRLCK)))
	wantErr(t, "the same process through another open", a.FcntlLock(other, unix.F_OFD_SETLK, wholeFile(unix.F_WRLCK)), unix.EAGAIN)
	must(t, "close", a.Close(other))
	fl := wholeFile(unix.F_RDLCK)
	must(t, "F_OFD_GETLK", b.FcntlLock(fb, unix.F_OFD_GETLK, fl))
	if fl.PID != -1 || fl.Type != unix.F_WRLCK {
		t.Errorf("F_OFD_GETLK: %+v", *fl)
	}
	dup, _ := a.Dup(fa)
	must(t, "close", a.Close(fa))
	wantErr(t, "a lock while a descriptor is left", b.FcntlLock(fb, unix.F_SETLK, wholeFile(unix.F_RDLCK)), unix.EAGAIN)
	must(t, "close", a.Close(dup))
	must(t, "a lock after the last close", b.FcntlLock(fb, unix.F_SETLK, wholeFile(unix.F_RDLCK)))
}

func TestLockWaits(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
	done := inBackground(func() error { return b.FcntlLock(fb, unix.F_SETLKW, wholeFile(unix.F_WRLCK)) })
	if !stillWaits(done) {
		t.Fatal("F_SETLKW does not wait")
	}
	must(t, "unlock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_UNLCK)))
	must(t, "F_SETLKW", receive(t, "F_SETLKW", done))
	stop := make(chan struct{})
	a.SetDone(stop)
	done = inBackground(func() error { return a.FcntlLock(fa, unix.F_SETLKW, wholeFile(unix.F_RDLCK)) })
	if !stillWaits(done) {
		t.Fatal("F_SETLKW does not wait")
	}
	close(stop)
	wantErr(t, "interrupted F_SETLKW", receive(t, "F_SETLKW", done), unix.EINTR)
}

func TestDeadlockIsRefused(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	first, second := func(typ int16) *vfs.Flock { return &vfs.Flock{Type: typ, Len: 1} }, func(typ int16) *vfs.Flock { return &vfs.Flock{Type: typ, Start: 1, Len: 1} }
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, first(unix.F_WRLCK)))
	must(t, "lock", b.FcntlLock(fb, unix.F_SETLK, second(unix.F_WRLCK)))
	done := inBackground(func() error { return a.FcntlLock(fa, unix.F_SETLKW, second(unix.F_WRLCK)) })
	if !stillWaits(done) {
		t.Fatal("F_SETLKW does not wait")
	}
	wantErr(t, "the lock that closes the circle", b.FcntlLock(fb, unix.F_SETLKW, first(unix.F_WRLCK)), unix.EDEADLK)
	must(t, "unlock", b.FcntlLock(fb, unix.F_SETLK, second(unix.F_UNLCK)))
	must(t, "F_SETLKW", receive(t, "F_SETLKW", done))
}

// TestALockTakenThroughAClosedDescriptorIsUndone: another thread closes the
// descriptor while the lock is waited for.
func TestALockTakenThroughAClosedDescriptorIsUndone(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	thread := clone(t, b, nil, vfs.CloneFiles)
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
	done := inBackground(func() error { return b.FcntlLock(fb, unix.F_SETLKW, wholeFile(unix.F_WRLCK)) })
	if !stillWaits(done) {
		t.Fatal("F_SETLKW does not wait")
	}
	must(t, "close", thread.Close(fb))
	must(t, "unlock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_UNLCK)))
	wantErr(t, "F_SETLKW", receive(t, "F_SETLKW", done), unix.EBADF)
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
}

func TestFlock(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	must(t, "flock", a.Flock(fa, unix.LOCK_SH))
	must(t, "flock", b.Flock(fb, unix.LOCK_SH|unix.LOCK_NB))
	wantErr(t, "an exclusive lock", b.Flock(fb, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	// The conversion that failed has cost the lock.
	must(t, "the other's conversion", a.Flock(fa, unix.LOCK_EX|unix.LOCK_NB))
	done := inBackground(func() error { return b.Flock(fb, unix.LOCK_EX) })
	if !stillWaits(done) {
		t.Fatal("flock does not wait")
	}
	dup, _ := a.Dup(fa)
	must(t, "close", a.Close(fa))
	if !stillWaits(done) {
		t.Fatal("the lock went with one of two descriptors")
	}
	must(t, "unlock", a.Flock(dup, unix.LOCK_UN))
	must(t, "flock", receive(t, "flock", done))
	wantErr(t, "no operation", a.Flock(dup, 0), unix.EINVAL)
	wantErr(t, "no operation on a bad descriptor", a.Flock(99, 0), unix.EINVAL)
	wantErr(t, "a bad descriptor", a.Flock(99, unix.LOCK_SH), unix.EBADF)
	must(t, "a range lock beside it", a.FcntlLock(dup, unix.F_SETLK, wholeFile(unix.F_WRLCK)))
}

func TestLeases(t *testing.T) {
	a := newRoot(t, "")
	create(t, a, "/f", "")
	b := clone(t, a, nil, 0)
	r := open(t, a, "/f", unix.O_RDONLY)
	wantErr(t, "a lease to give up", a.Setlease(r, unix.F_UNLCK), unix.EAGAIN)
	wantErr(t, "a lease of no type", a.Setlease(r, 77), unix.EINVAL)
	must(t, "F_SETLEASE", a.Setlease(r, unix.F_WRLCK))
	if typ, err := a.Getlease(r); typ != unix.F_WRLCK || err != nil {
		t.Errorf("F_GETLEASE: %d, %v", typ, err)
	}
	var signals atomic.Int32
	must(t, "F_SETOWN", a.SetOwn(r, 7, func(signal, fd int) { signals.Add(1) }))
	_, err := b.Openat(vfs.AtCWD, "/f", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	wantErr(t, "an open that does not wait", err, unix.EWOULDBLOCK)
	if signals.Load() != 1 {
		t.Errorf("%d signals, want 1", signals.Load())
	}
	if typ, _ := a.Getlease(r); typ != unix.F_RDLCK {
		t.Errorf("F_GETLEASE of a lease that is being broken: %d", typ)
	}
	type opened struct {
		fd  int
		err error
	}
	done := inBackground(func() opened { fd, err := b.Openat(vfs.AtCWD, "/f", unix.O_RDONLY, 0); return opened{fd, err} })
	if !stillWaits(done) {
		t.Fatal("the open does not wait")
	}
	must(t, "downgrade", a.Setlease(r, unix.F_RDLCK))
	o := receive(t, "open", done)
	must(t, "open", o.err)
	wantErr(t, "a lease to write while others have it open", a.Setlease(r, unix.F_WRLCK), unix.EAGAIN)
	truncated := inBackground(func() error { return b.Truncate("/f", 0) })
	if !stillWaits(truncated) {
		t.Fatal("truncate does not wait for a lease")
	}
	must(t, "unlease", a.Setlease(r, unix.F_UNLCK))
	must(t, "truncate", receive(t, "truncate", truncated))
	w := open(t, a, "/f", unix.O_WRONLY)
	wantErr(t, "a lease to read while it is open for writing", a.Setlease(r, unix.F_RDLCK), unix.EAGAIN)
	must(t, "close", a.Close(w))
	user := clone(t, a, vfs.UserCred(5, 5), vfs.CloneFiles)
	wantErr(t, "a lease on somebody else's file", user.Setlease(r, unix.F_RDLCK), unix.EACCES)
	must(t, "mkdir", a.Mkdirat(vfs.AtCWD, "/d", 0o755))
	wantErr(t, "a lease on a directory", a.Setlease(open(t, a, "/d", unix.O_RDONLY), unix.F_RDLCK), unix.EINVAL)
	// The lease goes with its open file.
	must(t, "F_SETLEASE", a.Setlease(r, unix.F_RDLCK))
	must(t, "close", a.Close(r))
	open(t, b, "/f", unix.O_RDWR)
}

// deleg is the manager of delegations of a file server.
type deleg struct{ broken atomic.Int32 }

func (d *deleg) Break(*filelock.Lock) bool {
	d.broken.Add(1)
	return false
}

// TestChangesWaitForDelegations: chmod, chown, utimes and setxattr ask for the
// delegation and wait for it without the inode's lock.
func TestChangesWaitForDelegations(t *testing.T) {
	a := newRoot(t, "")
	create(t, a, "/f", "")
	b := clone(t, a, nil, 0)
	f, err := a.OpenFile(vfs.AtCWD, "/f", vfs.OpenHow{Flags: unix.O_RDONLY})
	must(t, "open", err)
	defer f.Put(a)
	for name, change := range map[string]func() error{
		"chmod":    func() error { return b.Fchmodat(vfs.AtCWD, "/f", 0o600, 0) },
		"chown":    func() error { return b.Fchownat(vfs.AtCWD, "/f", 1, 1, 0) },
		"utimes":   func() error { return b.Utimensat(vfs.AtCWD, "/f", nil, 0) },
		"setxattr": func() error { return b.Setxattr(vfs.AtCWD, "/f", "user.a", []byte("x"), 0, 0) },
	} {
		m := new(deleg)
		lease := filelock.NewLease(filelock.Deleg, filelock.Read, f, 0, filelock.ManagerOpsOf(m))
		owner := any(f)
		must(t, "delegation", vfs.GenericSetlease(a, f, unix.F_RDLCK, &lease, &owner))
		done := inBackground(change)
		if !stillWaits(done) {
			t.Fatalf("%s does not wait", name)
		}
		in := f.Inode()
		if !in.TryLock() {
			t.Fatalf("%s waits with the inode locked", name)
		}
		in.Unlock()
		must(t, "return of the delegation", vfs.GenericSetlease(a, f, unix.F_UNLCK, nil, &owner))
		must(t, name, receive(t, name, done))
		if m.broken.Load() != 1 {
			t.Errorf("%s: asked for %d times", name, m.broken.Load())
		}
	}
}

// TestMandatoryLocks: on a mount that asks for it, POSIX locks on a file with
// setgid and without group execution bind reads and writes.
func TestMandatoryLocks(t *testing.T) {
	a, b, fa, fb := lockTasks(t)
	p := make([]byte, 4)
	must(t, "chmod", a.Fchmod(fa, 0o2644))
	f, err := a.File(fa)
	must(t, "file", err)
	f.Inode().Superblock().SetFlag(vfs.SuperMandLock)
	f.Put(a)
	must(t, "lock", a.FcntlLock(fa, unix.F_SETLK, &vfs.Flock{Type: unix.F_WRLCK, Start: 4, Len: 4}))
	if n, err := b.Pread(fb, p, 0); n != 4 || err != nil {
		t.Errorf("read beside the lock: %d, %v", n, err)
	}
	if n, err := a.Pwrite(fa, p, 4); n != 4 || err != nil {
		t.Errorf("the owner's write: %d, %v", n, err)
	}
	must(t, "F_SETFL", b.SetFL(fb, unix.O_NONBLOCK))
	for name, call := range map[string]func() error{
		"pread":     func() error { _, err := b.Pread(fb, p, 2); return err },
		"readv":     func() error { _, err := b.Preadv(fb, [][]byte{p}, 2, 0); return err },
		"pwrite":    func() error { _, err := b.Pwrite(fb, p, 6); return err },
		"ftruncate": func() error { return b.Ftruncate(fb, 5) },
		"open with O_TRUNC": func() error {
			_, err := b.Openat(vfs.AtCWD, "/f", unix.O_WRONLY|unix.O_TRUNC, 0)
			return err
		},
	} {
		wantErr(t, name, call(), unix.EAGAIN)
	}
	must(t, "ftruncate beside the lock", b.Ftruncate(fb, 9))
	must(t, "F_SETFL", b.SetFL(fb, 0))
	done := inBackground(func() error { _, err := b.Pread(fb, p, 4); return err })
	if !stillWaits(done) {
		t.Fatal("a read does not wait for the lock")
	}
	must(t, "chmod", a.Fchmod(fa, 0o644))
	must(t, "unlock", a.FcntlLock(fa, unix.F_SETLK, wholeFile(unix.F_UNLCK)))
	must(t, "read", receive(t, "read", done))
}

func TestLeaseBreakTime(t *testing.T) {
	old := filelock.LeaseBreakTime()
	filelock.SetLeaseBreakTime(50 * time.Millisecond)
	defer filelock.SetLeaseBreakTime(old)
	a := newRoot(t, "")
	create(t, a, "/f", "")
	r := open(t, a, "/f", unix.O_RDONLY)
	must(t, "F_SETLEASE", a.Setlease(r, unix.F_RDLCK))
	b := clone(t, a, nil, 0)
	done := inBackground(func() error { _, err := b.Openat(vfs.AtCWD, "/f", unix.O_WRONLY, 0); return err })
	must(t, "the open that breaks the lease by time", receive(t, "open", done))
	if typ, _ := a.Getlease(r); typ != unix.F_UNLCK {
		t.Errorf("F_GETLEASE: %d", typ)
	}
}
