package filelock

import (
	"context"
	"strings"
	"testing"
)

// Each kind of damage is found, and named.
func TestCheckFindsDamage(t *testing.T) {
	for _, tt := range []struct {
		want   string
		damage func(c *Context, a, b *Lock)
	}{
		{"", func(c *Context, a, b *Lock) {}},
		{"another owner or file", func(c *Context, a, b *Lock) { a.group = b.group }},
		{"another owner or file", func(c *Context, a, b *Lock) { a.ctx = nil }},
		{"no lock", func(c *Context, a, b *Lock) { a.Start = -1 }},
		{"no lock", func(c *Context, a, b *Lock) { a.Type = Unlock }},
		{"owners differ", func(c *Context, a, b *Lock) {
			c.posix.unlink(b)
			o := b.group
			c.posix.link(b, a.group)
			c.posix.drop(o)
		}},
		{"of the same owner", func(c *Context, a, b *Lock) {
			l := a.record(new(Lock))
			l.Start++
			c.posix.link(l, a.group)
		}},
		{"not merged", func(c *Context, a, b *Lock) {
			l := a.record(new(Lock))
			l.Start, l.End = a.End+1, a.End+1
			c.posix.link(l, a.group)
		}},
		{"without records", func(c *Context, a, b *Lock) { c.posix.add(posix("C", Read, 0, 0, 0)) }},
		{"without records has some", func(c *Context, a, b *Lock) { c.posix.idle = a.group }},
		{"the other type", func(c *Context, a, b *Lock) {
			c.posix.types[Read].remove(a)
			c.posix.types[Write].insert(a)
		}},
		{"by owner than by type", func(c *Context, a, b *Lock) { c.posix.types[Read].remove(a) }},
		{"recorded as", func(c *Context, a, b *Lock) { c.posix.types[Read].root.leaf[0].end++ }},
		{"both held", func(c *Context, a, b *Lock) {
			c.posix.unlink(b)
			b.Start, b.End = a.Start, a.End
			c.posix.link(b, b.group)
		}},
		{"counted as", func(c *Context, a, b *Lock) { c.records++ }},
		{"leases, counted as", func(c *Context, a, b *Lock) { c.leaseCount.Add(1) }},
		{"not its owner's lock", func(c *Context, a, b *Lock) { c.flock.list.first.Owner = OwnerOf("X") }},
		{"flock records of", func(c *Context, a, b *Lock) { c.flock.list = lockList{} }},
		{"not alone", func(c *Context, a, b *Lock) { c.flock.list.first.Type = Write }},
		{"one list only", func(c *Context, a, b *Lock) { b.queue.first.lock.wait = nil }},
		{"not known to deadlock detection", func(c *Context, a, b *Lock) { clear(waits.byOwner) }},
		{"another family", func(c *Context, a, b *Lock) { b.queue.first.lock.Kind = Flock }},
		{"which does not conflict", func(c *Context, a, b *Lock) { b.queue.first.lock.Start = 1000 }},
		{"not the holder", func(c *Context, a, b *Lock) { b.queue.holder = a }},
		{"of them to read", func(c *Context, a, b *Lock) { b.queue.readers = 7 }},
		{"not all of", func(c *Context, a, b *Lock) { b.queue.start-- }},
		{"are not answered", func(c *Context, a, b *Lock) { c.opened = append(c.opened, b.queue) }},
	} {
		c := NewContext()
		mustSet(t, c, "A", Read, 0, 9)
		mustSet(t, c, "B", Write, 20, 29)
		for _, owner := range []string{"F", "G"} {
			if err := tryFlock(c, owner, Read); err != nil {
				t.Fatal(err)
			}
		}
		req := posix("W", Read, 15, 25, FlagSleep)
		req.Manager = ManagerOpsOf(&queueManager{})
		if err := c.SetPosix(context.Background(), req, nil); err != ErrDeferred {
			t.Fatal(err)
		}
		tt.damage(c, c.posix.types[Read].first(), c.posix.types[Write].first())
		err := c.Check()
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("want %q, got %v", tt.want, err)
		}
		waits.lock.Lock() // the damaged file's wait would haunt other tests
		clear(waits.byOwner)
		waits.lock.Unlock()
	}
}
