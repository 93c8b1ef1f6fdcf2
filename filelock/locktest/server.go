package locktest

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/lockdep"
)

// serverLock guards what the manager's methods touch: it is taken under the
// locks of files and under blocked_lock_lock, and nothing is called under it.
var serverLock = lockdep.NewClass("locktest_server", lockdep.Spin)

// A Server is a lock manager, and the daemon behind it. All its methods may be
// called by any number of goroutines at a time. A file that clients lock stays
// open until they have given up all that they have of it, or the server has
// ended.
type Server struct {
	ops  *filelock.ManagerOps
	stop context.CancelFunc
	ctx  context.Context

	lock    lockdep.SpinLock
	clients map[string]*Client
	waits   map[*filelock.Lock]*Wait
	leases  map[*filelock.Lock]*Delegation
	ready   []*Wait          // the daemon is to repeat
	over    []*filelock.Lock // the daemon is to release
	faults  map[Method]func()
	held    bool // the daemon does not look
	calls   map[Method]int

	work chan struct{} // has room for one
	done sync.WaitGroup
}

// Method is one of the methods of a lock manager.
type Method string

// The methods, by their names in the contract, and the daemon's repetition of
// requests that it was notified of.
const (
	CompareOwner Method = "CompareOwner"
	OwnerKey     Method = "OwnerKey"
	Notify       Method = "Notify"
	Grant        Method = "Grant"
	BreakLease   Method = "Break"
	Change       Method = "Change"
	Retry        Method = "Retry"
)

// NewServer starts a server. Close ends it.
func NewServer() *Server {
	s := &Server{
		clients: make(map[string]*Client),
		waits:   make(map[*filelock.Lock]*Wait),
		leases:  make(map[*filelock.Lock]*Delegation),
		faults:  make(map[Method]func()),
		calls:   make(map[Method]int),
		work:    make(chan struct{}, 1),
	}
	s.lock.Init(serverLock)
	s.ops = filelock.ManagerOpsOf((*manager)(s))
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.done.Add(1)
	go s.run()
	return s
}

// Ops are the manager's, for a look at its faults.
func (s *Server) Ops() *filelock.ManagerOps { return s.ops }

// Close has all clients die, and ends the server. It may block, until the
// requests that it is repeating have returned.
func (s *Server) Close() {
	s.lock.Lock()
	var all []*Client
	for _, c := range s.clients {
		all = append(all, c)
	}
	s.lock.Unlock()
	for _, c := range all {
		c.Die()
	}
	s.stop()
	s.done.Wait()
	for _, w := range s.ready {
		w.lock.Release(s.ctx)
	}
	s.releaseAll()
}

// Client is the one on a host, which may be one that has died and comes back.
func (s *Server) Client(host string) *Client {
	s.lock.Lock()
	defer s.lock.Unlock()
	c := s.clients[host]
	if c == nil {
		c = &Client{server: s, host: host, files: make(map[File]map[int]struct{})}
		s.clients[host] = c
	}
	return c
}

// Break has f called at the beginning of every call of a method from now on, to
// panic or to block there; nil ends that. f runs where the method does, under
// its locks; in Retry, on the server's own goroutine, it may only block.
func (s *Server) Break(m Method, f func()) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if f == nil {
		delete(s.faults, m)
	} else {
		s.faults[m] = f
	}
}

// Hold has the daemon repeat no request until Resume: a manager that was
// notified and does not act.
func (s *Server) Hold() {
	s.lock.Lock()
	s.held = true
	s.lock.Unlock()
}

// Resume ends Hold.
func (s *Server) Resume() {
	s.lock.Lock()
	s.held = false
	s.lock.Unlock()
	s.wake()
}

// Calls is how often a method was called.
func (s *Server) Calls(m Method) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.calls[m]
}

// enter counts a call of a method, and fails as it is told to.
func (s *Server) enter(m Method) {
	s.lock.Lock()
	s.calls[m]++
	fail := s.faults[m]
	s.lock.Unlock()
	if fail != nil {
		fail()
	}
}

func (s *Server) wake() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// run is the daemon: it repeats the requests that it was notified of.
func (s *Server) run() {
	defer s.done.Done()
	for {
		select {
		case <-s.work:
		case <-s.ctx.Done():
			return
		}
		s.releaseAll()
		for w := s.next(); w != nil; w = s.next() {
			s.enter(Retry)
			s.answer(w, w.file.PosixLock(s.ctx, unix.F_SETLK, w.lock))
		}
	}
}

// releaseAll gives up the private data of requests that came to their end where
// that must not block.
func (s *Server) releaseAll() {
	s.lock.Lock()
	over := s.over
	s.over = nil
	s.lock.Unlock()
	for _, l := range over {
		l.Release(s.ctx)
	}
}

func (s *Server) next() *Wait {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.held || len(s.ready) == 0 {
		return nil
	}
	w := s.ready[0]
	s.ready = s.ready[1:]
	return w
}

// answer is for a request that was made or repeated: unless it is deferred
// still, the client hears of it. What is for one who has given it up meanwhile
// is undone.
//
// A request that is deferred comes to its end here, in Grant, or where it is
// canceled with success; there it is released.
func (s *Server) answer(w *Wait, err error) {
	if errors.Is(err, filelock.ErrDeferred) {
		s.lock.Lock()
		_, waits := s.waits[w.lock]
		s.lock.Unlock()
		if !waits && w.file.CancelLock(s.ctx, w.lock) == nil {
			w.lock.Release(s.ctx)
		}
		return
	}
	if !s.finish(w, err) && err == nil {
		w.giveUp()
	}
	w.lock.Release(s.ctx)
}

// finish takes a request out of the list, and sends the message, unless it is
// out already.
func (s *Server) finish(w *Wait, err error) bool {
	s.lock.Lock()
	_, waits := s.waits[w.lock]
	delete(s.waits, w.lock)
	s.lock.Unlock()
	if waits {
		w.done <- err
	}
	return waits
}

// owner is whom a client names in a request; each request has another pointer.
type owner struct {
	host string
	pid  int
}

func ownerOf(l *filelock.Lock) owner { return *l.Owner.Value().(*owner) }

// manager is the Server as its files see it. All of it runs under their locks,
// but for Grant.
type manager Server

// CompareOwner implements [filelock.OwnerComparer]: by host and process.
func (m *manager) CompareOwner(a, b *filelock.Lock) bool {
	(*Server)(m).enter(CompareOwner)
	return ownerOf(a) == ownerOf(b)
}

// OwnerKey implements [filelock.OwnerKeyer].
func (m *manager) OwnerKey(l *filelock.Lock) uint64 {
	(*Server)(m).enter(OwnerKey)
	o := ownerOf(l)
	h := fnv.New64a()
	h.Write([]byte(o.host))
	return h.Sum64() ^ uint64(o.pid)
}

// Notify implements [filelock.Notifier]: the daemon is to repeat the request.
func (m *manager) Notify(l *filelock.Lock) {
	s := (*Server)(m)
	s.enter(Notify)
	s.lock.Lock()
	if w := s.waits[l]; w != nil {
		s.ready = append(s.ready, w)
	}
	s.lock.Unlock()
	s.wake()
}

// Grant implements [filelock.Granter]. A request that the client has given up
// by now is not wanted.
func (m *manager) Grant(l, _ *filelock.Lock, result error) error {
	s := (*Server)(m)
	s.enter(Grant)
	s.lock.Lock()
	w := s.waits[l]
	s.over = append(s.over, l)
	s.lock.Unlock()
	s.wake()
	if w == nil || !s.finish(w, result) {
		return syscall.ENOENT
	}
	return nil
}

// Break implements [filelock.Breaker]: the client is asked for the delegation.
// How long it may take is the core's to say.
func (m *manager) Break(lease *filelock.Lock) bool {
	s := (*Server)(m)
	s.enter(BreakLease)
	s.lock.Lock()
	d := s.leases[lease]
	s.lock.Unlock()
	if d == nil {
		return true // it is not a client's any more
	}
	if d.forever {
		lease.SetBreakDeadline(never)
	}
	select {
	case d.recall <- lease.Target():
	default: // the client has not looked at the last one; it will find both
	}
	return false
}

// Change implements [filelock.Changer]: a delegation can only be given back.
func (m *manager) Change(lease *filelock.Lock, typ filelock.Type, dispose *[]*filelock.Lock) error {
	(*Server)(m).enter(Change)
	if typ != filelock.Unlock {
		return syscall.EAGAIN
	}
	return filelock.ModifyLease(lease, typ, dispose)
}
