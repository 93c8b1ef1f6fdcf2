package vfs_test

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

const pageSize = 4096

func newPipe(t *testing.T, task *vfs.Task, flags int) (r, w int) {
	t.Helper()
	r, w, err := task.Pipe2(flags)
	must(t, "pipe2", err)
	return r, w
}

// inBackground runs call, which is to wait, and gives its result to come.
func inBackground[T any](call func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- call() }()
	return done
}

// stillWaits reports whether nothing came after a moment.
func stillWaits[T any](ch <-chan T) bool {
	select {
	case <-ch:
		return false
	case <-time.After(20 * time.Millisecond):
		return true
	}
}

func receive[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		buf := make([]byte, 1<<20)
		t.Fatalf("%s does not end\n%s", what, buf[:runtime.Stack(buf, true)])
	}
	return v
}

func TestPipeEndsWhenTheWritersAreGone(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	if n, err := task.Write(w, []byte("hello")); n != 5 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	must(t, "close", task.Close(w))
	buf := make([]byte, 3)
	for _, want := range []string{"hel", "lo", "", ""} {
		if n, err := task.Read(r, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("read: %q, %v, want %q", buf[:n], err, want)
		}
	}
}

func TestPipeWithoutReadersIsBroken(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	signals := 0
	task.Limits.OnPipe = func() { signals++ }
	must(t, "close", task.Close(r))
	if n, err := task.Write(w, []byte("x")); n != 0 || err != unix.EPIPE || signals != 1 {
		t.Errorf("write: %d, %v, %d signals", n, err, signals)
	}
	if n, err := task.Write(w, nil); n != 0 || err != nil || signals != 1 {
		t.Errorf("empty write: %d, %v, %d signals", n, err, signals)
	}
}

func TestPipesHaveNoPosition(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	_, err := task.Lseek(r, 0, unix.SEEK_CUR)
	wantErr(t, "lseek", err, unix.ESPIPE)
	_, err = task.Pread(r, make([]byte, 1), 0)
	wantErr(t, "pread", err, unix.ESPIPE)
	_, err = task.Pwrite(w, make([]byte, 1), 0)
	wantErr(t, "pwrite", err, unix.ESPIPE)
	_, err = task.Write(r, make([]byte, 1))
	wantErr(t, "write to the reading end", err, unix.EBADF)
	wantErr(t, "fsync", task.Fsync(w), unix.EINVAL)
	wantErr(t, "ftruncate", task.Ftruncate(w, 0), unix.EINVAL)
	wantErr(t, "fallocate", task.Fallocate(w, 0, 0, 1), unix.ESPIPE)
	wantErr(t, "sync_file_range", task.SyncFileRange(w, 0, 0, 0), unix.ESPIPE)
	var st vfs.Stat
	must(t, "fstat", task.Fstat(r, &st))
	if st.Mode != unix.S_IFIFO|0o600 || st.Nlink != 1 {
		t.Errorf("mode %o, %d links", st.Mode, st.Nlink)
	}
	f, err := task.File(r)
	must(t, "file", err)
	defer f.Put(task)
	name, err := task.PathString(f.Path())
	if err != nil || !strings.HasPrefix(name, "pipe:[") {
		t.Errorf("name %q, %v", name, err)
	}
}

func TestPipeReaderWaitsForData(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	reader := clone(t, task, nil, vfs.CloneFiles)
	buf := make([]byte, 10)
	done := inBackground(func() int { n, _ := reader.Read(r, buf); return n })
	if !stillWaits(done) {
		t.Fatal("read of an empty pipe does not wait")
	}
	task.Write(w, []byte("ab"))
	if n := receive(t, "read", done); n != 2 {
		t.Errorf("read: %d", n)
	}
}

func TestPipeReaderIsInterrupted(t *testing.T) {
	task := newRoot(t, "")
	r, _ := newPipe(t, task, 0)
	reader := clone(t, task, nil, vfs.CloneFiles)
	stop := make(chan struct{})
	reader.SetDone(stop)
	done := inBackground(func() error { _, err := reader.Read(r, make([]byte, 1)); return err })
	if !stillWaits(done) {
		t.Fatal("read of an empty pipe does not wait")
	}
	close(stop)
	wantErr(t, "read", receive(t, "read", done), unix.EINTR)
}

func TestNonblockingPipe(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, unix.O_NONBLOCK)
	_, err := task.Read(r, make([]byte, 1))
	wantErr(t, "read of an empty pipe", err, unix.EAGAIN)
	if n, err := task.Write(w, make([]byte, 100000)); n != 65536 || err != nil {
		t.Errorf("write of more than fits: %d, %v", n, err)
	}
	_, err = task.Write(w, make([]byte, 1))
	wantErr(t, "write to a full pipe", err, unix.EAGAIN)
	// A page has to be free before something is written again.
	if n, err := task.Read(r, make([]byte, pageSize-1)); n != pageSize-1 || err != nil {
		t.Fatalf("read: %d, %v", n, err)
	}
	_, err = task.Write(w, make([]byte, 1))
	wantErr(t, "write to a pipe without a free page", err, unix.EAGAIN)
	task.Read(r, make([]byte, 1))
	if n, err := task.Write(w, make([]byte, pageSize)); n != pageSize || err != nil {
		t.Errorf("write of PIPE_BUF: %d, %v", n, err)
	}
}

func TestShortWritesShareAPage(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, unix.O_NONBLOCK)
	n := 0
	for ; ; n++ {
		if _, err := task.Write(w, []byte("x")); err != nil {
			break
		}
	}
	if n != 65536 {
		t.Errorf("%d writes of a byte fit, want 65536", n)
	}
	arg := &vfs.IoctlArg{Out: make([]byte, 4)}
	if _, err := task.Ioctl(r, 0x541b, arg); err != nil {
		t.Errorf("FIONREAD: %v", err)
	}
	arg.In = arg.Out
	if queued, _ := arg.Uint32(); queued != 65536 {
		t.Errorf("FIONREAD says %d", queued)
	}
}

func TestPacketsAreReadAsOne(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, unix.O_DIRECT)
	for _, s := range []string{"one", "second"} {
		task.Write(w, []byte(s))
	}
	buf := make([]byte, 4)
	for _, want := range []string{"one", "seco"} {
		if n, err := task.Read(r, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("read: %q, %v, want %q", buf[:n], err, want)
		}
	}
	must(t, "close", task.Close(w))
	if n, err := task.Read(r, buf); n != 0 || err != nil {
		t.Errorf("the rest of a packet is still there: %q, %v", buf[:n], err)
	}
}

// TestWritesUpToPipeBufAreWhole has writers of records of PIPE_BUF bytes and
// less compete: none is torn.
func TestWritesUpToPipeBufAreWhole(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	const writers, records = 4, 200
	var wg sync.WaitGroup
	for i := range writers {
		c := clone(t, task, nil, vfs.CloneFiles)
		wg.Go(func() {
			for k := range records {
				size := 1 + (k*977+i*131)%pageSize
				rec := bytes.Repeat([]byte{byte('a' + i)}, size)
				rec[size-1] = '\n'
				if n, err := c.Write(w, rec); n != size || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			}
		})
	}
	closer := clone(t, task, nil, vfs.CloneFiles)
	go func() {
		wg.Wait()
		closer.Close(w)
	}()
	var all []byte
	buf := make([]byte, 10000)
	for {
		n, err := task.Read(r, buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		all = append(all, buf[:n]...)
	}
	lines := strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
	if len(lines) != writers*records {
		t.Fatalf("%d records, want %d", len(lines), writers*records)
	}
	for _, l := range lines {
		if l != "" && strings.Trim(l, l[:1]) != "" {
			t.Fatalf("a torn record: %.20q of %d bytes", l, len(l))
		}
	}
}

func TestPipeSize(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, unix.O_NONBLOCK)
	if n, err := task.GetPipeSize(r); n != 65536 || err != nil {
		t.Errorf("F_GETPIPE_SZ: %d, %v", n, err)
	}
	if n, err := task.SetPipeSize(w, 5000); n != 8192 || err != nil {
		t.Errorf("F_SETPIPE_SZ 5000: %d, %v", n, err)
	}
	if n, err := task.Write(w, make([]byte, 10000)); n != 8192 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	_, err := task.SetPipeSize(w, 1)
	wantErr(t, "F_SETPIPE_SZ below what is used", err, unix.EBUSY)
	if n, err := task.SetPipeSize(w, 1<<20); n != 1<<20 || err != nil {
		t.Errorf("F_SETPIPE_SZ 1 MiB: %d, %v", n, err)
	}
	buf := make([]byte, 10000)
	if n, err := task.Read(r, buf); n != 8192 || err != nil {
		t.Errorf("read after the changes of size: %d, %v", n, err)
	}
	_, err = task.SetPipeSize(w, -1)
	wantErr(t, "negative F_SETPIPE_SZ", err, unix.EINVAL)
	user := clone(t, task, vfs.UserCred(1, 1), vfs.CloneFiles)
	_, err = user.SetPipeSize(w, 2<<20)
	wantErr(t, "F_SETPIPE_SZ of a user beyond the limit", err, unix.EPERM)
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	_, err = task.GetPipeSize(fd)
	wantErr(t, "F_GETPIPE_SZ of a file", err, unix.EBADF)
}

func newFIFO(t *testing.T, task *vfs.Task) {
	t.Helper()
	must(t, "mknod", task.Mknodat(vfs.AtCWD, "/fifo", unix.S_IFIFO|0o666, 0))
}

func TestFIFOOpensWaitForEachOther(t *testing.T) {
	for _, first := range []int{unix.O_RDONLY, unix.O_WRONLY} {
		task := newRoot(t, "")
		newFIFO(t, task)
		other := clone(t, task, nil, 0)
		type result struct {
			fd  int
			err error
		}
		done := inBackground(func() result {
			fd, err := other.Openat(vfs.AtCWD, "/fifo", first, 0)
			return result{fd, err}
		})
		if !stillWaits(done) {
			t.Fatal("the open does not wait")
		}
		fd := open(t, task, "/fifo", unix.O_RDONLY+unix.O_WRONLY-first)
		res := receive(t, "open", done)
		must(t, "open", res.err)
		w, r, wTask, rTask := fd, res.fd, task, other
		if first == unix.O_WRONLY {
			w, r, wTask, rTask = res.fd, fd, other, task
		}
		wTask.Write(w, []byte("hi"))
		buf := make([]byte, 10)
		if n, err := rTask.Read(r, buf); n != 2 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}
}

func TestFIFOOpenIsInterrupted(t *testing.T) {
	task := newRoot(t, "")
	newFIFO(t, task)
	for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY} {
		other := clone(t, task, nil, 0)
		stop := make(chan struct{})
		other.SetDone(stop)
		done := inBackground(func() error { _, err := other.Openat(vfs.AtCWD, "/fifo", flags, 0); return err })
		if !stillWaits(done) {
			t.Fatal("the open does not wait")
		}
		close(stop)
		wantErr(t, "open", receive(t, "open", done), unix.EINTR)
	}
	// Nothing is left of them: a writer still finds no reader.
	_, err := task.Openat(vfs.AtCWD, "/fifo", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	wantErr(t, "open for writing", err, unix.ENXIO)
}

func TestFIFOOpenThatDoesNotWait(t *testing.T) {
	task := newRoot(t, "")
	newFIFO(t, task)
	_, err := task.Openat(vfs.AtCWD, "/fifo", unix.O_WRONLY|unix.O_NONBLOCK, 0)
	wantErr(t, "open for writing without a reader", err, unix.ENXIO)
	r := open(t, task, "/fifo", unix.O_RDONLY|unix.O_NONBLOCK)
	if n, err := task.Read(r, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read without a writer: %d, %v", n, err)
	}
	fds := []vfs.PollFd{{FD: r, Events: vfs.PollIn}}
	if n, err := task.Poll(fds, 0); n != 0 || err != nil {
		t.Errorf("poll before the first writer: %d, %v, %x", n, err, fds[0].Revents)
	}
	w := open(t, task, "/fifo", unix.O_WRONLY|unix.O_NONBLOCK)
	_, err = task.Read(r, make([]byte, 1))
	wantErr(t, "read with a writer", err, unix.EAGAIN)
	must(t, "close", task.Close(w))
	if n, err := task.Poll(fds, 0); n != 1 || err != nil || fds[0].Revents != vfs.PollHup {
		t.Errorf("poll after the last writer: %d, %v, %x", n, err, fds[0].Revents)
	}
	both := open(t, task, "/fifo", unix.O_RDWR)
	if n, err := task.Write(both, []byte("x")); n != 1 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	_, err = task.Openat(vfs.AtCWD, "/fifo", unix.O_RDWR|unix.O_DIRECT, 0)
	wantErr(t, "open with O_DIRECT", err, unix.EINVAL)
}

func TestFIFODataGoWithTheLastClose(t *testing.T) {
	task := newRoot(t, "")
	newFIFO(t, task)
	fd := open(t, task, "/fifo", unix.O_RDWR)
	task.Write(fd, []byte("lost"))
	must(t, "close", task.Close(fd))
	fd = open(t, task, "/fifo", unix.O_RDWR|unix.O_NONBLOCK)
	_, err := task.Read(fd, make([]byte, 10))
	wantErr(t, "read of a new FIFO", err, unix.EAGAIN)
}

func TestDevicesAndSocketsCannotBeOpened(t *testing.T) {
	task := newRoot(t, "")
	for name, mode := range map[string]uint32{"/sock": unix.S_IFSOCK, "/chr": unix.S_IFCHR, "/blk": unix.S_IFBLK} {
		must(t, "mknod", task.Mknodat(vfs.AtCWD, name, mode|0o666, unix.Mkdev(77, 1)))
		_, err := task.Openat(vfs.AtCWD, name, unix.O_RDWR, 0)
		wantErr(t, "open "+name, err, unix.ENXIO)
	}
}

func TestPollOfPipes(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	check := func(what string, wantR, wantW vfs.PollMask) {
		t.Helper()
		fds := []vfs.PollFd{{FD: r, Events: ^vfs.PollMask(0)}, {FD: w, Events: ^vfs.PollMask(0)}}
		if _, err := task.Poll(fds, 0); err != nil || fds[0].Revents != wantR || fds[1].Revents != wantW {
			t.Errorf("%s: %v, %x and %x, want %x and %x", what, err, fds[0].Revents, fds[1].Revents, wantR, wantW)
		}
	}
	const in, out = vfs.PollIn | vfs.PollRdnorm, vfs.PollOut | vfs.PollWrnorm
	check("an empty pipe", 0, out)
	task.Write(w, make([]byte, 65536))
	check("a full pipe", in, 0)
	task.Read(r, make([]byte, pageSize))
	check("a pipe with some data", in, out)
	dup, _ := task.Dup(r)
	task.Close(r)
	r = dup
	check("the other descriptor", in, out)
	must(t, "close", task.Close(w))
	fds := []vfs.PollFd{{FD: r, Events: vfs.PollIn}, {FD: w}, {FD: -1, Events: vfs.PollIn}}
	if n, err := task.Poll(fds, 0); n != 2 || err != nil || fds[0].Revents != vfs.PollIn|vfs.PollHup || fds[1].Revents != vfs.PollNval || fds[2].Revents != 0 {
		t.Errorf("after the close: %d, %v, %+v", n, err, fds)
	}
	r2, w2 := newPipe(t, task, 0)
	task.Close(r2)
	fds = []vfs.PollFd{{FD: w2, Events: vfs.PollOut}}
	if n, _ := task.Poll(fds, 0); n != 1 || fds[0].Revents != vfs.PollOut|vfs.PollErr {
		t.Errorf("without readers: %x", fds[0].Revents)
	}
}

func TestPollWaits(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	fds := []vfs.PollFd{{FD: r, Events: vfs.PollIn}}
	start := time.Now()
	if n, err := task.Poll(fds, 30*time.Millisecond); n != 0 || err != nil || time.Since(start) < 30*time.Millisecond {
		t.Errorf("poll with a timeout: %d, %v after %v", n, err, time.Since(start))
	}
	waiter := clone(t, task, nil, vfs.CloneFiles)
	done := inBackground(func() int { n, _ := waiter.Poll(fds, -1); return n })
	if !stillWaits(done) {
		t.Fatal("poll does not wait")
	}
	task.Write(w, []byte("x"))
	if n := receive(t, "poll", done); n != 1 || fds[0].Revents != vfs.PollIn {
		t.Errorf("poll: %d, %x", n, fds[0].Revents)
	}
	task.Read(r, make([]byte, 1))
	stop := make(chan struct{})
	waiter.SetDone(stop)
	failed := inBackground(func() error { _, err := waiter.Poll(fds, -1); return err })
	if !stillWaits(failed) {
		t.Fatal("poll does not wait")
	}
	close(stop)
	wantErr(t, "interrupted poll", receive(t, "poll", failed), unix.EINTR)
	file := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	fds = []vfs.PollFd{{FD: file, Events: vfs.PollIn | vfs.PollOut | vfs.PollPri}}
	if n, err := task.Poll(fds, -1); n != 1 || err != nil || fds[0].Revents != vfs.PollIn|vfs.PollOut {
		t.Errorf("poll of a file: %d, %v, %x", n, err, fds[0].Revents)
	}
}

func TestPipeSignalsItsOwner(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	var signals, last atomic.Int64
	must(t, "F_SETOWN", task.SetOwn(r, 42, func(signal, fd int) {
		last.Store(int64(signal))
		signals.Add(1)
	}))
	task.Write(w, []byte("x"))
	if signals.Load() != 0 {
		t.Error("a signal without O_ASYNC")
	}
	must(t, "F_SETFL", task.SetFL(r, unix.O_ASYNC))
	if fl, _ := task.GetFL(r); fl&unix.O_ASYNC == 0 {
		t.Errorf("flags %x lack O_ASYNC", fl)
	}
	task.Write(w, []byte("x"))
	if signals.Load() != 1 || last.Load() != int64(unix.SIGIO) {
		t.Errorf("%d signals, the last %d", signals.Load(), last.Load())
	}
	must(t, "F_SETSIG", task.SetSig(r, 40))
	task.Write(w, []byte("x"))
	if signals.Load() != 2 || last.Load() != 40 {
		t.Errorf("%d signals, the last %d", signals.Load(), last.Load())
	}
	if pid, err := task.GetOwn(r); pid != 42 || err != nil {
		t.Errorf("F_GETOWN: %d, %v", pid, err)
	}
	wantErr(t, "F_SETSIG of no signal", task.SetSig(r, 65), unix.EINVAL)
	must(t, "F_SETFL", task.SetFL(r, 0))
	task.Write(w, []byte("x"))
	if signals.Load() != 2 {
		t.Error("a signal after O_ASYNC was switched off")
	}
}

func TestThePipeSuperblockGoesWithTheLastPipe(t *testing.T) {
	task := newRoot(t, "")
	before := vfs.Superblocks()
	r, w := newPipe(t, task, 0)
	r2, w2 := newPipe(t, task, 0)
	if n := vfs.Superblocks(); n != before+1 {
		t.Errorf("%d superblocks with pipes, want %d", n, before+1)
	}
	for _, fd := range []int{r, w, r2, w2} {
		must(t, "close", task.Close(fd))
	}
	if n := vfs.Superblocks(); n != before {
		t.Errorf("%d superblocks after the pipes, want %d", n, before)
	}
	newPipe(t, task, 0)
}

func TestPipe2WithoutDescriptorsLeavesNothing(t *testing.T) {
	task := newRoot(t, "")
	before := vfs.Superblocks()
	for limit := range 2 {
		task.Limits.Files = limit
		_, _, err := task.Pipe2(0)
		wantErr(t, "pipe2", err, unix.EMFILE)
	}
	_, _, err := task.Pipe2(unix.O_APPEND)
	wantErr(t, "pipe2 with unknown flags", err, unix.EINVAL)
	if n := vfs.Superblocks(); n != before {
		t.Errorf("%d superblocks, want %d", n, before)
	}
	task.Limits.Files = 2
	r, w := newPipe(t, task, unix.O_CLOEXEC)
	if flags, _ := task.GetFD(w); r != 0 || w != 1 || flags != unix.FD_CLOEXEC {
		t.Errorf("descriptors %d and %d, flags %d", r, w, flags)
	}
	var fs vfs.StatFS
	must(t, "fstatfs", task.Fstatfs(r, &fs))
	if fs.Type != 0x50495045 || fs.Namelen != 255 {
		t.Errorf("statfs %+v", fs)
	}
}
