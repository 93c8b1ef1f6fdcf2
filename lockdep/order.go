package lockdep

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// orderText is the order of the seed's locks, outer to inner. Its lines:
//
//	a, b < c < d   each of a and b may be held when c is taken, c when d is,
//	               and never the other way round
//	a ! b          never held together
//	a: x < y       within class a, subclass x is taken before subclass y
//	context: k l   the kinds of lock whose wait the context allows
//
// The relation is transitive. Classes that it does not relate have the order in
// which they were first seen together.
const orderText = `
# Contexts, each allowing less than the one before.
task:      sleep rw bit level spin seq
rcu-walk:  spin seq
atomic:    spin seq
interrupt: spin seq

# Writing to a superblock comes first: a frozen one stops its writers before
# they hold anything that the freezer needs.
f_pos_lock < freeze_write
freeze_write < s_umount
freeze_write < s_vfs_rename_mutex < i_mutex
freeze_write < pipe_lock < i_mutex

# The tree of names.
i_mutex < namespace_sem < mount_lock, rename_lock
i_mutex < rename_lock < d_lock
i_lock < d_lock < d_seq, dcache_bucket_lock, dcache_lru_lock
i_lock ! rename_lock

# Inodes and superblocks.
inode_hash_lock < s_inodes_lock < i_lock < inode_lru_lock
s_umount < sb_lock

# Files and file locks.
flc_lock < blocked_lock_lock
f_lock < fasync_lock

# Data. A fault holds mmap_sem and must not take i_mutex: a buffered write
# holds i_mutex and may fault.
i_mutex < mmap_sem < freeze_pagefault < freeze_internal
freeze_pagefault < page_lock < bh_lock
i_mutex, mmap_sem, page_lock < i_mmap_rwsem
i_mmap_rwsem < page_table_lock
i_mmap_rwsem < private_lock < tree_lock
page_table_lock < private_lock, tree_lock, lru_lock, wb_list_lock, i_lock
wb_list_lock < sb_lock < tree_lock
page_lock < swap_lock
bd_mutex < bdev_lock

# Quota.
dqonoff_sem < i_mutex < dqptr_sem < dq_lock < dqio_sem
dq_data_lock < dq_list_lock < i_lock, dq_state_lock

# Several of one class.
i_mutex:   parent < parent2 < child < victim < normal < xattr < nondir < nondir2
d_lock:    parent < parent2 < normal < child < victim
pipe_lock: parent < child
mmap_sem:  normal < child
bd_mutex:  normal < parent
page_lock: normal < child
`

// Order is the declared order of the seed's locks, as text.
func Order() string { return strings.TrimPrefix(orderText, "\n") }

// orderTable is what an order text says.
type orderTable struct {
	before  [][2]*Class // outer, inner
	never   [][2]*Class
	subs    map[*Class][][2]Subclass // outer, inner
	allowed [numContexts][len(kindNames)]bool
}

// declared is the order table of orderText.
var declared = sync.OnceValue(func() *orderTable {
	t, err := parseOrder(orderText)
	if err != nil {
		panic("lockdep: " + err.Error())
	}
	return t
})

func parseOrder(text string) (*orderTable, error) {
	t := &orderTable{subs: make(map[*Class][][2]Subclass)}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := t.parseLine(line); err != nil {
			return nil, fmt.Errorf("order, line %d: %q: %w", n, line, err)
		}
	}
	return t, nil
}

func (t *orderTable) parseLine(line string) error {
	if head, rest, ok := strings.Cut(line, ":"); ok {
		if c := slices.Index(ctxNames[:], head); c >= 0 {
			return t.parseContext(ctx(c), rest)
		}
		return t.parseSubclasses(head, rest)
	}
	if a, b, ok := strings.Cut(line, "!"); ok {
		pair, err := classesOf(a + "," + b)
		if err != nil {
			return err
		}
		if len(pair) != 2 {
			return fmt.Errorf("not a pair")
		}
		t.never = append(t.never, [2]*Class{pair[0], pair[1]})
		return nil
	}
	var outer []*Class
	for i, group := range strings.Split(line, "<") {
		inner, err := classesOf(group)
		if err != nil {
			return err
		}
		for _, o := range outer {
			for _, i := range inner {
				t.before = append(t.before, [2]*Class{o, i})
			}
		}
		if i == 0 && !strings.Contains(line, "<") {
			return fmt.Errorf("relates nothing")
		}
		outer = inner
	}
	return nil
}

func (t *orderTable) parseContext(c ctx, kinds string) error {
	for _, name := range strings.Fields(kinds) {
		k := slices.Index(kindNames[:], name)
		if k < 0 {
			return fmt.Errorf("no kind of lock %q", name)
		}
		t.allowed[c][k] = true
	}
	return nil
}

func (t *orderTable) parseSubclasses(class, chain string) error {
	cs, err := classesOf(class)
	if err != nil {
		return err
	}
	names := strings.Split(chain, "<")
	for i := range names {
		for j := range i {
			a := slices.Index(subclassNames[:], strings.TrimSpace(names[j]))
			b := slices.Index(subclassNames[:], strings.TrimSpace(names[i]))
			if a < 0 || b < 0 {
				return fmt.Errorf("no subclass %q or %q", names[j], names[i])
			}
			t.subs[cs[0]] = append(t.subs[cs[0]], [2]Subclass{Subclass(a), Subclass(b)})
		}
	}
	return nil
}

func classesOf(list string) ([]*Class, error) {
	var cs []*Class
	for name := range strings.SplitSeq(list, ",") {
		c := ClassByName(strings.TrimSpace(name))
		if c == nil {
			return nil, fmt.Errorf("no class %q", strings.TrimSpace(name))
		}
		cs = append(cs, c)
	}
	return cs, nil
}

// closure is a transitive relation on classes, by index: row a has the bits of
// the classes that may be taken while a is held.
type closure [][]uint64

// newClosure closes the pairs transitively. It returns a class that comes
// before itself, if there is one.
func newClosure(n int, pairs [][2]*Class) (closure, *Class) {
	words := (n + 63) / 64
	c := make(closure, n)
	for i := range c {
		c[i] = make([]uint64, words)
	}
	for _, p := range pairs {
		c[p[0].index][p[1].index/64] |= 1 << (p[1].index % 64)
	}
	for k := range c {
		for i := range c {
			if c.has(i, k) {
				for w := range words {
					c[i][w] |= c[k][w]
				}
			}
		}
	}
	for _, p := range pairs {
		if c.has(p[0].index, p[0].index) {
			return c, p[0]
		}
	}
	return c, nil
}

func (c closure) has(outer, inner int) bool {
	return c[outer][inner/64]&(1<<(inner%64)) != 0
}

// chain is how pairs lead from one class to another: "a < b < c". It is empty
// if they do not.
func chain(pairs [][2]*Class, from, to *Class) string {
	type step struct {
		class *Class
		text  string
	}
	seen := map[*Class]bool{from: true}
	for queue := []step{{from, from.name}}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		for _, p := range pairs {
			if p[0] != s.class || seen[p[1]] {
				continue
			}
			text := s.text + " < " + p[1].name
			if p[1] == to {
				return text
			}
			seen[p[1]] = true
			queue = append(queue, step{p[1], text})
		}
	}
	return ""
}
