package fuse

import (
	"sync"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Permissions says who decides what a caller may do.
type Permissions uint8

const (
	// PermissionsKernel: the kernel, from the mode, owner and ACL that the
	// tree shows it (the mount option default_permissions).
	PermissionsKernel Permissions = iota
	// PermissionsCore: the tree, request by request. It costs the caching of
	// names, and for each request a look at the caller in /proc. A caller
	// that /proc does not show has no supplementary groups and no
	// capabilities.
	PermissionsCore
)

// identities are the credentials that requests run with.
type identities struct {
	mu    sync.RWMutex
	known map[identityKey]*vfs.Cred
}

type identityKey struct {
	uid, gid uint32
	fsetid   bool // CAP_FSETID
}

// maxIdentities bounds the cache; a host rarely sees as many users at a time.
const maxIdentities = 1024

// allowed is the identity of a caller whom the kernel has let pass. It may do
// what the kernel has decided about, but is not above what the kernel does not
// see: quota limits and reserved blocks.
func (ids *identities) allowed(uid, gid uint32, fsetid bool) *vfs.Cred {
	key := identityKey{uid, gid, fsetid}
	ids.mu.RLock()
	c := ids.known[key]
	ids.mu.RUnlock()
	if c != nil {
		return c
	}
	c = vfs.UserCred(uid, gid)
	c.Caps = vfs.AllCaps
	if uid != 0 {
		c.Caps = c.Caps.Without(vfs.CapSysResource)
	}
	if !fsetid {
		c.Caps = c.Caps.Without(vfs.CapFsetid)
	}
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if ids.known == nil || len(ids.known) >= maxIdentities {
		ids.known = make(map[identityKey]*vfs.Cred)
	}
	ids.known[key] = c
	return c
}

// ofCaller is the identity that the caller really has.
func ofCaller(c *gofuse.Caller) *vfs.Cred {
	cred := vfs.UserCred(c.Uid, c.Gid)
	st, err := readProcStatus(c.Pid)
	if err != nil {
		return cred
	}
	cred.Groups = st.groups
	if st.caps != 0 && sharesUserNamespace(c.Pid) {
		cred.Caps = st.caps
	}
	return cred
}

// tasks is a stock of tasks: one serves a request at a time.
type tasks struct {
	ns     *vfs.Namespace
	origin any

	mu   sync.Mutex
	free []*vfs.Task
}

// maxFreeTasks is how many tasks are kept while no request needs them.
const maxFreeTasks = 64

func (p *tasks) get() *vfs.Task {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		t := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return t
	}
	p.mu.Unlock()
	t := p.ns.NewTask(vfs.RootCred())
	t.Origin = p.origin
	return t
}

func (p *tasks) put(t *vfs.Task) {
	t.SetDone(nil)
	p.mu.Lock()
	if len(p.free) < maxFreeTasks {
		p.free = append(p.free, t)
		t = nil
	}
	p.mu.Unlock()
	if t != nil {
		t.Exit()
	}
}

// close ends the stock; no task is out.
func (p *tasks) close() {
	p.mu.Lock()
	free := p.free
	p.free = nil
	p.mu.Unlock()
	for _, t := range free {
		t.Exit()
	}
}

// begin is the task for a request, with the caller's identity. It is given back
// with end.
func (s *Server) begin(cancel <-chan struct{}, h *gofuse.InHeader) *vfs.Task {
	t := s.tasks.get()
	t.PID = int(h.Pid)
	t.SetDone(cancel)
	if s.opt.Permissions == PermissionsCore {
		t.SetCred(ofCaller(&h.Caller))
	} else {
		t.SetCred(s.identities.allowed(h.Uid, h.Gid, true))
	}
	return t
}

// beginOpen is begin for a request on an open file: what may be done with it
// was decided when it was opened, so the caller is not looked at.
func (s *Server) beginOpen(cancel <-chan struct{}, h *gofuse.InHeader) *vfs.Task {
	t := s.tasks.get()
	t.PID = int(h.Pid)
	t.SetDone(cancel)
	t.SetCred(s.identities.allowed(h.Uid, h.Gid, true))
	return t
}

func (s *Server) end(t *vfs.Task) { s.tasks.put(t) }

// dropIfUnfit is dropPrivileges for a request that does not say whether the
// caller may keep setuid and setgid.
func (s *Server) dropIfUnfit(t *vfs.Task, c *gofuse.Caller, in *vfs.Inode) {
	if s.opt.Permissions == PermissionsKernel && in.Mode()&(unix.S_ISUID|unix.S_ISGID) != 0 && !callerCaps(c.Pid).Has(vfs.CapFsetid) {
		s.dropPrivileges(t, c, in)
	}
}

// dropPrivileges makes the task one that may not keep setuid and setgid on what
// it writes: the kernel has found that the caller may not. Whether setgid goes
// from a file that its group may not execute depends on the caller's groups.
func (s *Server) dropPrivileges(t *vfs.Task, c *gofuse.Caller, in *vfs.Inode) {
	const sgid, groupX = 0o2000, 0o0010
	cred := s.identities.allowed(c.Uid, c.Gid, false)
	if in.Mode()&(sgid|groupX) == sgid {
		if st, err := readProcStatus(c.Pid); err == nil {
			copied := *cred
			copied.Groups = st.groups
			cred = &copied
		}
	}
	t.SetCred(cred)
}
