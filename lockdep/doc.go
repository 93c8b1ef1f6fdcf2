// Package lockdep has the lock types of the tree, and the checker that watches
// them.
//
// A lock is of a class: every inode's i_mutex is one of IMutex. Without the
// build tag lockdep a lock is the primitive of package sync that it wraps, its
// class is nothing, and every call inlines to the primitive's. With the tag the
// checker knows what each goroutine holds, and reports, with the stacks that
// led to it,
//
//   - a lock taken against the declared order (Order, Class.Under, Class.Over),
//     or against the order in which two classes were seen together before:
//     a deadlock that needs two goroutines is found by one, without bad luck;
//   - a lock taken twice, two of one class whose order nothing declares, and an
//     unlock by a goroutine that does not hold the lock;
//   - a wait where nothing may block: under a spin lock, in rcu-walk, in
//     interrupt context, in a method whose row says so (MightBlock);
//   - a call of a method of the rule book by a caller that does not hold what
//     the method's row demands, or a method that returns with locks other than
//     its row says (Enter, Gate).
//
// What is held is held by a goroutine: an assertion says "this goroutine holds
// it", never "somebody does". Only a BitLock can change its owner
// (BitLock.Transfer), and an announced one.
//
// A TryLock may be against the order, as it does not wait. What is taken under
// it is checked.
//
// Reports go to a handler (SetHandler). Package lockdeptest makes them failures
// of a test. The checker itself never changes what a lock does, except that it
// lets an unlock of a lock that nobody holds pass, once reported, where package
// sync would end the process.
package lockdep
