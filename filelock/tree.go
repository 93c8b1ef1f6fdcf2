package filelock

import "math/rand/v2"

// Each POSIX and OFD record is in two trees: one of all records of its type
// in the file, and one of all records of its owner there. Both are treaps,
// ordered by start and then by owner. The records of one owner are disjoint,
// and a writer's are disjoint from everybody else's.
const (
	byType = iota
	byOwner
)

// link is a record's place in one tree.
type link struct {
	left, right *Lock
	prio        uint32

	// How far the records of this subtree reach: reach is the greatest end,
	// reachBy its owner, and reachElse the greatest end of any other owner, -1
	// if there is none. So the reach of everybody but one owner is known,
	// whoever that is. Kept in the trees by type only.
	reach, reachElse int64
	reachBy          *ownerLocks
}

// reachWithout is the greatest end in n's subtree among the records of owners
// other than skip, -1 if there is none.
func (n *Lock) reachWithout(skip *ownerLocks) int64 {
	if l := &n.links[byType]; l.reachBy != skip {
		return l.reach
	}
	return n.links[byType].reachElse
}

// update computes the reach of n's subtree from n and its children.
func (n *Lock) update() {
	l := &n.links[byType]
	l.reach, l.reachBy, l.reachElse = n.End, n.group, -1
	for _, c := range [2]*Lock{l.left, l.right} {
		if c == nil {
			continue
		}
		m := &c.links[byType]
		switch {
		case m.reachBy == l.reachBy:
			l.reach = max(l.reach, m.reach)
			l.reachElse = max(l.reachElse, m.reachElse)
		case m.reach > l.reach:
			l.reachElse = max(l.reach, m.reachElse)
			l.reach, l.reachBy = m.reach, m.reachBy
		default:
			l.reachElse = max(l.reachElse, m.reach)
		}
	}
}

// before is the order of the trees.
func (n *Lock) before(m *Lock) bool {
	if n.Start != m.Start {
		return n.Start < m.Start
	}
	return n.group.seq < m.group.seq
}

// tree is a treap of records through one of their links.
type tree struct {
	root  *Lock
	which uint8
}

func (t *tree) insert(n *Lock) {
	n.links[t.which] = link{prio: rand.Uint32()}
	t.root = t.insertAt(t.root, n)
}

func (t *tree) insertAt(root, n *Lock) *Lock {
	if root == nil {
		t.updated(n)
		return n
	}
	l := &root.links[t.which]
	if n.links[t.which].prio > l.prio {
		m := &n.links[t.which]
		m.left, m.right = t.split(root, n)
		t.updated(n)
		return n
	}
	if n.before(root) {
		l.left = t.insertAt(l.left, n)
	} else {
		l.right = t.insertAt(l.right, n)
	}
	t.updated(root)
	return root
}

// split divides the subtree at root into what comes before n and what comes
// after it.
func (t *tree) split(root, n *Lock) (before, after *Lock) {
	if root == nil {
		return nil, nil
	}
	l := &root.links[t.which]
	if root.before(n) {
		l.right, after = t.split(l.right, n)
		t.updated(root)
		return root, after
	}
	before, l.left = t.split(l.left, n)
	t.updated(root)
	return before, root
}

func (t *tree) remove(n *Lock) {
	t.root = t.removeAt(t.root, n)
	n.links[t.which] = link{}
}

func (t *tree) removeAt(root, n *Lock) *Lock {
	l := &root.links[t.which]
	switch {
	case root == n:
		return t.merge(l.left, l.right)
	case n.before(root):
		l.left = t.removeAt(l.left, n)
	default:
		l.right = t.removeAt(l.right, n)
	}
	t.updated(root)
	return root
}

// merge joins two subtrees of which a comes before b.
func (t *tree) merge(a, b *Lock) *Lock {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if l := &a.links[t.which]; l.prio > b.links[t.which].prio {
		l.right = t.merge(l.right, b)
		t.updated(a)
		return a
	}
	l := &b.links[t.which]
	l.left = t.merge(a, l.left)
	t.updated(b)
	return b
}

func (t *tree) updated(n *Lock) {
	if t.which == byType {
		n.update()
	}
}

// overlapping finds the first record that overlaps [start, end] and belongs
// to another owner than skip. It goes down one path: a subtree is entered
// only if some record in it reaches start, and what is left of a record that
// begins in time begins in time too.
func (t *tree) overlapping(start, end int64, skip *ownerLocks) *Lock {
	n := t.root
	for n != nil && n.reachWithout(skip) >= start {
		l := &n.links[byType]
		switch {
		case l.left != nil && l.left.reachWithout(skip) >= start:
			n = l.left
		case n.Start > end:
			return nil
		case n.End >= start && n.group != skip:
			return n
		default:
			n = l.right
		}
	}
	return nil
}

// reaching finds the first record of a tree by owner that ends at or after
// start.
func (t *tree) reaching(start int64) *Lock {
	var found *Lock
	for n := t.root; n != nil; {
		if n.End >= start {
			found, n = n, n.links[byOwner].left
		} else {
			n = n.links[byOwner].right
		}
	}
	return found
}

// each calls f for the records in order, until f returns false.
func (t *tree) each(f func(*Lock) bool) bool { return t.eachAt(t.root, f) }

func (t *tree) eachAt(n *Lock, f func(*Lock) bool) bool {
	if n == nil {
		return true
	}
	l := &n.links[t.which]
	return t.eachAt(l.left, f) && f(n) && t.eachAt(l.right, f)
}
