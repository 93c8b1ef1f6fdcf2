package fuse

import "sync/atomic"

// counters of a server, only ever rising.
type counters struct {
	requests   [opLimit]atomic.Uint64
	errors     atomic.Uint64
	read       atomic.Uint64
	written    atomic.Uint64
	interrupts atomic.Uint64
}

// Stats are a server's figures at one moment. Those without another word count
// since the mount.
type Stats struct {
	Requests     map[string]uint64 // by operation; those that occurred
	Errors       uint64            // requests answered with an error
	BytesRead    uint64
	BytesWritten uint64
	Interrupts   uint64

	InFlight int    // requests in progress now
	Nodes    int    // that the kernel knows now
	Handles  int    // open files of the kernel now
	Lookups  uint64 // that the kernel was told and has to forget
	Forgets  uint64 // of those, that it has forgotten

	Notifications       uint64 // that the kernel took
	NotificationsQueued int    // now
	NotificationsLate   uint64 // whose maker did not wait any longer
}

// Stats are the figures now.
func (s *Server) Stats() Stats {
	st := Stats{
		Requests: make(map[string]uint64), Errors: s.counters.errors.Load(),
		BytesRead: s.counters.read.Load(), BytesWritten: s.counters.written.Load(),
		Interrupts: s.counters.interrupts.Load(),
		InFlight:   s.calls.inFlight(), Nodes: s.nodes.count(), Handles: s.handles.count(),
		// Forgets first: no moment shows more of them than of lookups.
		Forgets: s.nodes.forgets.Load(), Lookups: s.nodes.lookups.Load(),
		Notifications: s.notifier.sent.Load(), NotificationsQueued: s.notifier.queued(),
		NotificationsLate: s.notifier.late.Load(),
	}
	for op := range s.counters.requests {
		if n := s.counters.requests[op].Load(); n > 0 {
			st.Requests[opName(uint32(op))] += n
		}
	}
	return st
}
