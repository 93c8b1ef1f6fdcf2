package filelock

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// The model keeps one type for each byte, owner and file. Its last byte stands
// for all from there on. It is checked against the real thing after each step
// of a random script: what is granted and refused, which lock is said to be in
// the way, who is notified and who waits on, which wait is a deadlock, what is
// held, and which private data live.
const (
	modelBytes  = 12
	modelOwners = 5 // of which the last is an open file
	modelFiles  = 2
)

// modelOwner is a new pointer for each request: the manager compares names.
type modelOwner struct{ index int }

type modelWait struct {
	file int
	req  *Lock
}

type model struct {
	t     *rapid.T
	files [modelFiles]*Context
	held  [modelFiles][modelOwners][modelBytes]Type // Unlock for none
	waits [modelOwners]*modelWait

	manager  *ManagerOps
	ops      *Ops
	notified []*Lock
	live     map[*int]bool // private data
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, live: make(map[*int]bool)}
	m.manager, m.ops = ManagerOpsOf(m), OpsOf(m)
	for f := range m.files {
		m.files[f] = NewContext()
		for o := range m.held[f] {
			for b := range m.held[f][o] {
				m.held[f][o][b] = Unlock
			}
		}
	}
	return m
}

func (m *model) CompareOwner(a, b *Lock) bool { return ownerIndex(a) == ownerIndex(b) }
func (m *model) OwnerKey(l *Lock) uint64      { return uint64(ownerIndex(l)) / 2 } // collides
func (m *model) Notify(l *Lock)               { m.notified = append(m.notified, l) }

func (m *model) CopyLock(new, old *Lock) {
	if !m.live[old.Private.(*int)] {
		m.t.Errorf("copy of a lock whose private data is gone")
	}
	new.Private = m.private()
}

func (m *model) ReleasePrivate(_ context.Context, l *Lock) {
	p := l.Private.(*int)
	if !m.live[p] {
		m.t.Errorf("private data released twice")
	}
	delete(m.live, p)
}

func (m *model) private() *int {
	p := new(int)
	m.live[p] = true
	return p
}

func ownerIndex(l *Lock) int { return l.Owner.Value().(*modelOwner).index }

func (m *model) request(owner int, typ Type, first, last int, flags Flags) *Lock {
	kind := POSIX
	if owner == modelOwners-1 {
		kind = OFD
	}
	return &Lock{
		Owner: OwnerOf(&modelOwner{owner}), PID: owner, Kind: kind, Type: typ, Flags: flags,
		Start: int64(first), End: realEnd(last), Manager: m.manager, Ops: m.ops, Private: m.private(),
	}
}

func realEnd(last int) int64 {
	if last == modelBytes-1 {
		return End
	}
	return int64(last)
}

func modelEnd(end int64) int { return int(min(end, modelBytes-1)) }

// conflicts lists what is in req's way, as "owner:r3-5", and where the first
// of it begins.
func (m *model) conflicts(file int, req *Lock) (all []string, first int) {
	first = modelBytes
	if req.Type == Unlock {
		return nil, first
	}
	for o := range m.held[file] {
		if o == ownerIndex(req) {
			continue
		}
		bytes := m.held[file][o]
		for b := 0; b < modelBytes; {
			e := b
			for e+1 < modelBytes && bytes[e+1] == bytes[b] {
				e++
			}
			if bytes[b] != Unlock && req.Type.conflicts(bytes[b]) && int64(b) <= req.End && e >= int(req.Start) {
				all = append(all, fmt.Sprintf("%d:%c%d-%d", o, "rw"[bytes[b]], b, e))
				first = min(first, b)
			}
			b = e + 1
		}
	}
	return all, first
}

const openFile = modelOwners - 1

// edges is who waits for whom, as the listings say, as far as it counts for
// deadlocks.
func (m *model) edges() (blocker [modelOwners]int) {
	for o := range blocker {
		blocker[o] = -1
	}
	for _, c := range m.files {
		for _, h := range c.Snapshot() {
			holder := h.Owner.Value().(*modelOwner).index
			for _, w := range h.Waiters {
				if o := w.Owner.Value().(*modelOwner).index; o != openFile && holder != openFile && !h.Notified {
					blocker[o] = holder
				}
			}
		}
	}
	return blocker
}

// deadlock reports whether owner, waiting for holder, would close a cycle.
func (m *model) deadlock(owner, holder int) bool {
	if owner == openFile || holder == openFile {
		return false
	}
	blocker := m.edges()
	for o := holder; blocker[o] >= 0; o = blocker[o] {
		if blocker[o] == owner {
			return true
		}
	}
	return false
}

// set makes a request, or repeats one, and compares the answer.
func (m *model) set(file int, req *Lock) {
	owner := ownerIndex(req)
	if w := m.waits[owner]; w != nil && w.req == req {
		m.waits[owner] = nil
	}
	var circle [modelOwners]bool
	for o := range circle {
		circle[o] = m.deadlock(owner, o)
	}
	var conf Lock
	err := m.files[file].SetPosix(context.Background(), req, &conf)
	if conflicts, first := m.conflicts(file, req); len(conflicts) > 0 {
		got := fmt.Sprintf("%d:%c%d-%d", ownerIndex(&conf), "rw"[conf.Type], conf.Start, modelEnd(conf.End))
		if !slices.Contains(conflicts, got) || conf.Start != int64(first) {
			m.t.Fatalf("%v: in the way is %s, want the first of %v", m.print(req), got, conflicts)
		}
		blocker := ownerIndex(&conf)
		want := error(syscall.EAGAIN)
		if req.Flags&FlagSleep != 0 {
			want = ErrDeferred
			if circle[blocker] {
				want = syscall.EDEADLK
			}
		}
		if err != want {
			m.t.Fatalf("%v against %v: %v, want %v", m.print(req), conflicts, err, want)
		}
		if err == ErrDeferred {
			m.waits[owner] = &modelWait{file, req}
			return
		}
	} else {
		if err != nil {
			m.t.Fatalf("%v: %v", m.print(req), err)
		}
		for b := req.Start; b <= int64(modelEnd(req.End)) && req.Flags&FlagAccess == 0; b++ {
			m.held[file][owner][b] = req.Type
		}
	}
	req.Release(context.Background())
}

func (m *model) print(req *Lock) string {
	return fmt.Sprintf("%d:%c%d-%d", ownerIndex(req), "rwu"[req.Type], req.Start, modelEnd(req.End))
}

// settle answers notifications, and then compares everything.
func (m *model) settle() {
	for len(m.notified) > 0 {
		req := m.notified[0]
		m.notified = m.notified[1:]
		m.set(m.waits[ownerIndex(req)].file, req)
	}
	records := 0
	for f, c := range m.files {
		if err := c.Check(); err != nil {
			m.t.Fatal(err)
		}
		var held [modelOwners][modelBytes]Type
		for o := range held {
			for b := range held[o] {
				held[o][b] = Unlock
			}
		}
		for _, h := range c.Snapshot() {
			records++
			o := h.Owner.Value().(*modelOwner).index
			for b := int(h.Start); b <= modelEnd(h.End); b++ {
				held[o][b] = h.Type
			}
			for _, w := range h.Waiters {
				o := w.Owner.Value().(*modelOwner).index
				mw := m.waits[o]
				if mw == nil || mw.file != f || h.Notified {
					m.t.Fatalf("owner %d waits for %v, the model says %+v", o, h.Info, mw)
				}
				all, _ := m.conflicts(f, mw.req)
				if holder := fmt.Sprintf("%d:%c%d-%d", ownerIndex(&Lock{Owner: h.Owner}), "rw"[h.Type], h.Start, modelEnd(h.End)); !slices.Contains(all, holder) {
					m.t.Fatalf("owner %d waits for %s, in its way are %v", o, holder, all)
				}
			}
		}
		if held != m.held[f] {
			m.t.Fatalf("file %d: held\n%v\nmodel\n%v", f, held, m.held[f])
		}
	}
	blocker := m.edges()
	for o := range blocker {
		for n, b := 0, blocker[o]; b >= 0; n, b = n+1, blocker[b] {
			if n > modelOwners {
				m.t.Fatalf("owners wait in a circle: %v", blocker)
			}
		}
	}
	waiting := 0
	for o, w := range m.waits {
		if w == nil {
			continue
		}
		waiting++
		if all, _ := m.conflicts(w.file, w.req); len(all) == 0 {
			m.t.Fatalf("owner %d waits with nothing in its way", o)
		}
	}
	if n := m.files[0].Waiters() + m.files[1].Waiters(); n != waiting {
		m.t.Fatalf("%d requests wait, in the model %d", n, waiting)
	}
	if len(m.live) != records+waiting {
		m.t.Fatalf("%d private data for %d records and %d requests", len(m.live), records, waiting)
	}
}

func TestRangesBehaveAsAnArrayOfBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer abandon(m.files[:]...)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			file := rapid.IntRange(0, modelFiles-1).Draw(t, "file")
			owner := rapid.IntRange(0, modelOwners-1).Draw(t, "owner")
			switch rapid.SampledFrom(strings.Fields("set set set wait wait wait unlock unlock test close cancel again")).Draw(t, "op") {
			case "wait":
				if m.waits[owner] == nil {
					m.set(file, m.draw(owner, FlagSleep, Read, Write))
				}
			case "set":
				m.set(file, m.draw(owner, 0, Read, Write))
			case "unlock":
				m.set(file, m.draw(owner, 0, Unlock))
			case "test":
				m.set(file, m.draw(owner, FlagAccess, Read, Write))
			case "close":
				m.set(file, m.request(owner, Unlock, 0, modelBytes-1, FlagClose))
			case "cancel":
				if w := m.waits[owner]; w != nil {
					if err := m.files[w.file].Cancel(w.req); err != nil {
						t.Fatalf("cancel: %v", err)
					}
					if err := m.files[w.file].Cancel(w.req); err != syscall.ENOENT {
						t.Fatalf("second cancel: %v", err)
					}
					w.req.Release(context.Background())
					m.waits[owner] = nil
				}
			case "again": // a manager may repeat a request whenever it likes
				if w := m.waits[owner]; w != nil {
					m.set(w.file, w.req)
				}
			}
			m.settle()
		}
		for owner, w := range m.waits {
			if w != nil {
				m.files[w.file].Cancel(w.req)
				w.req.Release(context.Background())
				m.waits[owner] = nil
			}
		}
		for owner := range modelOwners {
			for f := range m.files {
				m.set(f, m.request(owner, Unlock, 0, modelBytes-1, FlagClose))
			}
		}
		m.settle()
		if len(m.live) != 0 || !m.files[0].Empty() || !m.files[1].Empty() {
			t.Fatal("something is left")
		}
	})
}

func (m *model) draw(owner int, flags Flags, types ...Type) *Lock {
	typ := types[0]
	if len(types) > 1 {
		typ = rapid.SampledFrom(types).Draw(m.t, "type")
	}
	a := rapid.IntRange(0, modelBytes-1).Draw(m.t, "a")
	b := rapid.IntRange(0, modelBytes-1).Draw(m.t, "b")
	return m.request(owner, typ, min(a, b), max(a, b), flags)
}
