package lockdep

// These lock and unlock behind the checker's back.

func (m *Mutex) RawLock()      { m.mu.Lock() }
func (m *Mutex) RawUnlock()    { m.mu.Unlock() }
func (m *RWMutex) RawRLock()   { m.mu.RLock() }
func (m *RWMutex) RawRUnlock() { m.mu.RUnlock() }
func (l *SpinLock) RawLock()   { l.mu.Lock() }
func (l *SpinLock) RawUnlock() { l.mu.Unlock() }

// WaitingBits is how many waiters stand in the table of bit locks.
func WaitingBits() (n int) {
	for i := range bitTable {
		q := &bitTable[i]
		q.mu.Lock()
		for w := q.head; w != nil; w = w.next {
			n++
		}
		q.mu.Unlock()
	}
	return n
}

// Waiters is whether anybody is marked as waiting for b.
func (b *BitLock) Waiters() bool { return b.state.Load()&bitWaiters != 0 }
