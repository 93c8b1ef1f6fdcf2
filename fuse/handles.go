package fuse

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/govfs/govfs/vfs"
)

// A handle is an open file of the kernel.
type handle struct {
	id   uint64
	node *node // referenced
	file *vfs.File
	refs atomic.Int64 // the table's one, and those of requests in progress

	// dir orders listings through the file: each moves its position.
	dir    *sync.Mutex
	listed bool // counted among the node's listing handles

	owners lockOwners

	mu   sync.Mutex
	poll *pollWait
}

// newHandle takes over the references on the node and the file.
func newHandle(n *node, f *vfs.File) *handle {
	h := &handle{node: n, file: f, dir: new(sync.Mutex)}
	h.refs.Store(1)
	return h
}

// release drops a reference. The last one closes the file, which may block.
func (h *handle) release(ctx context.Context) {
	if h.refs.Add(-1) != 0 {
		return
	}
	h.stopPoll()
	h.file.Put(ctx)
	if h.listed {
		h.node.listing.closed()
	}
	h.node.release(ctx)
}

// handleTable finds handles by the number that the kernel was given. Numbers
// are not used twice; zero is none.
type handleTable struct {
	seq    atomic.Uint64
	shards [handleShards]handleShard
}

const handleShards = 16

type handleShard struct {
	mu   sync.RWMutex
	byID map[uint64]*handle
	_    [32]byte // shards are in different cache lines
}

func newHandleTable() *handleTable {
	t := &handleTable{}
	for i := range t.shards {
		t.shards[i].byID = make(map[uint64]*handle)
	}
	return t
}

// add gives the handle its number.
func (t *handleTable) add(h *handle) {
	h.id = t.seq.Add(1)
	s := &t.shards[h.id%handleShards]
	s.mu.Lock()
	s.byID[h.id] = h
	s.mu.Unlock()
}

// acquire is the handle with the number, which must be one of the node's, with
// a reference that the caller releases; nil if there is none.
func (t *handleTable) acquire(id, nodeID uint64) *handle {
	s := &t.shards[id%handleShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.byID[id]
	if h == nil || h.node.id != nodeID {
		return nil
	}
	h.refs.Add(1)
	return h
}

// remove takes the handle out, and its reference over to the caller.
func (t *handleTable) remove(id, nodeID uint64) *handle {
	s := &t.shards[id%handleShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.byID[id]
	if h == nil || h.node.id != nodeID {
		return nil
	}
	delete(s.byID, id)
	return h
}

func (t *handleTable) count() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.byID)
		s.mu.RUnlock()
	}
	return n
}

// takeAll empties the table.
func (t *handleTable) takeAll() []*handle {
	var all []*handle
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, h := range s.byID {
			all = append(all, h)
		}
		clear(s.byID)
		s.mu.Unlock()
	}
	return all
}
