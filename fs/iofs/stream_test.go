package iofs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// sequentialFS is a file system of one file "f" that can only be read from
// front to back, in small pieces; it counts how often it was opened and how
// much was read.
type sequentialFS struct {
	data        []byte
	size        int64 // what the file says
	piece       int
	mtime       time.Time
	opens, read atomic.Int64
	closes      atomic.Int64
	fail        func(off int64) error
}

func (s *sequentialFS) Open(name string) (fs.File, error) {
	m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o444}}
	if name != "f" {
		return m.Open(name)
	}
	s.opens.Add(1)
	info, err := s.Stat(name)
	if err != nil {
		return nil, err
	}
	return &testFile{info: info, closed: &s.closes, read: func(p []byte, off int64) (int, error) {
		if s.fail != nil {
			if err := s.fail(off); err != nil {
				return 0, err
			}
		}
		if off >= int64(len(s.data)) {
			return 0, io.EOF
		}
		n := copy(p[:min(len(p), s.piece)], s.data[off:])
		s.read.Add(int64(n))
		return n, nil
	}}, nil
}

// Stat keeps what is counted as an open to the opens for reading.
func (s *sequentialFS) Stat(name string) (fs.FileInfo, error) {
	m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o444}}
	info, err := m.Stat(name)
	if err != nil || name != "f" {
		return info, err
	}
	return sizedInfo{info, s.size, s.mtime}, nil
}

func mapInfo(m fstest.MapFS, name string) fs.FileInfo {
	info, err := m.Stat(name)
	if err != nil {
		panic(err)
	}
	return info
}

type sizedInfo struct {
	fs.FileInfo
	size  int64
	mtime time.Time
}

func (i sizedInfo) Size() int64        { return i.size }
func (i sizedInfo) ModTime() time.Time { return i.mtime }

func newSequential(n int) *sequentialFS {
	return &sequentialFS{data: pattern(n), size: int64(n), piece: 4999}
}

func open(t testing.TB, task *vfs.Task, path string) *vfs.File {
	t.Helper()
	f, err := task.OpenFile(vfs.AtCWD, path, vfs.OpenHow{Flags: unix.O_RDONLY})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return f
}

func TestSequentialFileIsReadOnceFromFrontToBack(t *testing.T) {
	for _, n := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 5*blockSize + 77} {
		s := newSequential(n)
		task := mount(t, "", s)
		got, err := readAll(task, "/f", 10007)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "content", got, s.data)
		if s.opens.Load() != 1 || s.read.Load() != int64(n) {
			t.Errorf("%d bytes: opened %d times, %d bytes read", n, s.opens.Load(), s.read.Load())
		}
	}
}

func TestSequentialFileAnswersRandomReads(t *testing.T) {
	s := newSequential(40 * blockSize / 8)
	task := mount(t, "", s)
	// A cache of a few blocks makes the file begin again now and then.
	superOf(task.Namespace().Superblock()).blocks.limit = 3 * blockSize
	f := open(t, task, "/f")
	defer f.Put(task)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		off := rnd.Int64N(s.size + blockSize)
		buf := make([]byte, rnd.IntN(2*blockSize))
		n, err := f.Pread(task, buf, off)
		want := s.data[min(off, s.size):min(off+int64(len(buf)), s.size)]
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "read", buf[:n], want)
	}
	if s.opens.Load() < 2 {
		t.Error("the file was never begun again")
	}
	if size := superOf(task.Namespace().Superblock()).blocks.size; size > 3*blockSize {
		t.Errorf("%d bytes are cached", size)
	}
}

// jumpFS adds Seek to the files of a sequentialFS.
type jumpFS struct{ *sequentialFS }

type jumpFile struct {
	*testFile
	broken bool
}

func (f jumpFile) Seek(off int64, whence int) (int64, error) {
	if f.broken || whence != io.SeekStart {
		return 0, errors.New("cannot")
	}
	f.off = off
	return off, nil
}

func (j jumpFS) Open(name string) (fs.File, error) {
	f, err := j.sequentialFS.Open(name)
	if tf, ok := f.(*testFile); ok && err == nil {
		return jumpFile{tf, false}, nil
	}
	return f, err
}

func TestSeekableFileIsNotReadThrough(t *testing.T) {
	s := newSequential(100 * blockSize)
	task := mount(t, "", jumpFS{s})
	f := open(t, task, "/f")
	defer f.Put(task)
	for _, block := range []int64{90, 3, 50} {
		buf := make([]byte, 100)
		if n, err := f.Pread(task, buf, block*blockSize+5); n != 100 || err != nil {
			t.Fatal(n, err)
		}
		wantBytes(t, "read", buf, s.data[block*blockSize+5:][:100])
	}
	if s.opens.Load() != 1 || s.read.Load() != 3*blockSize {
		t.Errorf("opened %d times, %d bytes read", s.opens.Load(), s.read.Load())
	}
}

func TestFarJumpLeavesTheCacheAlone(t *testing.T) {
	s := newSequential((keepAhead + 20) * blockSize)
	s.piece = blockSize
	task := mount(t, "", s)
	sb := superOf(task.Namespace().Superblock())
	f := open(t, task, "/f")
	defer f.Put(task)
	buf := make([]byte, 10)
	if _, err := f.Pread(task, buf, (keepAhead+19)*blockSize); err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "read", buf, s.data[(keepAhead+19)*blockSize:][:10])
	if n := len(sb.blocks.blocks); n != keepAhead+1 {
		t.Errorf("%d blocks are cached, want %d", n, keepAhead+1)
	}
}

// A file need not be as long as it says.
func TestSizeIsOnlyAHint(t *testing.T) {
	for _, says := range []int64{0, 10, blockSize, 4 * blockSize} {
		for _, has := range []int{0, 11, blockSize + 5, 3 * blockSize} {
			s := newSequential(has)
			s.size = says
			task := mount(t, "", s)
			wantBytes(t, "content", mustRead(t, task, "/f"), s.data)
		}
	}
}

func TestReadErrors(t *testing.T) {
	boom := errors.New("boom")
	s := newSequential(4 * blockSize)
	s.fail = func(off int64) error {
		if off >= 2*blockSize+100 {
			return boom
		}
		return nil
	}
	s.piece = 100
	task := mount(t, "", s)
	f := open(t, task, "/f")
	defer f.Put(task)
	buf := make([]byte, 3*blockSize)
	n, err := f.Pread(task, buf, 0)
	if n != 2*blockSize || err != nil {
		t.Errorf("read up to the error: %d, %v", n, err)
	}
	wantBytes(t, "read", buf[:n], s.data[:n])
	for range 2 {
		if n, err := f.Pread(task, buf, 2*blockSize); n != 0 || err != unix.EIO {
			t.Errorf("read at the error: %d, %v", n, err)
		}
	}
	// What lies before is still there, and what lies behind can be reached
	// again once the error is gone.
	if n, err := f.Pread(task, buf[:10], 0); n != 10 || err != nil {
		t.Errorf("read before the error: %d, %v", n, err)
	}
	s.fail = nil
	if n, err := f.Pread(task, buf[:10], 3*blockSize); n != 10 || err != nil {
		t.Errorf("read behind where the error was: %d, %v", n, err)
	}
	wantBytes(t, "read", buf[:10], s.data[3*blockSize:][:10])
}

func TestBrokenReaders(t *testing.T) {
	for name, read := range map[string]func(p []byte, off int64) (int, error){
		"no progress": func([]byte, int64) (int, error) { return 0, nil },
		"too much":    func(p []byte, _ int64) (int, error) { return len(p) + 1, nil },
		"negative":    func([]byte, int64) (int, error) { return -1, nil },
	} {
		for _, at := range []bool{false, true} {
			m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o444, Data: make([]byte, 10)}}
			task := mount(t, "", funcFS{func(file string) (fs.File, error) {
				if file != "f" {
					return m.Open(file)
				}
				f := &testFile{info: mapInfo(m, "f"), read: read}
				if at {
					return readerAtFile{f}, nil
				}
				return f, nil
			}})
			data, err := readAll(task, "/f", 100)
			if at && name == "no progress" {
				if len(data) != 0 || err != nil { // a short ReadAt without an error is the end
					t.Errorf("%s: %d bytes, %v", name, len(data), err)
				}
				continue
			}
			if len(data) != 0 || err != unix.EIO {
				t.Errorf("%s, ReaderAt %v: %d bytes, %v", name, at, len(data), err)
			}
		}
	}
}

type readerAtFile struct{ *testFile }

func (f readerAtFile) ReadAt(p []byte, off int64) (int, error) { return f.read(p, off) }

func TestReaderAtErrorAfterSomeBytes(t *testing.T) {
	m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o444, Data: make([]byte, 10)}}
	task := mount(t, "", funcFS{func(name string) (fs.File, error) {
		if name != "f" {
			return m.Open(name)
		}
		return readerAtFile{&testFile{info: mapInfo(m, "f"), read: func(p []byte, off int64) (int, error) {
			if off >= 4 {
				return 0, fs.ErrPermission
			}
			return copy(p, "abcd"[off:]), fs.ErrPermission
		}}}, nil
	}})
	data, err := readAll(task, "/f", 100)
	if string(data) != "abcd" || err != unix.EACCES {
		t.Errorf("%q, %v", data, err)
	}
}

func TestInterruptedRead(t *testing.T) {
	s := newSequential(4 * blockSize)
	task := mount(t, "", s)
	f := open(t, task, "/f")
	defer f.Put(task)
	done := make(chan struct{})
	s.fail = func(off int64) error {
		if off == 0 {
			close(done) // the interruption comes while the first block is read
		}
		return nil
	}
	task.SetDone(done)
	_, err := f.Pread(task, make([]byte, 10), 3*blockSize)
	task.SetDone(nil)
	if err != unix.EINTR {
		t.Errorf("interrupted: %v", err)
	}
	s.fail = nil
	if n, err := f.Pread(task, make([]byte, 10), 3*blockSize); n != 10 || err != nil {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func TestReplacedFileIsStaleWhereItBeginsAgain(t *testing.T) {
	s := newSequential(8 * blockSize)
	task := mount(t, "", s)
	superOf(task.Namespace().Superblock()).blocks.limit = blockSize
	f := open(t, task, "/f")
	defer f.Put(task)
	buf := make([]byte, 10)
	if _, err := f.Pread(task, buf, 5*blockSize); err != nil {
		t.Fatal(err)
	}
	s.mtime = time.Unix(1e9, 0)
	if _, err := f.Pread(task, buf, 6*blockSize); err != nil {
		t.Errorf("reading on: %v", err)
	}
	if _, err := f.Pread(task, buf, 0); err != unix.ESTALE {
		t.Errorf("beginning again: %v", err)
	}
	// Who opens it now sees the new file, and no block of the old one.
	s.data[0] ^= 0xff
	wantBytes(t, "new content", mustRead(t, task, "/f"), s.data)
}

func TestParallelReadersOfOneStream(t *testing.T) {
	s := newSequential(30 * blockSize)
	s.piece = blockSize
	task := mount(t, "", s)
	superOf(task.Namespace().Superblock()).blocks.limit = 8 * blockSize
	f := open(t, task, "/f")
	defer f.Put(task)
	var wg sync.WaitGroup
	for i := range 4 {
		reader := task.Clone(vfs.CloneFS)
		wg.Go(func() {
			defer reader.Exit()
			rnd := rand.New(rand.NewPCG(uint64(i), 3))
			for range 50 {
				off := rnd.Int64N(s.size)
				buf := make([]byte, 1000)
				n, err := f.Pread(reader, buf, off)
				if want := s.data[off:min(off+1000, s.size)]; err != nil || string(buf[:n]) != string(want) {
					t.Errorf("read at %d: %d bytes, %v", off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestBlockCacheKeepsTheNewest(t *testing.T) {
	var c blockCache
	c.init(10 * (100 + blockOverhead))
	key := func(i int) blockKey { return blockKey{inode: 1, index: int64(i)} }
	for i := range 10 {
		c.put(key(i), make([]byte, 100))
	}
	c.get(key(0))
	c.put(key(10), make([]byte, 100))
	c.put(key(5), make([]byte, 100)) // again
	for i, want := range []bool{true, false, true, true, true, true, true, true, true, true, true} {
		if _, got := c.get(key(i)); got != want {
			t.Errorf("block %d is cached: %v", i, got)
		}
	}
	if c.size != 10*(100+blockOverhead) || len(c.blocks) != 10 {
		t.Errorf("%d bytes in %d blocks", c.size, len(c.blocks))
	}
	// A block larger than the limit is alone.
	c.put(key(11), make([]byte, 10000))
	if len(c.blocks) != 1 {
		t.Errorf("%d blocks beside a large one", len(c.blocks)-1)
	}
}
