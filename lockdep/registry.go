package lockdep

import (
	"sync"
	"sync/atomic"
)

// registry holds every class, by index, and what was declared of their order
// besides the order table.
var registry struct {
	mu      sync.Mutex
	classes []*Class
	names   map[string]*Class // the order table's classes only
	order   [][2]*Class       // declared by Under and Over: outer, inner
	version atomic.Uint64     // counts changes of classes and order
}

func registerClass(c *Class) {
	if c.name == "" {
		panic("lockdep: a class without a name")
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.names == nil {
		registry.names = make(map[string]*Class)
	}
	if registry.names[c.name] != nil {
		panic("lockdep: class " + c.name + " is one of the order table's")
	}
	if c.core {
		registry.names[c.name] = c
	}
	c.index = len(registry.classes)
	registry.classes = append(registry.classes, c)
	registry.version.Add(1)
}

// declareOrder adds a pair to the declared order. It panics if that makes a
// circle.
func declareOrder(outer, inner *Class) {
	pairs := declared().before
	registry.mu.Lock()
	defer registry.mu.Unlock()
	pairs = append(pairs[:len(pairs):len(pairs)], registry.order...)
	if back := chain(pairs, inner, outer); back != "" || outer == inner {
		panic("lockdep: order " + outer.name + " < " + inner.name + " contradicts " + back)
	}
	registry.order = append(registry.order, [2]*Class{outer, inner})
	registry.version.Add(1)
}

// ClassByName is the class of the order table with that name, nil if there is
// none.
func ClassByName(name string) *Class {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return registry.names[name]
}
