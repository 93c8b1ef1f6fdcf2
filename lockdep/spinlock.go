package lockdep

import "sync"

// A SpinLock is a lock under which nothing may block: it is held for a few
// instructions. Its waiter need not spin: without the checker it is a
// sync.Mutex, and the checker enforces the rule.
type SpinLock struct {
	info info
	mu   sync.Mutex
}

// Init gives l its class, of kind Spin. It is called once, before l is used.
func (l *SpinLock) Init(c *Class) {
	if Enabled {
		l.info.init(c, Spin)
	}
}

// SetID sets the number by which locks of one class are ordered; see
// Mutex.SetID.
func (l *SpinLock) SetID(id uint64) {
	if Enabled {
		l.info.setID(id)
	}
}

// Lock locks l.
func (l *SpinLock) Lock() {
	if Enabled {
		l.info.acquiring(Normal, Exclusive, flagSpin)
		l.mu.Lock()
		l.info.acquired(Normal, Exclusive, flagSpin)
		return
	}
	l.mu.Lock()
}

// LockNested is Lock under another lock of the same class; see
// Mutex.LockNested.
func (l *SpinLock) LockNested(sub Subclass) {
	if Enabled {
		l.info.acquiring(sub, Exclusive, flagSpin)
		l.mu.Lock()
		l.info.acquired(sub, Exclusive, flagSpin)
		return
	}
	l.mu.Lock()
}

// LockOrdered is LockNested in ascending order of ids; see Mutex.LockOrdered.
func (l *SpinLock) LockOrdered(sub Subclass) {
	if Enabled {
		l.info.acquiring(sub, Exclusive, flagSpin|flagOrdered)
		l.mu.Lock()
		l.info.acquired(sub, Exclusive, flagSpin|flagOrdered)
		return
	}
	l.mu.Lock()
}

// TryLock locks l if that needs no wait, and reports whether it did. It is
// legal against the order of locks; its caller backs off when it fails.
func (l *SpinLock) TryLock() bool {
	if Enabled {
		l.info.trying(Exclusive)
		ok := l.mu.TryLock()
		if ok {
			l.info.acquired(Normal, Exclusive, flagSpin|flagTry)
		}
		return ok
	}
	return l.mu.TryLock()
}

// Unlock unlocks l.
func (l *SpinLock) Unlock() {
	if Enabled {
		if l.info.releasing(Exclusive) != Unheld {
			l.mu.Unlock()
		}
		return
	}
	l.mu.Unlock()
}

// Renest makes l held as if LockNested(sub) had taken it: for a walk down a
// tree, where the child becomes the parent once the parent is unlocked.
func (l *SpinLock) Renest(sub Subclass) {
	if Enabled {
		l.info.renest(sub)
	}
}

// Held is the mode in which the calling goroutine holds l.
func (l *SpinLock) Held() Mode { return l.info.held() }

// Class is the class given to Init, nil without the checker.
func (l *SpinLock) Class() *Class { return l.info.class() }

// AssertHeld reports a caller that does not hold l.
func (l *SpinLock) AssertHeld() {
	if Enabled {
		l.info.assertHeld(Exclusive)
	}
}

// AssertNotHeld reports a caller that holds l.
func (l *SpinLock) AssertNotHeld() {
	if Enabled {
		l.info.assertNotHeld()
	}
}

func (l *SpinLock) lockInfo() *info {
	if l == nil {
		return nil
	}
	return &l.info
}
