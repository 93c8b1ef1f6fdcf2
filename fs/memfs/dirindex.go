package memfs

import (
	"sort"

	"github.com/govfs/govfs/vfs"
)

const (
	firstCookie = 2 // 0 is ".", 1 is ".."
	leafMax     = 128
)

// A dirIndex is the order in which the entries of a directory are listed. Each
// name gets a cookie when it appears, higher than every one before, which is
// kept in its dentry's FSWord: an entry's place never changes, and new ones
// come after all others. The directory's i_mutex guards it.
//
// The entries are in leaves of up to leafMax, each sorted. Entries are added at
// the end only; two neighbours that have become small are joined. So an entry
// costs little more than a pointer, and finding a cookie two binary searches.
type dirIndex struct {
	added  uint64 // names so far
	count  int    // entries
	leaves []dirLeaf
}

type dirLeaf struct {
	first   uint64 // no cookie in the leaf is lower
	entries []*vfs.Dentry
}

// next is the cookie that the next new name will get.
func (x *dirIndex) next() uint64 { return x.added + firstCookie }

// add lists d, which was not listed, at the end.
func (x *dirIndex) add(d *vfs.Dentry) {
	d.FSWord = x.next()
	x.added++
	x.count++
	n := len(x.leaves)
	if n == 0 || len(x.leaves[n-1].entries) == leafMax {
		x.leaves = append(x.leaves, dirLeaf{first: d.FSWord})
		n++
	}
	leaf := &x.leaves[n-1]
	if len(leaf.entries) == cap(leaf.entries) {
		// Doubled, so that a directory of few names stays small.
		grown := make([]*vfs.Dentry, len(leaf.entries), min(leafMax, max(4, 2*len(leaf.entries))))
		copy(grown, leaf.entries)
		leaf.entries = grown
	}
	leaf.entries = append(leaf.entries, d)
}

// find is the leaf and the position in it of the listed dentry d.
func (x *dirIndex) find(d *vfs.Dentry) (leaf, at int) {
	leaf = x.leafOf(d.FSWord)
	// Pointers next to each other are compared faster than cookies are read
	// from the dentries.
	for i, e := range x.leaves[leaf].entries {
		if e == d {
			return leaf, i
		}
	}
	panic("memfs: a name is not in the index of its directory")
}

// leafOf is the leaf in which a cookie that is not below the first leaf is, if
// it is listed.
func (x *dirIndex) leafOf(cookie uint64) int {
	return max(0, sort.Search(len(x.leaves), func(i int) bool { return x.leaves[i].first > cookie })-1)
}

// remove takes d off the list.
func (x *dirIndex) remove(d *vfs.Dentry) {
	i, at := x.find(d)
	leaf := &x.leaves[i]
	copy(leaf.entries[at:], leaf.entries[at+1:])
	leaf.entries[len(leaf.entries)-1] = nil
	leaf.entries = leaf.entries[:len(leaf.entries)-1]
	x.count--
	d.FSWord = 0
	switch {
	case len(leaf.entries) == 0:
		x.drop(i)
	case i > 0 && len(x.leaves[i-1].entries)+len(leaf.entries) <= leafMax/2:
		x.join(i - 1)
	case i+1 < len(x.leaves) && len(leaf.entries)+len(x.leaves[i+1].entries) <= leafMax/2:
		x.join(i)
	}
}

// drop removes an empty leaf.
func (x *dirIndex) drop(i int) {
	copy(x.leaves[i:], x.leaves[i+1:])
	x.leaves[len(x.leaves)-1] = dirLeaf{}
	x.leaves = x.leaves[:len(x.leaves)-1]
	if n := len(x.leaves); n == 0 {
		x.leaves = nil
	} else if cap(x.leaves) > 64 && n < cap(x.leaves)/4 {
		x.leaves = append(make([]dirLeaf, 0, 2*n), x.leaves...)
	}
}

// join moves the entries of leaf i+1 to leaf i.
func (x *dirIndex) join(i int) {
	x.leaves[i].entries = append(x.leaves[i].entries, x.leaves[i+1].entries...)
	x.drop(i + 1)
}

// replace gives d, which was not listed, the place of old, which loses it: the
// name stays, what it stands for changes.
func (x *dirIndex) replace(old, d *vfs.Dentry) {
	leaf, at := x.find(old)
	x.leaves[leaf].entries[at] = d
	d.FSWord, old.FSWord = old.FSWord, 0
}

// swap exchanges the places of a, listed in x, and b, listed in y.
func (x *dirIndex) swap(a *vfs.Dentry, y *dirIndex, b *vfs.Dentry) {
	la, ia := x.find(a)
	lb, ib := y.find(b)
	x.leaves[la].entries[ia], y.leaves[lb].entries[ib] = b, a
	a.FSWord, b.FSWord = b.FSWord, a.FSWord
}

// scan calls visit for the entries whose cookies are in [from, to), in order,
// until it returns false.
func (x *dirIndex) scan(from, to uint64, visit func(*vfs.Dentry) bool) {
	if x.count == 0 {
		return
	}
	i := x.leafOf(from)
	entries := x.leaves[i].entries
	at := sort.Search(len(entries), func(j int) bool { return entries[j].FSWord >= from })
	for {
		for ; at < len(entries); at++ {
			if entries[at].FSWord >= to || !visit(entries[at]) {
				return
			}
		}
		if i++; i == len(x.leaves) {
			return
		}
		entries, at = x.leaves[i].entries, 0
	}
}
