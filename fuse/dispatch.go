package fuse

import (
	"encoding/binary"
	"io"
	"log"
	"unsafe"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// newDecoder makes the decoder, which parses requests, calls the methods of
// [rawFS] and writes answers; and settles with the kernel what is spoken.
func (s *Server) newDecoder() *gofuse.ProtocolServer {
	o := &gofuse.MountOptions{
		MaxBackground: s.opt.MaxBackground,
		// The decoder derives the number of pages in a request from it.
		MaxWrite:                 max(s.opt.MaxRead, s.opt.MaxWrite),
		Name:                     s.opt.Subtype,
		EnableLocks:              !s.opt.Stateless,
		EnableSymlinkCaching:     s.opt.AttrTimeout > 0,
		ExplicitDataCacheControl: true,
		// A panic is a broken invariant: no answer is as safe as an end.
		PanicHandler: func(v any) gofuse.Status { panic(v) },
		Logger:       log.New(io.Discard, "", 0),
	}
	o.ExtraCapabilities = gofuse.CAP_ATOMIC_O_TRUNC | gofuse.CAP_DONT_MASK | gofuse.CAP_IOCTL_DIR |
		gofuse.CAP_READDIRPLUS_AUTO | gofuse.CAP_ASYNC_DIO | gofuse.CAP_HANDLE_KILLPRIV_V2 | gofuse.CAP_SETXATTR_EXT
	// Backing files are not used, and would cost a level of stacking.
	o.DisabledCapabilities = gofuse.CAP_PASSTHROUGH
	if s.opt.DirectIO {
		o.ExtraCapabilities |= gofuse.CAP_DIRECT_IO_ALLOW_MMAP
	}
	if s.opt.EntryTimeout == 0 {
		// Attributes that come with a listing go with its names.
		o.DisabledCapabilities |= gofuse.CAP_READDIRPLUS | gofuse.CAP_READDIRPLUS_AUTO
	}
	if s.opt.Permissions == PermissionsKernel && s.sb.Flags()&vfs.SuperPosixACL != 0 {
		o.EnableAcl = true
	}
	return gofuse.NewProtocolServer(&rawFS{Server: s}, o)
}

// handle answers one request: through the decoder, but for what that does not
// know. It is the handler of the transport.
func (s *Server) handle(in message, out []byte) int {
	op := in.opcode()
	s.counters.requests[min(op, opLimit-1)].Add(1)
	if op == opInterrupt {
		return s.answerInterrupt(in, out)
	}
	done := s.calls.begin(in)
	n := s.answer(in, out, done)
	s.calls.end(in.unique())
	if n >= outHeaderSize && int32(binary.NativeEndian.Uint32(out[4:])) < 0 {
		s.counters.errors.Add(1)
	}
	return n
}

// decoderKnows reports whether a request is for the decoder.
func decoderKnows(op uint32) bool { return op != opPoll && op != opSyncfs && op != opCopyFileRange64 }

func (s *Server) answer(in message, out []byte, done <-chan struct{}) int {
	switch in.opcode() {
	case opPoll:
		return s.answerPoll(in, out, done)
	case opSyncfs:
		return putStatus(in, out, status(s.sync()))
	case opCopyFileRange64:
		return s.answerCopyFileRange64(in, out, done)
	}
	n := s.decode(in, out)
	if in.opcode() == opInit && n > outHeaderSize {
		s.adjustInit(out[:n])
	}
	return n
}

// decode has the decoder answer a request. What it cannot parse is EIO.
func (s *Server) decode(in message, out []byte) int {
	n, st := s.decoder.HandleRequest([][]byte{in}, [][]byte{out})
	if st != gofuse.OK && in.wantsReply() {
		return putStatus(in, out, st)
	}
	return n
}

// putStatus writes an answer that is only a status.
func putStatus(in message, out []byte, st gofuse.Status) int {
	putHeader(out, outHeaderSize, -int32(st), in.unique())
	return outHeaderSize
}

// putAnswer writes a successful answer whose body, of n bytes, is in out.
func putAnswer(in message, out []byte, n int) int {
	putHeader(out, outHeaderSize+n, 0, in.unique())
	return outHeaderSize + n
}

// adjustInit says in the answer to INIT what the decoder has no option for.
func (s *Server) adjustInit(out []byte) {
	if len(out) < outHeaderSize+int(unsafe.Sizeof(gofuse.InitOut{})) {
		return // a kernel too old to read that far
	}
	init := (*gofuse.InitOut)(unsafe.Pointer(&out[outHeaderSize]))
	init.MaxWrite = uint32(s.opt.MaxWrite)
	init.TimeGran = s.sb.TimeGran
}

// answerInterrupt handles the word that another request is interrupted. To
// EAGAIN the kernel says it again, unless that request is done by then.
func (s *Server) answerInterrupt(in message, out []byte) int {
	s.counters.interrupts.Add(1)
	if s.calls.interrupt(in.u64(0)) {
		return 0
	}
	return putStatus(in, out, gofuse.EAGAIN)
}

// decoderCancel has the decoder close the channel that a request was given, as
// upon an interrupt: false if it does not know the request.
func (s *Server) decoderCancel(unique uint64) bool {
	var in [inHeaderSize + 8]byte
	var out [outHeaderSize]byte
	binary.NativeEndian.PutUint32(in[0:], uint32(len(in)))
	binary.NativeEndian.PutUint32(in[4:], opInterrupt)
	binary.NativeEndian.PutUint64(in[8:], unique|1)
	binary.NativeEndian.PutUint64(in[inHeaderSize:], unique)
	n, st := s.decoder.HandleRequest([][]byte{in[:]}, [][]byte{out[:]})
	return n == 0 && st == gofuse.OK
}

// mayWait: requests for locks that wait do it until the holder unlocks.
func (s *Server) mayWait(in message) bool { return in.opcode() == opSetlkw }

// disconnected ends all waits.
func (s *Server) disconnected() { s.calls.cancelAll() }

// answerCopyFileRange64 is COPY_FILE_RANGE with an answer of 64 bits.
func (s *Server) answerCopyFileRange64(in message, out []byte, done <-chan struct{}) int {
	var req gofuse.CopyFileRangeIn
	if len(in) < int(unsafe.Sizeof(req)) {
		return putStatus(in, out, gofuse.Status(unix.EIO))
	}
	req = *(*gofuse.CopyFileRangeIn)(unsafe.Pointer(&in[0]))
	n, st := s.copyFileRange(done, &req)
	if st != gofuse.OK {
		return putStatus(in, out, st)
	}
	binary.NativeEndian.PutUint64(out[outHeaderSize:], uint64(n))
	return putAnswer(in, out, 8)
}
