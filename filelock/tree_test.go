package filelock

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The tree of a type, with overlaps, and one without, against lists.
func TestTreeIsASortedList(t *testing.T) {
	seed := testSeed(t)
	for _, disjoint := range []bool{false, true} {
		rnd := rand.New(rand.NewPCG(seed, 3))
		owners := make([]*ownerLocks, 4)
		for i := range owners {
			owners[i] = &ownerLocks{seq: uint64(i)}
		}
		tr := &rangeTree{disjoint: disjoint}
		var list []*Lock
		const bytes = 20_000
		for step := range 60_000 {
			// It grows, shrinks to nothing, and grows again.
			if grow := step / 12_000 % 2; rnd.IntN(10) < 3+4*(1-grow) || len(list) == 0 {
				l := &Lock{Start: rnd.Int64N(bytes), group: owners[rnd.IntN(len(owners))]}
				l.End = l.Start
				if !disjoint {
					l.End += rnd.Int64N(200)
				}
				i, found := slices.BinarySearchFunc(list, l, func(a, b *Lock) int {
					switch {
					case a.before(b):
						return -1
					case b.before(a):
						return 1
					}
					return 0
				})
				if found || disjoint && (i < len(list) && list[i].Start == l.Start || i > 0 && list[i-1].Start == l.Start) {
					continue
				}
				list = slices.Insert(list, i, l)
				tr.insert(l)
			} else {
				i := rnd.IntN(len(list))
				tr.remove(list[i])
				list = slices.Delete(list, i, i+1)
			}
			if step%500 == 0 {
				if err := tr.check(); err != nil {
					t.Fatal(err)
				}
				var got []*Lock
				tr.each(func(l *Lock) bool { got = append(got, l); return true })
				if !slices.Equal(got, list) {
					t.Fatalf("%d records, want %d", len(got), len(list))
				}
			}
			start := rnd.Int64N(bytes)
			end := start + rnd.Int64N(1000)
			skip := owners[rnd.IntN(len(owners))]
			i := slices.IndexFunc(list, func(l *Lock) bool { return l.Start <= end && l.End >= start && l.group != skip })
			if got := tr.overlapping(start, end, skip); i < 0 && got != nil || i >= 0 && got != list[i] {
				t.Fatalf("disjoint %v: overlaps [%d,%d] for all but %d: %v", disjoint, start, end, skip.seq, got)
			}
			if !disjoint {
				continue
			}
			i = slices.IndexFunc(list, func(l *Lock) bool { return l.End >= start })
			if got := tr.reaching(start).lock; i < 0 && got != nil || i >= 0 && got != list[i] {
				t.Fatalf("reaches %d: %v", start, got)
			}
		}
		for len(list) > 0 {
			tr.remove(list[0])
			list = list[1:]
		}
		if !tr.empty() || tr.first() != nil || tr.root.kids != nil {
			t.Error("something is left")
		}
	}
}

func TestAbove(t *testing.T) {
	for size := range 70 {
		var s []int64
		for i := range size {
			s = append(s, int64(2*i+1))
		}
		for n := int64(0); n <= int64(2*size+2); n++ {
			want := 0
			for want < size && s[want] <= n {
				want++
			}
			if got := above(s, n); got != want {
				t.Fatalf("above(%v, %d) = %d", s, n, got)
			}
		}
		if got := above(s, End); got != size {
			t.Errorf("%d", got)
		}
	}
}
