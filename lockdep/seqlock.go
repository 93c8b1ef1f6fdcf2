package lockdep

import "sync/atomic"

// A SeqLock is a SeqCount with the spin lock that keeps its writers apart
// (rename_lock, mount_lock). Readers that must not be starved take the lock
// without changing the count (ReadLockExclusive).
type SeqLock struct {
	lock SpinLock
	n    atomic.Uint32 // as in SeqCount
}

// Init gives l its class, of kind Seq. It is called once, before l is used.
func (l *SeqLock) Init(c *Class) {
	if Enabled {
		l.lock.info.init(c, Seq)
	}
}

// SetID sets the number by which locks of one class are ordered; see
// Mutex.SetID.
func (l *SeqLock) SetID(id uint64) { l.lock.SetID(id) }

// ReadBegin waits until no writer is at work, and is the count then.
func (l *SeqLock) ReadBegin() uint32 {
	seq := l.n.Load()
	if seq&1 != 0 {
		return l.readWait()
	}
	return seq
}

// readWait is no part of ReadBegin, so that ReadBegin is inlined.
//
//go:noinline
func (l *SeqLock) readWait() uint32 {
	if Enabled {
		l.lock.info.reading()
	}
	return waitEven(&l.n)
}

// ReadRetry reports whether a writer was at work since ReadBegin returned seq.
func (l *SeqLock) ReadRetry(seq uint32) bool { return seq&1 != 0 || l.n.Load() != seq }

// EnterRead tells the checker that the goroutine is inside a read sequence of
// l until ExitRead: Held is Shared there. It does nothing else, and nothing at
// all without the checker.
func (l *SeqLock) EnterRead() {
	if Enabled {
		l.lock.info.enterRead()
	}
}

// ExitRead ends what EnterRead began.
func (l *SeqLock) ExitRead() {
	if Enabled {
		l.lock.info.exitRead()
	}
}

// WriteLock locks out other writers and makes readers start over. Nothing may
// block before WriteUnlock.
func (l *SeqLock) WriteLock() {
	l.lock.Lock()
	l.n.Add(1)
}

// WriteUnlock ends what WriteLock began.
func (l *SeqLock) WriteUnlock() {
	l.n.Add(1)
	l.lock.Unlock()
}

// ReadLockExclusive locks out writers, and other exclusive readers, without
// disturbing readers of the count. Nothing may block before
// ReadUnlockExclusive.
func (l *SeqLock) ReadLockExclusive() { l.lock.Lock() }

// ReadUnlockExclusive ends what ReadLockExclusive began.
func (l *SeqLock) ReadUnlockExclusive() { l.lock.Unlock() }

// Held is Exclusive if the calling goroutine holds the lock, Shared if it is
// inside an announced read sequence (EnterRead).
func (l *SeqLock) Held() Mode { return l.lock.info.held() }

// Class is the class given to Init, nil without the checker.
func (l *SeqLock) Class() *Class { return l.lock.info.class() }

// AssertHeld reports a caller that does not hold the lock of l.
func (l *SeqLock) AssertHeld() {
	if Enabled {
		l.lock.info.assertHeld(Exclusive)
	}
}

// AssertNotHeld reports a caller that holds the lock of l.
func (l *SeqLock) AssertNotHeld() {
	if Enabled {
		l.lock.info.assertNotHeld()
	}
}

func (l *SeqLock) lockInfo() *info {
	if l == nil {
		return nil
	}
	return &l.lock.info
}
