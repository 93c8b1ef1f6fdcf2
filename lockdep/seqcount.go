package lockdep

import (
	"runtime"
	"sync/atomic"
)

// A SeqCount lets readers take a consistent copy of a few fields without a
// lock. Its writer, whom a lock of the caller's keeps alone, makes it odd while
// it changes them. A reader takes the count, reads the fields, and starts over
// if Retry says that the count moved. The fields are atomics. It is 4 bytes
// without the checker, and its zero value is ready.
type SeqCount struct {
	info info
	n    atomic.Uint32
}

// Init gives s its class, of kind Seq. It is optional: a count without a class
// has no place in the order of locks. It is called before s is shared.
func (s *SeqCount) Init(c *Class) {
	if Enabled {
		s.info.init(c, Seq)
	}
}

// Read is the count as it is, odd while a writer is at work.
func (s *SeqCount) Read() uint32 { return s.n.Load() }

// ReadBegin waits until no writer is at work, and is the count then.
func (s *SeqCount) ReadBegin() uint32 {
	seq := s.n.Load()
	if seq&1 != 0 {
		return s.readWait()
	}
	return seq
}

// readWait is no part of ReadBegin, so that ReadBegin is inlined.
//
//go:noinline
func (s *SeqCount) readWait() uint32 {
	if Enabled {
		s.info.reading()
	}
	return waitEven(&s.n)
}

// waitEven waits for the writer to end. A writer does not block, so it ends
// soon, but its goroutine may have lost its processor.
func waitEven(n *atomic.Uint32) uint32 {
	for i := 0; ; i++ {
		if seq := n.Load(); seq&1 == 0 {
			return seq
		}
		if i >= seqSpins {
			runtime.Gosched()
		}
	}
}

// seqSpins is how often a reader looks again before it yields its processor.
const seqSpins = 30

// Retry reports whether a writer was at work since the count was seq, so that
// what was read meanwhile is worth nothing. For an odd seq it is always true.
func (s *SeqCount) Retry(seq uint32) bool {
	return seq&1 != 0 || s.n.Load() != seq
}

// WriteBegin starts a change. The caller holds the lock that keeps writers
// apart, and does not block before WriteEnd.
func (s *SeqCount) WriteBegin() {
	if Enabled {
		s.info.acquiring(Normal, Exclusive, flagSpin|flagAnonymous)
		s.info.acquired(Normal, Exclusive, flagSpin|flagAnonymous)
	}
	s.n.Add(1)
}

// WriteEnd ends the change that WriteBegin started.
func (s *SeqCount) WriteEnd() {
	if Enabled && s.info.releasing(Exclusive) == Unheld {
		return
	}
	s.n.Add(1)
}

// Invalidate makes every reader start over that began before it. Unlike
// WriteBegin and WriteEnd it is one step. The caller holds the lock that keeps
// writers apart.
func (s *SeqCount) Invalidate() { s.n.Add(2) }

// Held is Exclusive between the calling goroutine's WriteBegin and WriteEnd.
func (s *SeqCount) Held() Mode { return s.info.held() }

// Class is the class given to Init, nil without the checker.
func (s *SeqCount) Class() *Class { return s.info.class() }

func (s *SeqCount) lockInfo() *info {
	if s == nil {
		return nil
	}
	return &s.info
}
