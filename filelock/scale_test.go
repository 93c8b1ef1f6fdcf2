package filelock

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const manyLocks = 100_000

// fill locks n ranges of a file: every second byte, by as many owners.
func fill(t testing.TB, c *Context, n, owners int, typ Type) {
	for i := range n {
		req := &Lock{Owner: OwnerOf(i % owners), Kind: POSIX, Type: typ, Start: int64(2 * i), End: int64(2 * i)}
		if err := c.SetPosix(context.Background(), req, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func (n *node) height() int {
	if n.kids == nil {
		return 1
	}
	return 1 + n.kids[0].node.height()
}

func TestManyLocksOnOneFile(t *testing.T) {
	for _, owners := range []int{1, 1000, manyLocks} {
		for _, typ := range []Type{Read, Write} {
			t.Run(fmt.Sprintf("%d owners %v", owners, typ), func(t *testing.T) {
				c := newFile(t)
				start := time.Now()
				fill(t, c, manyLocks, owners, typ)
				t.Logf("%v a lock", time.Since(start)/manyLocks)
				// Nodes are at least a quarter full, but for the last of a row.
				tr := &c.posix.types[typ]
				if h := tr.root.height(); h > 6 {
					t.Errorf("the tree is %d high", h)
				}
				// Only a lock without a way past is looked for: neither are an
				// owner's own in its way, nor readers in a reader's.
				start = time.Now()
				const tests = 1000
				for i := range tests {
					for _, end := range []int64{End, int64(2 * i), 2*manyLocks - 2} {
						conf := new(Lock)
						if err := c.TestPosix(&Lock{Owner: OwnerOf(i), Type: Write, Start: 1, End: max(end, 1)}, conf); err != nil {
							t.Fatal(err)
						}
					}
				}
				t.Logf("%v a test", time.Since(start)/tests/3)
				if limit := 10 * time.Second; time.Since(start) > limit {
					t.Errorf("%d tests took more than %v", 3*tests, limit)
				}
				mustCheck(t, c)
				start = time.Now()
				for o := range owners {
					c.ClosePosix(context.Background(), OwnerOf(o))
				}
				t.Logf("%v a lock to close", time.Since(start)/manyLocks)
				if !c.Empty() {
					t.Error("locks are left")
				}
			})
		}
	}
}

// The file is full of the owner's own locks but for one, which is found, or
// of locks that are no conflict.
func TestTheOneConflictAmongManyIsFound(t *testing.T) {
	c := newFile(t)
	fill(t, c, 20_000, 1, Write)
	const at = 25_001 // between two of them
	mustSet(t, c, "B", Read, at, at)
	conf := new(Lock)
	me := &Lock{Owner: OwnerOf(0), Type: Write, Start: 0, End: End}
	if err := c.TestPosix(me, conf); err != nil || conf.Owner != OwnerOf("B") || conf.Start != at {
		t.Errorf("found %v, %v", conf.info(), err)
	}
	me.Type = Read
	if err := c.TestPosix(me, conf); err != nil || conf.Type != Unlock {
		t.Errorf("a reader in a reader's way: %v", conf.info())
	}
}

func TestManyFlocksOnOneFile(t *testing.T) {
	c := newFile(t)
	const n = manyLocks
	for i := range n {
		if err := c.Flock(context.Background(), &Lock{Owner: OwnerOf(i), Kind: Flock, Type: Read}); err != nil {
			t.Fatal(err)
		}
	}
	mustCheck(t, c)
	for i := range n {
		c.CloseFile(context.Background(), i)
	}
	if !c.Empty() {
		t.Error("locks are left")
	}
}

func BenchmarkSetPosix(b *testing.B) {
	for _, n := range []int{1, 1000, manyLocks} {
		for _, owners := range []int{1, n} {
			b.Run(fmt.Sprintf("locks=%d/owners=%d", n, owners), func(b *testing.B) {
				c := NewContext()
				fill(b, c, n, owners, Write)
				req := &Lock{Owner: OwnerOf("me"), Kind: POSIX}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					i = (i + 7919) % n
					req.Start, req.End = int64(2*i+1), int64(2*i+1)
					for _, req.Type = range [2]Type{Write, Unlock} {
						if err := c.SetPosix(context.Background(), req, nil); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

func BenchmarkTestPosix(b *testing.B) {
	for _, n := range []int{1, 1000, manyLocks} {
		b.Run(fmt.Sprintf("locks=%d", n), func(b *testing.B) {
			c := NewContext()
			fill(b, c, n, n, Read)
			req, conf := &Lock{Owner: OwnerOf("me"), Type: Write}, new(Lock)
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				req.Start, req.End = int64(2*i+1), int64(2*i+2)
				if err := c.TestPosix(req, conf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
