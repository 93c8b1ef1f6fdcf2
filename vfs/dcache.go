package vfs

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"github.com/govfs/govfs/lockdep"
)

// renameLock is rename_lock: its write side covers every change of a
// dentry's name or parent, its read sequence makes "not found" and walks up
// and down the tree reliable.
var renameLock lockdep.SeqLock

func init() { renameLock.Init(lockdep.RenameLock) }

// A dcache is the hash of one superblock's dentries by (parent, name).
// Readers take no lock: they follow chains of atomic pointers, and check what
// they found against the dentry's d_seq. A reader that finds nothing can have
// been led astray, by a rename or by the growth of the table: the miss counts
// only if neither happened (see lookup).
type dcache struct {
	stripes [dcacheStripes]dcacheStripe
}

const (
	dcacheStripes    = 64
	dcacheMinBuckets = 8
)

// A dcacheStripe is the part of the hash that one lock guards; it grows by
// itself, so that a table of a million names never stops for long.
type dcacheStripe struct {
	lock    lockdep.SpinLock
	growth  lockdep.SeqCount
	count   int
	buckets atomic.Pointer[[]atomic.Pointer[Dentry]]
	_       [16]byte
}

func (c *dcache) init() {
	for i := range c.stripes {
		s := &c.stripes[i]
		s.lock.Init(lockdep.DcacheBucket)
		b := make([]atomic.Pointer[Dentry], dcacheMinBuckets)
		s.buckets.Store(&b)
	}
}

// nameSeed makes the hash of names differ from process to process, so that
// nobody can prepare names that collide.
var nameSeed = rand.Uint64()

// splitName cuts name at its first slash; rest begins with it. The hash is the
// default one of the component: it takes eight bytes at a time, and the last
// ones padded with zeros, which no name contains.
func splitName(name string) (comp, rest string, hash uint32) {
	const slashes, low, high = 0x2f2f2f2f2f2f2f2f, 0x0101010101010101, 0x8080808080808080
	h, i := nameSeed, 0
	for ; i+8 <= len(name); i += 8 {
		x := load64(name, i)
		s := x ^ slashes
		if s = (s - low) & ^s & high; s != 0 {
			n := bits.TrailingZeros64(s) / 8
			h = hashMix(h, x&(1<<(8*n)-1))
			return name[:i+n], name[i+n:], hashEnd(h)
		}
		h = hashMix(h, x)
	}
	x := uint64(0)
	for j := i; j < len(name); j++ {
		c := name[j]
		if c == '/' {
			return name[:j], name[j:], hashEnd(hashMix(h, x))
		}
		x |= uint64(c) << (8 * (j - i))
	}
	return name, "", hashEnd(hashMix(h, x))
}

// load64 is the eight bytes of s from i on.
func load64(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

func hashMix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

func hashEnd(h uint64) uint32 { return uint32(h ^ h>>32) }

// bucketHash mixes the directory into the hash of a name.
func bucketHash(parent *Dentry, hash uint32) uint32 {
	x := (parent.id ^ uint64(hash)<<20) * 0x9e3779b97f4a7c15
	return uint32(x>>32) ^ hash
}

func (c *dcache) stripe(h uint32) *dcacheStripe { return &c.stripes[h%dcacheStripes] }

func (s *dcacheStripe) head(h uint32) *atomic.Pointer[Dentry] {
	b := *s.buckets.Load()
	return &b[h/dcacheStripes&uint32(len(b)-1)]
}

func (c *dcache) insert(d *Dentry) {
	h := bucketHash(d.parent.Load(), d.hash.Load())
	s := c.stripe(h)
	s.lock.Lock()
	if s.count >= 2*len(*s.buckets.Load()) {
		s.grow()
	}
	head := s.head(h)
	d.hashNext.Store(head.Load())
	head.Store(d)
	s.count++
	s.lock.Unlock()
}

// remove takes d out of its chain, but leaves d's own next pointer, for the
// readers that stand on d.
func (c *dcache) remove(d *Dentry) {
	h := bucketHash(d.parent.Load(), d.hash.Load())
	s := c.stripe(h)
	s.lock.Lock()
	p := s.head(h)
	for p.Load() != d {
		if p = &p.Load().hashNext; p.Load() == nil {
			panic("vfs: hashed dentry is not in its chain")
		}
	}
	p.Store(d.hashNext.Load())
	s.count--
	s.lock.Unlock()
}

// grow doubles the stripe's table; its lock is held.
func (s *dcacheStripe) grow() {
	old := *s.buckets.Load()
	bigger := make([]atomic.Pointer[Dentry], 2*len(old))
	mask := uint32(len(bigger) - 1)
	s.growth.WriteBegin()
	for i := range old {
		for d := old[i].Load(); d != nil; {
			next := d.hashNext.Load()
			h := bucketHash(d.parent.Load(), d.hash.Load())
			head := &bigger[h/dcacheStripes&mask]
			d.hashNext.Store(head.Load())
			head.Store(d)
			d = next
		}
	}
	s.buckets.Store(&bigger)
	s.growth.WriteEnd()
}

// matches reports whether d, found in a chain, carries the name. In rcu-walk
// the caller validates d's sequence afterwards.
func (d *Dentry) matches(parent *Dentry, name string) bool {
	f := DentryFlag(d.flags.Load())
	if f&dentryHashed == 0 {
		return false
	}
	str := d.name.Load().str
	if f&dentryOpCompare != 0 {
		return gateCompare(d.ops.compare, parent, d, str, name)
	}
	return str == name
}

// lookupRCU finds a child without a lock or a reference, and returns it with
// the d_seq under which it seems to match: the caller checks that sequence when
// it has read what it wants of the child. Nil proves nothing.
func (c *dcache) lookupRCU(parent *Dentry, name string, hash uint32) (*Dentry, uint32) {
	h := bucketHash(parent, hash)
	for d := c.stripe(h).head(h).Load(); d != nil; d = d.hashNext.Load() {
		if d.hash.Load() != hash || d.parent.Load() != parent {
			continue
		}
		seq := d.seq.Read()
		// Parent and hash once more, now under the sequence.
		if seq&1 != 0 || d.hash.Load() != hash || d.parent.Load() != parent || !d.matches(parent, name) {
			continue
		}
		return d, seq
	}
	return nil, 0
}

// lookup finds a child and takes a reference on it. Nil means that the name
// is not cached: reliable, because neither a rename nor growth of the table
// happened during the search.
func (c *dcache) lookup(parent *Dentry, name string, hash uint32) *Dentry {
	h := bucketHash(parent, hash)
	s := c.stripe(h)
	for {
		rename := renameLock.ReadBegin()
		growth := s.growth.ReadBegin()
		renameLock.EnterRead()
		d := lookupChain(s, h, parent, name, hash)
		renameLock.ExitRead()
		if d != nil {
			return d
		}
		if !s.growth.Retry(growth) && !renameLock.ReadRetry(rename) {
			return nil
		}
	}
}

func lookupChain(s *dcacheStripe, h uint32, parent *Dentry, name string, hash uint32) *Dentry {
	for d := s.head(h).Load(); d != nil; d = d.hashNext.Load() {
		if d.hash.Load() != hash || d.parent.Load() != parent {
			continue
		}
		// The driver compares without d_lock; then the lock makes sure that
		// what it compared still holds.
		n := d.name.Load()
		if !d.matches(parent, name) {
			continue
		}
		d.lock.Lock()
		if d.name.Load() == n && d.parent.Load() == parent && d.Has(dentryHashed) && d.getUnlessDead() {
			d.lock.Unlock()
			return d
		}
		d.lock.Unlock()
	}
	return nil
}
