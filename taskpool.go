package govfs

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/govfs/govfs/vfs"
)

// A taskPool lends tasks to calls. A task is used by one goroutine at a time
// and costs some allocations to make, so that those that are done wait here
// for the next call, in slots of which every call tries a few at random: two
// calls meet on a cache line only by chance.
//
// A task keeps its namespace mounted. When the pool is closed, the tasks in it
// end at once, and those that are lent when they come back.
type taskPool struct {
	ns    *vfs.Namespace
	umask uint32
	slots []taskSlot // a power of two

	mu   sync.Mutex  // making tasks, against close
	dead atomic.Bool // closed; set under mu
}

type taskSlot struct {
	task atomic.Pointer[vfs.Task]
	_    [56]byte // a cache line for each
}

// taskTries is how many slots a call looks at.
const taskTries = 4

func (p *taskPool) init(ns *vfs.Namespace, umask uint32) {
	p.ns, p.umask = ns, umask
	n := 8
	for n < 2*runtime.GOMAXPROCS(0) && n < 1024 {
		n *= 2
	}
	p.slots = make([]taskSlot, n)
}

func (p *taskPool) slot(i uint32) *atomic.Pointer[vfs.Task] {
	return &p.slots[i&uint32(len(p.slots)-1)].task
}

// get lends a task that acts for cred; fs.ErrClosed if the pool is closed.
func (p *taskPool) get(cred *vfs.Cred) (*vfs.Task, error) {
	at := rand.Uint32()
	for i := range uint32(taskTries) {
		s := p.slot(at + i)
		if s.Load() == nil {
			continue
		}
		if t := s.Swap(nil); t != nil {
			t.SetCred(cred)
			return t, nil
		}
	}
	return p.make(cred)
}

// make makes a task that the caller owns.
func (p *taskPool) make(cred *vfs.Cred) (*vfs.Task, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead.Load() {
		return nil, fs.ErrClosed
	}
	t := p.ns.NewTask(cred)
	t.Umask(p.umask)
	return t, nil
}

// put takes a task back.
func (p *taskPool) put(t *vfs.Task) {
	at := rand.Uint32()
	for i := range uint32(taskTries) {
		s := p.slot(at + i)
		if s.Load() != nil || !s.CompareAndSwap(nil, t) {
			continue
		}
		// If close has passed this slot before the task came, somebody has to
		// end it: whoever swaps it out.
		if p.dead.Load() {
			if t := s.Swap(nil); t != nil {
				t.Exit()
			}
		}
		return
	}
	t.Exit()
}

// close ends all tasks in the pool and the namespace's use by it.
func (p *taskPool) close() {
	p.mu.Lock()
	p.dead.Store(true)
	p.mu.Unlock()
	for i := range p.slots {
		if t := p.slots[i].task.Swap(nil); t != nil {
			t.Exit()
		}
	}
	p.ns.Close(context.Background())
}
