package block

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// recorder is a driver that writes down how it is called.
type recorder struct {
	mu    sync.Mutex
	calls []string
	err   error
}

func (r *recorder) add(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *recorder) Open(_ context.Context, bdev *BlockDevice, _ Mode) error {
	if r.err != nil {
		return r.err
	}
	if bdev.Whole() != bdev {
		r.add("open of a partition")
	} else {
		r.add("open")
	}
	return nil
}

func (r *recorder) Release(_ context.Context, _ *Disk, _ Mode) { r.add("release") }

func TestDriverSeesOpensOfTheWholeDisk(t *testing.T) {
	ctx := t.Context()
	r := new(recorder)
	d := NewDisk("ram0", 1, 100, OpsOf(r))
	part, ok := d.NewPartition(2, 10, 50)
	if !ok {
		t.Fatal("no partition")
	}
	steps := []struct {
		do   func() error
		want []string
	}{
		{func() error { return d.Whole().Open(ctx, ModeRead) }, []string{"open"}},
		{func() error { return d.Whole().Open(ctx, ModeRead) }, []string{"open"}},
		{func() error { return part.Open(ctx, ModeRead) }, []string{"open"}},
		{func() error { return part.Open(ctx, ModeRead) }, nil},
		{func() error { part.Close(ctx, ModeRead); return nil }, nil},
		{func() error { part.Close(ctx, ModeRead); return nil }, []string{"release"}},
		{func() error { d.Whole().Close(ctx, ModeRead); return nil }, []string{"release"}},
	}
	for i, s := range steps {
		r.calls = nil
		if err := s.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if !slices.Equal(r.calls, s.want) {
			t.Errorf("step %d: the driver saw %q, want %q", i, r.calls, s.want)
		}
	}
	if n := d.Whole().Openers(); n != 1 {
		t.Errorf("the disk has %d openers, want the 1 that is left", n)
	}
	if n := part.Openers(); n != 0 {
		t.Errorf("the partition has %d openers, want 0", n)
	}
}

func TestFailedOpenLeavesNothingOpen(t *testing.T) {
	ctx := t.Context()
	r := &recorder{err: syscall.ENXIO}
	d := NewDisk("ram0", 1, 100, OpsOf(r))
	part, _ := d.NewPartition(2, 0, 100)
	for _, b := range []*BlockDevice{d.Whole(), part} {
		if err := b.Open(ctx, ModeRead); err != syscall.ENXIO {
			t.Errorf("open: %v, want the driver's ENXIO", err)
		}
		if n := b.Openers(); n != 0 {
			t.Errorf("%d openers after a failed open", n)
		}
	}
	if n := d.Whole().Openers(); n != 0 {
		t.Errorf("the disk has %d openers", n)
	}
	d.SetReadOnly(true)
	if err := d.Whole().Open(ctx, ModeRead|ModeWrite); err != syscall.EROFS {
		t.Errorf("open for writing of a read-only disk: %v, want EROFS", err)
	}
}

func TestOpenWaitsInterruptibly(t *testing.T) {
	d := NewDisk("ram0", 1, 100, OpsOf(nil))
	d.whole.mutex.Lock()
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() { errs <- d.Whole().Open(ctx, ModeRead) }()
	cancel()
	if err := <-errs; err != syscall.EINTR {
		t.Errorf("interrupted open: %v, want EINTR", err)
	}
	d.whole.mutex.Unlock()
}

func TestOpensAndClosesBalanceUnderContention(t *testing.T) {
	r := new(recorder)
	d := NewDisk("ram0", 1, 100, OpsOf(r))
	parts := make([]*BlockDevice, 3)
	for i := range parts {
		parts[i], _ = d.NewPartition(uint64(2+i), uint64(i), 1)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			b := d.Whole()
			if i < len(parts) {
				b = parts[i]
			}
			for range 100 {
				if err := b.Open(t.Context(), ModeRead); err != nil {
					t.Error(err)
					return
				}
				b.Close(t.Context(), ModeRead)
			}
		})
	}
	wg.Wait()
	opens := 0
	for _, c := range r.calls {
		switch c {
		case "open":
			opens++
		case "release":
			opens--
		default:
			t.Fatal(c)
		}
	}
	if opens != 0 || d.Whole().Openers() != 0 {
		t.Errorf("%d opens are left, %d openers", opens, d.Whole().Openers())
	}
}

func TestPartitionsLieInsideTheirDisk(t *testing.T) {
	d := NewDisk("ram0", 1, 100, OpsOf(nil))
	for _, tc := range []struct {
		start, length uint64
		ok            bool
	}{
		{0, 100, true}, {99, 1, true}, {100, 0, true}, {0, 101, false}, {50, 51, false}, {101, 0, false},
		{1, ^uint64(0), false}, {^uint64(0), 1, false},
	} {
		b, ok := d.NewPartition(7, tc.start, tc.length)
		if ok != tc.ok {
			t.Errorf("partition of %d sectors at %d: %v, want %v", tc.length, tc.start, ok, tc.ok)
		}
		if ok && (b.Start() != tc.start || b.Sectors() != tc.length || b.Whole() != d.Whole() || b.Disk() != d || b.Dev() != 7) {
			t.Errorf("partition of %d sectors at %d: %+v", tc.length, tc.start, b)
		}
	}
}

func TestCloseOfAClosedDevicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewDisk("ram0", 1, 100, OpsOf(nil)).Whole().Close(t.Context(), ModeRead)
}
