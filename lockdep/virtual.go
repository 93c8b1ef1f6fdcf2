package lockdep

// A VirtualLock tells the checker of something that is ordered like a lock but is
// none of this package: a freeze level, which is a counter with a gate, or a
// journal's transaction. It locks nothing; its owner calls Acquire before it
// waits, and Release. Without the checker it is nothing at all, and takes no
// room.
type VirtualLock struct {
	info info
}

// Init gives l its class, of kind Level. It is called once, before l is used.
func (l *VirtualLock) Init(c *Class) {
	if Enabled {
		l.info.init(c, Level)
	}
}

// SetID sets the number by which levels of one class are ordered; see
// Mutex.SetID.
func (l *VirtualLock) SetID(id uint64) {
	if Enabled {
		l.info.setID(id)
	}
}

// Acquire notes that the goroutine is about to enter l, and may wait for it.
func (l *VirtualLock) Acquire(mode Mode) { l.AcquireNested(Normal, mode) }

// AcquireNested is Acquire under another level of the same class; see
// Mutex.LockNested.
func (l *VirtualLock) AcquireNested(sub Subclass, mode Mode) {
	if Enabled {
		l.info.acquiring(sub, mode, 0)
		l.info.acquired(sub, mode, 0)
	}
}

// Acquired notes that the goroutine entered l without a wait, as with a
// TryLock.
func (l *VirtualLock) Acquired(mode Mode) {
	if Enabled {
		l.info.trying(mode)
		l.info.acquired(Normal, mode, flagTry)
	}
}

// Release notes that the goroutine left l.
func (l *VirtualLock) Release(mode Mode) {
	if Enabled {
		l.info.releasing(mode)
	}
}

// Held is the mode in which the calling goroutine is inside l.
func (l *VirtualLock) Held() Mode { return l.info.held() }

// Class is the class given to Init, nil without the checker.
func (l *VirtualLock) Class() *Class { return l.info.class() }

func (l *VirtualLock) lockInfo() *info {
	if l == nil {
		return nil
	}
	return &l.info
}
