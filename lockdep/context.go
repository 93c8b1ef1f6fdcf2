package lockdep

// EnterRCUWalk tells the checker that the goroutine is in rcu-walk until ExitRCUWalk:
// it takes no sleeping lock there and does not block. Calls nest.
func EnterRCUWalk() {
	if Enabled {
		enterContext(ctxRCU)
	}
}

// ExitRCUWalk ends what EnterRCUWalk began.
func ExitRCUWalk() {
	if Enabled {
		exitContext(ctxRCU)
	}
}

// EnterAtomic tells the checker that the goroutine may not block until
// ExitAtomic, as if it held a spin lock. Calls nest.
func EnterAtomic() {
	if Enabled {
		enterContext(ctxAtomic)
	}
}

// ExitAtomic ends what EnterAtomic began.
func ExitAtomic() {
	if Enabled {
		exitContext(ctxAtomic)
	}
}

// EnterInterrupt tells the checker that the goroutine runs completions until
// ExitInterrupt, as an interrupt handler does: nothing that it runs may block.
// A completion worker enters it for each completion, and is outside while it
// waits for the next. Calls nest.
func EnterInterrupt() {
	if Enabled {
		enterContext(ctxInterrupt)
	}
}

// ExitInterrupt ends what EnterInterrupt began.
func ExitInterrupt() {
	if Enabled {
		exitContext(ctxInterrupt)
	}
}

// InRCUWalk reports whether the goroutine is between EnterRCUWalk and ExitRCUWalk; false
// without the checker.
func InRCUWalk() bool { return Enabled && inContext(ctxRCU) }

// InInterrupt reports whether the goroutine is between EnterInterrupt and
// ExitInterrupt; false without the checker.
func InInterrupt() bool { return Enabled && inContext(ctxInterrupt) }

// MightBlock is called by everything that can sleep (a wait on a channel or a
// condition, I/O), whether or not it sleeps this time, with a word for what it
// waits for. A caller that may not block, as it holds a spin lock, is reported.
func MightBlock(what string) {
	if Enabled {
		mightBlock(what)
	}
}

// ctx is a context in which less is allowed than in a task's.
type ctx uint8

const (
	ctxTask ctx = iota
	ctxRCU
	ctxAtomic
	ctxInterrupt

	numContexts
)

var ctxNames = [numContexts]string{"task", "rcu-walk", "atomic", "interrupt"}
