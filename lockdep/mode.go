package lockdep

// Mode is how a goroutine holds a lock.
type Mode uint8

// The modes. A sequence lock is held Shared inside a read sequence that was
// announced by EnterRead.
const (
	Unheld Mode = iota
	Shared
	Exclusive
)

func (m Mode) String() string {
	switch m {
	case Unheld:
		return "not held"
	case Shared:
		return "held shared"
	case Exclusive:
		return "held exclusively"
	}
	return "unknown"
}

// Checkable is a lock of this package, seen by the checker.
type Checkable interface {
	// Held is the mode in which the calling goroutine holds the lock. Without
	// the checker nobody keeps count, and it is always Unheld.
	Held() Mode
	// Class is the lock's class, nil without the checker or before Init.
	Class() *Class

	lockInfo() *info
}
