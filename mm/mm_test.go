package mm

import (
	"syscall"
	"testing"

	"github.com/govfs/govfs/vfs"
)

// An area is what vfs hands to a file's Mmap.
var _ vfs.VMA = (*VMA)(nil)

func TestAddressesStandForPages(t *testing.T) {
	v := NewVMA(NewAddressSpace(1), 0x10000, 0x14000, 5, VMARead|VMAShared)
	for addr, want := range map[uint64]uint64{0x10000: 5, 0x10fff: 5, 0x11000: 6, 0x13fff: 8} {
		if got := v.PageOf(addr); got != want {
			t.Errorf("address %#x is page %d of the file, want %d", addr, got, want)
		}
	}
	if v.Start() != 0x10000 || v.End() != 0x14000 || v.PageOffset() != 5 || v.Flags() != VMARead|VMAShared {
		t.Errorf("area %+v", v)
	}
}

func TestAreasWithoutWholePagesPanic(t *testing.T) {
	for _, r := range [][2]uint64{{0, 0}, {4096, 0}, {1, 4096}, {0, 4097}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("area %v: no panic", r)
				}
			}()
			NewVMA(NewAddressSpace(1), r[0], r[1], 0, 0)
		}()
	}
}

func TestAreasHaveMethodsAndData(t *testing.T) {
	v := NewVMA(NewAddressSpace(1), 0, pageSize, 0, 0)
	if v.ops == nil {
		t.Fatal("a new area has no table of methods")
	}
	o := OpsOf(nil)
	v.SetOps(o)
	if v.ops != o {
		t.Error("SetOps did not set")
	}
	v.SetOps(nil)
	if v.ops == nil {
		t.Error("SetOps(nil) left no table")
	}
	v.SetPrivate("mine")
	if v.Private() != "mine" {
		t.Errorf("private data %v", v.Private())
	}
}

func TestFaultResultsAreErrors(t *testing.T) {
	for r, want := range map[FaultResult]error{
		0: nil, FaultLocked: nil, FaultNoPage: nil, FaultRetry: nil, FaultMajor | FaultLocked: nil,
		FaultOOM: syscall.ENOMEM, FaultSIGBUS: syscall.EFAULT, FaultSIGSEGV: syscall.EFAULT,
		FaultSIGBUS | FaultMajor: syscall.EFAULT, FaultHWPoison: syscall.EFAULT,
	} {
		if got := r.err(); got != want {
			t.Errorf("result %b: %v, want %v", r, got, want)
		}
	}
}

func TestSeveralFaultsShareTheAddressSpace(t *testing.T) {
	as := NewAddressSpace(1)
	as.RLock()
	second := make(chan struct{})
	go func() {
		as.RLock()
		as.RUnlock()
		close(second)
	}()
	<-second
	as.RUnlock()
	as.Lock()
	as.Unlock()
}
