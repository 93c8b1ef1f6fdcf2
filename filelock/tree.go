package filelock

import "slices"

// rangeTree holds records ordered by their first byte, and those that begin
// together by their owner's age. It is a B+ tree: with 100,000 records three
// steps lead to any of them, each within a few cache lines. Every POSIX and OFD
// record is in one of its owner's in the file, and, if others lock there too,
// in one of its type. The zero value is an empty tree.
type rangeTree struct {
	root node
	// disjoint: no two of its records overlap. It is so for all Write records
	// of a file, and for those of one owner.
	disjoint bool
}

// fan bounds the size of a node. One that has less than a quarter of that
// becomes one with a neighbour if they fit.
const fan = 64

// A node is a leaf, with records, or has other nodes below it; only a root may
// be empty.
type node struct {
	starts []int64 // of the records or subtrees: see entry and child
	leaf   []entry
	kids   []child
}

// entry is a record in a leaf, with what a search needs to know. Its place in
// starts has the record's first byte.
type entry struct {
	end  int64
	by   *ownerLocks
	lock *Lock
}

// child is a subtree. Its place in starts, and seq, are not above the order of
// any record in it, and above that of all in the subtrees before.
type child struct {
	node  *node
	reach reach
	seq   uint64
}

// reach says how far the records of a subtree go: far is the greatest end, by
// its owner, and rest the greatest end among the other owners, -1 if there are
// none. So it is known for everybody but any one owner.
//
// In a disjoint tree only by is kept: whose records all are, or nil if there
// may be more than one owner.
type reach struct {
	by        *ownerLocks
	far, rest int64
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
		*r = reach{by, end, r.far}
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
		*r = reach{o.by, o.far, max(r.far, o.rest)}
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

// above is how many of the ascending numbers in s are not above n. Neither are
// negative. It takes as many steps whatever it finds, without a branch that
// could be predicted wrongly.
func above(s []int64, n int64) int {
	base := 0
	for size := len(s); size > 0; {
		half := (size + 1) / 2
		// All ones if s[base+half-1] > n.
		mask := int((n - s[base+half-1]) >> 63)
		base += half &^ mask
		size -= half
	}
	return base
}

func (n *node) size() int { return len(n.starts) }

// entryAfter is where the first entry is that comes after (start, seq).
func (n *node) entryAfter(start int64, seq uint64) int {
	i := above(n.starts, start)
	for i > 0 && n.starts[i-1] == start && n.leaf[i-1].by.seq > seq {
		i--
	}
	return i
}

// childOf is where the subtree is in which (start, seq) belongs.
func (n *node) childOf(start int64, seq uint64) int {
	i := above(n.starts, start)
	for i > 0 && n.starts[i-1] == start && n.kids[i-1].seq > seq {
		i--
	}
	return max(i-1, 0)
}

// from is where, in a disjoint tree, a record that begins at or before start
// may be that reaches it. Two subtrees can begin alike: what the second one had
// there is gone.
func (n *node) from(start int64) int {
	i := above(n.starts, start) - 1
	for i > 0 && n.starts[i] == start {
		i--
	}
	return max(i, 0)
}

// seq is that of the first record or subtree.
func (n *node) seq() uint64 {
	if n.kids == nil {
		return n.leaf[0].by.seq
	}
	return n.kids[0].seq
}

// branch makes a subtree of a node that is not empty.
func (t *rangeTree) branch(n *node) (start int64, c child) {
	return n.starts[0], child{n, t.reachOf(n), n.seq()}
}

// reachOf computes it from what is right below.
func (t *rangeTree) reachOf(n *node) reach {
	if t.disjoint {
		return reach{by: n.soleOwner()}
	}
	r := reach{far: -1, rest: -1}
	for i := range n.leaf {
		r.add(n.leaf[i].end, n.leaf[i].by)
	}
	for i := range n.kids {
		r.join(&n.kids[i].reach)
	}
	return r
}

func (n *node) soleOwner() *ownerLocks {
	var by *ownerLocks
	for i := range n.leaf {
		if i > 0 && n.leaf[i].by != by {
			return nil
		}
		by = n.leaf[i].by
	}
	for i := range n.kids {
		if i > 0 && n.kids[i].reach.by != by {
			return nil
		}
		by = n.kids[i].reach.by
	}
	return by
}

func (t *rangeTree) empty() bool { return t.root.size() == 0 }

func (t *rangeTree) insert(l *Lock) {
	right := t.insertInto(&t.root, l)
	if right == nil {
		return
	}
	left := t.root
	t.root = node{starts: make([]int64, 2, fan+1), kids: make([]child, 2, fan+1)}
	t.root.starts[0], t.root.kids[0] = t.branch(&left)
	t.root.starts[1], t.root.kids[1] = t.branch(right)
}

// insertInto returns the right half of a node that has become two.
func (t *rangeTree) insertInto(n *node, l *Lock) *node {
	if n.kids == nil {
		i := n.entryAfter(l.Start, l.group.seq)
		n.starts = slices.Insert(n.starts, i, l.Start)
		n.leaf = slices.Insert(n.leaf, i, entry{l.End, l.group, l})
		return n.half()
	}
	i := n.childOf(l.Start, l.group.seq)
	c := &n.kids[i]
	right := t.insertInto(c.node, l)
	if right == nil {
		if first := n.starts[i]; l.Start < first || l.Start == first && l.group.seq < c.seq {
			n.starts[i], c.seq = l.Start, l.group.seq
		}
		switch {
		case !t.disjoint:
			c.reach.add(l.End, l.group)
		case c.reach.by != l.group:
			c.reach.by = nil
		}
		return nil
	}
	n.starts[i], *c = t.branch(c.node)
	start, other := t.branch(right)
	n.starts = slices.Insert(n.starts, i+1, start)
	n.kids = slices.Insert(n.kids, i+1, other)
	return n.half()
}

// half takes the second half of a node that is too large away.
func (n *node) half() *node {
	if n.size() <= fan {
		return nil
	}
	var right *node
	if n.kids == nil {
		b := new(leafBlock)
		right = &b.node
		right.starts, right.leaf = cutOff(&n.starts, b.starts[:0]), cutOff(&n.leaf, b.leaf[:0])
	} else {
		b := new(kidsBlock)
		right = &b.node
		right.starts, right.kids = cutOff(&n.starts, b.starts[:0]), cutOff(&n.kids, b.kids[:0])
	}
	return right
}

// A leafBlock and a kidsBlock are a node and its content in one piece: what a
// search visits is together.
type leafBlock struct {
	node
	starts [fan + 1]int64
	leaf   [fan + 1]entry
}

type kidsBlock struct {
	node
	starts [fan + 1]int64
	kids   [fan + 1]child
}

func cutOff[E any](s *[]E, right []E) []E {
	half := len(*s) / 2
	right = append(right, (*s)[half:]...)
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
		n.starts = slices.Delete(n.starts, i, i+1)
		n.leaf = slices.Delete(n.leaf, i, i+1)
		return
	}
	i := n.childOf(l.Start, l.group.seq)
	c := &n.kids[i]
	t.removeFrom(c.node, l)
	switch size := c.node.size(); {
	case size == 0:
		n.starts = slices.Delete(n.starts, i, i+1)
		n.kids = slices.Delete(n.kids, i, i+1)
		return
	case size < fan/4 && (t.merge(n, i) || i > 0 && t.merge(n, i-1)):
		return
	}
	if !t.disjoint && c.reach.decides(l.End, l.group) {
		c.reach = t.reachOf(c.node)
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
	a.starts = append(a.starts, b.starts...)
	if a.kids == nil {
		a.leaf = append(a.leaf, b.leaf...)
	} else {
		a.kids = append(a.kids, b.kids...)
	}
	n.kids[i].reach = t.reachOf(a)
	n.starts = slices.Delete(n.starts, i+1, i+2)
	n.kids = slices.Delete(n.kids, i+1, i+2)
	return true
}

// overlapping finds the first record that overlaps [start, end] and belongs
// to another owner than skip.
func (t *rangeTree) overlapping(start, end int64, skip *ownerLocks) *Lock {
	return t.overlappingIn(&t.root, start, end, skip)
}

func (t *rangeTree) overlappingIn(n *node, start, end int64, skip *ownerLocks) *Lock {
	i := 0
	if t.disjoint {
		i = n.from(start)
	}
	if n.kids == nil {
		for ; i < len(n.leaf) && n.starts[i] <= end; i++ {
			if e := &n.leaf[i]; e.end >= start && e.by != skip {
				return e.lock
			}
		}
		return nil
	}
	for ; i < len(n.kids) && n.starts[i] <= end; i++ {
		c := &n.kids[i]
		if t.disjoint && skip != nil && c.reach.by == skip || !t.disjoint && c.reach.without(skip) < start {
			continue
		}
		if l := t.overlappingIn(c.node, start, end, skip); l != nil {
			return l
		}
		// At most two subtrees have nothing although they may: those with
		// either end of the range in them. Another one has but one owner left.
		if t.disjoint && n.starts[i] > start && i+1 < len(n.starts) && n.starts[i+1] <= end {
			c.reach = t.reachOf(c.node)
		}
	}
	return nil
}

// next is what reaching found: a record, if any, and its range.
type next struct {
	start, end int64
	lock       *Lock
}

// reaching finds the first record of a disjoint tree that ends at or after
// start.
func (t *rangeTree) reaching(start int64) next { return t.root.reaching(start) }

func (n *node) reaching(start int64) next {
	i := n.from(start)
	if n.kids == nil {
		for ; i < len(n.leaf); i++ {
			if n.leaf[i].end >= start {
				return next{n.starts[i], n.leaf[i].end, n.leaf[i].lock}
			}
		}
		return next{}
	}
	for ; i < len(n.kids); i++ {
		if found := n.kids[i].node.reaching(start); found.lock != nil {
			return found
		}
	}
	return next{}
}

// first is the record that begins first, nil if there is none.
func (t *rangeTree) first() *Lock {
	n := &t.root
	for n.kids != nil {
		n = n.kids[0].node
	}
	if len(n.leaf) == 0 {
		return nil
	}
	return n.leaf[0].lock
}

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
