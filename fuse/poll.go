package fuse

import (
	"context"
	"encoding/binary"
	"sync"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/govfs/govfs/vfs"
)

// pollWait is a registration of the kernel's for an open file: it is told once
// that the file may be ready, and then asks again.
type pollWait struct {
	table *vfs.PollTable
	once  sync.Once
}

// Layout of a poll request and its answer behind their headers.
const (
	pollHandle   = 0  // the file's
	pollKernel   = 8  // the kernel's name for who waits
	pollFlags    = 16 // pollSchedule: tell when it becomes ready
	pollSchedule = 1
	pollInSize   = 24
	pollOutSize  = 8
)

// answerPoll answers POLL, which the decoder does not know. ENOSYS makes the
// kernel take every file to be ready from then on.
func (s *Server) answerPoll(in message, out []byte, done <-chan struct{}) int {
	if !s.opt.Poll || len(in) < inHeaderSize+pollInSize {
		return putStatus(in, out, gofuse.ENOSYS)
	}
	h := s.handles.acquire(in.u64(pollHandle), in.nodeID())
	if h == nil {
		return putStatus(in, out, statusBadFD)
	}
	t := s.tasks.get()
	t.SetCred(vfs.RootCred())
	t.SetDone(done)
	defer s.tasks.put(t)
	defer h.release(t)
	ready := h.pollFor(t, s.notifier, in.u64(pollKernel), in.u32(pollFlags)&pollSchedule != 0)
	binary.NativeEndian.PutUint32(out[outHeaderSize:], uint32(ready))
	binary.NativeEndian.PutUint32(out[outHeaderSize+4:], 0)
	return putAnswer(in, out, pollOutSize)
}

// pollFor asks the file what it is ready for. With notify the kernel is told,
// by its name for the waiter, when that may have changed; the registration
// takes the place of an earlier one.
func (h *handle) pollFor(ctx context.Context, q *notifier, waiter uint64, notify bool) vfs.PollMask {
	if !notify {
		return h.file.Poll(ctx, nil)
	}
	w := &pollWait{}
	w.table = vfs.NewPollTable(func(vfs.PollMask) {
		w.once.Do(func() { q.add(notice{kind: noticePoll, node: waiter}, nil) })
	})
	ready := h.file.Poll(ctx, w.table)
	h.mu.Lock()
	old := h.poll
	h.poll = w
	h.mu.Unlock()
	if old != nil {
		old.table.Close()
	}
	return ready
}

// stopPoll ends the registration, at the end of the handle.
func (h *handle) stopPoll() {
	h.mu.Lock()
	w := h.poll
	h.poll = nil
	h.mu.Unlock()
	if w != nil {
		w.table.Close()
	}
}
