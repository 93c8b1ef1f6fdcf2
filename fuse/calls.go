package fuse

import (
	"maps"
	"sync"
	"time"
)

// calls are the requests in progress, as far as interrupts need to know them.
//
// The kernel says that a request is interrupted once, upon the first signal
// that its caller gets, of whatever kind; a later one that kills the caller it
// does not tell, and the caller stays until the request is answered. So a
// request that must not fail for any signal is watched from then on, and
// cancelled when its caller is being killed.
type calls struct {
	shards [callShards]callShard
	decode func(unique uint64) bool // cancels in the decoder: false if it does not know it

	mu       sync.Mutex
	watched  map[uint64]uint32 // pids by request
	watching bool
	done     sync.WaitGroup
}

const callShards = 16

type callShard struct {
	mu      sync.Mutex
	running map[uint64]call // by the kernel's number of the request
	_       [40]byte        // shards are in different cache lines
}

type call struct {
	opcode, pid uint32
	watched     bool
	done        chan struct{} // of a request that the decoder does not see; closed when canceled
	canceled    bool
}

const (
	// watchInterval is how often the callers of watched requests are looked
	// at.
	watchInterval = 20 * time.Millisecond
	// cancelInterval is how often requests are cancelled that outlive their
	// connection: one may be about to begin, unknown to the decoder as yet.
	cancelInterval = 2 * time.Millisecond
)

func newCalls(decode func(unique uint64) bool) *calls {
	c := &calls{decode: decode, watched: make(map[uint64]uint32)}
	for i := range c.shards {
		c.shards[i].running = make(map[uint64]call)
	}
	return c
}

// shard finds the part that has a request: their numbers are even.
func (c *calls) shard(unique uint64) *callShard { return &c.shards[unique/2%callShards] }

// begin notes a request. done is closed if it is canceled; nil for a request
// that the decoder has a channel for.
func (c *calls) begin(in message) (done <-chan struct{}) {
	s := c.shard(in.unique())
	call := call{opcode: in.opcode(), pid: in.pid()}
	if !decoderKnows(call.opcode) {
		call.done = make(chan struct{})
	}
	s.mu.Lock()
	s.running[in.unique()] = call
	s.mu.Unlock()
	return call.done
}

// cancel ends a request's waits: false if it is not known, or not yet.
func (c *calls) cancel(unique uint64) bool {
	s := c.shard(unique)
	s.mu.Lock()
	call, known := s.running[unique]
	if known && call.done != nil && !call.canceled {
		close(call.done)
		call.canceled = true
		s.running[unique] = call
	}
	s.mu.Unlock()
	return known && (call.done != nil || c.decode(unique))
}

func (c *calls) end(unique uint64) {
	s := c.shard(unique)
	s.mu.Lock()
	watched := s.running[unique].watched
	delete(s.running, unique)
	s.mu.Unlock()
	if watched {
		c.mu.Lock()
		delete(c.watched, unique)
		c.mu.Unlock()
	}
}

// interrupt handles the kernel's word that a request is interrupted: false if
// it is not known, or not yet, and the kernel is to say it again.
func (c *calls) interrupt(unique uint64) bool {
	s := c.shard(unique)
	s.mu.Lock()
	call, known := s.running[unique]
	s.mu.Unlock()
	if !known {
		return false
	}
	if call.opcode == opSetlkw || beingKilled(call.pid) {
		return c.cancel(unique)
	}
	return c.watch(unique)
}

// watch has a request cancelled once its caller is being killed.
func (c *calls) watch(unique uint64) bool {
	s := c.shard(unique)
	s.mu.Lock()
	defer s.mu.Unlock()
	call, known := s.running[unique]
	if !known {
		return false
	}
	call.watched = true
	s.running[unique] = call
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched[unique] = call.pid
	if !c.watching {
		c.watching = true
		c.done.Add(1)
		go c.watchCallers()
	}
	return true
}

// watchCallers runs as long as there is a watched request.
func (c *calls) watchCallers() {
	defer c.done.Done()
	for {
		time.Sleep(watchInterval)
		watched := c.watchedNow()
		if watched == nil {
			return
		}
		for unique, pid := range watched {
			if beingKilled(pid) {
				c.cancel(unique)
			}
		}
	}
}

// watchedNow is a copy of what is watched, for a look at /proc without the
// lock. Nil says that the watch has ended.
func (c *calls) watchedNow() map[uint64]uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.watched) == 0 {
		c.watching = false
		return nil
	}
	return maps.Clone(c.watched)
}

// cancelAll ends all waits, for a connection that has ended. It returns when no
// request is left: what begins meanwhile is cancelled too.
func (c *calls) cancelAll() {
	for {
		var uniques []uint64
		for i := range c.shards {
			s := &c.shards[i]
			s.mu.Lock()
			for unique := range s.running {
				uniques = append(uniques, unique)
			}
			s.mu.Unlock()
		}
		if len(uniques) == 0 {
			return
		}
		for _, unique := range uniques {
			c.cancel(unique)
		}
		time.Sleep(cancelInterval)
	}
}

// inFlight is the number of requests in progress.
func (c *calls) inFlight() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.running)
		s.mu.Unlock()
	}
	return n
}

// wait returns when nothing is watched any more; there are no requests.
func (c *calls) wait() { c.done.Wait() }
