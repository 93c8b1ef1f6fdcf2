package lockdep

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// The kinds of report.
const (
	KindOrder        = "order"        // against the declared order
	KindCycle        = "cycle"        // against an order that was seen earlier
	KindRecursion    = "recursion"    // a lock that the goroutine holds already
	KindNesting      = "nesting"      // two locks of one class and subclass
	KindBlocking     = "blocking"     // blocked where nothing may
	KindUnlock       = "unlock"       // of a lock not held, or not so
	KindUnclassified = "unclassified" // a lock without Init, or of the wrong kind
	KindContext      = "context"      // a context left that was not entered
	KindEntry        = "entry"        // a method's caller broke its row
	KindExit         = "exit"         // a method broke its row
	KindAssert       = "assert"       // AssertHeld, AssertNotHeld
)

// A Report is one broken rule.
type Report struct {
	Kind    string
	Rule    string  // the rule: "inode_operations.unlink i_mutex yes", "P2", "order i_lock < d_lock"
	Method  string  // the method of the rule book that was running or called, if any
	Cell    string  // "column value" of the method's row, if the rule is one
	Prose   int     // the number of the prose rule, 0 if it is none
	Message string  // what happened
	Stacks  []Stack // where: the first is where it was noticed
}

// String is the report as printed: the rule, what happened, and the stacks.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lockdep: %s: %s: %s\n", r.Kind, r.Rule, r.Message)
	if r.Method != "" {
		fmt.Fprintf(&b, "  in %s\n", r.Method)
	}
	for _, s := range r.Stacks {
		fmt.Fprintf(&b, "  %s:\n", s.Name)
		for f := range s.frames() {
			fmt.Fprintf(&b, "    %s (%s:%d)\n", path.Base(f.Function), f.File, f.Line)
		}
	}
	return b.String()
}

// A Stack is a place in the program, innermost call first.
type Stack struct {
	Name string // what happened there: "held since", "acquired here"
	PCs  []uintptr
}

// String is the stack's frames, one a line, without those of this package.
func (s Stack) String() string {
	var b strings.Builder
	for f := range s.frames() {
		fmt.Fprintf(&b, "%s (%s:%d)\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// frames yields the stack's frames from the first outside the checker.
func (s Stack) frames() func(yield func(runtime.Frame) bool) {
	return func(yield func(runtime.Frame) bool) {
		if len(s.PCs) == 0 {
			return
		}
		inside := true
		for it := runtime.CallersFrames(s.PCs); ; {
			f, more := it.Next()
			inside = inside && ownFrame(f)
			if !inside && f.Function != "" && !yield(f) || !more {
				return
			}
		}
	}
}

// ownPrefix is how the names of this package's functions begin.
var ownPrefix = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+strings.IndexByte(name[slash:], '.')+1]
}()

func ownFrame(f runtime.Frame) bool {
	return strings.HasPrefix(f.Function, ownPrefix) && !strings.HasSuffix(f.File, "_test.go")
}

var reports struct {
	count   atomic.Int64
	mu      sync.Mutex
	handler func(*Report)
	seen    map[[2]string]bool // rule and site
}

// SetHandler makes h receive the reports from now on, and returns what did
// until now. A nil handler is the default one, which prints to standard error
// and counts (Reports). A handler gets each pair of rule and place once; a new
// one starts afresh.
//
// A handler runs on the goroutine that broke the rule, which may hold locks,
// spin locks too; what it does with locks of this package is not reported.
// Several goroutines may be in it at once.
func SetHandler(h func(*Report)) (old func(*Report)) {
	reports.mu.Lock()
	defer reports.mu.Unlock()
	old = reports.handler
	reports.handler = h
	reports.seen = nil
	return old
}

// Reports is how many reports the default handler got.
func Reports() int64 { return reports.count.Load() }

// HeldLocks lists the locks that goroutines hold at this moment, and the
// contexts in which they are, each with the stack since when. It is nil without
// the checker.
func HeldLocks() []Report {
	if Enabled {
		return heldLocks()
	}
	return nil
}
