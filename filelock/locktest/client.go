package locktest

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

var never time.Time

// A Client is a host that locks files through a server.
type Client struct {
	server *Server
	host   string

	// Guarded by the server's lock.
	files  map[File]map[int]struct{} // that its processes may hold something of
	leases []*Delegation
}

// Range is what a process of a client asks for: bytes Start to End.
type Range struct {
	PID        int
	Type       filelock.Type // Unlock too
	Start, End int64
}

// A Wait is a request of a client that was not answered at once.
type Wait struct {
	client *Client
	file   File
	lock   *filelock.Lock
	done   chan error
}

// Done has the answer once it is there: nil if the lock was granted, EINTR if
// the request was canceled or the client died.
func (w *Wait) Done() <-chan error { return w.done }

// Cancel gives the request up: nil if it was not granted and will not be,
// ENOENT if it was answered already.
func (w *Wait) Cancel() error {
	s := w.client.server
	err := w.file.CancelLock(s.ctx, w.lock)
	if err == nil {
		w.lock.Release(s.ctx)
	}
	if !s.finish(w, syscall.EINTR) {
		return syscall.ENOENT
	}
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	return nil
}

// giveUp unlocks what was granted too late.
func (w *Wait) giveUp() {
	l := *w.lock
	_ = w.client.set(w.file, Range{ownerOf(&l).pid, filelock.Unlock, l.Start, l.End})
}

func (c *Client) request(r Range, flags filelock.Flags) *filelock.Lock {
	return &filelock.Lock{
		Owner: filelock.OwnerOf(&owner{c.host, r.PID}), PID: r.PID, Kind: filelock.POSIX, Type: r.Type,
		Start: r.Start, End: r.End, Flags: flags, Manager: c.server.ops,
	}
}

// note remembers that a process may hold something of a file.
func (c *Client) note(f File, pid int) {
	c.server.lock.Lock()
	defer c.server.lock.Unlock()
	if c.files[f] == nil {
		c.files[f] = make(map[int]struct{})
	}
	c.files[f][pid] = struct{}{}
}

// Lock asks for a lock, or gives one up, and does not wait: EAGAIN for a
// conflict, and what else [filelock.Context.SetPosix] says.
func (c *Client) Lock(f File, r Range) error {
	c.note(f, r.PID)
	return c.set(f, r)
}

func (c *Client) set(f File, r Range) error {
	l := c.request(r, 0)
	err := f.PosixLock(c.server.ctx, unix.F_SETLK, l)
	l.Release(c.server.ctx)
	return err
}

// Test finds out what is in the way of a request: Unlock if nothing is.
func (c *Client) Test(f File, r Range) (filelock.Type, Range, error) {
	l := c.request(r, 0)
	if err := f.PosixLock(c.server.ctx, unix.F_GETLK, l); err != nil {
		return 0, Range{}, err
	}
	return l.Type, Range{l.PID, l.Type, l.Start, l.End}, nil
}

// Ask asks for a lock that the client will wait for: the answer is in the Wait,
// at once or later. The error is one that needs no waiting, such as EDEADLK.
func (c *Client) Ask(f File, r Range) (*Wait, error) {
	c.note(f, r.PID)
	w := &Wait{client: c, file: f, lock: c.request(r, filelock.FlagSleep), done: make(chan error, 1)}
	s := c.server
	s.lock.Lock()
	s.waits[w.lock] = w // before the request: the answer may come first
	s.lock.Unlock()
	switch err := f.PosixLock(s.ctx, unix.F_SETLK, w.lock); {
	case err == nil, errors.Is(err, filelock.ErrDeferred):
		s.answer(w, err)
		return w, nil
	default:
		s.finish(w, err)
		w.lock.Release(s.ctx)
		return nil, err
	}
}

// Close is the close of a file by a process: all its locks go.
func (c *Client) Close(f File, pid int) {
	f.CloseOwner(c.server.ctx, c.request(Range{PID: pid}, 0))
}

// Die is the end of a client: its requests are forgotten, its locks and
// delegations go. Another one of the same host starts with nothing.
func (c *Client) Die() {
	s := c.server
	s.lock.Lock()
	var waits []*Wait
	for _, w := range s.waits {
		if w.client == c {
			waits = append(waits, w)
		}
	}
	files, leases := c.files, c.leases
	c.files, c.leases = make(map[File]map[int]struct{}), nil
	s.lock.Unlock()
	for _, w := range waits {
		_ = w.Cancel() // what was answered meanwhile goes with the rest
	}
	for _, d := range leases {
		_ = d.Return()
	}
	for f, pids := range files {
		for pid := range pids {
			c.Close(f, pid)
		}
	}
}

// A Delegation is the right of a client to act on a file as if nobody else did.
type Delegation struct {
	client  *Client
	file    File
	lease   *filelock.Lock
	recall  chan filelock.Type
	forever bool
}

// Delegate asks for a delegation to read. Two of one file need two open files.
// With forever the server sees to the end of a recall itself, and does nothing:
// the client is to be broken from under it.
func (c *Client) Delegate(f File, kind filelock.Kind, typ filelock.Type, forever bool) (*Delegation, error) {
	s := c.server
	d := &Delegation{client: c, file: f, recall: make(chan filelock.Type, 1), forever: forever}
	d.lease = filelock.NewLease(kind, typ, f, 0, s.ops)
	lease, priv := d.lease, any(f)
	s.lock.Lock()
	s.leases[lease] = d
	s.lock.Unlock()
	cmd := unix.F_RDLCK
	if typ == filelock.Write {
		cmd = unix.F_WRLCK
	}
	if err := f.Setlease(s.ctx, cmd, &lease, &priv); err != nil {
		s.lock.Lock()
		delete(s.leases, d.lease)
		s.lock.Unlock()
		return nil, err
	}
	s.lock.Lock()
	c.leases = append(c.leases, d)
	s.lock.Unlock()
	return d, nil
}

// Recalled has what the delegation is to become, once somebody needs the file:
// Read, or Unlock for none.
func (d *Delegation) Recalled() <-chan filelock.Type { return d.recall }

// Return gives the delegation back: EAGAIN if it is gone already.
func (d *Delegation) Return() error {
	s, priv := d.client.server, any(d.file)
	err := d.file.Setlease(s.ctx, unix.F_UNLCK, nil, &priv)
	s.lock.Lock()
	delete(s.leases, d.lease)
	s.lock.Unlock()
	return err
}
