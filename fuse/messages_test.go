package fuse

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

// kernel plays the kernel to a server without a mount: it sends messages, and
// remembers what it was told of nodes and handles.
type kernel struct {
	t      testing.TB
	s      *Server
	unique uint64
	out    []byte
	nodes  []uint64
	fhs    []uint64
}

func newKernel(t testing.TB, opt Options) *kernel {
	ns, err := memfs.New(context.Background(), "size=4m,nr_inodes=300")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(ns, opt)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{t: t, s: s, out: make([]byte, 1<<20+1<<16), nodes: []uint64{rootID}}
	t.Cleanup(func() {
		s.calls.wait()
		s.release()
		st := s.Stats()
		if st.Lookups != st.Forgets || st.Nodes != 1 || st.Handles != 0 || st.InFlight != 0 {
			t.Errorf("left: %+v", st)
		}
		before := vfs.Superblocks()
		ns.Close(context.Background())
		if vfs.Superblocks() != before-1 {
			t.Error("the superblock is left")
		}
	})
	init := make([]byte, 64)
	binary.NativeEndian.PutUint32(init, 7)
	binary.NativeEndian.PutUint32(init[4:], 45)
	binary.NativeEndian.PutUint32(init[8:], 1<<17)
	binary.NativeEndian.PutUint32(init[12:], ^uint32(0))
	binary.NativeEndian.PutUint32(init[16:], ^uint32(0))
	if body, errno := k.send(opInit, 0, init); errno != 0 || len(body) < 24 {
		t.Fatalf("INIT: %v, %d bytes", errno, len(body))
	}
	return k
}

// message makes a message of a caller that exists.
func (k *kernel) message(op uint32, node uint64, body []byte) message {
	k.unique += 2
	m := make(message, inHeaderSize, inHeaderSize+len(body))
	binary.NativeEndian.PutUint32(m, uint32(inHeaderSize+len(body)))
	binary.NativeEndian.PutUint32(m[4:], op)
	binary.NativeEndian.PutUint64(m[8:], k.unique)
	binary.NativeEndian.PutUint64(m[16:], node)
	binary.NativeEndian.PutUint32(m[32:], uint32(os.Getpid()))
	return append(m, body...)
}

// send sends a message and returns the body of the answer, or its error.
func (k *kernel) send(op uint32, node uint64, body []byte) ([]byte, unix.Errno) {
	return k.answer(k.message(op, node, body))
}

func (k *kernel) answer(m message) ([]byte, unix.Errno) {
	n := k.s.handle(m, k.out)
	if n == 0 {
		return nil, 0
	}
	length := binary.NativeEndian.Uint32(k.out)
	errno := -int32(binary.NativeEndian.Uint32(k.out[4:]))
	switch {
	case n < outHeaderSize || int(length) != n:
		k.t.Fatalf("%s: an answer of %d bytes says that it has %d", opName(m.opcode()), n, length)
	case binary.NativeEndian.Uint64(k.out[8:]) != m.unique():
		k.t.Fatalf("%s: an answer to another request", opName(m.opcode()))
	case errno < 0 || errno >= 512:
		k.t.Fatalf("%s: the kernel knows no error %d", opName(m.opcode()), errno)
	case errno != 0 && n != outHeaderSize:
		k.t.Fatalf("%s: an error with a body", opName(m.opcode()))
	}
	return k.out[outHeaderSize:n], unix.Errno(errno)
}

// learn remembers what an answer told.
func (k *kernel) learn(op uint32, body []byte) {
	switch opNames[op] {
	case "LOOKUP", "MKNOD", "MKDIR", "SYMLINK", "LINK", "CREATE", "TMPFILE":
		if len(body) >= entryOutSize {
			if id := binary.NativeEndian.Uint64(body); id != 0 {
				k.nodes = append(k.nodes, id)
			}
		}
	}
	switch at := 0; opNames[op] {
	case "CREATE", "TMPFILE":
		at = entryOutSize
		fallthrough
	case "OPEN", "OPENDIR":
		if len(body) >= at+8 {
			k.fhs = append(k.fhs, binary.NativeEndian.Uint64(body[at:]))
		}
	}
}

// TestForgedIDs: requests about nodes and files that the server never named.
func TestForgedIDs(t *testing.T) {
	k := newKernel(t, Options{})
	for _, id := range []uint64{0, 2, 63, 64, 65, 1 << 32, ^uint64(0) - 1} {
		for op := range uint32(opLimit) {
			switch opNames[op] {
			case "", "INIT", "DESTROY", "INTERRUPT", "SYNCFS", "FORGET", "BATCH_FORGET", "NOTIFY_REPLY", "BMAP", "SETUPMAPPING", "REMOVEMAPPING", "RELEASE", "RELEASEDIR":
				continue
			}
			body := append(make([]byte, 128), "name\x00other\x00"...)
			if op == opInit {
				continue
			}
			_, errno := k.send(op, id, body)
			switch errno {
			case unix.ESTALE, unix.EBADF, unix.EINVAL, unix.ENOSYS, unix.EIO:
			default:
				t.Errorf("%s on node %d: %v", opName(op), id, errno)
			}
		}
		// Forgetting what was never known changes nothing.
		k.send(opForget, id, binary.NativeEndian.AppendUint64(nil, 5))
	}
	k.send(opForget, rootID, binary.NativeEndian.AppendUint64(nil, ^uint64(0)))
	if _, errno := k.send(3, rootID, make([]byte, 16)); errno != 0 {
		t.Errorf("GETATTR of the root after it was forgotten: %v", errno)
	}
}

// TestForgetTooMuch: a forget for more than was looked up takes the node only.
func TestForgetTooMuch(t *testing.T) {
	k := newKernel(t, Options{})
	mode := binary.NativeEndian.AppendUint32(nil, 0o755)
	body, errno := k.send(9, rootID, append(append(mode, 0, 0, 0, 0), "dir\x00"...))
	if errno != 0 {
		t.Fatal(errno)
	}
	id := binary.NativeEndian.Uint64(body)
	k.send(opForget, id, binary.NativeEndian.AppendUint64(nil, ^uint64(0)))
	if _, errno := k.send(3, id, make([]byte, 16)); errno != unix.ESTALE {
		t.Errorf("GETATTR of a forgotten node: %v", errno)
	}
	again, errno := k.send(1, rootID, []byte("dir\x00"))
	if errno != 0 || binary.NativeEndian.Uint64(again) == id {
		t.Errorf("%v, or the id was used twice", errno)
	}
}

// TestInterruptByMessage: a wait for a lock ends with EINTR, and an interrupt of
// nothing is to be said again.
func TestInterruptByMessage(t *testing.T) {
	k := newKernel(t, Options{})
	create := make([]byte, 16)
	binary.NativeEndian.PutUint32(create, unix.O_RDWR)
	binary.NativeEndian.PutUint32(create[4:], unix.S_IFREG|0o644)
	body, errno := k.send(35, rootID, append(create, "f\x00"...))
	if errno != 0 {
		t.Fatal(errno)
	}
	node, fh := binary.NativeEndian.Uint64(body), binary.NativeEndian.Uint64(body[entryOutSize:])
	lock := func(owner uint64) []byte {
		b := binary.NativeEndian.AppendUint64(nil, fh)
		b = binary.NativeEndian.AppendUint64(b, owner)
		b = binary.NativeEndian.AppendUint64(b, 0)
		b = binary.NativeEndian.AppendUint64(b, 1<<63-1)
		b = binary.NativeEndian.AppendUint32(b, unix.F_WRLCK)
		return append(b, make([]byte, 12)...)
	}
	if _, errno := k.send(opSetlkw, node, lock(1)); errno != 0 {
		t.Fatal(errno)
	}
	waiting := k.message(opSetlkw, node, lock(2))
	answer := make(chan int32)
	go func() {
		out := make([]byte, 100)
		k.s.handle(waiting, out)
		answer <- int32(binary.NativeEndian.Uint32(out[4:]))
	}()
	waitFor(t, func() bool {
		_, errno := k.send(opInterrupt, 0, binary.NativeEndian.AppendUint64(nil, waiting.unique()))
		if errno != 0 && errno != unix.EAGAIN {
			t.Fatal(errno)
		}
		return errno == 0
	})
	if got := <-answer; got != -int32(unix.EINTR) {
		t.Errorf("the wait ended with %d", got)
	}
	if _, errno := k.send(opInterrupt, 0, binary.NativeEndian.AppendUint64(nil, waiting.unique())); errno != unix.EAGAIN {
		t.Errorf("interrupt of what has ended: %v", errno)
	}
}

// TestAppendElsewhere: an append of the kernel's that comes to lie elsewhere, as
// the file has grown beside the mount, makes the kernel drop its copy.
func TestAppendElsewhere(t *testing.T) {
	k := newKernel(t, Options{})
	tr := &fakeTransport{}
	k.s.notifier.start(tr)
	create := make([]byte, 16)
	binary.NativeEndian.PutUint32(create, unix.O_RDWR|unix.O_APPEND)
	binary.NativeEndian.PutUint32(create[4:], unix.S_IFREG|0o644)
	body, errno := k.send(35, rootID, append(create, "f\x00"...))
	if errno != 0 {
		t.Fatal(errno)
	}
	node, fh := binary.NativeEndian.Uint64(body), binary.NativeEndian.Uint64(body[entryOutSize:])
	write := func(off uint64, flags uint32) {
		b := binary.NativeEndian.AppendUint64(nil, fh)
		b = binary.NativeEndian.AppendUint64(b, off)
		b = binary.NativeEndian.AppendUint32(b, 4)
		b = append(b, make([]byte, 12)...)
		b = binary.NativeEndian.AppendUint32(b, flags)
		b = append(b, 0, 0, 0, 0)
		if _, errno := k.send(16, node, append(b, "data"...)); errno != 0 {
			t.Fatal(errno)
		}
	}
	write(0, unix.O_APPEND)
	write(0, 0) // what comes out of the cache has its place
	if got := tr.all(); len(got) != 0 {
		t.Errorf("told %+v", got)
	}
	write(0, unix.O_APPEND) // the kernel thinks that the file is empty
	waitFor(t, func() bool { return len(tr.all()) > 0 })
	if got := tr.all(); len(got) != 1 || got[0] != (sent{code: notifyInvalInode, node: node}) {
		t.Errorf("told %+v", got)
	}
	getattr, errno := k.send(3, node, make([]byte, 16))
	if size := binary.NativeEndian.Uint64(getattr[16+8:]); errno != 0 || size != 8 {
		t.Errorf("%d bytes, %v", size, errno)
	}
}

// source is where a fuzzed conversation takes its choices from.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) number() uint64 {
	switch b := s.byte(); b % 8 {
	case 0:
		return uint64(s.byte())
	case 1:
		return uint64(s.byte()) << 12
	case 2:
		return 1<<63 - 1 - uint64(s.byte())
	case 3:
		return ^uint64(s.byte())
	case 4:
		return 1 << (s.byte() % 64)
	}
	return 0
}

func (s *source) pick(from []uint64) uint64 {
	if b := s.byte(); len(from) > 0 && b%8 != 0 {
		return from[int(b/8)%len(from)]
	}
	return s.number()
}

// names, mostly good ones.
func (s *source) name() string {
	return [...]string{"a", "b", "c", "d", "e", "f", "", ".", "..", "x/y", "user.a", "trusted.b", "a\x00b", string(make([]byte, 300))}[s.byte()%14] + "\x00"
}

// talk sends what the source says: messages whose fields are partly what the
// kernel would say, partly anything.
func (k *kernel) talk(s *source) {
	for len(s.data) > 0 {
		op := uint32(s.byte()) % opLimit
		if op == opInit {
			continue
		}
		body := make([]byte, s.byte()%12*8)
		for i := 0; i+8 <= len(body); i += 8 {
			v := s.number()
			if i == 0 {
				v = s.pick(k.fhs)
			}
			binary.NativeEndian.PutUint64(body[i:], v)
		}
		switch s.byte() % 4 {
		case 0:
			body = append(body, s.name()...)
		case 1:
			body = append(append(body, s.name()...), s.name()...)
		case 2:
			if len(body) >= 8 {
				binary.NativeEndian.PutUint64(body[len(body)-8:], s.pick(k.nodes))
			}
		}
		m := k.message(op, s.pick(k.nodes), body)
		// What waits for a lock waits for ever here.
		timer := time.AfterFunc(20*time.Millisecond, func() { k.s.calls.cancel(m.unique()) })
		body, errno := k.answer(m)
		timer.Stop()
		if errno == 0 {
			k.learn(op, body)
		}
	}
}

func silence() func() {
	log.SetOutput(io.Discard)
	return func() { log.SetOutput(os.Stderr) }
}

// FuzzMessages: whatever is sent, the server answers in form, and in the end
// everything is released.
func FuzzMessages(f *testing.F) {
	for seed := range int64(20) {
		data := make([]byte, 2000)
		rand.New(rand.NewSource(seed)).Read(data)
		f.Add(data)
	}
	defer silence()()
	f.Fuzz(func(t *testing.T, data []byte) {
		opt := Options{Stateless: len(data)%16 == 1, Poll: len(data)%2 == 0}
		if opt.Stateless {
			opt.Flags = vfs.SuperReadOnly
		}
		if len(data)%5 == 0 {
			opt.Permissions = PermissionsCore
		}
		newKernel(t, opt).talk(&source{data})
	})
}

// TestRandomMessages is a longer conversation than a fuzzer's. The seed is
// printed, and taken from GOVFS_SEED.
func TestRandomMessages(t *testing.T) {
	defer silence()()
	seed := time.Now().UnixNano()
	if v := os.Getenv("GOVFS_SEED"); v != "" {
		fmt.Sscan(v, &seed)
	}
	t.Logf("GOVFS_SEED=%d", seed)
	data := make([]byte, 200_000)
	rand.New(rand.NewSource(seed)).Read(data)
	k := newKernel(t, Options{})
	k.talk(&source{data})
	if len(k.nodes) < 2 || len(k.fhs) == 0 {
		t.Errorf("nothing was ever reached: %d nodes, %d handles", len(k.nodes), len(k.fhs))
	}
}
