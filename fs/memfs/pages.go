package memfs

import "sync/atomic"

// What stands in a file's index for a page. Anything else is a [frame].
const (
	pageHole     uint32 = 0                // nothing: reads as zeros, costs nothing
	pageReserved uint32 = ^uint32(0)       // preallocated: costs a page, has no frame, still reads as a hole
	pageZero     uint32 = pageReserved - 1 // zeros that count as data; costs a page, has no frame
)

func hasFrame(v uint32) bool { return v != pageHole && v < pageZero }

const (
	nodeShift = 6
	nodeSlots = 1 << nodeShift
)

// A pageIndex finds the pages of a file by number: a tree of nodes of 64, as
// high as the highest page asks for, without nodes where there are only holes.
//
// Reading needs no lock. What it finds was true at some moment since the call
// began; a node that was taken out of the tree meanwhile is never changed
// again. Changes are under the inode's i_mutex. Its zero value is an empty
// file.
type pageIndex struct {
	// first is page 0 while there is no tree. A change of it is one store, and
	// while there is a tree it is left as it was.
	first atomic.Uint32
	root  atomic.Pointer[pageNode]
}

// A pageNode is a leaf of pages, or has kids, which a leaf pays for with one
// pointer: there are 64 leaves for each node above.
type pageNode struct {
	kids  *[nodeSlots]atomic.Pointer[pageNode] // nil in a leaf
	level uint8                                // 0 in a leaf
	used  uint8                                // slots or kids that are there; for writers
	slots [nodeSlots]atomic.Uint32
}

func newPageNode(level uint8) *pageNode {
	n := &pageNode{level: level}
	if level > 0 {
		n.kids = new([nodeSlots]atomic.Pointer[pageNode])
	}
	return n
}

// holds reports whether page i is within reach of the node as a root.
func (n *pageNode) holds(i int64) bool {
	return uint64(i)>>(nodeShift*(uint(n.level)+1)) == 0
}

// at is the position of page i in the node.
func (n *pageNode) at(i int64) int {
	return int(uint64(i)>>(nodeShift*uint(n.level))) & (nodeSlots - 1)
}

// get is what stands for page i.
func (p *pageIndex) get(i int64) uint32 {
	n := p.root.Load()
	if n == nil {
		if i == 0 {
			return p.first.Load()
		}
		return pageHole
	}
	if !n.holds(i) {
		return pageHole
	}
	for n.kids != nil {
		if n = n.kids[n.at(i)].Load(); n == nil {
			return pageHole
		}
	}
	return n.slots[i&(nodeSlots-1)].Load()
}

// set puts v, not a hole, in the place of page i, and returns what was there.
func (p *pageIndex) set(i int64, v uint32) (old uint32) {
	n := p.root.Load()
	if n == nil {
		if i == 0 {
			return p.first.Swap(v)
		}
		n = newPageNode(0)
		if f := p.first.Load(); f != pageHole {
			n.slots[0].Store(f)
			n.used = 1
		}
		p.root.Store(n)
	}
	for !n.holds(i) {
		up := newPageNode(n.level + 1)
		if n.used > 0 {
			up.kids[0].Store(n)
			up.used = 1
		}
		p.root.Store(up)
		n = up
	}
	for n.kids != nil {
		kid := &n.kids[n.at(i)]
		if kid.Load() == nil {
			kid.Store(newPageNode(n.level - 1))
			n.used++
		}
		n = kid.Load()
	}
	old = n.slots[i&(nodeSlots-1)].Swap(v)
	if old == pageHole {
		n.used++
	}
	return old
}

// clear makes holes of the pages in [lo, hi), and hands what stood there to
// drop.
func (p *pageIndex) clear(lo, hi int64, drop func(v uint32)) {
	if lo >= hi {
		return
	}
	n := p.root.Load()
	if n == nil {
		if v := p.first.Load(); lo == 0 && v != pageHole {
			p.first.Store(pageHole)
			drop(v)
		}
		return
	}
	n.clear(0, lo, hi, drop)
	p.shrink(n)
}

// clear is pageIndex.clear below a node whose first page is base.
func (n *pageNode) clear(base, lo, hi int64, drop func(v uint32)) {
	span := int64(1) << (nodeShift * uint(n.level)) // pages of one slot
	from, to := 0, nodeSlots
	if lo > base {
		from = int(min((lo-base)/span, nodeSlots))
	}
	if left := hi - base; left < span*nodeSlots {
		to = int((left + span - 1) / span)
	}
	for s := from; s < to && n.used > 0; s++ {
		if n.kids == nil {
			if v := n.slots[s].Load(); v != pageHole {
				n.slots[s].Store(pageHole)
				n.used--
				drop(v)
			}
			continue
		}
		if kid := n.kids[s].Load(); kid != nil {
			kid.clear(base+int64(s)*span, lo, hi, drop)
			if kid.used == 0 {
				n.kids[s].Store(nil)
				n.used--
			}
		}
	}
}

// shrink makes the tree below root n as low as its pages allow.
func (p *pageIndex) shrink(n *pageNode) {
	for n.kids != nil && n.used == 1 && n.kids[0].Load() != nil {
		n = n.kids[0].Load()
		p.root.Store(n)
	}
	if n.used == 0 {
		p.first.Store(pageHole)
		p.root.Store(nil)
	} else if n.kids == nil && n.used == 1 && n.slots[0].Load() != pageHole {
		p.first.Store(n.slots[0].Load())
		p.root.Store(nil)
	}
}

// next is the first page from i on that is no hole; false if there is none.
func (p *pageIndex) next(i int64) (int64, uint32, bool) {
	n := p.root.Load()
	if n == nil {
		v := p.first.Load()
		return 0, v, i == 0 && v != pageHole
	}
	if !n.holds(i) {
		return 0, 0, false
	}
	return n.next(0, i)
}

func (n *pageNode) next(base, i int64) (int64, uint32, bool) {
	span := int64(1) << (nodeShift * uint(n.level))
	s := 0
	if i > base {
		s = int((i - base) / span)
	}
	for ; s < nodeSlots; s++ {
		if n.kids == nil {
			if v := n.slots[s].Load(); v != pageHole {
				return base + int64(s), v, true
			}
		} else if kid := n.kids[s].Load(); kid != nil {
			if at, v, ok := kid.next(base+int64(s)*span, i); ok {
				return at, v, true
			}
		}
	}
	return 0, 0, false
}

// each calls visit for the pages that are no holes, in order.
func (p *pageIndex) each(visit func(i int64, v uint32)) {
	for i, v, ok := p.next(0); ok; i, v, ok = p.next(i + 1) {
		visit(i, v)
	}
}

// become makes all pages those of q, in one step for readers.
func (p *pageIndex) become(q *pageIndex) {
	if root := q.root.Load(); root != nil {
		p.root.Store(root)
		return
	}
	// The order makes a reader that still finds no tree see page 0 as it was
	// or as it is.
	p.first.Store(q.first.Load())
	p.root.Store(nil)
}
