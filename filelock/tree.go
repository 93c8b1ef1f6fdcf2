package filelock

import "slices"

// rangeTree holds records ordered by their first byte, and those that begin
// together by their owner's age. It is a B+ tree: with 100,000 records three
// steps lead to any of them, each within a few cache lines. Every POSIX and OFD
// record is in two: one of all records of its type in the file, and one of all
// records of its owner there. The zero value is an empty one.
type rangeTree struct {
	root node
	// disjoint: no two of its records overlap. It is so for all Write records
	// of a file, and for those of one owner.
	disjoint bool
	// plain: all records are of one owner, and reach is not kept.
	plain bool
}

// fan bounds the size of a node. One that has less than a quarter of that
// becomes one with a neighbour if they fit.
const fan = 32

// A node is a leaf, with records, or has other nodes below it; only a root
// may be empty.
type node struct {
	leaf []entry
	kids []child
}

// entry is a record in a leaf, with what a search compares.
type entry struct {
	start, end int64
	lock       *Lock
}

// child is a subtree. start and seq are not above the order of any record in
// it, and above that of all in the subtrees before.
type child struct {
	start int64
	seq   uint64
	node  *node
	reach reach
}

// reach says how far the records of a subtree go: far is the greatest end, by
// its owner, and rest the greatest end among the other owners, -1 if there are
// none. So it is known for everybody but any one owner.
type reach struct {
	far, rest int64
	by        *ownerLocks
}

// without is the greatest end among owners other than skip.
func (r *reach) without(skip *ownerLocks) int64 {
	if r.by != skip {
		return r.far
	}
	return r.rest
}

// add counts a record in.
func (r *reach) add(end int64, by *ownerLocks) {
	switch {
	case by == r.by:
		r.far = max(r.far, end)
	case end > r.far:
		r.far, r.rest, r.by = end, r.far, by
	default:
		r.rest = max(r.rest, end)
	}
}

// decides reports whether r may be another without this record.
func (r *reach) decides(end int64, by *ownerLocks) bool {
	if by == r.by {
		return end == r.far
	}
	return end == r.rest
}

// join counts the records of another subtree in.
func (r *reach) join(o *reach) {
	switch {
	case o.by == nil:
	case o.by == r.by:
		r.far, r.rest = max(r.far, o.far), max(r.rest, o.rest)
	case o.far > r.far:
		*r = reach{o.far, max(r.far, o.rest), o.by}
	default:
		r.rest = max(r.rest, o.far)
	}
}

// before is the order of the trees.
func (l *Lock) before(m *Lock) bool {
	if l.Start != m.Start {
		return l.Start < m.Start
	}
	return l.group.seq < m.group.seq
}

// after reports whether the entry comes after a record that begins at start,
// of the owner with that age.
func (e *entry) after(start int64, seq uint64) bool {
	return e.start > start || e.start == start && e.lock.group.seq > seq
}

func (n *node) size() int { return len(n.leaf) + len(n.kids) }

// entryAfter is where the first entry is that comes after (start, seq).
func (n *node) entryAfter(start int64, seq uint64) int {
	lo, hi := 0, len(n.leaf)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); n.leaf[mid].after(start, seq) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// childOf is where the subtree is in which (start, seq) belongs.
func (n *node) childOf(start int64, seq uint64) int {
	lo, hi := 0, len(n.kids)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if c := &n.kids[mid]; c.start > start || c.start == start && c.seq > seq {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return max(lo-1, 0)
}

// branch makes a subtree of a node that is not empty.
func (t *rangeTree) branch(n *node) child {
	c := child{node: n}
	if len(n.leaf) > 0 {
		c.start, c.seq = n.leaf[0].start, n.leaf[0].lock.group.seq
	} else {
		c.start, c.seq = n.kids[0].start, n.kids[0].seq
	}
	if !t.plain {
		c.reach = n.reach()
	}
	return c
}

// reach computes it from what is right below.
func (n *node) reach() reach {
	r := reach{far: -1, rest: -1}
	for i := range n.leaf {
		r.add(n.leaf[i].end, n.leaf[i].lock.group)
	}
	for i := range n.kids {
		r.join(&n.kids[i].reach)
	}
	return r
}

func (t *rangeTree) empty() bool { return t.root.size() == 0 }

func (t *rangeTree) insert(l *Lock) {
	if right := t.insertInto(&t.root, l); right != nil {
		left := t.root
		t.root = node{kids: append(make([]child, 0, fan+1), t.branch(&left), t.branch(right))}
	}
}

// insertInto returns the right half of a node that has become two.
func (t *rangeTree) insertInto(n *node, l *Lock) *node {
	if n.kids == nil {
		n.leaf = slices.Insert(n.leaf, n.entryAfter(l.Start, l.group.seq), entry{l.Start, l.End, l})
		if len(n.leaf) <= fan {
			return nil
		}
		return &node{leaf: cutOff(&n.leaf)}
	}
	i := n.childOf(l.Start, l.group.seq)
	c := &n.kids[i]
	right := t.insertInto(c.node, l)
	if right == nil {
		if i == 0 && (l.Start < c.start || l.Start == c.start && l.group.seq < c.seq) {
			c.start, c.seq = l.Start, l.group.seq
		}
		if !t.plain {
			c.reach.add(l.End, l.group)
		}
		return nil
	}
	*c = t.branch(c.node)
	n.kids = slices.Insert(n.kids, i+1, t.branch(right))
	if len(n.kids) <= fan {
		return nil
	}
	return &node{kids: cutOff(&n.kids)}
}

// cutOff takes the second half of s away.
func cutOff[E any](s *[]E) []E {
	half := len(*s) / 2
	right := append(make([]E, 0, fan+1), (*s)[half:]...)
	clear((*s)[half:])
	*s = (*s)[:half]
	return right
}

// remove takes out a record that is in the tree.
func (t *rangeTree) remove(l *Lock) {
	t.removeFrom(&t.root, l)
	for len(t.root.kids) == 1 {
		t.root = *t.root.kids[0].node
	}
	if len(t.root.kids) == 0 {
		t.root.kids = nil
	}
}

func (t *rangeTree) removeFrom(n *node, l *Lock) {
	if n.kids == nil {
		i := n.entryAfter(l.Start, l.group.seq) - 1
		n.leaf = slices.Delete(n.leaf, i, i+1)
		return
	}
	i := n.childOf(l.Start, l.group.seq)
	c := &n.kids[i]
	t.removeFrom(c.node, l)
	switch size := c.node.size(); {
	case size == 0:
		n.kids = slices.Delete(n.kids, i, i+1)
		return
	case size < fan/4 && (t.merge(n, i) || i > 0 && t.merge(n, i-1)):
		return
	}
	if !t.plain && c.reach.decides(l.End, l.group) {
		c.reach = c.node.reach()
	}
}

// merge makes one of two neighbours if they fit, and reports whether they do.
func (t *rangeTree) merge(n *node, i int) bool {
	if i+1 >= len(n.kids) {
		return false
	}
	a, b := n.kids[i].node, n.kids[i+1].node
	if a.size()+b.size() > fan {
		return false
	}
	a.leaf = append(a.leaf, b.leaf...)
	if a.kids != nil {
		a.kids = append(a.kids, b.kids...)
	}
	c := t.branch(a)
	c.start, c.seq = n.kids[i].start, n.kids[i].seq
	n.kids[i] = c
	n.kids = slices.Delete(n.kids, i+1, i+2)
	return true
}

// overlapping finds the first record that overlaps [start, end] and belongs
// to another owner than skip. A subtree is entered only if some record in it
// reaches start, and at most one of those has none that begins in time.
func (t *rangeTree) overlapping(start, end int64, skip *ownerLocks) *Lock {
	return t.overlappingIn(&t.root, start, end, skip)
}

func (t *rangeTree) overlappingIn(n *node, start, end int64, skip *ownerLocks) *Lock {
	if n.kids == nil {
		i := 0
		if t.disjoint {
			i = max(n.entryAfter(start, ^uint64(0))-1, 0)
		}
		for ; i < len(n.leaf) && n.leaf[i].start <= end; i++ {
			if e := &n.leaf[i]; e.end >= start && e.lock.group != skip {
				return e.lock
			}
		}
		return nil
	}
	i := 0
	if t.disjoint {
		i = n.childOf(start, ^uint64(0))
	}
	for ; i < len(n.kids) && n.kids[i].start <= end; i++ {
		c := &n.kids[i]
		if c.reach.without(skip) < start {
			continue
		}
		if l := t.overlappingIn(c.node, start, end, skip); l != nil {
			return l
		}
	}
	return nil
}

// reaching finds the first record of a tree by owner that ends at or after
// start.
func (t *rangeTree) reaching(start int64) *Lock { return t.root.reaching(start) }

func (n *node) reaching(start int64) *Lock {
	if n.kids == nil {
		i := n.entryAfter(start, ^uint64(0))
		if i > 0 && n.leaf[i-1].end >= start {
			i--
		}
		if i < len(n.leaf) {
			return n.leaf[i].lock
		}
		return nil
	}
	for i := n.childOf(start, ^uint64(0)); i < len(n.kids); i++ {
		if l := n.kids[i].node.reaching(start); l != nil {
			return l
		}
	}
	return nil
}

// first is the record that begins first, nil if there is none.
func (t *rangeTree) first() *Lock { return t.root.reaching(0) }

// each calls f for the records in order, until f returns false.
func (t *rangeTree) each(f func(*Lock) bool) bool { return t.root.each(f) }

func (n *node) each(f func(*Lock) bool) bool {
	for i := range n.leaf {
		if !f(n.leaf[i].lock) {
			return false
		}
	}
	for i := range n.kids {
		if !n.kids[i].node.each(f) {
			return false
		}
	}
	return true
}
