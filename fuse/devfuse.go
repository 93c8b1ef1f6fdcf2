package fuse

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// devFuse is the transport by read and write of /dev/fuse. A goroutine that
// has read a request answers it; when none is left that reads, it first starts
// another. So a request never waits for another one to be answered.
type devFuse struct {
	fd      int
	inSize  int // of the largest request
	outSize int // of the largest answer

	idle    atomic.Int32 // goroutines that read or are about to
	running atomic.Int32
	workers sync.WaitGroup
	buffers sync.Pool

	mu  sync.Mutex
	err error // the first that is not the end of the connection
}

// devBuffers are what one goroutine works with.
type devBuffers struct{ in, out []byte }

const (
	// minIdle and maxIdle bound how many goroutines stay to read.
	minIdle, maxIdle = 2, 8
	// busyForgets is how many goroutines there may be for a forget to be
	// handled beside the next request: the kernel does not wait for forgets,
	// so it could send them faster than they are done.
	busyForgets = 16
	// smallRequest holds a request without data, and its answer.
	smallRequest = 512
)

// newDevFuse serves the connection fd, which it takes over; data is the most
// bytes that a read or a write moves.
func newDevFuse(fd, data int) *devFuse {
	// A request has a name or two beside its arguments; an answer also holds
	// the value or the list of extended attributes, 64 KiB at most.
	d := &devFuse{fd: fd, inSize: data + 4096, outSize: max(data, 64<<10) + 4096}
	d.buffers.New = func() any { return &devBuffers{make([]byte, d.inSize), make([]byte, d.outSize)} }
	return d
}

func (d *devFuse) keepIdle() int32 {
	return int32(min(maxIdle, max(minIdle, runtime.GOMAXPROCS(0))))
}

// read reads one request.
func (d *devFuse) read(buf []byte) (message, error) {
	for {
		n, err := unix.Read(d.fd, buf)
		switch {
		case err == unix.EINTR || err == unix.ENOENT || err == unix.EAGAIN:
			// A signal, or the request was given up before it was read.
		case err != nil:
			return nil, err
		case n < inHeaderSize:
			return nil, unix.EIO
		default:
			return message(buf[:n]), nil
		}
	}
}

func (d *devFuse) start(h handler) error {
	b := d.buffers.Get().(*devBuffers)
	defer d.buffers.Put(b)
	in, err := d.read(b.in)
	if err != nil {
		return err
	}
	if in.opcode() != opInit {
		return unix.EPROTO
	}
	n := h.handle(in, b.out)
	if n < outHeaderSize {
		return unix.EPROTO
	}
	d.reply(b.out[:n])
	if code := int32(binary.NativeEndian.Uint32(b.out[4:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

func (d *devFuse) serve(h handler) error {
	d.spawn(h)
	d.workers.Wait()
	return d.err
}

func (d *devFuse) spawn(h handler) {
	d.idle.Add(1)
	d.running.Add(1)
	d.workers.Add(1)
	go d.work(h)
}

// work reads and answers until the connection ends or there are readers enough.
func (d *devFuse) work(h handler) {
	defer d.workers.Done()
	defer d.running.Add(-1)
	b := d.buffers.Get().(*devBuffers)
	defer d.buffers.Put(b)
	for {
		in, err := d.read(b.in)
		if err != nil {
			d.idle.Add(-1)
			d.ended(err)
			h.disconnected()
			return
		}
		if h.mayWait(in) {
			d.detach(h, in)
			continue
		}
		if d.idle.Add(-1) == 0 && (in.wantsReply() || d.running.Load() < busyForgets) {
			d.spawn(h)
		}
		d.answer(h, in, b.out)
		if d.idle.Add(1) > d.keepIdle() {
			d.idle.Add(-1)
			return
		}
	}
}

// detach answers a request that may wait for long in a goroutine of its own,
// with small buffers: there may be thousands of them.
func (d *devFuse) detach(h handler, in message) {
	in = append(make(message, 0, len(in)), in...)
	d.workers.Add(1)
	go func() {
		defer d.workers.Done()
		d.answer(h, in, make([]byte, smallRequest))
	}()
}

func (d *devFuse) answer(h handler, in message, out []byte) {
	if n := h.handle(in, out); n > 0 {
		d.reply(out[:n])
	}
}

// reply sends an answer. The kernel refuses one that it no longer waits for:
// the connection has ended, or it was an interrupt of a request that is done.
// There is nobody to tell.
func (d *devFuse) reply(out []byte) {
	for {
		if _, err := unix.Write(d.fd, out); err != unix.EINTR {
			return
		}
	}
}

// ended notes why reading failed; ENODEV is the normal end.
func (d *devFuse) ended(err error) {
	if err == unix.ENODEV {
		return
	}
	d.mu.Lock()
	if d.err == nil {
		d.err = err
	}
	d.mu.Unlock()
}

func (d *devFuse) notify(code int32, parts ...[]byte) error {
	n := outHeaderSize
	for _, p := range parts {
		n += len(p)
	}
	var header [outHeaderSize]byte
	putHeader(header[:], n, code, 0)
	for {
		_, err := unix.Writev(d.fd, append([][]byte{header[:]}, parts...))
		if err != unix.EINTR {
			return err
		}
	}
}

func (d *devFuse) close() error { return unix.Close(d.fd) }
