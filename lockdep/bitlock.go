package lockdep

import (
	"context"
	"sync/atomic"
)

// A BitLock is a lock in one bit of a word whose other bits are flags of the
// caller's (the page lock, the buffer lock). Its waiters sleep in a table that
// all bit locks share, so it is 4 bytes. It need not be unlocked by the
// goroutine that locked it: a completion unlocks the page whose read another
// goroutine submitted. Such a hand-over is announced by Transfer.
//
// A waiter can also wait for flags of the caller's to be clear (WaitClear), as
// for the end of writeback. A BitLock must not be copied once used.
type BitLock struct {
	info  info
	state atomic.Uint32
}

const (
	bitLocked  = 1 << 0 // the lock
	bitWaiters = 1 << 1 // someone may wait in the table

	// BitLockFlags are the bits of a BitLock's word that are the caller's.
	BitLockFlags uint32 = ^uint32(bitLocked | bitWaiters)
)

// Init gives b its class, of kind Bit. It is called once, before b is used.
func (b *BitLock) Init(c *Class) {
	if Enabled {
		b.info.init(c, Bit)
	}
}

// SetID sets the number by which locks of one class are ordered; see
// Mutex.SetID. A page's is its index in its mapping.
func (b *BitLock) SetID(id uint64) {
	if Enabled {
		b.info.setID(id)
	}
}

// Lock locks b, and may block.
func (b *BitLock) Lock() { b.LockNested(Normal) }

// LockNested is Lock under another lock of the same class; see
// Mutex.LockNested.
func (b *BitLock) LockNested(sub Subclass) {
	if Enabled {
		b.info.acquiring(sub, Exclusive, 0)
	}
	if !b.tryLock() {
		b.lockSlow(nil)
	}
	if Enabled {
		b.info.acquired(sub, Exclusive, 0)
	}
}

// LockContext is Lock whose wait ends with EINTR, and without the lock, when
// ctx is done. A lock that is free is taken without a look at ctx.
func (b *BitLock) LockContext(ctx context.Context) error {
	if Enabled {
		b.info.acquiring(Normal, Exclusive, 0)
	}
	if !b.tryLock() {
		if err := b.lockSlow(ctx.Done()); err != nil {
			return err
		}
	}
	if Enabled {
		b.info.acquired(Normal, Exclusive, 0)
	}
	return nil
}

// TryLock locks b if that needs no wait, and reports whether it did.
func (b *BitLock) TryLock() bool {
	if Enabled {
		b.info.trying(Exclusive)
	}
	ok := b.tryLock()
	if Enabled && ok {
		b.info.acquired(Normal, Exclusive, flagTry)
	}
	return ok
}

func (b *BitLock) tryLock() bool {
	return b.state.Load()&bitLocked == 0 && b.state.Or(bitLocked)&bitLocked == 0
}

// Unlock unlocks b, and wakes who waits for it. It does not block. It panics
// if b is not locked.
func (b *BitLock) Unlock() {
	if Enabled && b.info.releasing(Exclusive) == Unheld {
		return
	}
	if !b.state.CompareAndSwap(bitLocked, 0) {
		b.unlockSlow()
	}
}

// Transfer gives up the calling goroutine's claim on b, which stays locked:
// whoever ends the I/O unlocks it, or first takes the claim (Adopt). It is
// called before the I/O is submitted, and does nothing without the checker.
func (b *BitLock) Transfer() {
	if Enabled {
		b.info.transfer()
	}
}

// Adopt makes the calling goroutine the owner of b, which another one locked
// and transferred.
func (b *BitLock) Adopt() {
	if Enabled {
		b.info.adopt()
	}
}

// Locked reports whether b is locked, by whomever.
func (b *BitLock) Locked() bool { return b.state.Load()&bitLocked != 0 }

// WaitUnlocked waits until b was seen unlocked, without locking it. It returns
// EINTR if ctx is done first. It may block.
func (b *BitLock) WaitUnlocked(ctx context.Context) error {
	return b.waitClear(ctx, bitLocked)
}

// WaitClear waits until none of the flags is set, and returns EINTR if ctx is
// done first. Who clears one that others wait for does it by ClearAndWake. It
// may block.
func (b *BitLock) WaitClear(ctx context.Context, flags uint32) error {
	return b.waitClear(ctx, flags&BitLockFlags)
}

// Flags is the word's bits that are the caller's.
func (b *BitLock) Flags() uint32 { return b.state.Load() & BitLockFlags }

// Test reports whether any of the flags is set.
func (b *BitLock) Test(flags uint32) bool { return b.state.Load()&flags&BitLockFlags != 0 }

// Set sets flags, and is what was set of them before.
func (b *BitLock) Set(flags uint32) uint32 {
	flags &= BitLockFlags
	return b.state.Or(flags) & flags
}

// Clear clears flags, and is what was set of them before. It wakes nobody.
func (b *BitLock) Clear(flags uint32) uint32 {
	flags &= BitLockFlags
	return b.state.And(^flags) & flags
}

// ClearAndWake is Clear that also wakes who waits for the flags (WaitClear).
func (b *BitLock) ClearAndWake(flags uint32) uint32 {
	flags &= BitLockFlags
	old := b.state.And(^flags)
	if old&bitWaiters != 0 {
		b.wakeClear()
	}
	return old & flags
}

// Held is the mode in which the calling goroutine holds b: Unheld once it was
// transferred.
func (b *BitLock) Held() Mode { return b.info.held() }

// Class is the class given to Init, nil without the checker.
func (b *BitLock) Class() *Class { return b.info.class() }

// AssertHeld reports a caller that does not hold b.
func (b *BitLock) AssertHeld() {
	if Enabled {
		b.info.assertHeld(Exclusive)
	}
}

// AssertNotHeld reports a caller that holds b.
func (b *BitLock) AssertNotHeld() {
	if Enabled {
		b.info.assertNotHeld()
	}
}

func (b *BitLock) lockInfo() *info {
	if b == nil {
		return nil
	}
	return &b.info
}
