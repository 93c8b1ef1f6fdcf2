package pagecache

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func segments(lens ...int) ([][]byte, []byte) {
	var segs [][]byte
	n := 0
	for _, l := range lens {
		segs = append(segs, make([]byte, l))
		n += l
	}
	all := make([]byte, n)
	for i := range all {
		all[i] = byte(i*7 + 1)
	}
	return segs, all
}

func flat(segs [][]byte) []byte { return bytes.Join(segs, nil) }

func TestIterCopyOutCrossesSegments(t *testing.T) {
	segs, all := segments(0, 3, 0, 0, 5, 1, 0)
	var it Iter
	it.Reset(segs)
	if it.Len() != 9 {
		t.Fatalf("Len = %d, want 9", it.Len())
	}
	if n := it.CopyOut(all[:4]); n != 4 {
		t.Fatalf("first CopyOut = %d, want 4", n)
	}
	if n := it.CopyOut(append(bytes.Clone(all[4:]), 0xff)); n != 5 {
		t.Fatalf("CopyOut past the end = %d, want the 5 that fit", n)
	}
	if !bytes.Equal(flat(segs), all) {
		t.Errorf("segments hold %x, want %x", flat(segs), all)
	}
	if it.Len() != 0 || it.Peek() != nil || it.CopyOut([]byte{1}) != 0 || it.Zero(1) != 0 {
		t.Error("an Iter at its end still takes bytes")
	}
}

func TestIterCopyInFromOneSegment(t *testing.T) {
	var it Iter
	it.ResetOne([]byte("hello"))
	p := make([]byte, 3)
	if n := it.CopyIn(p); n != 3 || string(p) != "hel" {
		t.Fatalf("CopyIn = %d %q", n, p)
	}
	it.Revert(2)
	if n := it.CopyIn(p); n != 3 || string(p) != "ell" {
		t.Fatalf("CopyIn after Revert = %d %q", n, p)
	}
	if n := it.CopyIn(p); n != 1 || p[0] != 'o' {
		t.Fatalf("last CopyIn = %d %q", n, p)
	}
	it.Revert(5)
	if string(it.Peek()) != "hello" {
		t.Fatalf("Peek at the start = %q", it.Peek())
	}
}

func TestIterZeroClearsOnlyItsPart(t *testing.T) {
	segs := [][]byte{[]byte("aaa"), []byte("bbb")}
	var it Iter
	it.Reset(segs)
	it.Advance(1)
	if n := it.Zero(4); n != 4 {
		t.Fatalf("Zero = %d, want 4", n)
	}
	if want := "a\x00\x00\x00\x00b"; string(flat(segs)) != want {
		t.Errorf("segments hold %q, want %q", flat(segs), want)
	}
}

func TestIterTruncateBoundsTheRest(t *testing.T) {
	segs, all := segments(4, 4)
	var it Iter
	it.Reset(segs)
	it.Advance(1)
	it.Truncate(4)
	if n := it.CopyOut(all); n != 4 {
		t.Fatalf("CopyOut = %d, want the 4 left by Truncate", n)
	}
	it.Revert(5)
	if it.Len() != 5 {
		t.Errorf("Len after Revert = %d, want 5: the new end stays", it.Len())
	}
	it.Truncate(100)
	if it.Len() != 5 {
		t.Errorf("Truncate made the Iter longer: %d", it.Len())
	}
}

func TestIterMisusePanics(t *testing.T) {
	for name, f := range map[string]func(*Iter){
		"revert past the start": func(it *Iter) { it.Advance(2); it.Revert(3) },
		"revert negative":       func(it *Iter) { it.Revert(-1) },
		"advance negative":      func(it *Iter) { it.Advance(-1) },
		"truncate negative":     func(it *Iter) { it.Truncate(-1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			var it Iter
			it.Reset([][]byte{{1, 2}, {3, 4}})
			f(&it)
		})
	}
}

func TestIterOfNothing(t *testing.T) {
	var it Iter
	for _, reset := range []func(){func() {}, func() { it.Reset(nil) }, func() { it.ResetOne(nil) }, func() { it.Reset([][]byte{{}, {}}) }} {
		reset()
		if it.Len() != 0 || it.Peek() != nil || it.CopyIn(make([]byte, 1)) != 0 {
			t.Error("an empty Iter has bytes")
		}
		it.Advance(1)
		it.Revert(0)
	}
}

func TestIterResetOneDoesNotAllocate(t *testing.T) {
	p, q := make([]byte, 100), make([]byte, 60)
	var it Iter
	if n := testing.AllocsPerRun(100, func() {
		it.ResetOne(p)
		it.CopyOut(q)
		it.Zero(20)
		it.Revert(80)
	}); n != 0 {
		t.Errorf("%v allocations a transfer, want none", n)
	}
}

// TestIterIsAByteArrayWithACursor compares an Iter with the plain array that it
// pretends to be.
func TestIterIsAByteArrayWithACursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lens := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 8).Draw(t, "segments")
		segs, model := segments(lens...)
		for i, pos := 0, 0; i < len(segs); i++ {
			pos += copy(segs[i], model[pos:])
		}
		var it Iter
		if len(segs) == 1 && rapid.Bool().Draw(t, "one") {
			it.ResetOne(segs[0])
		} else {
			it.Reset(segs)
		}
		pos, end := 0, len(model)
		t.Repeat(map[string]func(*rapid.T){
			"out": func(t *rapid.T) {
				p := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data")
				n := copy(model[pos:end], p)
				if got := it.CopyOut(p); got != n {
					t.Fatalf("CopyOut(%d) = %d, want %d", len(p), got, n)
				}
				pos += n
			},
			"in": func(t *rapid.T) {
				p := make([]byte, rapid.IntRange(0, 20).Draw(t, "n"))
				n := min(len(p), end-pos)
				if got := it.CopyIn(p); got != n || !bytes.Equal(p[:n], model[pos:pos+n]) {
					t.Fatalf("CopyIn(%d) = %d %x, want %d %x", len(p), got, p, n, model[pos:pos+n])
				}
				pos += n
			},
			"zero": func(t *rapid.T) {
				k := rapid.IntRange(0, 20).Draw(t, "n")
				n := min(k, end-pos)
				clear(model[pos : pos+n])
				if got := it.Zero(k); got != n {
					t.Fatalf("Zero(%d) = %d, want %d", k, got, n)
				}
				pos += n
			},
			"advance": func(t *rapid.T) {
				k := rapid.IntRange(0, 20).Draw(t, "n")
				it.Advance(k)
				pos = min(end, pos+k)
			},
			"revert": func(t *rapid.T) {
				k := rapid.IntRange(0, pos).Draw(t, "n")
				it.Revert(k)
				pos -= k
			},
			"truncate": func(t *rapid.T) {
				k := rapid.IntRange(0, 40).Draw(t, "n")
				it.Truncate(k)
				end = min(end, pos+k)
			},
			"": func(t *rapid.T) {
				if it.Len() != end-pos {
					t.Fatalf("Len = %d, want %d", it.Len(), end-pos)
				}
				if p := it.Peek(); len(p) > end-pos || !bytes.HasPrefix(model[pos:], p) || p == nil != (pos == end) {
					t.Fatalf("Peek = %x at %d of %x", p, pos, model)
				}
				if !bytes.Equal(flat(segs), model) {
					t.Fatalf("segments hold %x, want %x", flat(segs), model)
				}
			},
		})
	})
}

func BenchmarkIterCopyOut(b *testing.B) {
	p, q := make([]byte, 4096), make([]byte, 4096)
	var it Iter
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		it.ResetOne(p)
		it.CopyOut(q)
	}
}
