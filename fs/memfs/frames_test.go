package memfs

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newArena(t testing.TB) *arena {
	a := &arena{}
	a.init()
	t.Cleanup(func() {
		a.close()
		if n := a.mapped.Load(); n != 0 {
			t.Errorf("%d slabs are left", n)
		}
	})
	return a
}

// seed is the seed of a random test: GOVFS_SEED, or a new one.
func seed(t testing.TB) *rand.Rand {
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("GOVFS_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("GOVFS_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}

func (a *arena) mustAlloc(t testing.TB, hint uint64) frame {
	t.Helper()
	f, zeroed, err := a.alloc(hint)
	if err != nil {
		t.Fatal(err)
	}
	if !zeroed {
		clear(a.page(f)[:])
	} else if b := a.page(f); *b != [pageSize]byte{} {
		t.Fatalf("frame %#x is said to be zeroed, and is not", f)
	}
	return f
}

// free drops the owner's reference.
func (a *arena) free(f frame, hint uint64) { a.unpin(f, hint) }

func TestFramesAreDistinctAndSlabsComeAndGo(t *testing.T) {
	a := newArena(t)
	const n = 5*slabFrames + 17
	frames := make([]frame, n)
	seen := map[frame]bool{}
	for i := range frames {
		f := a.mustAlloc(t, uint64(i))
		if seen[f] || f == 0 || !hasFrame(uint32(f)) {
			t.Fatalf("frame %#x handed out twice, or no frame", f)
		}
		seen[f] = true
		frames[i] = f
		binary.LittleEndian.PutUint64(a.page(f)[8:], uint64(i))
	}
	for i, f := range frames {
		if got := binary.LittleEndian.Uint64(a.page(f)[8:]); got != uint64(i) {
			t.Fatalf("frame %d holds %d", i, got)
		}
	}
	if got := a.mapped.Load(); got < 6 || got > 7 {
		t.Errorf("%d slabs for %d frames", got, n)
	}
	release := frameRelease{arena: a}
	for _, f := range frames {
		release.drop(f)
	}
	release.flush()
	// What the stashes keep can hold a few slabs; the reserve is one.
	if got := a.mapped.Load(); got > 3 {
		t.Errorf("%d slabs are left after all frames were freed", got)
	}
	for i := range frames {
		frames[i] = a.mustAlloc(t, 1)
	}
}

func TestPinnedFrameOutlivesItsOwner(t *testing.T) {
	a := newArena(t)
	f := a.mustAlloc(t, 1)
	a.page(f)[0] = 7
	if !a.pin(f) {
		t.Fatal("a frame in use cannot be pinned")
	}
	a.free(f, 1)
	for range 3 * slabFrames {
		if g := a.mustAlloc(t, 1); g == f {
			t.Fatal("a pinned frame was handed out")
		}
	}
	if a.page(f)[0] != 7 {
		t.Fatal("a pinned frame changed")
	}
	a.unpin(f, 1)
	if a.pin(f) {
		t.Fatal("a free frame was pinned")
	}
}

// TestMemoryIsGivenBack looks at what the kernel holds for the memfd.
func TestMemoryIsGivenBack(t *testing.T) {
	a := newArena(t)
	var frames []frame
	for range 8 * slabFrames {
		f := a.mustAlloc(t, 3)
		a.page(f)[0] = 1
		frames = append(frames, f)
	}
	if got := residentPages(t, a); got < 8*slabFrames || got > 8*slabFrames+stashSize {
		t.Errorf("%d pages are resident with %d in use", got, len(frames))
	}
	release := frameRelease{arena: a}
	for _, f := range frames {
		release.drop(f)
	}
	release.flush()
	if got := residentPages(t, a); got > 2*slabFrames {
		t.Errorf("%d pages are resident with none in use", got)
	}
}

// residentPages is how many pages the memfd has.
func residentPages(t *testing.T, a *arena) int {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(a.depot.fd, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Blocks) * 512 / pageSize
}

func TestArenaUnderManyThreads(t *testing.T) {
	a := newArena(t)
	rng := seed(t)
	var wg sync.WaitGroup
	for g := range 8 {
		r := rand.New(rand.NewPCG(rng.Uint64(), uint64(g)))
		wg.Go(func() {
			var mine []frame
			for range 20000 {
				if len(mine) < 10 || r.IntN(2) == 0 && len(mine) < 1000 {
					f, _, err := a.alloc(r.Uint64N(5))
					if err != nil {
						t.Error(err)
						return
					}
					binary.LittleEndian.PutUint64(a.page(f)[:], uint64(f)<<8|uint64(g))
					mine = append(mine, f)
					continue
				}
				i := r.IntN(len(mine))
				f := mine[i]
				if binary.LittleEndian.Uint64(a.page(f)[:]) != uint64(f)<<8|uint64(g) {
					t.Errorf("frame %#x of thread %d was overwritten", f, g)
					return
				}
				mine[i] = mine[len(mine)-1]
				mine = mine[:len(mine)-1]
				a.free(f, r.Uint64N(5))
			}
			for _, f := range mine {
				a.free(f, 0)
			}
		})
	}
	wg.Wait()
	free := 0
	for s := a.depot.first; s != nil; s = s.next {
		free += s.nfree + slabFrames - s.fresh
	}
	for i := range a.stash {
		free += a.stash[i].n
	}
	if want := int(a.mapped.Load()) * slabFrames; free != want {
		t.Errorf("%d of %d frames are free with none in use", free, want)
	}
}

func BenchmarkFrame(b *testing.B) {
	a := newArena(b)
	for b.Loop() {
		f, _, err := a.alloc(1)
		if err != nil {
			b.Fatal(err)
		}
		a.free(f, 1)
	}
}
