//go:build lockdep

package lockdep

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A node is a class and a subclass.
type node int

func nodeOf(h *hold) node { return node(h.class.index*int(numSubclasses) + int(h.sub)) }

func (n node) class() int    { return int(n) / int(numSubclasses) }
func (n node) sub() Subclass { return Subclass(int(n) % int(numSubclasses)) }

// An edge says that a lock of one node was taken while one of another was held,
// and where that was first seen.
type edge struct {
	held, taken       node
	heldPCs, takenPCs []uintptr
}

// graph is the order of locks: as declared, and as seen. It is without a
// circle: an edge that would close one is reported and left out.
type graph struct {
	known atomic.Pointer[matrix] // admitted edges, for a look without the mutex

	mu      sync.Mutex
	version uint64 // of the registry, when the following was made
	classes []*Class
	pairs   [][2]*Class // declared: outer, inner
	before  closure     // the same, closed
	out     map[node]map[node]*edge
}

var lockGraph graph

// matrix is a set of pairs of nodes below n, for one version of the registry.
type matrix struct {
	version uint64
	n       int
	bits    []atomic.Uint64
}

func (m *matrix) has(a, b node) bool {
	if m == nil || int(a) >= m.n || int(b) >= m.n {
		return false
	}
	bit := int(a)*m.n + int(b)
	return m.bits[bit/64].Load()&(1<<(bit%64)) != 0
}

func (m *matrix) add(a, b node) {
	bit := int(a)*m.n + int(b)
	m.bits[bit/64].Or(1 << (bit % 64))
}

// knows reports whether taking next under held is known to be legal.
func (g *graph) knows(held, next *hold) bool {
	m := g.known.Load()
	return m != nil && m.version == registry.version.Load() && m.has(nodeOf(held), nodeOf(next))
}

// refresh follows changes of the registry. The graph is locked.
func (g *graph) refresh() {
	v := registry.version.Load()
	if g.before != nil && g.version == v {
		return
	}
	order := declared() // before registry.mu, which parsing takes
	registry.mu.Lock()
	g.version = registry.version.Load()
	g.classes = slices.Clone(registry.classes)
	g.pairs = append(slices.Clone(order.before), registry.order...)
	registry.mu.Unlock()
	g.before, _ = newClosure(len(g.classes), g.pairs)
	n := len(g.classes) * int(numSubclasses)
	// Edges seen earlier are judged again, by what is declared now.
	g.known.Store(&matrix{version: g.version, n: n, bits: make([]atomic.Uint64, (n*n+63)/64)})
	if g.out == nil {
		g.out = make(map[node]map[node]*edge)
	}
}

// name is what reports call a node.
func (g *graph) name(n node) string {
	if n.sub() != Normal {
		return g.classes[n.class()].name + "/" + n.sub().String()
	}
	return g.classes[n.class()].name
}

// comesBefore reports whether it is declared that a is taken before b.
func (g *graph) comesBefore(a, b node) bool {
	if a.class() != b.class() {
		return g.before.has(a.class(), b.class())
	}
	return slices.Contains(declared().subs[g.classes[a.class()]], [2]Subclass{a.sub(), b.sub()})
}

// admit judges that next is taken while held is held, and remembers it. It
// returns a report if the order of locks does not allow it.
func (g *graph) admit(held, next *hold, here []uintptr) *Report {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refresh()
	a, b := nodeOf(held), nodeOf(next)
	r := &Report{Kind: KindOrder, Stacks: []Stack{{held.name() + " held since", held.stack()}}}
	switch pair := [2]*Class{held.class, next.class}; {
	case slices.Contains(declared().never, pair) || slices.Contains(declared().never, [2]*Class{pair[1], pair[0]}):
		r.Rule = neverRule(pair)
		r.Message = fmt.Sprintf("%s is taken while %s is held: the two are never held together", next.name(), held.name())
		return r
	case g.comesBefore(b, a):
		r.Rule = "order " + g.name(b) + " < " + g.name(a)
		r.Message = fmt.Sprintf("%s is taken while %s is held", next.name(), held.name())
		if how := chain(g.pairs, next.class, held.class); how != "" && how != r.Rule[len("order "):] {
			r.Message += ": declared is " + how
		}
		if e := g.out[b][a]; e != nil {
			r.Stacks = append(r.Stacks, e.stacks(g)...)
		}
		return r
	case held.class.leaf.Load() && next.class.core && !g.comesBefore(a, b):
		r.Rule = "order " + held.class.name + " innermost"
		r.Message = fmt.Sprintf("%s is taken while %s is held, which is declared, or as a driver's spin lock by default is, innermost (Class.Over)", next.name(), held.name())
		return r
	case g.comesBefore(a, b):
	default:
		if path := g.path(b, a); path != nil {
			g.describe(r, path, a, b)
			return r
		}
	}
	if g.out[a] == nil {
		g.out[a] = make(map[node]*edge)
	}
	if g.out[a][b] == nil {
		g.out[a][b] = &edge{a, b, held.stack(), here}
	}
	if m := g.known.Load(); int(a) < m.n && int(b) < m.n {
		m.add(a, b)
	}
	return nil
}

func neverRule(pair [2]*Class) string {
	for _, p := range declared().never {
		if p == pair || p == [2]*Class{pair[1], pair[0]} {
			return "order " + p[0].name + " ! " + p[1].name
		}
	}
	return ""
}

func (e *edge) stacks(g *graph) []Stack {
	return []Stack{
		{"first seen in the other order: " + g.name(e.held) + " held since", e.heldPCs},
		{"first seen in the other order: " + g.name(e.taken) + " acquired", e.takenPCs},
	}
}

// A step of a path: an edge that was seen, or a declared order.
type step struct {
	to   node
	edge *edge // nil if declared
}

// path is how one comes from a node to another by orders seen and declared,
// shortest first, or nil. The graph is locked.
func (g *graph) path(from, to node) []step {
	type visit struct {
		prev node
		step step
	}
	seen := map[node]visit{from: {}}
	for queue := []node{from}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		visitStep := func(s step) {
			if _, ok := seen[s.to]; !ok {
				seen[s.to] = visit{n, s}
				queue = append(queue, s.to)
			}
		}
		for _, e := range g.out[n] {
			visitStep(step{e.taken, e})
		}
		for c := range g.classes {
			if g.before.has(n.class(), c) {
				for sub := range node(numSubclasses) {
					visitStep(step{to: node(c*int(numSubclasses)) + sub})
				}
			}
		}
		for _, p := range declared().subs[g.classes[n.class()]] {
			if p[0] == n.sub() {
				visitStep(step{to: node(n.class()*int(numSubclasses)) + node(p[1])})
			}
		}
		if _, ok := seen[to]; !ok {
			continue
		}
		var path []step
		for n := to; n != from; n = seen[n].prev {
			path = append(path, seen[n].step)
		}
		slices.Reverse(path)
		return path
	}
	return nil
}

// describe makes r the report of the circle that a < b closes, where the path
// leads from b to a.
func (g *graph) describe(r *Report, path []step, a, b node) {
	text := g.name(b)
	for _, s := range path {
		text += " < " + g.name(s.to)
	}
	r.Kind = KindCycle
	r.Rule = "order " + text
	r.Message = fmt.Sprintf("%s is taken while %s is held: two goroutines that do both wait for each other", g.name(b), g.name(a))
	for _, s := range path {
		if s.edge != nil {
			r.Stacks = append(r.Stacks, s.edge.stacks(g)...)
		}
	}
}
