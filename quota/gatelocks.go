//go:build lockdep

package quota

import "github.com/govfs/govfs/lockdep"

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there.

func lockDqonoffSem(s *Super) lockdep.Checkable {
	if s == nil {
		return nil
	}
	return &s.onoff
}

// lockOnoffOrPtr is the one of the two that the caller holds: either keeps a
// dquot in place.
func lockOnoffOrPtr(d *Dquot) lockdep.Checkable {
	if d == nil || d.sb == nil {
		return nil
	}
	return lockdep.Either(&d.sb.onoff, &d.sb.ptr)
}
