package fuse

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/govfs/govfs/vfs"
)

// A node is what the kernel knows an inode by.
type node struct {
	id uint64
	// path is a place where the inode was found, in the server's own view of
	// the superblock. Only a directory is asked for names below it, and a
	// directory has one dentry; so it does not matter when path's name goes
	// and another one of the inode stays.
	path    vfs.Path
	inode   *vfs.Inode
	refs    atomic.Int64 // the table's one, and those of requests in progress
	lookups uint64       // that the kernel will forget; under the shard's lock
	listing listing      // of a directory
	shared  sharedFile
	// uncapped is the thread that has just removed the file capabilities: what
	// the kernel does for a write, and tells by a change of nothing.
	uncapped atomic.Uint32
}

// A sharedFile is the open file of a node on a mount without handles.
type sharedFile struct {
	dir  sync.Mutex // as a handle's
	mu   sync.Mutex
	file *vfs.File // nil until it is needed
}

// get is the file with a reference; open opens it if it is not yet.
func (s *sharedFile) get(open func() (*vfs.File, error)) (*vfs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := open()
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	return s.file.Get(), nil
}

// nodeTable finds nodes by id and by inode. Each node is in the shard of its
// inode, and the id's low bits say which one that is.
type nodeTable struct {
	root   *node
	seq    atomic.Uint64
	shards [nodeShards]nodeShard

	lookups, forgets atomic.Uint64
}

const (
	nodeShardBits = 6
	nodeShards    = 1 << nodeShardBits

	rootID = 1 // below all other ids
)

type nodeShard struct {
	mu      sync.RWMutex
	byID    map[uint64]*node
	byInode map[*vfs.Inode]*node
	_       [24]byte // shards are in different cache lines
}

// newNodeTable makes the table with its root, whose reference it takes over.
// The kernel knows the root from the start and never forgets it.
func newNodeTable(root vfs.Path) *nodeTable {
	t := &nodeTable{}
	for i := range t.shards {
		t.shards[i].byID = make(map[uint64]*node)
		t.shards[i].byInode = make(map[*vfs.Inode]*node)
	}
	t.root = newNode(rootID, root)
	s := t.shardOf(t.root.inode)
	s.byInode[t.root.inode] = t.root
	return t
}

func newNode(id uint64, path vfs.Path) *node {
	n := &node{id: id, path: path, inode: path.Inode().Get()}
	n.refs.Store(1)
	return n
}

func (t *nodeTable) shardOf(in *vfs.Inode) *nodeShard { return &t.shards[in.ID()%nodeShards] }

// acquire is the node of an id with a reference, which the caller releases; nil
// for an id that the kernel has forgotten, or never had.
func (t *nodeTable) acquire(id uint64) *node {
	if id == rootID {
		t.root.refs.Add(1)
		return t.root
	}
	s := &t.shards[id%nodeShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.byID[id]
	if n != nil {
		n.refs.Add(1)
	}
	return n
}

// release drops a reference. The last one puts the inode, which may block.
func (n *node) release(ctx context.Context) {
	if n.refs.Add(-1) != 0 {
		return
	}
	if f := n.shared.file; f != nil {
		f.Put(ctx)
	}
	n.path.Put(ctx)
	n.inode.Put(ctx)
}

// lookedUp is the node for the inode at path, which the kernel is about to be
// told: it counts as looked up once more. The path's reference is taken over,
// the inode being there.
func (t *nodeTable) lookedUp(ctx context.Context, path vfs.Path) *node {
	t.lookups.Add(1)
	in := path.Inode()
	s := t.shardOf(in)
	s.mu.Lock()
	n := s.byInode[in]
	if n == nil {
		n = newNode(t.seq.Add(1)<<nodeShardBits|in.ID()%nodeShards, path)
		n.lookups = 1
		s.byID[n.id], s.byInode[in] = n, n
		s.mu.Unlock()
		return n
	}
	n.lookups++
	s.mu.Unlock()
	path.Put(ctx)
	return n
}

// forget takes lookups off a node, which goes with the last. The kernel never
// forgets more than it was told; from anybody else that is not believed.
func (t *nodeTable) forget(ctx context.Context, id, lookups uint64) {
	if id == rootID {
		return
	}
	s := &t.shards[id%nodeShards]
	s.mu.Lock()
	n := s.byID[id]
	if n == nil {
		s.mu.Unlock()
		return
	}
	lookups = min(lookups, n.lookups)
	t.forgets.Add(lookups)
	n.lookups -= lookups
	gone := n.lookups == 0
	if gone {
		delete(s.byID, id)
		delete(s.byInode, n.inode)
	}
	s.mu.Unlock()
	if gone {
		n.release(ctx)
	}
}

// find is the node of an inode, with a reference; nil if the kernel does not
// know the inode.
func (t *nodeTable) find(in *vfs.Inode) *node {
	s := t.shardOf(in)
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.byInode[in]
	if n != nil {
		n.refs.Add(1)
	}
	return n
}

// knows reports whether the id still is the kernel's.
func (t *nodeTable) knows(id uint64) bool {
	if id == rootID {
		return true
	}
	s := &t.shards[id%nodeShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id] != nil
}

// count is the number of nodes, the root among them.
func (t *nodeTable) count() int {
	n := 1
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.byID)
		s.mu.RUnlock()
	}
	return n
}

// clear drops all nodes, when no kernel is left to forget them.
func (t *nodeTable) clear(ctx context.Context) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		all := s.byID
		for _, n := range all {
			t.forgets.Add(n.lookups)
		}
		s.byID, s.byInode = make(map[uint64]*node), make(map[*vfs.Inode]*node)
		s.mu.Unlock()
		for _, n := range all {
			n.release(ctx)
		}
	}
	t.root.release(ctx)
}

// A listing is what the server knows about the kernel's cached listing of a
// directory: whether a change beside the mount has made it wrong.
//
// The notification of a change drops the cached listing. But a listing read
// before the change may be on its way to the kernel then, and be cached after
// the notification. So a directory that is opened after a change is opened with
// the cached listing dropped, as long as one is open that was opened before.
type listing struct {
	changes atomic.Uint64 // beside the mount

	mu    sync.Mutex
	open  int    // handles
	valid uint64 // the number of changes that the cached listing is known to contain
}

// opened counts a new handle, and says whether it may use the cached listing.
func (l *listing) opened() (keep bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changes := l.changes.Load()
	keep = l.valid == changes
	if l.open == 0 {
		l.valid = changes
	}
	l.open++
	return keep
}

func (l *listing) closed() {
	l.mu.Lock()
	l.open--
	l.mu.Unlock()
}
