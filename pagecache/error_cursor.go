package pagecache

import (
	"sync/atomic"
	"syscall"
)

// An ErrorCursor remembers the last error of a series of operations whose
// results nobody waits for, so that each of several observers learns of it
// exactly once: every open file finds a failed writeback at its next fsync,
// whoever asked first. It never blocks and needs no lock. Its zero value has
// seen no error.
//
// The word holds the errno, a bit that says whether an observer has seen it,
// and a count that moves only if one has: unseen errors do not use it up.
type ErrorCursor struct {
	word atomic.Uint64
}

const (
	errnoMask = 1<<16 - 1
	errSeen   = 1 << 16
	errStep   = 1 << 17
)

// ErrorMark is what an observer has seen of an [ErrorCursor].
type ErrorMark uint64

// Record notes an error; 0 is none.
func (c *ErrorCursor) Record(errno syscall.Errno) {
	if errno == 0 {
		return
	}
	for {
		old := c.word.Load()
		next := old&^(errnoMask|errSeen) | uint64(errno)&errnoMask
		if old&errSeen != 0 {
			next += errStep
		}
		if next == old || c.word.CompareAndSwap(old, next) {
			return
		}
	}
}

// Sample is where an observer that begins now starts: an error that no one has
// seen yet is still new to it.
func (c *ErrorCursor) Sample() ErrorMark {
	w := c.word.Load()
	if w&errSeen == 0 && w&errnoMask != 0 {
		return 0
	}
	return ErrorMark(w)
}

// Check returns the last error if one was recorded since mark, else nil.
func (c *ErrorCursor) Check(mark ErrorMark) error {
	return errorSince(c.word.Load(), mark)
}

// CheckAndAdvance is Check that also moves mark on, so that this observer is
// not told of the same error again. Callers that share mark take turns.
func (c *ErrorCursor) CheckAndAdvance(mark *ErrorMark) error {
	for {
		w := c.word.Load()
		seen := w
		if w&errnoMask != 0 {
			seen |= errSeen
		}
		if seen != w && !c.word.CompareAndSwap(w, seen) {
			continue
		}
		err := errorSince(seen, *mark)
		*mark = ErrorMark(seen)
		return err
	}
}

func errorSince(word uint64, mark ErrorMark) error {
	if word&errnoMask == 0 || word&^errSeen == uint64(mark)&^errSeen {
		return nil
	}
	return syscall.Errno(word & errnoMask)
}
