package lockdep

import "sync"

// An RWMutex is a reader/writer semaphore of a class. Without the checker it is
// a sync.RWMutex: a waiting writer holds off new readers, so a goroutine never
// takes it twice, not even for reading.
type RWMutex struct {
	info info
	mu   sync.RWMutex
}

// Init gives m its class. It is called once, before m is used.
func (m *RWMutex) Init(c *Class) {
	if Enabled {
		m.info.init(c, RW)
	}
}

// SetID sets the number by which locks of one class are ordered; see
// Mutex.SetID.
func (m *RWMutex) SetID(id uint64) {
	if Enabled {
		m.info.setID(id)
	}
}

// Lock locks m for writing, and may block.
func (m *RWMutex) Lock() {
	if Enabled {
		m.info.acquiring(Normal, Exclusive, 0)
		m.mu.Lock()
		m.info.acquired(Normal, Exclusive, 0)
		return
	}
	m.mu.Lock()
}

// LockNested is Lock under another lock of the same class; see
// Mutex.LockNested.
func (m *RWMutex) LockNested(sub Subclass) {
	if Enabled {
		m.info.acquiring(sub, Exclusive, 0)
		m.mu.Lock()
		m.info.acquired(sub, Exclusive, 0)
		return
	}
	m.mu.Lock()
}

// LockOrdered is LockNested in ascending order of ids; see Mutex.LockOrdered.
func (m *RWMutex) LockOrdered(sub Subclass) {
	if Enabled {
		m.info.acquiring(sub, Exclusive, flagOrdered)
		m.mu.Lock()
		m.info.acquired(sub, Exclusive, flagOrdered)
		return
	}
	m.mu.Lock()
}

// TryLock locks m for writing if that needs no wait, and reports whether it
// did.
func (m *RWMutex) TryLock() bool {
	if Enabled {
		m.info.trying(Exclusive)
		ok := m.mu.TryLock()
		if ok {
			m.info.acquired(Normal, Exclusive, flagTry)
		}
		return ok
	}
	return m.mu.TryLock()
}

// Unlock ends a hold for writing.
func (m *RWMutex) Unlock() {
	if Enabled {
		m.release(Exclusive)
		return
	}
	m.mu.Unlock()
}

// RLock locks m for reading, and may block.
func (m *RWMutex) RLock() {
	if Enabled {
		m.info.acquiring(Normal, Shared, 0)
		m.mu.RLock()
		m.info.acquired(Normal, Shared, 0)
		return
	}
	m.mu.RLock()
}

// RLockNested is RLock under another lock of the same class; see
// Mutex.LockNested.
func (m *RWMutex) RLockNested(sub Subclass) {
	if Enabled {
		m.info.acquiring(sub, Shared, 0)
		m.mu.RLock()
		m.info.acquired(sub, Shared, 0)
		return
	}
	m.mu.RLock()
}

// TryRLock locks m for reading if that needs no wait, and reports whether it
// did.
func (m *RWMutex) TryRLock() bool {
	if Enabled {
		m.info.trying(Shared)
		ok := m.mu.TryRLock()
		if ok {
			m.info.acquired(Normal, Shared, flagTry)
		}
		return ok
	}
	return m.mu.TryRLock()
}

// RUnlock ends a hold for reading.
func (m *RWMutex) RUnlock() {
	if Enabled {
		m.release(Shared)
		return
	}
	m.mu.RUnlock()
}

// release ends the hold that there is, which after a report need not be the
// one that was asked for: sync.RWMutex would end the process.
func (m *RWMutex) release(mode Mode) {
	switch m.info.releasing(mode) {
	case Exclusive:
		m.mu.Unlock()
	case Shared:
		m.mu.RUnlock()
	}
}

// Held is the mode in which the calling goroutine holds m.
func (m *RWMutex) Held() Mode { return m.info.held() }

// Class is the class given to Init, nil without the checker.
func (m *RWMutex) Class() *Class { return m.info.class() }

// AssertHeld reports a caller that does not hold m for writing.
func (m *RWMutex) AssertHeld() {
	if Enabled {
		m.info.assertHeld(Exclusive)
	}
}

// AssertHeldShared reports a caller that does not hold m at all.
func (m *RWMutex) AssertHeldShared() {
	if Enabled {
		m.info.assertHeld(Shared)
	}
}

// AssertNotHeld reports a caller that holds m, in whichever mode.
func (m *RWMutex) AssertNotHeld() {
	if Enabled {
		m.info.assertNotHeld()
	}
}

func (m *RWMutex) lockInfo() *info {
	if m == nil {
		return nil
	}
	return &m.info
}
