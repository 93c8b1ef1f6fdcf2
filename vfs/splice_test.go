package vfs_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func TestSpliceFromAFileThroughAPipe(t *testing.T) {
	task := newRoot(t, "")
	text := strings.Repeat("0123456789", 5000)
	create(t, task, "/in", text)
	in, out := open(t, task, "/in", unix.O_RDONLY), open(t, task, "/out", unix.O_CREAT|unix.O_RDWR)
	r, w := newPipe(t, task, 0)
	moved := 0
	for {
		n, err := task.Splice(in, nil, w, nil, 1<<20, 0)
		must(t, "splice into the pipe", err)
		if n == 0 {
			break
		}
		for n > 0 {
			k, err := task.Splice(r, nil, out, nil, n, 0)
			must(t, "splice out of the pipe", err)
			n -= k
			moved += k
		}
	}
	if moved != len(text) || content(t, task, "/out") != text {
		t.Errorf("%d bytes moved, and they are the same: %v", moved, content(t, task, "/out") == text)
	}
	// With positions, those of the files stay.
	off := int64(5)
	if n, err := task.Splice(in, &off, w, nil, 10, 0); n != 10 || err != nil || off != 15 {
		t.Errorf("splice at an offset: %d, %v, to %d", n, err, off)
	}
	off = 100
	if n, err := task.Splice(r, nil, out, &off, 100, 0); n != 10 || err != nil || off != 110 {
		t.Errorf("splice to an offset: %d, %v, to %d", n, err, off)
	}
	if got := content(t, task, "/out")[95:115]; got != "56789"+"5678901234"+"01234" {
		t.Errorf("content %q", got)
	}
	if pos, _ := task.Lseek(in, 0, unix.SEEK_CUR); pos != int64(len(text)) {
		t.Errorf("position of the source %d", pos)
	}
}

func TestSpliceErrors(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "data")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	f, a := open(t, task, "/f", unix.O_RDWR), open(t, task, "/f", unix.O_WRONLY|unix.O_APPEND)
	d := open(t, task, "/d", unix.O_RDONLY)
	r, w := newPipe(t, task, 0)
	var off int64
	for _, c := range []struct {
		what       string
		in, out    int
		offI, offO *int64
		n          int
		flags      uint32
		want       error
	}{
		{"nothing at all", 99, 99, nil, nil, 0, 99, nil},
		{"unknown flags", f, w, nil, nil, 1, 1 << 9, unix.EINVAL},
		{"a bad source", 99, w, nil, nil, 1, 0, unix.EBADF},
		{"a bad target", f, 99, nil, nil, 1, 0, unix.EBADF},
		{"no pipe", f, f, nil, nil, 1, 0, unix.EINVAL},
		{"one pipe for both", r, w, nil, nil, 1, 0, unix.EINVAL},
		{"a source not open for it", w, f, nil, nil, 1, 0, unix.EBADF},
		{"a target not open for it", f, r, nil, nil, 1, 0, unix.EBADF},
		{"an offset of a pipe", f, w, nil, &off, 1, 0, unix.ESPIPE},
		{"an offset of a pipe", r, f, &off, nil, 1, 0, unix.ESPIPE},
		{"a target that appends", r, a, nil, nil, 1, 0, unix.EINVAL},
		{"an empty pipe", r, f, nil, nil, 1, unix.SPLICE_F_NONBLOCK, unix.EAGAIN},
		{"a directory", d, w, nil, nil, 1, 0, unix.EINVAL},
		{"success", f, w, nil, nil, 1, 0, nil},
	} {
		_, err := task.Splice(c.in, c.offI, c.out, c.offO, c.n, c.flags)
		wantErr(t, c.what, err, c.want)
	}
	must(t, "close", task.Close(r))
	_, err := task.Splice(f, nil, w, nil, 1, 0)
	wantErr(t, "a pipe without readers", err, unix.EPIPE)
}

func TestTeeLeavesTheData(t *testing.T) {
	task := newRoot(t, "")
	r, w := newPipe(t, task, 0)
	r2, w2 := newPipe(t, task, 0)
	task.Write(w, []byte("copied"))
	if n, err := task.Tee(r, w2, 4, 0); n != 4 || err != nil {
		t.Errorf("tee: %d, %v", n, err)
	}
	buf := make([]byte, 10)
	if n, _ := task.Read(r2, buf); string(buf[:n]) != "copi" {
		t.Errorf("the copy is %q", buf[:n])
	}
	if n, err := task.Splice(r, nil, w2, nil, 100, 0); n != 6 || err != nil {
		t.Errorf("splice: %d, %v", n, err)
	}
	if n, _ := task.Read(r2, buf); string(buf[:n]) != "copied" {
		t.Errorf("what was moved is %q", buf[:n])
	}
	_, err := task.Tee(r, w2, 1, unix.SPLICE_F_NONBLOCK)
	wantErr(t, "tee of an empty pipe", err, unix.EAGAIN)
	_, err = task.Tee(r, w, 1, 0)
	wantErr(t, "tee of a pipe to itself", err, unix.EINVAL)
	must(t, "close", task.Close(w))
	if n, err := task.Tee(r, w2, 1, 0); n != 0 || err != nil {
		t.Errorf("tee at the end: %d, %v", n, err)
	}
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	_, err = task.Tee(r, fd, 1, 0)
	wantErr(t, "tee to a file", err, unix.EINVAL)
}

func TestSendfile(t *testing.T) {
	task := newRoot(t, "")
	text := strings.Repeat("abcdefghij", 100000)
	create(t, task, "/in", text)
	in, out := open(t, task, "/in", unix.O_RDONLY), open(t, task, "/out", unix.O_CREAT|unix.O_RDWR)
	if n, err := task.Sendfile(out, in, nil, 1<<30); n != len(text) || err != nil {
		t.Errorf("sendfile: %d, %v", n, err)
	}
	if content(t, task, "/out") != text {
		t.Error("other bytes arrived")
	}
	off := int64(3)
	if n, err := task.Sendfile(out, in, &off, 4); n != 4 || err != nil || off != 7 {
		t.Errorf("sendfile at an offset: %d, %v, to %d", n, err, off)
	}
	r, w := newPipe(t, task, 0)
	off = 0
	if n, err := task.Sendfile(w, in, &off, 5); n != 5 || err != nil || off != 5 {
		t.Errorf("sendfile to a pipe: %d, %v", n, err)
	}
	buf := make([]byte, 10)
	if n, _ := task.Read(r, buf); string(buf[:n]) != "abcde" {
		t.Errorf("the pipe has %q", buf[:n])
	}
	app := open(t, task, "/out", unix.O_WRONLY|unix.O_APPEND)
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	d := open(t, task, "/d", unix.O_RDONLY)
	bad := int64(-1)
	for _, c := range []struct {
		what    string
		out, in int
		off     *int64
		n       int
		want    error
	}{
		{"a bad source", out, 99, nil, 1, unix.EBADF},
		{"a bad target", 99, in, nil, 1, unix.EBADF},
		{"a source not open for it", out, app, nil, 1, unix.EBADF},
		{"a target not open for it", in, out, nil, 1, unix.EBADF},
		{"an offset of a pipe", out, r, &off, 1, unix.ESPIPE},
		{"a negative offset", out, in, &bad, 1, unix.EINVAL},
		{"a pipe as source", out, r, nil, 1, unix.EINVAL},
		{"a target that appends", app, in, nil, 1, unix.EINVAL},
		{"a directory", out, d, nil, 1, unix.EINVAL},
	} {
		_, err := task.Sendfile(c.out, c.in, c.off, c.n)
		wantErr(t, "sendfile: "+c.what, err, c.want)
	}
}

func TestCopyFileRange(t *testing.T) {
	task := newRoot(t, "")
	text := strings.Repeat("0123456789", 100000)
	create(t, task, "/in", text)
	in, out := open(t, task, "/in", unix.O_RDONLY), open(t, task, "/out", unix.O_CREAT|unix.O_RDWR)
	if n, err := task.CopyFileRange(in, nil, out, nil, 1<<30, 0); n != len(text) || err != nil {
		t.Errorf("copy_file_range: %d, %v", n, err)
	}
	if content(t, task, "/out") != text {
		t.Error("other bytes arrived")
	}
	if n, err := task.CopyFileRange(in, nil, out, nil, 10, 0); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	from, to := int64(2), int64(5)
	if n, err := task.CopyFileRange(in, &from, out, &to, 3, 0); n != 3 || err != nil || from != 5 || to != 8 {
		t.Errorf("with offsets: %d, %v, to %d and %d", n, err, from, to)
	}
	if got := content(t, task, "/out")[:10]; got != "0123423489" {
		t.Errorf("content %q", got)
	}
	both := open(t, task, "/out", unix.O_RDWR)
	app := open(t, task, "/out", unix.O_RDWR|unix.O_APPEND)
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	d := open(t, task, "/d", unix.O_RDONLY)
	r, w := newPipe(t, task, 0)
	other := newRoot(t, "")
	create(t, other, "/f", "x")
	far := clone(t, other, nil, 0)
	f, err := far.OpenFile(vfs.AtCWD, "/f", vfs.OpenHow{Flags: unix.O_RDWR})
	must(t, "open", err)
	foreign, err := task.InstallFD(f, false)
	must(t, "install", err)
	zero, five, max, tooFar, below := int64(0), int64(5), int64(vfs.MaxFileSize-1), int64(vfs.MaxFileSize), int64(-1)
	for _, c := range []struct {
		what       string
		in, out    int
		offI, offO *int64
		n, flags   int
		want       error
	}{
		{"flags", in, out, nil, nil, 1, 1, unix.EINVAL},
		{"a bad source", 99, out, nil, nil, 1, 0, unix.EBADF},
		{"a directory", d, out, nil, nil, 1, 0, unix.EISDIR},
		{"a pipe as source", r, out, nil, nil, 1, 0, unix.EINVAL},
		{"a pipe as target", in, w, nil, nil, 1, 0, unix.EINVAL},
		{"a target not open for it", out, in, nil, nil, 1, 0, unix.EBADF},
		{"a target that appends", in, app, nil, nil, 1, 0, unix.EBADF},
		{"another file system", in, foreign, nil, nil, 1, 0, unix.EXDEV},
		{"a range that overlaps", both, both, &zero, &five, 6, 0, unix.EINVAL},
		{"a source beyond its end", in, out, &max, nil, 5, 0, nil},
		{"a target too far", in, out, nil, &tooFar, 5, 0, unix.EFBIG},
		{"a negative source", in, out, &below, nil, 5, 0, unix.EOVERFLOW},
	} {
		_, err := task.CopyFileRange(c.in, c.offI, c.out, c.offO, c.n, c.flags)
		wantErr(t, "copy_file_range: "+c.what, err, c.want)
	}
	if n, err := task.CopyFileRange(both, &zero, both, &five, 5, 0); n != 5 || err != nil {
		t.Errorf("within one file: %d, %v", n, err)
	}
}
