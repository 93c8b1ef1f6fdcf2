package block

import (
	"context"
	"syscall"
	"testing"

	"github.com/govfs/govfs/pagecache"
)

func testBuffer(t *testing.T) *BufferHead {
	t.Helper()
	return NewBufferHead(pagecache.NewPage(0, new(pagecache.Frame)), 1024, 512)
}

func TestBufferIsAPieceOfItsPage(t *testing.T) {
	b := testBuffer(t)
	copy(b.Bytes(), "here")
	if got := string(b.Page().Bytes()[1024:1028]); got != "here" {
		t.Errorf("the page holds %q at the buffer's place", got)
	}
	if b.Size() != 512 || b.Offset() != 1024 || len(b.Bytes()) != 512 || b.Next() != b {
		t.Errorf("buffer: size %d, offset %d", b.Size(), b.Offset())
	}
	if b.Has(BufferMapped) {
		t.Error("a new buffer has a place on a device")
	}
	dev := NewDisk("ram0", 1, 8, OpsOf(nil)).Whole()
	b.Map(dev, 5)
	if !b.Has(BufferMapped) || b.Device() != dev || b.Block() != 5 {
		t.Error("a mapped buffer has no place")
	}
}

func TestBufferMisusePanics(t *testing.T) {
	page := pagecache.NewPage(0, new(pagecache.Frame))
	for name, f := range map[string]func(){
		"size of no power of two": func() { NewBufferHead(page, 0, 513) },
		"no size":                 func() { NewBufferHead(page, 0, 0) },
		"outside the page":        func() { NewBufferHead(page, 4096, 512) },
		"not aligned":             func() { NewBufferHead(page, 256, 512) },
		"before the page":         func() { NewBufferHead(page, -512, 512) },
		"put too many":            func() { b := NewBufferHead(page, 0, 512); b.Put(); b.Put() },
		"get of a freed one":      func() { b := NewBufferHead(page, 0, 512); b.Put(); b.Get() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// unlocker is the simplest completion.
type unlocker struct{ done chan bool }

func (u unlocker) EndIO(bh *BufferHead, uptodate bool) {
	if uptodate {
		bh.Set(BufferUptodate)
	} else {
		bh.Clear(BufferUptodate)
	}
	bh.Unlock()
	u.done <- uptodate
}

func TestCompletionUnlocksTheBuffer(t *testing.T) {
	for _, ok := range []bool{true, false} {
		b := testBuffer(t)
		done := make(chan bool, 1)
		b.Lock()
		b.SetEndIO(unlocker{done})
		b.TransferLock()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.LockContext(ctx); err != syscall.EINTR || b.TryLock() {
			t.Errorf("a buffer under I/O can be locked: %v", err)
		}
		go b.EndIO(ok)
		if err := b.WaitUnlocked(t.Context()); err != nil {
			t.Fatal(err)
		}
		if <-done != ok || b.Has(BufferUptodate) != ok || b.Locked() {
			t.Errorf("after I/O that went well (%v): uptodate %v, locked %v", ok, b.Has(BufferUptodate), b.Locked())
		}
	}
}

func TestBufferFlagsDoNotTouchTheLock(t *testing.T) {
	b := testBuffer(t)
	b.Lock()
	seen := BufferFlags(0)
	for _, f := range []BufferFlags{BufferUptodate, BufferDirty, BufferReq, BufferMapped, BufferNew, BufferAsyncRead, BufferAsyncWrite, BufferDelay, BufferBoundary, BufferWriteError, BufferUnwritten, BufferMeta} {
		if seen&f != 0 || b.Set(f) != 0 || b.Set(f) != f {
			t.Errorf("flag %b", f)
		}
		seen |= f
	}
	if b.Flags() != seen || !b.Locked() {
		t.Errorf("flags %b, want %b; locked %v", b.Flags(), seen, b.Locked())
	}
	b.Clear(seen)
	b.Unlock()
	if b.Flags() != 0 || b.Locked() {
		t.Errorf("flags %b are left, locked %v", b.Flags(), b.Locked())
	}
}
