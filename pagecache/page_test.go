package pagecache

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func newTestPage(index uint64) *Page { return NewPage(index, new(Frame)) }

func TestPageStartsCleanAndUnlocked(t *testing.T) {
	p := newTestPage(3)
	if p.Locked() || p.Flags() != 0 || p.Refs() != 1 || p.Mapping() != nil {
		t.Errorf("new page: locked %v, flags %b, %d references, mapping %v", p.Locked(), p.Flags(), p.Refs(), p.Mapping())
	}
	if p.Index() != 3 || p.Offset() != 3*PageSize || len(p.Bytes()) != PageSize {
		t.Errorf("new page: index %d, offset %d, %d bytes", p.Index(), p.Offset(), len(p.Bytes()))
	}
	if p.In(nil) {
		t.Error("a page without a mapping is in the nil mapping")
	}
}

func TestPageFlagsDoNotTouchTheLock(t *testing.T) {
	all := []PageFlags{PageUptodate, PageDirty, PageError, PagePrivate, PageReferenced, PageActive, PageReclaim, PageReadahead, PageMappedToDisk, PageOwnerPriv}
	p := newTestPage(0)
	p.Lock()
	seen := PageFlags(0)
	for _, f := range all {
		if f&seen != 0 {
			t.Fatalf("flag %b is used twice", f)
		}
		seen |= f
		if p.Set(f) != 0 || p.Set(f) != f || !p.Has(f) {
			t.Errorf("flag %b: Set does not report what was set before", f)
		}
	}
	if !p.Locked() || p.Flags() != seen {
		t.Errorf("locked %v, flags %b, want %b", p.Locked(), p.Flags(), seen)
	}
	p.Unlock()
	if p.Locked() || p.Flags() != seen {
		t.Errorf("after Unlock: locked %v, flags %b, want %b", p.Locked(), p.Flags(), seen)
	}
	for _, f := range all {
		if p.Clear(f) != f || p.Clear(f) != 0 || p.Has(f) {
			t.Errorf("flag %b: Clear does not report what was set before", f)
		}
	}
	if p.Flags() != 0 {
		t.Errorf("flags %b are left", p.Flags())
	}
}

func TestPageLockExcludes(t *testing.T) {
	p := newTestPage(0)
	n := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				p.Lock()
				n++
				p.Unlock()
			}
		})
	}
	wg.Wait()
	if n != 4000 {
		t.Errorf("%d increments under the page lock, want 4000", n)
	}
	if !p.TryLock() {
		t.Fatal("TryLock of a free page failed")
	}
	if done := make(chan bool); true {
		go func() { done <- p.TryLock() }()
		if <-done {
			t.Error("TryLock of a locked page succeeded")
		}
	}
	p.Unlock()
}

func TestPageLockWaitIsInterrupted(t *testing.T) {
	p := newTestPage(0)
	p.Lock()
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error)
	go func() { errs <- p.LockContext(ctx) }()
	go func() { errs <- p.WaitUnlocked(ctx) }()
	cancel()
	for range 2 {
		if err := <-errs; err != syscall.EINTR {
			t.Errorf("interrupted wait: %v, want EINTR", err)
		}
	}
	p.Unlock()
	if err := p.LockContext(ctx); err != nil {
		t.Errorf("a free page is locked without a look at the context: %v", err)
	}
	p.Unlock()
}

func TestPageLockIsReleasedByTheCompletion(t *testing.T) {
	p := newTestPage(0)
	p.Lock()
	p.TransferLock()
	submitted := make(chan struct{})
	go func() {
		<-submitted
		p.AdoptLock()
		p.Set(PageUptodate)
		p.Unlock()
	}()
	if p.TryLock() {
		t.Fatal("a page whose lock was handed to its I/O is free")
	}
	close(submitted)
	if err := p.WaitUnlocked(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.Uptodate() {
		t.Error("woken before the completion was done")
	}
}

func TestWritebackWaitersWakeAtItsEnd(t *testing.T) {
	p := newTestPage(0)
	p.Lock()
	p.SetWriteback()
	p.Unlock()
	if !p.Writeback() {
		t.Fatal("not under writeback")
	}
	var ended atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := p.WaitWriteback(t.Context()); err != nil {
				t.Error(err)
			}
			if !ended.Load() {
				t.Error("woken before the end of writeback")
			}
		})
	}
	ended.Store(true)
	p.ClearWriteback()
	wg.Wait()
}

func TestPageMisusePanics(t *testing.T) {
	for name, f := range map[string]func(p *Page){
		"writeback of an unlocked page": func(p *Page) { p.SetWriteback() },
		"writeback twice":               func(p *Page) { p.Lock(); defer p.Unlock(); p.SetWriteback(); p.SetWriteback() },
		"end of no writeback":           func(p *Page) { p.ClearWriteback() },
		"put too many":                  func(p *Page) { p.Put(); p.Put() },
		"get of a freed page":           func(p *Page) { p.Put(); p.Get() },
		"private data twice":            func(p *Page) { p.AttachPrivate(1); p.AttachPrivate(2) },
		"no private data":               func(p *Page) { p.AttachPrivate(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f(newTestPage(0))
		})
	}
}

func TestPrivateDataHoldAReference(t *testing.T) {
	p := newTestPage(0)
	p.Lock()
	defer p.Unlock()
	if p.DetachPrivate() != nil {
		t.Error("private data on a new page")
	}
	p.AttachPrivate("ring")
	if !p.HasPrivate() || p.Private() != "ring" || p.Refs() != 2 {
		t.Errorf("attached: private %v %v, %d references", p.HasPrivate(), p.Private(), p.Refs())
	}
	if p.DetachPrivate() != "ring" || p.HasPrivate() || p.Refs() != 1 {
		t.Errorf("detached: private %v, %d references", p.HasPrivate(), p.Refs())
	}
	if p.Get().Put() {
		t.Error("Put of an extra reference was the last")
	}
	if !p.Put() {
		t.Error("Put of the last reference was not the last")
	}
}
