package filelock

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anishathalye/porcupine"
)

// A long random script against a model that says exactly what each request must
// come to, also those that are answered later: who is granted what, in which
// order. Every history is also checked for linearizability.
//
//	go test ./filelock -run TestLocksAreWhatTheModelSays -filelock.steps 10000000 -timeout 1h

var (
	soakSteps = flag.Int("filelock.steps", 200_000, "steps of the check against the model")
	soakSeed  = flag.Uint64("filelock.seed", 0, "seed of the random tests, 0 for a random one")
)

const (
	soakBytes   = 10
	soakOwners  = 7 // the last two are open files
	soakOpen    = 5
	soakFiles   = 3 // the last one is for flock
	soakFlock   = 2
	soakHistory = 400 // steps until everything is given up
)

// soakState is what is held of one file: the type by owner and byte.
type soakState [soakOwners][soakBytes]Type

func emptySoak() (s soakState) {
	for o := range s {
		for b := range s[o] {
			s[o][b] = Unlock
		}
	}
	return s
}

// soakRequest is one request; end is inclusive, and the last byte stands for
// all from there on.
type soakRequest struct {
	owner      int
	typ        Type
	start, end int
	test       bool
}

// conflict reports whether other owners' locks are in the way.
func (s *soakState) conflict(r soakRequest) bool {
	for o := range s {
		if o != r.owner && s.conflictWith(r, o) {
			return true
		}
	}
	return false
}

func (s *soakState) conflictWith(r soakRequest, o int) bool {
	if r.typ == Unlock {
		return false
	}
	for b := r.start; b <= r.end; b++ {
		if t := s[o][b]; t != Unlock && t.conflicts(r.typ) {
			return true
		}
	}
	return false
}

func (s *soakState) apply(r soakRequest) {
	for b := r.start; b <= r.end; b++ {
		s[r.owner][b] = r.typ
	}
}

// soakWait is a request that was made and not answered.
type soakWait struct {
	soakRequest
	file int
	lock *Lock
	call int64
}

type soak struct {
	t     *testing.T
	rnd   *rand.Rand
	files [soakFiles]*Context
	held  [soakFiles]soakState
	waits []*soakWait // in the order in which they came
	now   int64
	log   []string
	ops   [soakFiles][]porcupine.Operation

	steps, granted, deadlocks, canceled int
}

func (s *soak) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\nthe last steps:\n%s", fmt.Sprintf(format, args...), strings.Join(s.log[max(0, len(s.log)-30):], "\n"))
}

func (s *soak) reset() {
	for f := range s.files {
		s.files[f] = NewContext()
		s.held[f] = emptySoak()
		s.ops[f] = s.ops[f][:0]
	}
	s.waits, s.log, s.now = nil, s.log[:0], 0
}

func (s *soak) request(file int, r soakRequest, flags Flags) *Lock {
	l := &Lock{Owner: OwnerOf(r.owner), File: r.owner, PID: r.owner, Type: r.typ, Start: int64(r.start), End: int64(r.end), Flags: flags}
	switch {
	case file == soakFlock:
		l.Kind, l.Start, l.End = Flock, 0, End
	case r.owner >= soakOpen:
		l.Kind = OFD
	}
	if r.end == soakBytes-1 {
		l.End = End
	}
	return l
}

// ask makes a request of the real thing without the sleep that would follow.
func ask(c *Context, l *Lock) error {
	c.lock.Lock()
	c.begin(l)
	l.ctx = c
	var err error
	if l.Kind == Flock {
		err = c.setFlock(l)
	} else {
		err = c.setPosix(l, nil)
	}
	if err != ErrDeferred && l.wait != nil {
		l.wait.ticket = 0
	}
	c.unlock(context.Background())
	return err
}

// record notes an operation of the history.
func (s *soak) record(file int, r soakRequest, err error, call int64) {
	s.ops[file] = append(s.ops[file], porcupine.Operation{
		ClientId: r.owner, Input: r, Output: err, Call: call, Return: 2*s.now + 1,
	})
}

// set makes a request and compares the answer.
func (s *soak) set(file int, r soakRequest, flags Flags) {
	held := &s.held[file]
	if file == soakFlock {
		r.start, r.end = 0, soakBytes-1
	}
	r.test = flags&FlagAccess != 0
	if file == soakFlock && !r.test && held[r.owner][0] != r.typ && held[r.owner][0] != Unlock {
		// A conversion gives up the old lock first.
		drop := r
		drop.typ = Unlock
		held.apply(drop)
		s.record(file, drop, nil, 2*s.now)
	}
	same := file == soakFlock && held[r.owner][0] == r.typ && !r.test
	lock := s.request(file, r, flags)
	deadlock := s.inCircle(file, r)
	err := ask(s.files[file], lock)
	switch conflict := !same && held.conflict(r); {
	case conflict && flags&FlagSleep == 0:
		if err != syscall.EAGAIN {
			s.fail("%+v: %v, want EAGAIN", r, err)
		}
	case conflict && err == syscall.EDEADLK:
		s.deadlocks++
		if !deadlock {
			s.fail("%+v: a deadlock is reported that is none", r)
		}
	case conflict:
		if err != ErrDeferred {
			s.fail("%+v: %v, want a wait", r, err)
		}
		s.waits = append(s.waits, &soakWait{r, file, lock, 2 * s.now})
		return
	default:
		if err != nil {
			s.fail("%+v: %v", r, err)
		}
		if !r.test {
			held.apply(r)
		}
	}
	s.record(file, r, err, 2*s.now)
}

// inCircle reports whether the request could only be granted after itself: an
// owner in its way waits, directly or not, for one of its owner's locks. It
// counts all locks in the way, where the real thing looks at the first.
func (s *soak) inCircle(file int, r soakRequest) bool {
	if file == soakFlock || r.owner >= soakOpen {
		return false
	}
	var seen [soakOwners]bool
	var visit func(file int, r soakRequest) bool
	visit = func(file int, w soakRequest) bool {
		for o := range soakOpen {
			if o == w.owner || !s.held[file].conflictWith(w, o) {
				continue
			}
			if o == r.owner {
				return true
			}
			if seen[o] {
				continue
			}
			seen[o] = true
			for _, next := range s.waits {
				if next.owner == o && next.file != soakFlock && visit(next.file, next.soakRequest) {
					return true
				}
			}
		}
		return false
	}
	return visit(file, r)
}

// answered takes the waits out that were answered, compares them with what the
// model says, and checks the whole state.
func (s *soak) answered() {
	answer := func(w *soakWait) (error, bool) { return w.lock.wait.result, w.lock.wait.queue == nil }
	// Who was refused is out of it; it held nothing that others wait for.
	s.waits = slices.DeleteFunc(s.waits, func(w *soakWait) bool {
		err, done := answer(w)
		if !done || err == nil {
			return false
		}
		if err != syscall.EDEADLK || !s.held[w.file].conflict(w.soakRequest) && !s.someGranted() {
			s.fail("%+v: %v", w.soakRequest, err)
		}
		s.deadlocks++
		s.record(w.file, w.soakRequest, err, w.call)
		return true
	})
	for i := 0; i < len(s.waits); i++ {
		w := s.waits[i]
		if s.held[w.file].conflict(w.soakRequest) {
			continue
		}
		if err, done := answer(w); !done || err != nil {
			s.fail("%+v waits on: %v, %v", w.soakRequest, done, err)
		}
		s.held[w.file].apply(w.soakRequest)
		s.record(w.file, w.soakRequest, nil, w.call)
		s.granted++
		s.waits = slices.Delete(s.waits, i, i+1)
		i = -1 // what it replaced may have been in somebody's way
	}
	for _, w := range s.waits {
		if err, done := answer(w); done {
			s.fail("%+v is answered: %v", w.soakRequest, err)
		}
	}
	s.compare()
}

func (s *soak) someGranted() bool {
	return slices.ContainsFunc(s.waits, func(w *soakWait) bool { return w.lock.wait.queue == nil && w.lock.wait.result == nil })
}

// compare checks that ranges, holders and waiters agree.
func (s *soak) compare() {
	waiting := 0
	var edges [soakOwners]int
	for o := range edges {
		edges[o] = -1
	}
	for f, c := range s.files {
		if s.steps%16 == 0 {
			if err := c.Check(); err != nil {
				s.fail("file %d: %v", f, err)
			}
		}
		held := emptySoak()
		for _, h := range c.Snapshot() {
			r := soakRequest{owner: h.Owner.Value().(int), typ: h.Type, start: int(h.Start), end: int(min(h.End, soakBytes-1))}
			if f == soakFlock {
				r.start, r.end = 0, soakBytes-1
			}
			held.apply(r)
			for _, w := range h.Waiters {
				waiting++
				o := w.Owner.Value().(int)
				i := slices.IndexFunc(s.waits, func(w *soakWait) bool { return w.owner == o })
				if i < 0 || s.waits[i].file != f || !s.held[f].conflictWith(s.waits[i].soakRequest, r.owner) {
					s.fail("file %d: owner %d waits for %+v", f, o, r)
				}
				if f != soakFlock && o < soakOpen && r.owner < soakOpen {
					edges[o] = r.owner
				}
			}
		}
		if held != s.held[f] {
			s.fail("file %d: held\n%v\nthe model says\n%v", f, held, s.held[f])
		}
	}
	if waiting != len(s.waits) {
		s.fail("%d wait, in the model %d", waiting, len(s.waits))
	}
	for o := range edges {
		for n, at := 0, edges[o]; at >= 0; n, at = n+1, edges[at] {
			if n > soakOwners {
				s.fail("owners wait in a circle: %v", edges)
			}
		}
	}
}

func (s *soak) waitOf(owner int) *soakWait {
	for _, w := range s.waits {
		if w.owner == owner {
			return w
		}
	}
	return nil
}

func (s *soak) cancel(w *soakWait) {
	if err := s.files[w.file].Cancel(w.lock); err != nil {
		s.fail("cancel: %v", err)
	}
	if err := w.lock.wait.result; err != syscall.EINTR {
		s.fail("canceled: %v", err)
	}
	s.canceled++
	s.record(w.file, w.soakRequest, syscall.EINTR, w.call)
	s.waits = slices.DeleteFunc(s.waits, func(x *soakWait) bool { return x == w })
}

func (s *soak) close(file, owner int) {
	all := soakRequest{owner: owner, typ: Unlock, end: soakBytes - 1}
	switch c := s.files[file]; {
	case file == soakFlock, owner >= soakOpen:
		c.CloseFile(context.Background(), owner)
	default:
		c.ClosePosix(context.Background(), OwnerOf(owner))
	}
	s.held[file].apply(all)
	s.record(file, all, nil, 2*s.now)
}

// step does one random thing.
func (s *soak) step() {
	file, owner := s.rnd.IntN(soakFiles), s.rnd.IntN(soakOwners)
	start := s.rnd.IntN(soakBytes)
	length := s.rnd.IntN([3]int{2, 4, soakBytes}[s.rnd.IntN(3)])
	r := soakRequest{owner: owner, typ: Type(s.rnd.IntN(2)), start: start, end: min(start+length, soakBytes-1)}
	w := s.waitOf(owner)
	what := s.rnd.IntN(20)
	for n := 0; w != nil && what < 18; n++ { // one thread an owner: it waits
		if owner = s.rnd.IntN(soakOwners); n > 20 {
			what = 19
		}
		w, r.owner = s.waitOf(owner), owner
	}
	s.log = append(s.log, fmt.Sprintf("%d: file %d %+v, action %d", s.now, file, r, what))
	switch {
	case what < 4:
		s.set(file, r, 0)
	case what < 10:
		s.set(file, r, FlagSleep)
	case what < 12:
		s.set(file, r, FlagAccess)
	case what < 17:
		r.typ = Unlock
		s.set(file, r, 0)
	case what < 18:
		s.close(file, owner)
	case w != nil:
		s.cancel(w)
	}
	s.answered()
	s.now++
	s.steps++
}

// finish gives everything up, and checks the history.
func (s *soak) finish() {
	for len(s.waits) > 0 {
		s.cancel(s.waits[0])
		s.now++
	}
	for owner := range soakOwners {
		for file := range s.files {
			s.close(file, owner)
			s.now++
		}
	}
	s.answered()
	for f, c := range s.files {
		if !c.Empty() {
			s.fail("locks are left")
		}
		if !porcupine.CheckOperations(lockModel, s.ops[f]) {
			s.fail("the history of file %d is not linearizable", f)
		}
	}
}

func TestLocksAreWhatTheModelSays(t *testing.T) {
	s := &soak{t: t, rnd: rand.New(rand.NewPCG(testSeed(t), 0))}
	for s.steps < *soakSteps {
		s.reset()
		for range min(soakHistory, *soakSteps-s.steps) {
			s.step()
		}
		s.finish()
	}
	t.Logf("%d steps: %d waits granted, %d canceled, %d deadlocks", s.steps, s.granted, s.canceled, s.deadlocks)
	if s.steps >= 10_000 && (s.granted == 0 || s.canceled == 0 || s.deadlocks == 0) {
		t.Error("not everything was seen")
	}
}
