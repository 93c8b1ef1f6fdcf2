//go:build lockdep

package lockdep

import "sync"

// representatives holds, for a class, a lock of it that nobody ever takes.
var representatives sync.Map // of *Class to *info

// infoOfClass is the lock of the class that the goroutine holds, if it holds
// one, else one that nobody holds.
func infoOfClass(c *Class) *info {
	gid, s := self()
	s.mu.Lock()
	if t := s.m[gid]; t != nil {
		for n := range t.holds {
			if h := t.holds[n]; h.class == c {
				s.mu.Unlock()
				return h.info
			}
		}
	}
	s.mu.Unlock()
	if i, ok := representatives.Load(c); ok {
		return i.(*info)
	}
	i := new(info)
	i.init(c, c.kind)
	old, _ := representatives.LoadOrStore(c, i)
	return old.(*info)
}
