package iofs

import "github.com/govfs/govfs/lockdep"

// cacheLimit bounds the blocks that a mount keeps, in bytes.
const cacheLimit = 32 << 20

// blockOverhead is what a cached block costs beside its bytes, roughly.
const blockOverhead = 160

var cacheClass = lockdep.NewClass("iofs_cache", lockdep.Spin)

// blockKey names a block of a file's content. Inodes have ids that are never
// used again, so that the blocks of one that is gone are found by nobody, and
// fall out at the old end.
type blockKey struct {
	inode   uint64
	version uint32
	index   int64
}

// A blockCache keeps the blocks of a mount that were used last.
type blockCache struct {
	limit int

	lock   lockdep.SpinLock // what follows
	size   int
	blocks map[blockKey]*block
	newest block // head of the ring: newest.next is the newest, newest.prev the oldest
}

type block struct {
	key        blockKey
	data       []byte // never changed once cached
	prev, next *block
}

func (c *blockCache) init(limit int) {
	c.limit = limit
	c.lock.Init(cacheClass)
	c.blocks = make(map[blockKey]*block)
	c.newest.prev, c.newest.next = &c.newest, &c.newest
}

// get finds a block, and makes it the newest.
func (c *blockCache) get(key blockKey) ([]byte, bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	b := c.blocks[key]
	if b == nil {
		return nil, false
	}
	b.unlink()
	c.link(b)
	return b.data, true
}

// put caches a block, for which the oldest ones make room.
func (c *blockCache) put(key blockKey, data []byte) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if old := c.blocks[key]; old != nil {
		c.remove(old)
	}
	b := &block{key: key, data: data}
	c.blocks[key] = b
	c.link(b)
	for c.size += b.cost(); c.size > c.limit && c.newest.prev != b; {
		c.remove(c.newest.prev)
	}
}

func (c *blockCache) remove(b *block) {
	b.unlink()
	delete(c.blocks, b.key)
	c.size -= b.cost()
}

func (c *blockCache) link(b *block) {
	b.prev, b.next = &c.newest, c.newest.next
	b.prev.next, b.next.prev = b, b
}

func (b *block) unlink() {
	b.prev.next, b.next.prev = b.next, b.prev
}

func (b *block) cost() int { return cap(b.data) + blockOverhead }
