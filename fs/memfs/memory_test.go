package memfs

import (
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// emptyFileBudget is the heap, in bytes, that an empty file may take: inode,
// dentry, name and all that finds them.
const emptyFileBudget = 780

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryOfEmptyFiles measures what files of 12 characters cost.
func TestMemoryOfEmptyFiles(t *testing.T) {
	n := 200000
	if testing.Short() {
		n = 50000
	}
	w := newMemWorld(t, "nr_inodes=0")
	before := heapInUse()
	for i := range n {
		fd, err := w.open(fmt.Sprintf("file%08d", i), unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		w.close(fd)
	}
	each := (heapInUse() - before) / uint64(n)
	t.Logf("%d bytes of heap an empty file", each)
	// The lock checker keeps records of its own with every lock.
	if each > emptyFileBudget && !lockdep.Enabled {
		t.Errorf("%d bytes of heap an empty file, more than %d", each, emptyFileBudget)
	}
}
