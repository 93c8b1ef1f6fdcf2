//go:build lockdep

package pagecache

import "github.com/govfs/govfs/lockdep"

// The locks of a method's arguments, as its gate shows them to the checker. Nil
// stands for a lock that is not there.

func lockPageLock(p *Page) lockdep.Checkable { return p.PageLock() }

func lockIMutex(m *Mapping) lockdep.Checkable {
	if m == nil || m.host == nil {
		return nil
	}
	return m.host.IMutex()
}
