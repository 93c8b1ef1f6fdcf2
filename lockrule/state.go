package lockrule

import "encoding/json"

// Hold says how a lock stands at one moment.
type Hold uint8

const (
	// Unspecified: no rule. Callers may hold the lock or not, and a driver
	// may rely on neither.
	Unspecified Hold = iota
	// No: not held by the caller.
	No
	// Yes: held by the caller. Where a lock has modes, the book names one.
	Yes
	// Shared: held for reading.
	Shared
	// Exclusive: held for writing.
	Exclusive
	// AtLeastShared: held for reading or for writing.
	AtLeastShared
	// Maybe: some callers hold it and some do not, by the rule. A driver
	// must be correct in both cases.
	Maybe
	// MaybeShared: some callers hold it for reading, none for writing.
	MaybeShared
	// Async: as an exit state, released now or later by I/O completion. The
	// caller no longer owns it.
	Async
	// AnyOf: held on some object of the kind, not always on the argument's.
	AnyOf
	// ByResult: as an exit state, the result of the call says whether it is
	// held.
	ByResult
	// ReadSeq: the caller is inside a read section of a sequence lock, or
	// holds what makes one needless. It does not hold the lock itself.
	ReadSeq

	numHolds
)

// holds has the name of each Hold, and what it means where the name does not
// say so.
var holds = [numHolds]struct{ name, meaning string }{
	Unspecified:   {"unspecified", "the rules promise nothing either way"},
	No:            {"no", ""},
	Yes:           {"yes", ""},
	Shared:        {"shared", ""},
	Exclusive:     {"exclusive", ""},
	AtLeastShared: {"at least shared", ""},
	Maybe:         {"maybe", "some callers hold it, some do not"},
	MaybeShared:   {"maybe shared", "some callers hold it, and those shared"},
	Async:         {"async", "released before the return, or later by the completion of the I/O"},
	AnyOf:         {"any", "one of the kind is held, not always that of an argument"},
	ByResult:      {"by result", "what the method answers says whether it is held"},
	ReadSeq:       {"read section", "inside a read section of the sequence lock, which itself is not held"},
}

// MarshalText returns the name, for JSON.
func (h Hold) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func (h Hold) String() string {
	if h < numHolds {
		return holds[h].name
	}
	return "invalid"
}

// State says how one lock of one object stands at three moments.
//
// A state without a condition always holds. An argument that is absent or has
// no such lock (a negative dentry, the mapping of a block device, a file that
// is not regular) has nothing to check. States with a condition are checked by
// a hook written by hand; for one lock of one object their conditions exclude
// each other.
type State struct {
	// Lock is the lock's name: "i_mutex", "d_lock", "s_umount", …; a name
	// such as "a|b" is satisfied by either.
	Lock string `json:"lock"`
	// Object is the argument whose lock it is, or whose inode's, superblock's
	// or mapping's, by its parameter's name in the Go interface. "" stands for
	// a lock of which there is one, and for the caller's address space. A page
	// lock of a "mapping" is that of any page in it.
	Object string `json:"object,omitempty"`
	// Entry is on entry, Success after success, Failure after an error.
	Entry   Hold `json:"entry"`
	Success Hold `json:"success"`
	Failure Hold `json:"failure"`
	// When is the condition under which the state holds, one of the When
	// constants; "" is always.
	When string `json:"when,omitempty"`
	// Prose is the prose rule that the state comes from, 0 if it comes from a
	// cell, Derived if it follows from what the method does.
	Prose int `json:"-"`
	// Reading says why the state differs from the word in the cell; "" where
	// it does not.
	Reading string `json:"reading,omitempty"`
}

// MarshalJSON returns the state with its source as a word.
func (s State) MarshalJSON() ([]byte, error) {
	type fields State // without this method
	return json.Marshal(struct {
		fields
		Source string `json:"source"`
	}{fields(s), s.Source()})
}

// Derived stands in [State.Prose] for a state that neither a cell nor a prose
// rule gives. The method's notes say where it comes from.
const Derived = -1

// Conditions of states.
const (
	// WhenCrossDirectory: the two parents are different directories.
	WhenCrossDirectory = "cross-directory"
	// WhenNotDirectory and WhenDirectory: what the object is.
	WhenNotDirectory = "non-directory"
	WhenDirectory    = "directory"
	// WhenReplaced: the object exists and the operation replaces it.
	WhenReplaced = "replaced"
	// WhenExchangedNotDirectory and WhenExchangedDirectory: the operation
	// exchanges two objects, and this one is not, or is, a directory.
	WhenExchangedNotDirectory = "exchanged non-directory"
	WhenExchangedDirectory    = "exchanged directory"
	// WhenActivate: the method answers WRITEPAGE_ACTIVATE.
	WhenActivate = "activate"
	// WhenNotActivate: it answers anything else.
	WhenNotActivate = "not activate"
)

// held is a lock that stands the same before and after the call.
func held(lock, object string, h Hold) State { return across(lock, object, h, h, h) }

// across is a lock that the call may take or release.
func across(lock, object string, entry, success, failure Hold) State {
	return State{Lock: lock, Object: object, Entry: entry, Success: success, Failure: failure}
}

// writable is the caller's write access to the mount, which keeps the file
// system from being frozen during the call.
func writable(object string) State { return held("freeze_write", object, Shared).derived() }

func (s State) prose(n int) State        { s.Prose = n; return s }
func (s State) derived() State           { s.Prose = Derived; return s }
func (s State) when(cond string) State   { s.When = cond; return s }
func (s State) reading(why string) State { s.Reading = why; return s }

// Blocking says whether a method may block.
type Blocking uint8

const (
	// BlockUnspecified: the tables say nothing.
	BlockUnspecified Blocking = iota
	// BlockYes: may sleep, do I/O, take sleeping locks.
	BlockYes
	// BlockNo: must not; it runs under a spinlock or in completion context.
	BlockNo
	// BlockRefWalk: may block in ref-walk, must not in rcu-walk.
	BlockRefWalk
	// BlockNotForLeases: may block unless the lock given is a lease.
	BlockNotForLeases

	numBlockings
)

var blockingNames = [numBlockings]string{
	BlockUnspecified:  "unspecified",
	BlockYes:          "yes",
	BlockNo:           "no",
	BlockRefWalk:      "ref-walk only",
	BlockNotForLeases: "not for leases",
}

// MarshalText returns the name, for JSON.
func (b Blocking) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

func (b Blocking) String() string {
	if b < numBlockings {
		return blockingNames[b]
	}
	return "invalid"
}

// Context is where a method runs.
type Context uint8

const (
	// ContextTask: on behalf of a task, with no spinlock held.
	ContextTask Context = iota
	// ContextAtomic: under a spinlock or inside an rcu-walk.
	ContextAtomic
	// ContextInterrupt: on a completion worker.
	ContextInterrupt

	numContexts
)

var contextNames = [numContexts]string{
	ContextTask:      "task",
	ContextAtomic:    "atomic",
	ContextInterrupt: "interrupt",
}

// MarshalText returns the name, for JSON.
func (c Context) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Context) String() string {
	if c < numContexts {
		return contextNames[c]
	}
	return "invalid"
}
