package memfs

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// TestPageIndexIsAMap compares the tree with a map under random operations.
func TestPageIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pageIndex
		model := map[int64]uint32{}
		page := rapid.OneOf(
			rapid.Int64Range(0, 3),
			rapid.Int64Range(0, 200),
			rapid.Int64Range(0, 70000),
			rapid.Int64Range(endOfPages-100, endOfPages-1),
			rapid.SampledFrom([]int64{0, 63, 64, 4095, 4096, 1 << 18, 1 << 24, 1 << 36, 1 << 48}),
		)
		value := rapid.OneOf(rapid.Uint32Range(1, 1000), rapid.SampledFrom([]uint32{pageReserved, pageZero}))
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i, v := page.Draw(t, "page"), value.Draw(t, "value")
				if old := p.set(i, v); old != model[i] {
					t.Fatalf("set(%d) replaced %d, not %d", i, old, model[i])
				}
				model[i] = v
			},
			"get": func(t *rapid.T) {
				i := page.Draw(t, "page")
				if v := p.get(i); v != model[i] {
					t.Fatalf("get(%d) = %d, not %d", i, v, model[i])
				}
			},
			"clear": func(t *rapid.T) {
				lo, hi := page.Draw(t, "from"), page.Draw(t, "to")
				dropped := 0
				p.clear(lo, hi, func(uint32) { dropped++ })
				for i := range model {
					if i >= lo && i < hi {
						delete(model, i)
						dropped--
					}
				}
				if dropped != 0 {
					t.Fatalf("clear(%d, %d) dropped %d too many", lo, hi, dropped)
				}
			},
			"become": func(t *rapid.T) {
				var q pageIndex
				moved := map[int64]uint32{}
				p.each(func(i int64, v uint32) {
					if i%3 != 0 {
						q.set(i-i%3, v)
						moved[i-i%3] = v
					}
				})
				p.become(&q)
				model = moved
			},
			"": func(t *rapid.T) {
				var got []int64
				p.each(func(i int64, v uint32) {
					if v != model[i] {
						t.Fatalf("page %d is %d, not %d", i, v, model[i])
					}
					got = append(got, i)
				})
				if want := slices.Sorted(maps.Keys(model)); !slices.Equal(got, want) {
					t.Fatalf("pages %v, want %v", got, want)
				}
				checkNodes(t, &p)
			},
		})
	})
}

// checkNodes looks at the tree's own invariants: it has no empty nodes, and
// knows how many slots are in use.
func checkNodes(t *rapid.T, p *pageIndex) {
	var check func(n *pageNode)
	check = func(n *pageNode) {
		used := 0
		for i := range nodeSlots {
			if n.kids == nil && n.slots[i].Load() != pageHole {
				used++
			}
			if n.kids != nil {
				if kid := n.kids[i].Load(); kid != nil {
					used++
					if kid.level != n.level-1 {
						t.Fatalf("a node of level %d below one of level %d", kid.level, n.level)
					}
					check(kid)
				}
			}
		}
		if used != int(n.used) || used == 0 {
			t.Fatalf("a node of level %d counts %d slots, and has %d", n.level, n.used, used)
		}
	}
	if n := p.root.Load(); n != nil {
		check(n)
	}
}

// TestReadersOfTheIndexSeeOldOrNew has one writer move the index between two
// states, with and without a tree, that agree on most pages.
func TestReadersOfTheIndexSeeOldOrNew(t *testing.T) {
	var p pageIndex
	p.set(0, 1)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !stop.Load() {
				if v := p.get(0); v != 1 {
					t.Errorf("page 0, which never changes, reads as %d", v)
					return
				}
				if v := p.get(70); v != pageHole && v != 70 {
					t.Errorf("page 70 reads as %d", v)
					return
				}
			}
		})
	}
	for range 20000 {
		p.set(70, 70)
		p.set(5000, 9)
		p.clear(60, 80, func(uint32) {})
		p.clear(1, endOfPages, func(uint32) {})
	}
	stop.Store(true)
	wg.Wait()
}
