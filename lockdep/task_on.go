//go:build lockdep

package lockdep

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/petermattis/goid"
)

// A hold is one lock that a goroutine holds.
type hold struct {
	info   *info
	class  *Class // nil for one whose class is optional, and absent
	sub    Subclass
	mode   Mode
	flags  holdFlag
	kind   Kind
	order  uint64
	serial uint64 // unique, ascending
	pcs    [stackDepth]uintptr
	depth  int
}

func (h *hold) spins() bool      { return h.flags&flagRead == 0 && !h.kind.Sleeps() }
func (h *hold) stack() []uintptr { return slices.Clone(h.pcs[:h.depth]) }

// name is what reports call the lock.
func (h *hold) name() string {
	switch {
	case h.class == nil:
		return "a sequence count"
	case h.flags&flagRead != 0:
		return h.class.name + " (read sequence)"
	case h.sub != Normal:
		return h.class.name + "/" + h.sub.String()
	}
	return h.class.name
}

// A contextEntry is a context that a goroutine entered: by itself, or as a gate
// did it for a method that may not block.
type contextEntry struct {
	ctx   ctx
	gate  *Gate  // nil if entered by hand
	rule  string // the gate's rule
	cell  string
	prose int
	pcs   []uintptr
}

// A task is what the checker knows of one goroutine. It exists while there is
// something to know, so a goroutine that ends with nothing held leaves nothing
// behind. Its shard's mutex guards it: other goroutines look at it for reports,
// and unlock what it locked.
type task struct {
	holds    []hold
	contexts []*contextEntry
	gates    []*Gate
	spinning int // holds that spin
	quiet    int // inside a handler: nothing is reported
}

func (t *task) idle() bool {
	return len(t.holds) == 0 && len(t.contexts) == 0 && len(t.gates) == 0 && t.quiet == 0
}

const taskShards = 64

// tasks holds every task by its goroutine's id, which is never reused.
var tasks [taskShards]taskShard

type taskShard struct {
	mu sync.Mutex
	m  map[int64]*task
	_  [48]byte // a shard each cache line
}

var (
	taskPool   = sync.Pool{New: func() any { return new(task) }}
	lastSerial atomic.Uint64
)

func self() (int64, *taskShard) {
	gid := goid.Get()
	return gid, shardOf(gid)
}

func shardOf(gid int64) *taskShard { return &tasks[uint64(gid)%taskShards] }

// get is the task of a goroutine, made if there is none. The shard is locked.
func (s *taskShard) get(gid int64) *task {
	t := s.m[gid]
	if t == nil {
		if s.m == nil {
			s.m = make(map[int64]*task)
		}
		t = taskPool.Get().(*task)
		s.m[gid] = t
	}
	return t
}

// settle forgets a task of which there is nothing to know any more. The shard
// is locked.
func (s *taskShard) settle(gid int64, t *task) {
	if t.idle() {
		delete(s.m, gid)
		taskPool.Put(t)
	}
}

// push adds a hold. The shard is locked.
func (t *task) push(h hold) {
	h.serial = lastSerial.Add(1)
	t.holds = append(t.holds, h)
	if h.spins() {
		t.spinning++
	}
}

// remove takes out the hold at index n. The shard is locked.
func (t *task) remove(n int) hold {
	h := t.holds[n]
	if h.spins() {
		t.spinning--
	}
	t.holds = slices.Delete(t.holds, n, n+1)
	return h
}

// find is the index of the last hold of a lock, not counting announced read
// sequences, or -1. The shard is locked.
func (t *task) find(i *info) int {
	for n := len(t.holds) - 1; n >= 0; n-- {
		if t.holds[n].info == i && t.holds[n].flags&flagRead == 0 {
			return n
		}
	}
	return -1
}

// callers is the calling goroutine's stack.
func callers() []uintptr {
	pcs := make([]uintptr, stackDepth+8)
	return pcs[:runtime.Callers(2, pcs)]
}

// report delivers r unless the goroutine is inside the handler. No shard is
// locked.
func report(r *Report) {
	gid, s := self()
	s.mu.Lock()
	t := s.get(gid)
	if t.quiet > 0 {
		s.mu.Unlock()
		return
	}
	t.quiet++
	if r.Method == "" && len(t.gates) > 0 {
		r.Method = t.gates[len(t.gates)-1].m.FullName()
	}
	s.mu.Unlock()
	// A handler may end the goroutine (testing.T.FailNow).
	defer func() {
		s.mu.Lock()
		t.quiet--
		s.settle(gid, t)
		s.mu.Unlock()
	}()
	deliver(r)
}

func heldLocks() []Report {
	var list []Report
	for n := range tasks {
		s := &tasks[n]
		s.mu.Lock()
		for _, t := range s.m {
			for i := range t.holds {
				h := &t.holds[i]
				list = append(list, Report{
					Kind: KindUnlock, Rule: "held " + h.name(), Message: h.name() + " is " + h.mode.String(),
					Stacks: []Stack{{"held since", h.stack()}},
				})
			}
			for _, c := range t.contexts {
				list = append(list, Report{
					Kind: KindContext, Rule: "in " + ctxNames[c.ctx], Message: "a goroutine is in " + ctxNames[c.ctx] + " context",
					Stacks: []Stack{{"since", c.pcs}},
				})
			}
		}
		s.mu.Unlock()
	}
	return list
}
