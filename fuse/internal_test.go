package fuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func TestMountInfo(t *testing.T) {
	for _, c := range []struct {
		line string
		want mountInfo
		ok   bool
	}{
		{`36 35 98:0 /mnt1 /mnt/a\040b\134 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, mountInfo{"36", "98:0", `/mnt/a b\`, "ext3"}, true},
		{`36 35 0:44 / /m rw - fuse.govfs mem rw`, mountInfo{"36", "0:44", "/m", "fuse.govfs"}, true},
		{`36 35 0:44 / /m rw shared:1 master:2 propagate_from:3 - fuse.govfs mem rw`, mountInfo{"36", "0:44", "/m", "fuse.govfs"}, true},
		{`36 35 0:44 / /m rw`, mountInfo{}, false},
		{``, mountInfo{}, false},
		{`36 35 0:44 / /m rw -`, mountInfo{}, false},
	} {
		if got, ok := parseMountInfo(c.line); got != c.want || ok != c.ok {
			t.Errorf("%q: %+v %v", c.line, got, ok)
		}
	}
	if got := unescapeMount(`\1\12\123\9`); got != `\1\12S\9` {
		t.Errorf("%q", got)
	}
}

func TestProcStatus(t *testing.T) {
	const text = "Name:\ta\nGroups:\t4 24 4294967294 \nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\nCapEff:\t000001ffffffffff\n"
	st, err := parseProcStatus([]byte(text))
	if err != nil || !slices.Equal(st.groups, []uint32{4, 24, 4294967294}) || !st.killed || !st.caps.Has(vfs.CapSysAdmin) {
		t.Errorf("%+v %v", st, err)
	}
	for _, bad := range []string{"", "Groups:\tx\n", "SigPnd:\tz\n", "Groups:\t\nSigPnd:\t0\nShdPnd:\t0\n", "Groups\n"} {
		if _, err := parseProcStatus([]byte(bad)); err != unix.EINVAL {
			t.Errorf("%q: %v", bad, err)
		}
	}
	own, err := readProcStatus(uint32(os.Getpid()))
	if err != nil || own.killed || os.Geteuid() == 0 && callerCaps(uint32(os.Getpid())) != own.caps {
		t.Errorf("%+v %v", own, err)
	}
	if _, err := readProcStatus(0); err != unix.ESRCH {
		t.Errorf("pid 0: %v", err)
	}
	if beingKilled(uint32(os.Getpid())) || !beingKilled(0) {
		t.Error("who is being killed?")
	}
}

func TestDeviceNumbers(t *testing.T) {
	for _, c := range []struct{ major, minor, wire uint32 }{
		{0, 0, 0}, {8, 1, 0x801}, {4095, 1<<20 - 1, 0xffffffff}, {1, 0x12345, 0x12300145},
	} {
		d := unix.Mkdev(c.major, c.minor)
		if got := encodeDev(d); got != c.wire {
			t.Errorf("%d:%d is %#x, want %#x", c.major, c.minor, got, c.wire)
		}
		if got := decodeDev(c.wire); got != d {
			t.Errorf("%#x is %#x, want %#x", c.wire, got, d)
		}
	}
}

func TestErrno(t *testing.T) {
	for _, c := range []struct {
		err  error
		want unix.Errno
	}{
		{unix.ENOENT, unix.ENOENT},
		{fmt.Errorf("x: %w", unix.EPERM), unix.EPERM},
		{&os.PathError{Err: unix.EROFS}, unix.EROFS},
		{errors.New("no number"), unix.EIO},
	} {
		if got := errnoOf(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

// sent is a notification that a fakeTransport was given.
type sent struct {
	code         int32
	node, second uint64
	off, length  int64
	name         string
}

// fakeTransport records notifications; answer, if set, says how each ends.
type fakeTransport struct {
	mu     sync.Mutex
	got    []sent
	answer func(sent) error
	hold   chan struct{} // not closed: notifications wait
}

func (f *fakeTransport) start(handler) error { return nil }
func (f *fakeTransport) serve(handler) error { return nil }
func (f *fakeTransport) close() error        { return nil }

func (f *fakeTransport) notify(code int32, parts ...[]byte) error {
	if f.hold != nil {
		<-f.hold
	}
	b := parts[0]
	n := sent{code: code, node: binary.NativeEndian.Uint64(b)}
	switch code {
	case notifyInvalInode:
		n.off, n.length = int64(binary.NativeEndian.Uint64(b[8:])), int64(binary.NativeEndian.Uint64(b[16:]))
	case notifyDelete:
		n.second = binary.NativeEndian.Uint64(b[8:])
	}
	if len(parts) > 1 {
		n.name = string(parts[1])
	}
	f.mu.Lock()
	f.got = append(f.got, n)
	f.mu.Unlock()
	if f.answer != nil {
		return f.answer(n)
	}
	return nil
}

func (f *fakeTransport) all() []sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// waitFor waits for a condition.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come true")
		}
	}
}

// newTestServer is a server of a memory file system without a kernel.
func newTestServer(t *testing.T) *Server { return newKernel(t, Options{}).s }

// TestNotifierWidens: what waits in the queue already is not queued again.
func TestNotifierWidens(t *testing.T) {
	s := newTestServer(t)
	tr := &fakeTransport{hold: make(chan struct{})}
	q := s.notifier
	var d delivery
	q.start(tr)
	q.add(notice{kind: noticeInode, node: 99, off: attrsOnly}, &d) // is being sent
	waitFor(t, func() bool { return q.queued() == 0 })
	q.add(notice{kind: noticeInode, node: 7, off: attrsOnly}, &d)
	q.add(notice{kind: noticeInode, node: 7, off: 100, end: 200}, &d)
	q.add(notice{kind: noticeInode, node: 7, off: 500, end: 600}, &d)
	q.add(notice{kind: noticeInode, node: 7, off: attrsOnly}, &d)
	q.add(notice{kind: noticeEntry, node: 8, name: "a"}, &d)
	q.add(notice{kind: noticeEntry, node: 8, name: "a"}, &d)
	q.add(notice{kind: noticeDelete, node: 8, name: "b", child: 3}, &d)
	q.add(notice{kind: noticeEntry, node: 8, name: "b"}, &d)
	q.add(notice{kind: noticeDelete, node: 8, name: "c", child: 4}, &d)
	q.add(notice{kind: noticeInode, node: 9, off: 4096, end: toEnd}, &d)
	q.add(notice{kind: noticePoll, node: 10}, &d)
	close(tr.hold)
	s.await(s.background(), &d)
	want := []sent{
		{code: notifyInvalInode, node: 99, off: -1},
		{code: notifyInvalInode, node: 7, off: 100, length: 500},
		{code: notifyInvalEntry, node: 8, name: "a\x00"},
		{code: notifyInvalEntry, node: 8, name: "b\x00"},
		{code: notifyDelete, node: 8, second: 4, name: "c\x00"},
		{code: notifyInvalInode, node: 9, off: 4096},
		{code: notifyPoll, node: 10},
	}
	if got := tr.all(); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestNotifierTriesAgain: of a node that the kernel does not know, though it is
// being told of it, the kernel is told again; of another it is not.
func TestNotifierTriesAgain(t *testing.T) {
	s := newTestServer(t)
	n := 0
	tr := &fakeTransport{answer: func(m sent) error {
		if n++; m.node == rootID && n > 4 {
			return nil
		}
		return unix.ENOENT
	}}
	s.notifier.start(tr)
	var d delivery
	s.notifier.add(notice{kind: noticeInode, node: 12345, off: attrsOnly}, &d)
	s.notifier.add(notice{kind: noticeInode, node: rootID, off: attrsOnly}, &d)
	s.await(s.background(), &d)
	if got := tr.all(); len(got) != 5 || got[0].node != 12345 || got[4].node != rootID {
		t.Errorf("%+v", got)
	}
	if late := s.notifier.late.Load(); late != 0 {
		t.Errorf("%d were late", late)
	}
}

// TestNotifierGivesUp: a directory that cannot be deleted is looked up again at
// least, and what the kernel never gets to know is not waited for for ever.
func TestNotifierGivesUp(t *testing.T) {
	s := newTestServer(t)
	tr := &fakeTransport{answer: func(m sent) error {
		switch m.code {
		case notifyDelete:
			return unix.ENOTEMPTY
		case notifyInvalInode:
			return unix.ENOENT
		}
		return nil
	}}
	s.notifier.start(tr)
	var d delivery
	s.notifier.add(notice{kind: noticeDelete, node: rootID, name: "d", child: 5}, &d)
	s.notifier.add(notice{kind: noticeInode, node: rootID, off: attrsOnly}, &d)
	s.await(s.background(), &d)
	got := tr.all()
	if len(got) != 2+1+noticeTries || got[0].code != notifyDelete || got[1].code != notifyInvalEntry {
		t.Errorf("%+v", got)
	}
}

// TestNotifierStops: its end releases who waits.
func TestNotifierStops(t *testing.T) {
	s := newTestServer(t)
	tr := &fakeTransport{hold: make(chan struct{})}
	s.notifier.start(tr)
	var d delivery
	s.notifier.add(notice{kind: noticeInode, node: 1}, &d)
	s.notifier.add(notice{kind: noticeInode, node: 2}, &d)
	done := make(chan struct{})
	go func() { s.await(s.background(), &d); close(done) }()
	go func() { time.Sleep(10 * time.Millisecond); close(tr.hold) }()
	s.notifier.stop()
	<-done
	s.notifier.add(notice{kind: noticeInode, node: 3}, &d)
	if n := s.notifier.queued(); n != 0 {
		t.Errorf("%d are queued after the end", n)
	}
	// The server's own end comes as well.
	s.notifier = newNotifier(s.nodes)
}

// TestListingKept: a cached listing is used unless there was a change, or a
// listing from before one may still arrive.
func TestListingKept(t *testing.T) {
	var l listing
	steps := []struct {
		what string
		keep bool
	}{
		{"open", true}, {"open", true}, {"change", false}, {"open", false}, {"open", false},
		{"close", false}, {"close", false}, {"close", false}, {"close", false},
		{"open", false}, {"open", true}, {"close", false}, {"close", false}, {"open", true},
	}
	for i, s := range steps {
		switch s.what {
		case "open":
			if keep := l.opened(); keep != s.keep {
				t.Errorf("step %d: keep %v", i, keep)
			}
		case "close":
			l.closed()
		case "change":
			l.changes.Add(1)
		}
	}
}

// TestWatchedCalls: a request is watched only as long as it lasts, and is
// cancelled when its caller cannot be seen any more.
func TestWatchedCalls(t *testing.T) {
	cancelled := make(chan uint64, 10)
	c := newCalls(func(unique uint64) bool { cancelled <- unique; return true })
	begin := func(op, pid uint32, unique uint64) {
		m := make(message, inHeaderSize)
		binary.NativeEndian.PutUint32(m[4:], op)
		binary.NativeEndian.PutUint64(m[8:], unique)
		binary.NativeEndian.PutUint32(m[32:], pid)
		c.begin(m)
	}
	own := uint32(os.Getpid())
	begin(15, own, 2)
	if !c.interrupt(2) || len(cancelled) != 0 {
		t.Error("a read was cancelled for a signal")
	}
	c.end(2)
	c.wait()
	if c.inFlight() != 0 || len(c.watched) != 0 {
		t.Error("something is left")
	}
	begin(opSetlkw, own, 4)
	if !c.interrupt(4) || <-cancelled != 4 {
		t.Error("a wait for a lock was not cancelled for a signal")
	}
	c.end(4)
	begin(15, 0, 6)
	if !c.interrupt(6) || <-cancelled != 6 {
		t.Error("a request of an unseen caller was not cancelled")
	}
	c.end(6)
	if c.interrupt(6) {
		t.Error("an interrupt of nothing was taken")
	}
}

func TestOptionDefaults(t *testing.T) {
	sb := newTestServer(t).sb
	for _, c := range []struct {
		name string
		opt  Options
		ok   func(o *Options) bool
	}{
		{"zero", Options{}, func(o *Options) bool {
			return o.EntryTimeout == forever && o.AttrTimeout == forever && o.NegativeTimeout == forever && o.Source == "memfs" &&
				o.Subtype == "govfs" && o.MaxRead == o.MaxWrite && o.MaxRead >= 4096 && o.MaxBackground > 0
		}},
		{"none", Options{EntryTimeout: -1, AttrTimeout: -5, NegativeTimeout: time.Second}, func(o *Options) bool {
			return o.EntryTimeout == 0 && o.AttrTimeout == 0 && o.NegativeTimeout == time.Second
		}},
		{"core", Options{Permissions: PermissionsCore}, func(o *Options) bool {
			return o.EntryTimeout == 0 && o.NegativeTimeout == 0 && o.AttrTimeout == forever
		}},
		{"stateless needs read-only", Options{Stateless: true}, func(o *Options) bool { return !o.Stateless }},
		{"small", Options{MaxRead: 1, MaxWrite: 1 << 30}, func(o *Options) bool { return o.MaxRead == 4096 && o.MaxWrite <= maxRequest() }},
	} {
		if err := c.opt.complete(sb); err != nil || !c.ok(&c.opt) {
			t.Errorf("%s: %+v %v", c.name, c.opt, err)
		}
	}
}
