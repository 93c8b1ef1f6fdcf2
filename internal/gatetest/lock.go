package gatetest

import (
	"fmt"

	"github.com/govfs/govfs/lockdep"
)

// acquire takes a lock without a wait, which is legal in any order.
func acquire(l any, mode lockdep.Mode) {
	ok := true
	switch l := l.(type) {
	case *lockdep.Mutex:
		ok = l.TryLock()
	case *lockdep.RWMutex:
		if mode == lockdep.Shared {
			ok = l.TryRLock()
		} else {
			ok = l.TryLock()
		}
	case *lockdep.SpinLock:
		ok = l.TryLock()
	case *lockdep.BitLock:
		ok = l.TryLock()
	case *lockdep.SeqLock:
		if mode == lockdep.Shared {
			l.EnterRead()
		} else {
			l.WriteLock()
		}
	case *lockdep.VirtualLock:
		l.Acquired(mode)
	default:
		panic(fmt.Sprintf("gatetest: no lock: %T", l))
	}
	if !ok {
		panic(fmt.Sprintf("gatetest: %T is not free", l))
	}
}

// release gives up a lock in the mode in which the goroutine holds it.
func release(l any) {
	mode := held(l)
	if mode == lockdep.Unheld {
		return
	}
	switch l := l.(type) {
	case *lockdep.Mutex:
		l.Unlock()
	case *lockdep.RWMutex:
		if mode == lockdep.Shared {
			l.RUnlock()
		} else {
			l.Unlock()
		}
	case *lockdep.SpinLock:
		l.Unlock()
	case *lockdep.BitLock:
		l.Unlock()
	case *lockdep.SeqLock:
		if mode == lockdep.Shared {
			l.ExitRead()
		} else {
			l.WriteUnlock()
		}
	case *lockdep.VirtualLock:
		l.Release(mode)
	}
}

func held(l any) lockdep.Mode { return l.(lockdep.Checkable).Held() }

// twoModes reports whether the lock can be held shared.
func twoModes(l any) bool {
	switch l.(type) {
	case *lockdep.RWMutex, *lockdep.VirtualLock:
		return true
	}
	return false
}

// spins reports whether nothing may block while the lock is held, so that it is
// taken last.
func spins(l any) bool {
	switch l.(type) {
	case *lockdep.SpinLock, *lockdep.SeqLock:
		return true
	}
	return false
}
