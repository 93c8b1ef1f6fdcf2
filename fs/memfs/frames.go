package memfs

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// The unit in which space is handed out, counted and shown.
const (
	pageShift = 12
	pageSize  = 1 << pageShift
)

const (
	slabShift  = 9
	slabFrames = 1 << slabShift // frames of one slab
	slabBytes  = slabFrames * pageSize

	stashSize  = 64 // frames that a stash holds at most
	stashBatch = 32 // frames that move between a stash and the depot at once

	// frameDirty marks a frame in a stash that was in use before: it is
	// cleared before it is used again, where zeros are needed.
	frameDirty frame = 1 << 31
	maxSlab          = int(frameDirty>>slabShift) - 1
)

// A frame is the number of a page frame in its arena; zero is none.
type frame uint32

func (f frame) slab() int  { return int(f >> slabShift) }
func (f frame) index() int { return int(f & (slabFrames - 1)) }

// offset is the frame's place in the arena, in bytes.
func (f frame) offset() uint64 { return uint64(f-slabFrames) << pageShift }

// An arena is the memory of one file system: page frames outside the Go heap,
// in slabs of a memfd. It grows a slab at a time, and a slab of which no frame
// is in use goes back to the system, except for one that is kept in reserve.
//
// A frame that is handed out has one reference, its owner's. A reader that
// found the frame's number in memory that may change under it takes a further
// one with pin, and then looks whether the number still stands there: a frame
// is handed out again only when all its references are gone. Frames that
// threads free and need at about the same time pass through stashes, so that
// the depot's lock is taken once for many frames.
//
// The arena sets no bound: who counts the frames does.
type arena struct {
	table  atomic.Pointer[[]atomic.Pointer[slab]] // by number; 0 is never used
	stash  []frameStash
	depot  depot
	mapped atomic.Int64 // slabs in memory
}

// A slab is a stretch of the memfd that is mapped. The fields below refs are
// the depot's.
type slab struct {
	mem  []byte
	refs [slabFrames]atomic.Int32

	num        int
	free       [slabFrames / 64]uint64 // frames that came back
	nfree      int                     // how many
	fresh      int                     // the first frame that was never handed out
	holes      bool                    // some frames of free have no memory yet
	prev, next *slab                   // in the list of slabs with frames to give
}

func (s *slab) available() int { return s.nfree + slabFrames - s.fresh }
func (s *slab) unused() bool   { return s.nfree == s.fresh }

// A depot is where slabs come from, under its lock.
type depot struct {
	lock   lockdep.Mutex
	fd     int
	first  *slab // slabs with frames to give
	spare  *slab // one of them that is unused
	length int   // of the memfd, in slabs
	gone   []int // numbers of slabs that were released
}

// A frameStash is a small store of free frames.
type frameStash struct {
	lock   lockdep.SpinLock
	n      int
	frames [stashSize]frame
	_      [64]byte // keeps the locks of two stashes on different cache lines
}

var (
	depotClass = lockdep.NewClass("memfs_depot", lockdep.Sleep).Under(lockdep.IMutex)
	stashClass = lockdep.NewClass("memfs_stash", lockdep.Spin)
)

// init prepares the arena; memory is taken when the first frame is needed.
func (a *arena) init() {
	n := 1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1))
	a.stash = make([]frameStash, n)
	for i := range a.stash {
		a.stash[i].lock.Init(stashClass)
	}
	a.depot.lock.Init(depotClass)
	a.depot.fd = -1
}

// close gives all memory back; no frame is in use any more.
func (a *arena) close() {
	d := &a.depot
	d.lock.Lock()
	defer d.lock.Unlock()
	if t := a.table.Load(); t != nil {
		for i := range *t {
			if s := (*t)[i].Load(); s != nil {
				a.unmap(s)
			}
		}
	}
	a.table.Store(nil)
	if d.fd >= 0 {
		unix.Close(d.fd)
		d.fd = -1
	}
}

// page is the memory of a frame that the caller has a reference on.
func (a *arena) page(f frame) *[pageSize]byte {
	s := (*a.table.Load())[f.slab()].Load()
	return (*[pageSize]byte)(s.mem[f.index()<<pageShift:])
}

func (a *arena) refs(f frame) *atomic.Int32 {
	return &(*a.table.Load())[f.slab()].Load().refs[f.index()]
}

// pin takes a reference on a frame that may be gone by now: false if it is. A
// frame that is pinned may be another one's meanwhile: the caller looks again.
func (a *arena) pin(f frame) bool {
	t := a.table.Load()
	if t == nil || f.slab() >= len(*t) {
		return false
	}
	s := (*t)[f.slab()].Load()
	if s == nil {
		return false
	}
	refs := &s.refs[f.index()]
	for {
		n := refs.Load()
		if n == 0 {
			return false
		}
		if refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// unpin drops a reference. hint chooses the stash.
func (a *arena) unpin(f frame, hint uint64) {
	if a.refs(f).Add(-1) == 0 {
		a.put([]frame{f}, hint)
	}
}

// alloc hands out a frame, and tells whether it is filled with zeros; else its
// bytes are anything, and are cleared before anybody else can see them. Callers
// with different hints seldom meet on a lock. ENOMEM.
func (a *arena) alloc(hint uint64) (f frame, zeroed bool, err error) {
	st := a.stashOf(hint)
	st.lock.Lock()
	if st.n > 0 {
		st.n--
		f = st.frames[st.n]
		st.lock.Unlock()
	} else {
		st.lock.Unlock()
		if f, err = a.restock(st); err != nil {
			return 0, false, err
		}
	}
	zeroed = f&frameDirty == 0
	f &^= frameDirty
	a.refs(f).Store(1)
	return f, zeroed, nil
}

func (a *arena) stashOf(hint uint64) *frameStash {
	return &a.stash[hint*0x9e3779b97f4a7c15>>32&uint64(len(a.stash)-1)]
}

// restock takes a batch of frames from the depot: one for the caller, the rest
// for the stash.
func (a *arena) restock(st *frameStash) (frame, error) {
	var batch [stashBatch]frame
	n, err := a.take(&batch)
	if err != nil {
		return 0, err
	}
	// The last one in is the next one out: frames are handed out in order.
	st.lock.Lock()
	for n > 1 && st.n < stashSize {
		n--
		st.frames[st.n] = batch[n]
		st.n++
	}
	st.lock.Unlock()
	if n > 1 {
		a.giveBack(batch[1:n])
	}
	return batch[0], nil
}

// put stores frames without references for the next one who needs some: a few
// in a stash, many in the depot.
func (a *arena) put(frames []frame, hint uint64) {
	if len(frames) > stashBatch {
		a.giveBack(frames)
		return
	}
	var spill [stashBatch]frame
	n := 0
	st := a.stashOf(hint)
	st.lock.Lock()
	if st.n+len(frames) > stashSize {
		st.n -= stashBatch
		n = copy(spill[:], st.frames[st.n:])
	}
	for _, f := range frames {
		st.frames[st.n] = f | frameDirty
		st.n++
	}
	st.lock.Unlock()
	if n > 0 {
		a.giveBack(spill[:n])
	}
}

// A frameRelease collects the references that are dropped in one go.
type frameRelease struct {
	arena *arena
	hint  uint64
	n     int
	f     [128]frame
}

// drop drops the owner's reference on f.
func (r *frameRelease) drop(f frame) {
	if r.arena.refs(f).Add(-1) != 0 {
		return // a reader's is the last one
	}
	if r.n == len(r.f) {
		r.flush()
	}
	r.f[r.n] = f
	r.n++
}

// flush ends the collection.
func (r *frameRelease) flush() {
	if r.n > 0 {
		r.arena.put(r.f[:r.n], r.hint)
		r.n = 0
	}
}

// take fills batch from one slab and returns how many frames it got, at least
// one.
func (a *arena) take(batch *[stashBatch]frame) (int, error) {
	d := &a.depot
	d.lock.Lock()
	s := d.first
	if s != nil && s == d.spare && s.next != nil {
		s = s.next
	}
	if s == nil {
		var err error
		if s, err = a.grow(); err != nil {
			d.lock.Unlock()
			return 0, err
		}
	}
	n := 0
	for w := 0; s.nfree > 0 && n < stashBatch; {
		if s.free[w] == 0 {
			w++
			continue
		}
		i := w<<6 + bits.TrailingZeros64(s.free[w])
		s.free[w] &= s.free[w] - 1
		s.nfree--
		batch[n] = frame(s.num<<slabShift+i) | frameDirty
		n++
	}
	holes := n > 0 && s.holes
	recycled := n
	fresh := s.fresh
	for s.fresh < slabFrames && n < stashBatch {
		batch[n] = frame(s.num<<slabShift + s.fresh)
		s.fresh++
		n++
	}
	if d.spare == s {
		d.spare = nil
	}
	if s.available() == 0 {
		d.unlink(s)
	}
	d.lock.Unlock()

	var err error
	if holes {
		err = populate(s.mem)
	} else if n > recycled {
		err = populate(s.mem[fresh<<pageShift : (fresh+n-recycled)<<pageShift])
	}
	if err != nil {
		d.lock.Lock()
		s.holes = true
		d.lock.Unlock()
		a.giveBack(batch[:n])
		return 0, unix.ENOMEM
	}
	return n, nil
}

// populate gives pages of the memfd memory now, where a lack of it is an
// error: at the first touch it would be a signal.
func populate(mem []byte) error {
	err := unix.Madvise(mem, unix.MADV_POPULATE_WRITE)
	if err == unix.EINVAL { // a kernel before 5.14
		return nil
	}
	return err
}

// giveBack returns frames without references to their slabs, and slabs that
// are unused by it to the system.
func (a *arena) giveBack(frames []frame) {
	var unused *slab // to be released, linked by next
	d := &a.depot
	d.lock.Lock()
	t := *a.table.Load()
	for _, f := range frames {
		f &^= frameDirty
		s := t[f.slab()].Load()
		if s.available() == 0 {
			d.link(s)
		}
		i := f.index()
		s.free[i>>6] |= 1 << (i & 63)
		s.nfree++
		if !s.unused() {
			continue
		}
		if d.spare == nil {
			d.spare = s
			continue
		}
		d.unlink(s)
		t[s.num].Store(nil)
		s.next, unused = unused, s
	}
	d.lock.Unlock()
	if unused != nil {
		a.release(unused)
	}
}

// grow adds a slab; the depot's lock is held.
func (a *arena) grow() (*slab, error) {
	d := &a.depot
	if d.fd < 0 {
		fd, err := unix.MemfdCreate("govfs-memfs", unix.MFD_CLOEXEC)
		if err != nil {
			return nil, unix.ENOMEM
		}
		d.fd = fd
	}
	num := d.length + 1
	if l := len(d.gone); l > 0 {
		num = d.gone[l-1]
	} else if num > maxSlab {
		return nil, unix.ENOMEM
	} else if err := unix.Ftruncate(d.fd, int64(num)*slabBytes); err != nil {
		return nil, unix.ENOMEM
	}
	mem, err := unix.Mmap(d.fd, int64(num-1)*slabBytes, slabBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, unix.ENOMEM
	}
	if num > d.length {
		d.length = num
	} else {
		d.gone = d.gone[:len(d.gone)-1]
	}
	s := &slab{mem: mem, num: num}
	t := a.table.Load()
	if t == nil || num >= len(*t) {
		bigger := make([]atomic.Pointer[slab], max(8, 2*(num+1)))
		if t != nil {
			for i := range *t {
				bigger[i].Store((*t)[i].Load())
			}
		}
		t = &bigger
		a.table.Store(t)
	}
	(*t)[num].Store(s)
	a.mapped.Add(1)
	d.link(s)
	return s, nil
}

// release gives slabs that nobody finds any more, linked by next, back to the
// system.
func (a *arena) release(unused *slab) {
	d := &a.depot
	for s := unused; s != nil; s = s.next {
		a.unmap(s)
		// Without the hole the memfd would keep the memory.
		if err := unix.Fallocate(d.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(s.num-1)*slabBytes, slabBytes); err != nil {
			panic("memfs: a hole in a memfd: " + err.Error())
		}
	}
	d.lock.Lock()
	for s := unused; s != nil; s = s.next {
		d.gone = append(d.gone, s.num)
	}
	d.lock.Unlock()
}

func (a *arena) unmap(s *slab) {
	if err := unix.Munmap(s.mem); err != nil {
		panic("memfs: munmap of a slab: " + err.Error())
	}
	a.mapped.Add(-1)
}

func (d *depot) link(s *slab) {
	s.prev, s.next = nil, d.first
	if d.first != nil {
		d.first.prev = s
	}
	d.first = s
}

func (d *depot) unlink(s *slab) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		d.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
