package filelock

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ManagerOps are the lock_manager_operations of one manager, resolved. The
// pointer is the manager's identity: locks of different managers never have
// the same owner.
type ManagerOps struct {
	compareOwner OwnerComparer
	ownerKey     OwnerKeyer
	notify       Notifier
	grant        Granter
	breaker      Breaker
	change       Changer
	removed      leaseRemover

	name   string
	faults atomic.Int64
	stuck  atomic.Int32 // calls that were given up and have not returned
}

// ManagerOpsOf resolves the methods that x has. A manager calls it once and
// keeps the result, see [ManagerOps].
//
// The methods run under locks that everybody needs, so a manager that panics or
// blocks in one is contained: a call that does not return within
// [ManagerTimeout] is given up, and until it returns no other is made. What a
// failed method would have said is then said for it: owners are compared by
// their values, a request without a key is refused, a notification is lost with
// its request, a late answer is refused, a lease is gone. [OnManagerFault] tells
// of it.
func ManagerOpsOf(x any) *ManagerOps {
	o := TrustedManagerOpsOf(x)
	if o.compareOwner != nil {
		o.compareOwner = guardedComparer{o, o.compareOwner}
	}
	if o.ownerKey != nil {
		o.ownerKey = guardedKeyer{o, o.ownerKey}
	}
	if o.notify != nil {
		o.notify = guardedNotifier{o, o.notify}
	}
	if o.grant != nil {
		o.grant = guardedGranter{o, o.grant}
	}
	if o.breaker != nil {
		o.breaker = guardedBreaker{o, o.breaker}
	}
	if o.change != nil {
		o.change = guardedChanger{o, o.change}
	}
	if o.removed != nil {
		o.removed = guardedRemover{o, o.removed}
	}
	return o
}

// TrustedManagerOpsOf is ManagerOpsOf for a manager that needs no containment:
// its methods are called directly, at a tenth of the cost.
func TrustedManagerOpsOf(x any) *ManagerOps {
	o := &ManagerOps{name: fmt.Sprintf("%T", x)}
	o.compareOwner, _ = x.(OwnerComparer)
	o.ownerKey, _ = x.(OwnerKeyer)
	o.notify, _ = x.(Notifier)
	o.grant, _ = x.(Granter)
	o.breaker, _ = x.(Breaker)
	o.change, _ = x.(Changer)
	o.removed, _ = x.(leaseRemover)
	return o
}

// CanGrant reports whether the manager accepts an answer given later with
// [Lock.Grant]. A file system defers a request only if it does.
func (o *ManagerOps) CanGrant() bool { return o != nil && o.grant != nil }

// Name is the Go type that the methods are of.
func (o *ManagerOps) Name() string { return o.name }

// Faults is how often the manager failed.
func (o *ManagerOps) Faults() int64 { return o.faults.Load() }

var managerTimeout atomic.Int64

func init() { managerTimeout.Store(int64(5 * time.Second)) }

// ManagerTimeout is how long a manager's method may take before it is given
// up, and how long others wait for it to repeat a request that it was notified
// of: 5 s unless set otherwise.
func ManagerTimeout() time.Duration { return time.Duration(managerTimeout.Load()) }

// SetManagerTimeout sets ManagerTimeout, for what begins from now on. It panics
// if d is not positive.
func SetManagerTimeout(d time.Duration) {
	if d <= 0 {
		panic("filelock: a manager cannot answer in no time")
	}
	managerTimeout.Store(int64(d))
}

// FaultKind is how a manager failed.
type FaultKind uint8

// The kinds of fault.
const (
	Panicked FaultKind = iota // the method did
	Blocked                   // the method did not return in time
	NoAnswer                  // it returned, but nothing followed
)

func (k FaultKind) String() string {
	switch k {
	case Panicked:
		return "panicked"
	case Blocked:
		return "blocked"
	case NoAnswer:
		return "did not act"
	}
	return "failed"
}

// ManagerFault is a report of what a lock manager did wrong.
type ManagerFault struct {
	Manager *ManagerOps
	Method  string // such as "Notify"
	Kind    FaultKind
	After   time.Duration // of Blocked and NoAnswer: how long it had
	Panic   any           // of Panicked: the value, and where it came from
	Stack   []byte
}

// Error is the report in one line.
func (f ManagerFault) Error() string {
	switch f.Kind {
	case Panicked:
		return fmt.Sprintf("filelock: lock manager %s: %s panicked: %v", f.Manager.Name(), f.Method, f.Panic)
	default:
		return fmt.Sprintf("filelock: lock manager %s: %s %v for %v", f.Manager.Name(), f.Method, f.Kind, f.After)
	}
}

var faultHooks struct {
	mu   sync.Mutex
	next int
	all  map[int]func(ManagerFault)
}

// OnManagerFault has f called, on a goroutine of its own, for every fault of
// any lock manager, until cancel is called.
func OnManagerFault(f func(ManagerFault)) (cancel func()) {
	h := &faultHooks
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = make(map[int]func(ManagerFault))
	}
	id := h.next
	h.next++
	h.all[id] = f
	return func() {
		h.mu.Lock()
		delete(h.all, id)
		h.mu.Unlock()
	}
}

// fault counts and reports a fault. It does not block, and may be called under
// any lock.
func (o *ManagerOps) fault(f ManagerFault) {
	f.Manager = o
	o.faults.Add(1)
	h := &faultHooks
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.all {
		go hook(f)
	}
}

// outcome is how a call of a manager's method ended.
type outcome uint8

const (
	returned outcome = iota
	panicked
	givenUp // it may still come back, at any time
)

// call makes a call of a method for the manager. f must leave its results where
// nobody looks after the call was given up.
func (o *ManagerOps) call(method string, f func()) outcome {
	if !isolateManagers {
		return o.callHere(method, f)
	}
	if o.stuck.Load() > 0 {
		return givenUp
	}
	done := make(chan outcome, 1)
	go func() {
		end := panicked
		defer func() { done <- end }()
		end = o.callHere(method, f)
	}()
	timeout := ManagerTimeout()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case end := <-done:
		return end
	case <-timer.C:
	}
	o.stuck.Add(1)
	o.fault(ManagerFault{Method: method, Kind: Blocked, After: timeout})
	go func() {
		<-done
		o.stuck.Add(-1)
	}()
	return givenUp
}

func (o *ManagerOps) callHere(method string, f func()) (end outcome) {
	end = panicked
	defer func() {
		if end == panicked {
			// Of runtime.Goexit there is no value.
			o.fault(ManagerFault{Method: method, Kind: Panicked, Panic: recover(), Stack: debug.Stack()})
		}
	}()
	f()
	return returned
}

type guardedComparer struct {
	ops *ManagerOps
	op  OwnerComparer
}

func (g guardedComparer) CompareOwner(a, b *Lock) bool {
	same := new(bool)
	if g.ops.call("CompareOwner", func() { *same = g.op.CompareOwner(a, b) }) == returned {
		return *same
	}
	return a.Owner == b.Owner
}

type guardedKeyer struct {
	ops *ManagerOps
	op  OwnerKeyer
}

func (g guardedKeyer) OwnerKey(l *Lock) uint64 {
	key := new(uint64)
	if g.ops.call("OwnerKey", func() { *key = g.op.OwnerKey(l) }) == returned {
		return *key
	}
	l.failed = true
	return 0
}

type guardedNotifier struct {
	ops *ManagerOps
	op  Notifier
}

func (g guardedNotifier) Notify(waiter *Lock) {
	if g.ops.call("Notify", func() { g.op.Notify(waiter) }) != returned {
		waiter.failed = true
	}
}

type guardedGranter struct {
	ops *ManagerOps
	op  Granter
}

func (g guardedGranter) Grant(lock, conflict *Lock, result error) error {
	err := new(error)
	if g.ops.call("Grant", func() { *err = g.op.Grant(lock, conflict, result) }) == returned {
		return *err
	}
	return syscall.EIO
}

type guardedBreaker struct {
	ops *ManagerOps
	op  Breaker
}

func (g guardedBreaker) Break(lease *Lock) bool {
	now := new(bool)
	if g.ops.call("Break", func() { *now = g.op.Break(lease) }) == returned {
		return *now
	}
	lease.failed = true
	return true
}

type guardedChanger struct {
	ops *ManagerOps
	op  Changer
}

func (g guardedChanger) Change(lease *Lock, typ Type, dispose *[]*Lock) error {
	// A list of its own: who comes back too late may still add to it.
	mine, err := new([]*Lock), new(error)
	end := g.ops.call("Change", func() { *err = g.op.Change(lease, typ, mine) })
	if end != givenUp {
		*dispose = append(*dispose, *mine...)
	}
	if end == returned {
		return *err
	}
	lease.failed = true
	return syscall.EIO
}

type guardedRemover struct {
	ops *ManagerOps
	op  leaseRemover
}

func (g guardedRemover) leaseRemoved(lease *Lock) {
	g.ops.call("Removed", func() { g.op.leaseRemoved(lease) })
}
