package memfs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// clone is the same world for another goroutine.
func (w *memWorld) clone() *memWorld {
	return &memWorld{t: w.t.Clone(vfs.CloneFS | vfs.CloneFiles), ns: w.ns, sb: w.sb}
}

// run calls f in goroutines, each with a task of its own and a generator of
// random numbers, until a second has passed.
func (w *memWorld) run(t *testing.T, rng *rand.Rand, funcs ...func(w *memWorld, rng *rand.Rand)) {
	d := time.Second
	if testing.Short() {
		d = 200 * time.Millisecond
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i, f := range funcs {
		c, r := w.clone(), rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		wg.Go(func() {
			defer c.t.Exit()
			for !stop.Load() && !t.Failed() {
				f(c, r)
			}
		})
	}
	time.Sleep(d)
	stop.Store(true)
	wg.Wait()
}

// TestReadBesideTruncateSeesNoZeros has a file that is only ever cut and
// written on: a reader sees its bytes, and no zeros of what was cut off, nor
// the bytes of other files that got the memory.
func TestReadBesideTruncateSeesNoZeros(t *testing.T) {
	w := newMemWorld(t, "size=4m")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	const most = 70 * pageSize
	reader := func(w *memWorld, rng *rand.Rand) {
		buf := make([]byte, 1+rng.IntN(4*pageSize))
		off := rng.Int64N(most)
		n, err := w.pread(fd, buf, off)
		if err != nil {
			t.Error(err)
		}
		for i, b := range buf[:n] {
			if b != 'A' {
				t.Errorf("read of %d at %d: byte %d is %q", len(buf), off, i, b)
				return
			}
		}
	}
	size := int64(0)
	writer := func(w *memWorld, rng *rand.Rand) {
		if size == most || rng.IntN(2) == 0 {
			size = rng.Int64N(size + 1)
			if err := w.ftruncate(fd, size); err != nil {
				t.Error(err)
			}
			return
		}
		n, err := w.pwrite(fd, bytes.Repeat([]byte{'A'}, int(rng.Int64N(most-size)+1)), size)
		if err != nil {
			t.Error(err)
		}
		size += int64(n)
	}
	other := func(w *memWorld, rng *rand.Rand) {
		name := fmt.Sprint("other", rng.IntN(1<<40))
		fd, err := w.open(name, unix.O_RDWR|unix.O_CREAT, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := w.pwrite(fd, bytes.Repeat([]byte{'Z'}, rng.IntN(most)+1), rng.Int64N(most)); err != nil {
			t.Error(err)
		}
		w.close(fd)
		if err := w.unlink(name); err != nil {
			t.Error(err)
		}
	}
	w.run(t, seed(t), reader, reader, writer, other, other)
}

// inodeAt is the inode of an open file, for a test of what is below the system
// calls; it lives as long as the file is open.
func (w *memWorld) inodeAt(t *testing.T, fd int) *inode {
	t.Helper()
	f, err := w.t.File(fd)
	must(t, err)
	defer f.Put(w.t)
	return inodeOf(f.Inode())
}

// TestPinHasTheFilesOwnFrame has the only page of a file move to and fro
// between the file and another owner of its frame, as fast as can be.
func TestPinHasTheFilesOwnFrame(t *testing.T) {
	w := newMemWorld(t, "")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	in, arena := w.inodeAt(t, fd), &w.sb.arena
	own := func(letter byte) frame {
		f, _, err := arena.alloc(in.ID())
		must(t, err)
		arena.page(f)[0] = letter
		return f
	}
	// Each stop of the world interrupts the others one after the other: a
	// reader, perhaps between finding the frame and taking the reference,
	// while the writer goes on.
	interrupter := func(*memWorld, *rand.Rand) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	writer := func(*memWorld, *rand.Rand) {
		for range 1000 {
			in.pages.set(0, uint32(own('A')))
			in.pages.clear(0, 1, func(v uint32) { arena.unpin(frame(v), in.ID()) })
			arena.unpin(own('Z'), in.ID())
		}
	}
	reader := func(*memWorld, *rand.Rand) {
		for range 1000 {
			v, f := in.pin(arena, 0)
			if !hasFrame(v) {
				continue
			}
			letter := arena.page(f)[0]
			arena.unpin(f, in.ID())
			if letter != 'A' {
				t.Errorf("a page of another owner, %q", letter)
				return
			}
		}
	}
	w.run(t, seed(t), writer, reader, reader, interrupter)
}

// TestCutPageReadsWhole cuts the only page of a file and fills it again, as
// fast as can be: who reads it sees no zeros.
func TestCutPageReadsWhole(t *testing.T) {
	w := newMemWorld(t, "")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	in := w.inodeAt(t, fd)
	full := bytes.Repeat([]byte{'A'}, pageSize)
	w.run(t, seed(t), func(*memWorld, *rand.Rand) {
		var iter vfs.Iter
		for range 1000 {
			in.Lock()
			iter.ResetOne(full[in.Size():])
			if _, err := in.write(&iter, in.Size()); err != nil {
				t.Error(err)
			}
			in.truncate(100)
			in.Unlock()
		}
	}, func(*memWorld, *rand.Rand) {
		var buf [pageSize]byte
		for range 1000 {
			var iter vfs.Iter
			iter.ResetOne(buf[:])
			if n := in.read(&iter, 0); !bytes.Equal(buf[:n], full[:n]) {
				t.Errorf("zeros in a read of %d bytes", n)
				return
			}
		}
	})
}

// TestHolesComeAndGoBesideReaders makes holes in, removes and inserts parts of
// a file of one letter: readers see the letter or zeros.
func TestHolesComeAndGoBesideReaders(t *testing.T) {
	w := newMemWorld(t, "size=8m")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	reader := func(w *memWorld, rng *rand.Rand) {
		buf := make([]byte, 1+rng.IntN(4*pageSize))
		n, err := w.pread(fd, buf, rng.Int64N(200*pageSize))
		if err != nil {
			t.Error(err)
		}
		for _, b := range buf[:n] {
			if b != 'A' && b != 0 {
				t.Errorf("a byte is %q", b)
				return
			}
		}
	}
	seeker := func(w *memWorld, rng *rand.Rand) {
		if _, err := w.lseek(fd, rng.Int64N(100*pageSize), unix.SEEK_DATA+rng.IntN(2)); err != nil && err != unix.ENXIO {
			t.Error(err)
		}
	}
	changer := func(w *memWorld, rng *rand.Rand) {
		off, n := rng.Int64N(100)*pageSize, (1+rng.Int64N(30))*pageSize
		if rng.IntN(2) == 0 {
			if _, err := w.pwrite(fd, bytes.Repeat([]byte{'A'}, int(n)), off+rng.Int64N(pageSize)); err != nil {
				t.Error(err)
			}
			return
		}
		modes := []uint32{
			unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE, unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE,
			0, unix.FALLOC_FL_KEEP_SIZE,
		}
		mode := modes[rng.IntN(len(modes))]
		if err := w.fallocate(fd, mode, off, n); err != nil && err != unix.EINVAL {
			t.Errorf("fallocate %#x: %v", mode, err)
		}
		if rng.IntN(20) == 0 {
			if err := w.ftruncate(fd, 50*pageSize); err != nil {
				t.Error(err)
			}
		}
	}
	w.run(t, seed(t), reader, reader, seeker, changer, changer)
}

// TestSpaceIsExactUnderThreads has threads fight for little space, and looks
// that all of it is there again in the end.
func TestSpaceIsExactUnderThreads(t *testing.T) {
	w := newMemWorld(t, "nr_blocks=50,nr_inodes=20")
	worker := func(w *memWorld, rng *rand.Rand) {
		name, target := fmt.Sprint("f", rng.IntN(15)), fmt.Sprint("f", rng.IntN(15))
		switch rng.IntN(9) {
		case 0, 1:
			fd, err := w.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW, 0o600)
			if err == nil {
				_, err = w.pwrite(fd, make([]byte, rng.IntN(20*pageSize)), rng.Int64N(20*pageSize))
				w.close(fd)
			}
			allow(t, err, unix.ENOSPC, unix.EISDIR, unix.ENOENT, unix.ELOOP, unix.EFBIG, unix.ENXIO)
		case 2:
			allow(t, w.unlink(name), unix.ENOENT, unix.EISDIR)
		case 3:
			allow(t, w.rename(name, target, uint(rng.IntN(2)*unix.RENAME_EXCHANGE)), unix.ENOENT, unix.EISDIR, unix.ENOTDIR, unix.ENOTEMPTY)
		case 4:
			allow(t, w.link(name, target), unix.ENOENT, unix.EEXIST, unix.EPERM, unix.ENOSPC)
		case 5:
			allow(t, w.truncate(name, rng.Int64N(30*pageSize)), unix.ENOENT, unix.EISDIR, unix.ELOOP, unix.EINVAL)
		case 6:
			allow(t, w.setxattr(name, "user.x", make([]byte, rng.IntN(3000)), 0), unix.ENOENT, unix.ENOSPC, unix.EPERM)
		case 7:
			allow(t, w.symlink(string(bytes.Repeat([]byte{'s'}, 1+rng.IntN(200))), name), unix.EEXIST, unix.ENOSPC)
		case 8:
			if rng.IntN(2) == 0 {
				allow(t, w.mkdir(name, 0o700), unix.EEXIST, unix.ENOSPC)
			} else {
				allow(t, w.rmdir(name), unix.ENOENT, unix.ENOTDIR)
			}
		}
	}
	w.run(t, seed(t), worker, worker, worker, worker)
	for i := range 15 {
		name := fmt.Sprint("f", i)
		if err := w.unlink(name); err == unix.EISDIR {
			err = w.rmdir(name)
			allow(t, err)
		} else {
			allow(t, err, unix.ENOENT)
		}
	}
	if names, err := w.readdir("."); len(names) > 0 || err != nil {
		t.Errorf("names are left: %v, %v", names, err)
	}
	var st unix.Statfs_t
	must(t, w.statfs(&st))
	if st.Bfree != 50 || st.Ffree != 19 || w.sb.space.left.Load() != 19*inodeSpace {
		t.Errorf("%d blocks, %d inodes, %d bytes for inodes are left", st.Bfree, st.Ffree, w.sb.space.left.Load())
	}
}

func allow(t *testing.T, err error, errnos ...unix.Errno) {
	t.Helper()
	for _, e := range errnos {
		if err == e {
			return
		}
	}
	if err != nil {
		t.Error(err)
	}
}
