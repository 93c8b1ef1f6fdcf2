//go:build lockdep

package lockdep

// Tasks is how many goroutines the checker remembers something of.
func Tasks() (n int) {
	for i := range tasks {
		s := &tasks[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// TryWriteLock is what package sync would call so; the seed has no use for it.
func (l *SeqLock) TryWriteLock() bool {
	if !l.lock.TryLock() {
		return false
	}
	l.n.Add(1)
	return true
}

// ForgetOrder forgets in which order locks were seen.
func ForgetOrder() {
	lockGraph.mu.Lock()
	defer lockGraph.mu.Unlock()
	lockGraph.out, lockGraph.before = nil, nil
	lockGraph.known.Store(nil)
}
