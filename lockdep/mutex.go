package lockdep

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
)

// A Mutex is a sleeping mutual exclusion lock of a class. Without the checker
// it is a sync.Mutex. Only the goroutine that locked it may unlock it.
type Mutex struct {
	info info
	mu   sync.Mutex
}

// Init gives m its class. It is called once, before m is used.
func (m *Mutex) Init(c *Class) {
	if Enabled {
		m.info.init(c, Sleep)
	}
}

// SetID sets the number by which locks of one class and subclass are ordered
// where they are held together (LockOrdered, Class.OrderedByID), as an inode's
// never reused id. Without it the order is that of Init. Set it before m is
// shared.
func (m *Mutex) SetID(id uint64) {
	if Enabled {
		m.info.setID(id)
	}
}

// Lock locks m, and may block.
func (m *Mutex) Lock() {
	if Enabled {
		m.info.acquiring(Normal, Exclusive, 0)
		m.mu.Lock()
		m.info.acquired(Normal, Exclusive, 0)
		return
	}
	m.mu.Lock()
}

// LockNested is Lock under another lock of the same class, which is held with
// a subclass that comes before sub.
func (m *Mutex) LockNested(sub Subclass) {
	if Enabled {
		m.info.acquiring(sub, Exclusive, 0)
		m.mu.Lock()
		m.info.acquired(sub, Exclusive, 0)
		return
	}
	m.mu.Lock()
}

// LockOrdered is LockNested, possibly under locks of the same class and
// subclass whose ids are all lower than m's.
func (m *Mutex) LockOrdered(sub Subclass) {
	if Enabled {
		m.info.acquiring(sub, Exclusive, flagOrdered)
		m.mu.Lock()
		m.info.acquired(sub, Exclusive, flagOrdered)
		return
	}
	m.mu.Lock()
}

// LockContext is Lock whose wait ends with EINTR, and without the lock, when
// ctx is done. A lock that is free is taken without a look at ctx.
func (m *Mutex) LockContext(ctx context.Context) error {
	return m.LockNestedContext(ctx, Normal)
}

// LockNestedContext is LockNested with the wait of LockContext.
func (m *Mutex) LockNestedContext(ctx context.Context, sub Subclass) error {
	if Enabled {
		m.info.acquiring(sub, Exclusive, 0)
	}
	if !m.mu.TryLock() {
		if err := lockContext(ctx, &m.mu); err != nil {
			return err
		}
	}
	if Enabled {
		m.info.acquired(sub, Exclusive, 0)
	}
	return nil
}

// TryLock locks m if that needs no wait, and reports whether it did. It is
// legal against the order of locks; its caller backs off when it fails.
func (m *Mutex) TryLock() bool {
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

// Unlock unlocks m.
func (m *Mutex) Unlock() {
	if Enabled {
		if m.info.releasing(Exclusive) != Unheld {
			m.mu.Unlock()
		}
		return
	}
	m.mu.Unlock()
}

// Renest makes m held as if LockNested(sub) had taken it: for a walk down a
// tree, where the child becomes the parent once the parent is unlocked.
func (m *Mutex) Renest(sub Subclass) {
	if Enabled {
		m.info.renest(sub)
	}
}

// Held is the mode in which the calling goroutine holds m.
func (m *Mutex) Held() Mode { return m.info.held() }

// Class is the class given to Init, nil without the checker.
func (m *Mutex) Class() *Class { return m.info.class() }

// AssertHeld reports a caller that does not hold m.
func (m *Mutex) AssertHeld() {
	if Enabled {
		m.info.assertHeld(Exclusive)
	}
}

// AssertNotHeld reports a caller that holds m.
func (m *Mutex) AssertNotHeld() {
	if Enabled {
		m.info.assertNotHeld()
	}
}

func (m *Mutex) lockInfo() *info {
	if m == nil {
		return nil
	}
	return &m.info
}

// States of a wait in lockContext.
const (
	waitPending = iota
	waitGranted
	waitAbandoned
)

// lockContext waits for mu until ctx is done. A helper goroutine does the wait,
// since a sync.Mutex cannot leave its queue: given up, it stays there, and
// passes the lock on when its turn comes.
func lockContext(ctx context.Context, mu *sync.Mutex) error {
	done := ctx.Done()
	if done == nil {
		mu.Lock()
		return nil
	}
	select {
	case <-done:
		return syscall.EINTR
	default:
	}
	var state atomic.Int32
	granted := make(chan struct{})
	go func() {
		mu.Lock()
		if !state.CompareAndSwap(waitPending, waitGranted) {
			mu.Unlock()
			return
		}
		close(granted)
	}()
	select {
	case <-granted:
		return nil
	case <-done:
	}
	if state.CompareAndSwap(waitPending, waitAbandoned) {
		return syscall.EINTR
	}
	<-granted
	return nil
}
