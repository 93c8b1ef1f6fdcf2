package memfs

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/govfs/govfs/vfs"
)

// check looks at the invariants of the index, and returns its cookies.
func (x *dirIndex) check(t interface{ Fatalf(string, ...any) }) []uint64 {
	var all []uint64
	for i, leaf := range x.leaves {
		if len(leaf.entries) == 0 || len(leaf.entries) > leafMax {
			t.Fatalf("a leaf of %d entries", len(leaf.entries))
		}
		if i > 0 && len(leaf.entries)+len(x.leaves[i-1].entries) <= leafMax/2 && i < len(x.leaves)-1 {
			t.Fatalf("leaves of %d and %d entries were not joined", len(x.leaves[i-1].entries), len(leaf.entries))
		}
		for _, d := range leaf.entries {
			if d.FSWord < leaf.first || len(all) > 0 && d.FSWord <= all[len(all)-1] || i+1 < len(x.leaves) && d.FSWord >= x.leaves[i+1].first {
				t.Fatalf("cookie %d is out of order", d.FSWord)
			}
			all = append(all, d.FSWord)
		}
	}
	if len(all) != x.count {
		t.Fatalf("%d entries, and a count of %d", len(all), x.count)
	}
	return all
}

// TestDirIndexKeepsPlaces compares two directories with lists of entries.
func TestDirIndexKeepsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x [2]dirIndex
		var model [2][]*vfs.Dentry
		pick := func(t *rapid.T, side int) int {
			if len(model[side]) == 0 {
				t.Skip("empty")
			}
			return rapid.IntRange(0, len(model[side])-1).Draw(t, "at")
		}
		side := rapid.IntRange(0, 1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				s := side.Draw(t, "side")
				for range rapid.IntRange(1, 300).Draw(t, "n") {
					d, cookie := new(vfs.Dentry), x[s].next()
					x[s].add(d)
					if d.FSWord != cookie {
						t.Fatalf("cookie %d, not %d", d.FSWord, cookie)
					}
					model[s] = append(model[s], d)
				}
			},
			"remove": func(t *rapid.T) {
				s := side.Draw(t, "side")
				at := pick(t, s)
				for range rapid.IntRange(1, 200).Draw(t, "n") {
					if at >= len(model[s]) {
						break
					}
					x[s].remove(model[s][at])
					model[s] = slices.Delete(model[s], at, at+1)
				}
			},
			"replace": func(t *rapid.T) {
				s := side.Draw(t, "side")
				at, d := pick(t, s), new(vfs.Dentry)
				cookie := model[s][at].FSWord
				x[s].replace(model[s][at], d)
				if d.FSWord != cookie || model[s][at].FSWord != 0 {
					t.Fatalf("a replaced entry kept cookie %d", cookie)
				}
				model[s][at] = d
			},
			"swap": func(t *rapid.T) {
				s, r := side.Draw(t, "side"), side.Draw(t, "other side")
				i, j := pick(t, s), pick(t, r)
				if s == r && i == j {
					t.Skip("the same entry")
				}
				x[s].swap(model[s][i], &x[r], model[r][j])
				model[s][i], model[r][j] = model[r][j], model[s][i]
			},
			"scan": func(t *rapid.T) {
				s := side.Draw(t, "side")
				from := rapid.Uint64Range(0, x[s].next()+2).Draw(t, "from")
				to := rapid.Uint64Range(0, x[s].next()+2).Draw(t, "to")
				most := rapid.IntRange(1, 100).Draw(t, "most")
				var got, want []*vfs.Dentry
				x[s].scan(from, to, func(d *vfs.Dentry) bool {
					got = append(got, d)
					return len(got) < most
				})
				for _, d := range model[s] {
					if d.FSWord >= from && d.FSWord < to && len(want) < most {
						want = append(want, d)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("scan [%d, %d): %d entries, want %d", from, to, len(got), len(want))
				}
			},
			"": func(t *rapid.T) {
				for s := range x {
					cookies := x[s].check(t)
					for i, d := range model[s] {
						if cookies[i] != d.FSWord {
							t.Fatalf("entry %d has cookie %d, want %d", i, cookies[i], d.FSWord)
						}
					}
				}
			},
		})
	})
}
