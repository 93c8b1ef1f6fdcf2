package lockdep

import "sync/atomic"

// Kind says how a lock behaves, and so where it may be taken.
type Kind uint8

// The kinds of lock. Sleeping kinds (Sleep, RW, Bit, Level) may not be taken
// while a spinning one (Spin, Seq) is held, in rcu-walk, or in interrupt
// context.
const (
	Sleep Kind = iota // a mutex: its waiter sleeps
	RW                // a reader/writer semaphore: its waiter sleeps
	Spin              // nothing may block while it is held
	Seq               // a sequence lock: its writer is a spin lock
	Bit               // a lock bit with sleeping waiters, whose owner can change
	Level             // something ordered like a lock that is none, as a freeze level
)

var kindNames = [...]string{"sleep", "rw", "spin", "seq", "bit", "level"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Sleeps reports whether a waiter for a lock of this kind sleeps.
func (k Kind) Sleeps() bool { return k != Spin && k != Seq }

// Subclass tells apart locks of one class that one goroutine may hold
// together: a parent directory and the child in it, two files of a swap. Two
// locks of the same class and the same subclass are held together only in
// ascending order of their ids, and only where that is declared
// (Class.OrderedByID, LockOrdered).
type Subclass uint8

// The subclasses. Which may be taken under which is part of the order table
// (Order): for i_mutex it is Parent, Parent2, Child, Victim, Normal, Xattr,
// NonDir, NonDir2.
const (
	Normal  Subclass = iota
	Parent           // a directory in which a name is looked up or changed
	Parent2          // the second directory of a rename
	Child            // below one that is held as Parent or Normal
	Victim           // what an unlink, rmdir or rename removes
	Xattr            // an inode locked to keep another one's attributes
	NonDir           // the first of two non-directories
	NonDir2          // the second of two non-directories

	numSubclasses
)

var subclassNames = [numSubclasses]string{"normal", "parent", "parent2", "child", "victim", "xattr", "nondir", "nondir2"}

func (s Subclass) String() string {
	if s < numSubclasses {
		return subclassNames[s]
	}
	return "unknown"
}

// A Class is what the order of locks is declared and learned about: all locks
// that play the same role (every inode's i_mutex) share one. Classes are made
// once, as package variables, and never freed.
type Class struct {
	name    string
	kind    Kind
	core    bool // one of the seed's classes, in the order table
	index   int  // into the registry
	leaf    atomic.Bool
	ordered atomic.Bool
}

// NewClass makes a class for the locks of a driver. Its place in the order is
// declared by Under and Over; what is not declared is learned from what
// happens. A class of kind Spin is innermost until Over says otherwise: no
// lock of the order table may be taken while one of its locks is held.
//
// It is called once for each class, usually to initialise a package variable.
// The name is the one that reports use. It panics if the name is empty or
// taken by a class of the order table.
func NewClass(name string, kind Kind) *Class {
	c := &Class{name: name, kind: kind}
	if kind == Spin {
		c.leaf.Store(true)
	}
	registerClass(c)
	return c
}

// Name is the name that reports and the order table use.
func (c *Class) Name() string { return c.name }

// Kind is the kind of every lock of the class.
func (c *Class) Kind() Kind { return c.kind }

// String is the class's name.
func (c *Class) String() string { return c.name }

// Under declares that locks of c may be taken while locks of the outer classes
// are held, and so never the other way round. It returns c. A declaration that
// contradicts an earlier one panics.
func (c *Class) Under(outer ...*Class) *Class {
	for _, o := range outer {
		declareOrder(o, c)
	}
	return c
}

// Over declares that locks of the inner classes may be taken while a lock of c
// is held, and so never the other way round. It returns c. A declaration that
// contradicts an earlier one panics.
func (c *Class) Over(inner ...*Class) *Class {
	c.leaf.Store(false)
	for _, i := range inner {
		declareOrder(c, i)
	}
	return c
}

// Leaf declares c innermost: no lock of the order table is taken while one of
// c is held. It returns c.
func (c *Class) Leaf() *Class {
	c.leaf.Store(true)
	return c
}

// OrderedByID declares that several locks of c, of one subclass, may be held
// together if they are taken in ascending order of their ids (SetID). It
// returns c.
func (c *Class) OrderedByID() *Class {
	c.ordered.Store(true)
	return c
}
