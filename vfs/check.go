package vfs

import "fmt"

// CheckSuper verifies, while nobody uses the superblock, that its caches agree
// with each other: parents with their lists of children, the hash with the
// tree, inodes with their dentries, one dentry a directory, and for a driver
// that keeps its tree in the dentries the link counts with the names. It is
// for tests; it returns the first disagreement.
func CheckSuper(sb *Superblock) error {
	c := checker{sb: sb, names: make(map[*Inode]uint32), subdirs: make(map[*Inode]uint32)}
	if err := c.dentry(sb.root); err != nil {
		return err
	}
	if err := c.hash(); err != nil {
		return err
	}
	if n := sb.dentries.Load(); n != c.seen {
		return fmt.Errorf("vfs: %d dentries are in memory, %d are in the tree", n, c.seen)
	}
	return c.links()
}

type checker struct {
	sb      *Superblock
	seen    int64
	hashed  int
	names   map[*Inode]uint32 // pinned names
	subdirs map[*Inode]uint32
}

// dentry checks d and all below it.
func (c *checker) dentry(d *Dentry) error {
	c.seen++
	if err := c.self(d); err != nil {
		return err
	}
	users := int32(0)
	var prev *Dentry
	for child := d.child; child != nil; prev, child = child, child.sibNext {
		if child.sibPrev != prev {
			return fmt.Errorf("vfs: the list of children of %q is broken at %q", d.Name(), child.Name())
		}
		if child.parent.Load() != d {
			return fmt.Errorf("vfs: %q is listed below %q, but its parent is %q", child.Name(), d.Name(), child.Parent().Name())
		}
		users++
		if err := c.dentry(child); err != nil {
			return err
		}
	}
	if d.Has(dentryPinned) {
		users++
	}
	if n := d.count.Load(); n < users {
		return fmt.Errorf("vfs: %q has %d references, and %d holders of one", d.Name(), n, users)
	}
	return nil
}

// self checks what d says about itself.
func (c *checker) self(d *Dentry) error {
	in := d.Inode()
	if d.Hashed() {
		c.hashed++
		found := false
		h := bucketHash(d.Parent(), d.hash.Load())
		for x := c.sb.dcache.stripe(h).head(h).Load(); x != nil; x = x.hashNext.Load() {
			found = found || x == d
		}
		if !found {
			return fmt.Errorf("vfs: %q is marked hashed, but not in its chain", d.Name())
		}
	}
	if in == nil {
		return nil
	}
	aliases, mine := 0, false
	for x := in.aliases; x != nil; x = x.aliasNext {
		aliases++
		mine = mine || x == d
	}
	if !mine {
		return fmt.Errorf("vfs: inode %d does not know its dentry %q", in.ino, d.Name())
	}
	if in.IsDir() && aliases != 1 {
		return fmt.Errorf("vfs: directory %d has %d dentries", in.ino, aliases)
	}
	if in.count.Load() < int32(aliases) {
		return fmt.Errorf("vfs: inode %d has %d references, and %d dentries", in.ino, in.count.Load(), aliases)
	}
	if d.Has(dentryPinned) {
		c.names[in]++
		if in.IsDir() {
			c.subdirs[d.Parent().Inode()]++
		}
	}
	return nil
}

// hash checks that there is nothing in the hash but what is in the tree.
func (c *checker) hash() error {
	n := 0
	for i := range c.sb.dcache.stripes {
		s := &c.sb.dcache.stripes[i]
		inStripe := 0
		for j := range *s.buckets.Load() {
			for d := (*s.buckets.Load())[j].Load(); d != nil; d = d.hashNext.Load() {
				inStripe++
			}
		}
		if inStripe != s.count {
			return fmt.Errorf("vfs: a stripe of the hash counts %d dentries and holds %d", s.count, inStripe)
		}
		n += inStripe
	}
	if n != c.hashed {
		return fmt.Errorf("vfs: %d dentries are hashed, %d of them in the tree", n, c.hashed)
	}
	return nil
}

// links compares link counts with names, where a driver's names are pinned.
func (c *checker) links() error {
	for in, names := range c.names {
		want := names
		if in.IsDir() {
			want = 2 + c.subdirs[in]
		}
		if in.Nlink() != want {
			return fmt.Errorf("vfs: inode %d (mode %o) has %d links, want %d", in.ino, in.Mode(), in.Nlink(), want)
		}
	}
	return nil
}
