package vfs_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/filelock/locktest"
	"github.com/govfs/govfs/vfs"
)

// leaseCalls are what a lease or a delegation may be in the way of.
var leaseCalls = []struct {
	name string
	// lease is what the call breaks: F_RDLCK for a lease to write only, F_WRLCK
	// for any, F_UNLCK for none.
	lease int
	// deleg: it breaks a delegation.
	deleg bool
	call  func(t *vfs.Task, nonblock int) error
}{
	{"open to read", unix.F_RDLCK, false, leaseOpen(unix.O_RDONLY)},
	{"open to write", unix.F_WRLCK, true, leaseOpen(unix.O_WRONLY)},
	{"open for both", unix.F_WRLCK, true, leaseOpen(unix.O_RDWR)},
	{"open to read, and truncate", unix.F_WRLCK, true, leaseOpen(unix.O_RDONLY | unix.O_TRUNC)},
	{"open of the path", unix.F_UNLCK, false, leaseOpen(unix.O_PATH)},
	{"truncate", unix.F_WRLCK, true, func(t *vfs.Task, _ int) error { return t.Truncate("/f", 3) }},
	{"stat", unix.F_UNLCK, false, func(t *vfs.Task, _ int) error { return t.Stat("/f", new(vfs.Stat)) }},
	{"link", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Linkat(vfs.AtCWD, "/f", vfs.AtCWD, "/new", 0) }},
	{"unlink", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Unlinkat(vfs.AtCWD, "/f", 0) }},
	{"rename", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Renameat2(vfs.AtCWD, "/f", vfs.AtCWD, "/new", 0) }},
	{"rename over it", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Renameat2(vfs.AtCWD, "/g", vfs.AtCWD, "/f", 0) }},
	{"exchange", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error {
		return t.Renameat2(vfs.AtCWD, "/g", vfs.AtCWD, "/f", vfs.RenameExchange)
	}},
	{"chmod", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Fchmodat(vfs.AtCWD, "/f", 0o600, 0) }},
	{"chown", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Fchownat(vfs.AtCWD, "/f", 1, 1, 0) }},
	{"utimes", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Utimensat(vfs.AtCWD, "/f", nil, 0) }},
	{"setxattr", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error {
		return t.Setxattr(vfs.AtCWD, "/f", "user.a", []byte("x"), 0, 0)
	}},
	{"removexattr", unix.F_UNLCK, true, func(t *vfs.Task, _ int) error { return t.Removexattr(vfs.AtCWD, "/f", "user.had", 0) }},
}

func leaseOpen(flags int) func(*vfs.Task, int) error {
	return func(t *vfs.Task, nonblock int) error {
		fd, err := t.Openat(vfs.AtCWD, "/f", flags|nonblock, 0)
		if err != nil {
			return err
		}
		return t.Close(fd)
	}
}

// leaseTasks are a holder, with /f open for reading, and somebody else.
func leaseTasks(t *testing.T) (holder, other *vfs.Task, fd int) {
	t.Helper()
	holder = newRoot(t, "")
	create(t, holder, "/f", "0123456789")
	create(t, holder, "/g", "")
	must(t, "setxattr", holder.Setxattr(vfs.AtCWD, "/f", "user.had", []byte("x"), 0, 0))
	return holder, clone(t, holder, nil, 0), open(t, holder, "/f", unix.O_RDONLY)
}

// breaks reports whether a call of the kind breaks the lease, and what of it is
// left.
func breaks(call, lease int) (broken bool, left int) {
	switch {
	case call == unix.F_WRLCK:
		return true, unix.F_UNLCK
	case call == unix.F_RDLCK && lease == unix.F_WRLCK:
		return true, unix.F_RDLCK
	}
	return false, lease
}

// TestWhatBreaksALease: each call against each lease: it waits until the holder
// has given way, or, with O_NONBLOCK, returns EWOULDBLOCK while the break goes
// on; or it has nothing to do with leases.
func TestWhatBreaksALease(t *testing.T) {
	for _, lease := range []int{unix.F_RDLCK, unix.F_WRLCK} {
		for _, c := range leaseCalls {
			t.Run(fmt.Sprintf("%s against %d", c.name, lease), func(t *testing.T) {
				holder, other, fd := leaseTasks(t)
				signals := make(chan vfs.FileSignal, 1)
				must(t, "F_SETLEASE", holder.Setlease(fd, lease))
				must(t, "F_SETOWN", holder.SetOwn(fd, 7, vfs.SignalChannel(signals)))
				must(t, "F_SETSIG", holder.SetSig(fd, int(unix.SIGUSR1)))
				broken, left := breaks(c.lease, lease)
				if !broken {
					must(t, c.name, c.call(other, 0))
					if typ, _ := holder.Getlease(fd); typ != lease || len(signals) != 0 {
						t.Errorf("the lease is %d, %d signals", typ, len(signals))
					}
					return
				}
				if c.name != "truncate" { // which takes no flags
					wantErr(t, "with O_NONBLOCK", c.call(other, unix.O_NONBLOCK), unix.EWOULDBLOCK)
				}
				done := inBackground(func() error { return c.call(other, 0) })
				if s := receive(t, "signal", signals); s != (vfs.FileSignal{Signal: int(unix.SIGUSR1), FD: -1}) {
					t.Errorf("the holder got %+v", s)
				}
				if typ, _ := holder.Getlease(fd); typ != left {
					t.Errorf("being broken it is %d, want %d", typ, left)
				}
				if !stillWaits(done) {
					t.Fatal("it does not wait")
				}
				must(t, "F_SETLEASE", holder.Setlease(fd, left))
				must(t, c.name, receive(t, c.name, done))
				if len(signals) != 0 {
					t.Error("the holder was told twice")
				}
			})
		}
	}
}

// TestHoldersOwnOpenBreaksItsLease: nobody is exempt.
func TestHoldersOwnOpenBreaksItsLease(t *testing.T) {
	holder, _, fd := leaseTasks(t)
	must(t, "F_SETLEASE", holder.Setlease(fd, unix.F_WRLCK))
	for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR} {
		_, err := holder.Openat(vfs.AtCWD, "/f", flags|unix.O_NONBLOCK, 0)
		wantErr(t, "the holder's open", err, unix.EWOULDBLOCK)
	}
	if typ, _ := holder.Getlease(fd); typ != unix.F_UNLCK {
		t.Errorf("being broken it is %d", typ)
	}
	must(t, "F_SETLEASE", holder.Setlease(fd, unix.F_UNLCK))
	open(t, holder, "/f", unix.O_RDWR)
}

// TestLeaseBreakEnds: a break that nobody answers ends by time, one whose waiter
// is interrupted goes on.
func TestLeaseBreakEnds(t *testing.T) {
	old := filelock.LeaseBreakTime()
	filelock.SetLeaseBreakTime(100 * time.Millisecond)
	defer filelock.SetLeaseBreakTime(old)
	for _, c := range leaseCalls {
		if broken, _ := breaks(c.lease, unix.F_WRLCK); !broken {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			holder, other, fd := leaseTasks(t)
			must(t, "F_SETLEASE", holder.Setlease(fd, unix.F_WRLCK))
			stop := make(chan struct{})
			close(stop)
			other.SetDone(stop)
			wantErr(t, "interrupted", c.call(other, 0), unix.EINTR)
			other.SetDone(nil)
			start := time.Now()
			must(t, c.name, c.call(other, 0))
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			_, left := breaks(c.lease, unix.F_WRLCK)
			if typ, _ := holder.Getlease(fd); typ != left {
				t.Errorf("the lease is %d, want %d", typ, left)
			}
		})
	}
}

// TestLeaseGoesWithItsFile: at the last close, and with the process.
func TestLeaseGoesWithItsFile(t *testing.T) {
	holder, other, fd := leaseTasks(t)
	must(t, "F_SETLEASE", holder.Setlease(fd, unix.F_WRLCK))
	dup, err := holder.Dup(fd)
	must(t, "dup", err)
	must(t, "close", holder.Close(fd))
	done := inBackground(func() error { return leaseOpen(unix.O_RDWR)(other, 0) })
	if !stillWaits(done) {
		t.Fatal("the lease went with one of two descriptors")
	}
	must(t, "close", holder.Close(dup))
	must(t, "open", receive(t, "open", done))
}

// leaseFile is an open file for a lock manager.
func leaseFile(t *testing.T, task *vfs.Task, flags int) *vfs.File {
	t.Helper()
	f, err := task.OpenFile(vfs.AtCWD, "/f", vfs.OpenHow{Flags: flags})
	must(t, "open", err)
	t.Cleanup(func() { f.Put(task) })
	return f
}

// TestWhatBreaksADelegation: changes of names, attributes and data do, and the
// caller sees nothing of it but the time; opens to write as with a lease.
func TestWhatBreaksADelegation(t *testing.T) {
	for _, c := range leaseCalls {
		t.Run(c.name, func(t *testing.T) {
			holder, other, _ := leaseTasks(t)
			s := locktest.NewServer()
			defer s.Close()
			f := leaseFile(t, holder, unix.O_RDONLY)
			d, err := s.Client("a").Delegate(f, filelock.Deleg, filelock.Read, false)
			must(t, "delegation", err)
			if !c.deleg {
				must(t, c.name, c.call(other, 0))
				if len(d.Recalled()) != 0 {
					t.Error("it was recalled")
				}
				must(t, "return", d.Return())
				return
			}
			done := inBackground(func() error { return c.call(other, 0) })
			if to := receive(t, "recall", d.Recalled()); to != filelock.Unlock {
				t.Errorf("it is to become %v", to)
			}
			if !stillWaits(done) {
				t.Fatal("it does not wait")
			}
			// It waits without the locks that others need.
			dir, err := other.Lookup(vfs.AtCWD, "/", 0)
			must(t, "lookup", err)
			for _, in := range []*vfs.Inode{f.Inode(), dir.Inode()} {
				if !in.TryLock() {
					t.Error("it waits with an inode locked")
				} else {
					in.Unlock()
				}
			}
			dir.Put(other)
			must(t, "return", d.Return())
			must(t, c.name, receive(t, c.name, done))
			if n := s.Calls(locktest.BreakLease); n != 1 {
				t.Errorf("recalled %d times", n)
			}
		})
	}
}

// TestDelegationOfADyingClient: the client goes while a call waits for it.
func TestDelegationOfADyingClient(t *testing.T) {
	holder, other, _ := leaseTasks(t)
	s := locktest.NewServer()
	defer s.Close()
	f := leaseFile(t, holder, unix.O_RDONLY)
	d, err := s.Client("a").Delegate(f, filelock.Deleg, filelock.Read, false)
	must(t, "delegation", err)
	done := inBackground(func() error { return other.Unlinkat(vfs.AtCWD, "/f", 0) })
	receive(t, "recall", d.Recalled())
	s.Client("a").Die()
	must(t, "unlink", receive(t, "unlink", done))
}

// TestDelegationIsRefused: to write, while somebody writes, and while somebody
// changes the file.
func TestDelegationIsRefused(t *testing.T) {
	holder, other, _ := leaseTasks(t)
	s := locktest.NewServer()
	defer s.Close()
	f := leaseFile(t, holder, unix.O_RDONLY)
	c := s.Client("a")
	_, err := c.Delegate(f, filelock.Deleg, filelock.Write, false)
	wantErr(t, "a delegation to write", err, unix.EINVAL)
	fd := open(t, other, "/f", unix.O_WRONLY)
	_, err = c.Delegate(f, filelock.Deleg, filelock.Read, false)
	wantErr(t, "of a file that is written", err, unix.EAGAIN)
	must(t, "close", other.Close(fd))
	f.Inode().Lock()
	_, err = c.Delegate(f, filelock.Deleg, filelock.Read, false)
	f.Inode().Unlock()
	wantErr(t, "of a file that is being changed", err, unix.EAGAIN)
}

// TestRenameRetriesForBothFiles: both have a delegation, and each is asked for
// once it is in the way.
func TestRenameRetriesForBothFiles(t *testing.T) {
	holder, other, _ := leaseTasks(t)
	s := locktest.NewServer()
	defer s.Close()
	var held []*locktest.Delegation
	for _, name := range []string{"/f", "/g"} {
		f, err := holder.OpenFile(vfs.AtCWD, name, vfs.OpenHow{Flags: unix.O_RDONLY})
		must(t, "open", err)
		defer f.Put(holder)
		d, err := s.Client("a").Delegate(f, filelock.Deleg, filelock.Read, false)
		must(t, "delegation", err)
		held = append(held, d)
	}
	done := inBackground(func() error { return other.Renameat2(vfs.AtCWD, "/f", vfs.AtCWD, "/g", 0) })
	for _, d := range held {
		receive(t, "recall", d.Recalled())
		if !stillWaits(done) {
			t.Fatal("rename does not wait")
		}
		must(t, "return", d.Return())
	}
	must(t, "rename", receive(t, "rename", done))
}

// TestLeasesRaceWithOpens: an open never goes on while the lease that it is
// against is held, whoever comes first.
func TestLeasesRaceWithOpens(t *testing.T) {
	holder, other, fd := leaseTasks(t)
	var held atomic.Bool
	signals := make(chan vfs.FileSignal, 1)
	stop := make(chan struct{})
	done := inBackground(func() error {
		for {
			select {
			case <-stop:
				return nil
			default:
			}
			fd, err := other.Openat(vfs.AtCWD, "/f", unix.O_WRONLY|unix.O_NONBLOCK, 0)
			switch {
			case errors.Is(err, unix.EWOULDBLOCK):
				continue
			case err != nil:
				return err
			case held.Load():
				return errors.New("open, and the lease is held")
			}
			if err := other.Close(fd); err != nil {
				return err
			}
		}
	})
	for range 300 {
		if err := holder.Setlease(fd, unix.F_RDLCK); err != nil {
			wantErr(t, "F_SETLEASE", err, unix.EAGAIN)
			continue
		}
		must(t, "F_SETOWN", holder.SetOwn(fd, 7, vfs.SignalChannel(signals)))
		// Held for sure until the break is answered.
		held.Store(true)
		time.Sleep(50 * time.Microsecond)
		held.Store(false)
		must(t, "F_SETLEASE", holder.Setlease(fd, unix.F_UNLCK))
	}
	close(stop)
	must(t, "opens", receive(t, "opens", done))
}
