//go:build !lockdep

package lockdep

import (
	"sync"
	"testing"
	"unsafe"
)

// Without the checker a lock is as large as what it wraps: a class costs no
// room.
func TestLocksAreAsSmallAsTheirPrimitives(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"Mutex", unsafe.Sizeof(Mutex{}), unsafe.Sizeof(sync.Mutex{})},
		{"RWMutex", unsafe.Sizeof(RWMutex{}), unsafe.Sizeof(sync.RWMutex{})},
		{"SpinLock", unsafe.Sizeof(SpinLock{}), unsafe.Sizeof(sync.Mutex{})},
		{"SeqLock", unsafe.Sizeof(SeqLock{}), unsafe.Sizeof(sync.Mutex{}) + 4},
		{"SeqCount", unsafe.Sizeof(SeqCount{}), 4},
		{"BitLock", unsafe.Sizeof(BitLock{}), 4},
		{"VirtualLock", unsafe.Sizeof(VirtualLock{}), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s takes %d bytes, want %d", c.name, c.got, c.want)
		}
	}
}
