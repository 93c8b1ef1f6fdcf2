package vfs_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func TestDescriptorsAreTheLowestFree(t *testing.T) {
	task := newRoot(t, "")
	for want := range 3 {
		if fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR); fd != want {
			t.Fatalf("open gives %d, want %d", fd, want)
		}
	}
	must(t, "close", task.Close(1))
	if fd, err := task.Dup(0); fd != 1 || err != nil {
		t.Errorf("dup: %d, %v", fd, err)
	}
	if fd, err := task.FcntlDupFD(0, 100, true); fd != 100 || err != nil {
		t.Errorf("F_DUPFD_CLOEXEC: %d, %v", fd, err)
	}
	if flags, err := task.GetFD(100); flags != unix.FD_CLOEXEC || err != nil {
		t.Errorf("F_GETFD: %d, %v", flags, err)
	}
	must(t, "F_SETFD", task.SetFD(100, 0))
	if flags, _ := task.GetFD(100); flags != 0 {
		t.Errorf("F_GETFD: %d", flags)
	}
	task.Limits.Files = 4
	if fd, err := task.Dup(0); fd != 3 || err != nil {
		t.Errorf("dup: %d, %v", fd, err)
	}
	_, err := task.Dup(0)
	wantErr(t, "dup at the limit", err, unix.EMFILE)
	_, err = task.FcntlDupFD(0, 4, false)
	wantErr(t, "F_DUPFD at the limit", err, unix.EINVAL)
	_, err = task.FcntlDupFD(9, 4, false)
	wantErr(t, "F_DUPFD of a bad descriptor", err, unix.EBADF)
}

func TestDup2AndDup3(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "one")
	create(t, task, "/g", "two")
	f, g := open(t, task, "/f", unix.O_RDONLY), open(t, task, "/g", unix.O_RDONLY)
	if fd, err := task.Dup2(f, g); fd != g || err != nil {
		t.Fatalf("dup2: %d, %v", fd, err)
	}
	buf := make([]byte, 2)
	task.Read(f, buf)
	if n, _ := task.Read(g, buf); n != 1 || buf[0] != 'e' {
		t.Errorf("the descriptors share no position: read %d, %q", n, buf[:n])
	}
	if fd, err := task.Dup2(f, f); fd != f || err != nil {
		t.Errorf("dup2 of a descriptor on itself: %d, %v", fd, err)
	}
	if fd, err := task.Dup3(f, 50, unix.O_CLOEXEC); fd != 50 || err != nil {
		t.Errorf("dup3: %d, %v", fd, err)
	}
	if flags, _ := task.GetFD(50); flags != unix.FD_CLOEXEC {
		t.Error("dup3 with O_CLOEXEC did not set the flag")
	}
	task.Limits.Files = 60
	for _, c := range []struct {
		name       string
		old, fresh int
		flags      int
		want       error
	}{
		{"the same descriptor", f, f, 0, unix.EINVAL},
		{"unknown flags", f, g, unix.O_APPEND, unix.EINVAL},
		{"a bad descriptor", 40, g, 0, unix.EBADF},
		{"a target beyond the limit", f, 60, 0, unix.EBADF},
		{"a negative target", f, -1, 0, unix.EBADF},
	} {
		_, err := task.Dup3(c.old, c.fresh, c.flags)
		wantErr(t, "dup3: "+c.name, err, c.want)
	}
	_, err := task.Dup2(40, 40)
	wantErr(t, "dup2 of a bad descriptor on itself", err, unix.EBADF)
}

func TestStatusFlags(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC)
	if fl, err := task.GetFL(fd); fl != unix.O_RDWR || err != nil {
		t.Errorf("F_GETFL: %#x, %v", fl, err)
	}
	must(t, "F_SETFL", task.SetFL(fd, unix.O_APPEND|unix.O_NONBLOCK|unix.O_CREAT|unix.O_WRONLY))
	if fl, _ := task.GetFL(fd); fl != unix.O_RDWR|unix.O_APPEND|unix.O_NONBLOCK {
		t.Errorf("F_GETFL: %#x", fl)
	}
	task.Write(fd, []byte("ab"))
	task.Pwrite(fd, []byte("c"), 0)
	if got := content(t, task, "/f"); got != "abc" {
		t.Errorf("O_APPEND set by fcntl is not heeded: %q", got)
	}
	user := clone(t, task, vfs.UserCred(1, 1), vfs.CloneFiles)
	wantErr(t, "O_NOATIME on somebody else's file", user.SetFL(fd, unix.O_NOATIME), unix.EPERM)
	_, err := task.Fcntl(fd, 12345, 0)
	wantErr(t, "an unknown command", err, unix.EINVAL)
	_, err = task.Fcntl(99, 12345, 0)
	wantErr(t, "an unknown command on a bad descriptor", err, unix.EBADF)
	r, _ := newPipe(t, task, 0)
	must(t, "O_DIRECT on a pipe", task.SetFL(r, unix.O_DIRECT))
}

// TestPathDescriptors lists what an O_PATH descriptor serves, and that it is
// good for nothing else.
func TestPathDescriptors(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "x")
	fd := open(t, task, "/f", unix.O_PATH)
	var st vfs.Stat
	var fs vfs.StatFS
	must(t, "fstat", task.Fstat(fd, &st))
	must(t, "fstatfs", task.Fstatfs(fd, &fs))
	if fl, err := task.GetFL(fd); err != nil || fl&unix.O_PATH == 0 {
		t.Errorf("F_GETFL: %#x, %v", fl, err)
	}
	_, err := task.GetFD(fd)
	must(t, "F_GETFD", err)
	_, err = task.Dup(fd)
	must(t, "dup", err)
	for name, call := range map[string]func() error{
		"read":      func() error { _, err := task.Read(fd, nil); return err },
		"write":     func() error { _, err := task.Write(fd, nil); return err },
		"lseek":     func() error { _, err := task.Lseek(fd, 0, 0); return err },
		"fchmod":    func() error { return task.Fchmod(fd, 0) },
		"fchown":    func() error { return task.Fchown(fd, 0, 0) },
		"futimens":  func() error { return task.Futimens(fd, nil) },
		"ftruncate": func() error { return task.Ftruncate(fd, 0) },
		"fsync":     func() error { return task.Fsync(fd) },
		"syncfs":    func() error { return task.Syncfs(fd) },
		"ioctl":     func() error { _, err := task.Ioctl(fd, 0, &vfs.IoctlArg{}); return err },
		"flock":     func() error { return task.Flock(fd, unix.LOCK_SH) },
		"F_SETFL":   func() error { return task.SetFL(fd, 0) },
		"F_GETLK":   func() error { return task.FcntlLock(fd, unix.F_GETLK, &vfs.Flock{}) },
		"fsetxattr": func() error { return task.Fsetxattr(fd, "user.a", nil, 0) },
		"getdents":  func() error { _, err := task.Getdents(fd, nil); return err },
		"fallocate": func() error { return task.Fallocate(fd, 0, 0, 1) },
	} {
		wantErr(t, name, call(), unix.EBADF)
	}
}

func TestLseek(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	must(t, "ftruncate", task.Ftruncate(fd, 100))
	const max = vfs.MaxFileSize
	for _, c := range []struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		{10, unix.SEEK_SET, 10, nil},
		{-3, unix.SEEK_CUR, 7, nil},
		{-8, unix.SEEK_CUR, 0, unix.EINVAL},
		{0, unix.SEEK_CUR, 7, nil},
		{5, unix.SEEK_END, 105, nil},
		{-100, unix.SEEK_END, 0, nil},
		{-101, unix.SEEK_END, 0, unix.EINVAL},
		{max, unix.SEEK_END, 0, unix.EINVAL},
		{-1, unix.SEEK_SET, 0, unix.EINVAL},
		{max, unix.SEEK_SET, max, nil},
		{max, unix.SEEK_CUR, 0, unix.EINVAL},
		{0, 5, 0, unix.EINVAL},
		{0, -1, 0, unix.EINVAL},
		{100, vfs.SeekData, 0, unix.ENXIO},
		{-1, vfs.SeekData, 0, unix.ENXIO},
		{100, vfs.SeekHole, 0, unix.ENXIO},
		{50, vfs.SeekHole, 50, nil},
	} {
		got, err := task.Lseek(fd, c.off, c.whence)
		if err != c.err || err == nil && got != c.want {
			t.Errorf("lseek(%d, %d): %d, %v, want %d, %v", c.off, c.whence, got, err, c.want, c.err)
		}
	}
}

func TestPositionsAreSharedByDescriptorsAndTasks(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	const tasks, writes = 4, 300
	done := make(chan bool)
	for range tasks {
		c := clone(t, task, nil, vfs.CloneFiles)
		go func() {
			for range writes {
				if n, err := c.Write(fd, []byte("0123456789")); n != 10 || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			}
			done <- true
		}()
	}
	for range tasks {
		<-done
	}
	if st := stat(t, task, "/f"); st.Size != tasks*writes*10 {
		t.Errorf("size %d, want %d: a position was used twice", st.Size, tasks*writes*10)
	}
}

func TestGetdents(t *testing.T) {
	task := newRoot(t, "")
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	names := []string{"a", "b", "c", "d", "e"}
	for _, n := range names {
		create(t, task, "/d/"+n, "")
	}
	fd := open(t, task, "/d", unix.O_RDONLY)
	list := func(room int) (all []vfs.Dirent, err error) {
		_, err = task.Getdents(fd, func(e vfs.Dirent) bool {
			if len(all) == room {
				return false
			}
			all = append(all, e)
			return true
		})
		return all, err
	}
	seen := map[string]int64{}
	offs := []int64{0}
	var order []string
	for {
		some, err := list(2)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		for _, e := range some {
			if _, twice := seen[e.Name]; twice {
				t.Errorf("%s twice", e.Name)
			}
			seen[e.Name] = e.Off
			order, offs = append(order, e.Name), append(offs, e.Off)
		}
	}
	if len(seen) != len(names)+2 || order[0] != "." || order[1] != ".." {
		t.Fatalf("entries %v", order)
	}
	// The position after an entry leads to the next one.
	for i, name := range order {
		if _, err := task.Lseek(fd, offs[i], unix.SEEK_SET); err != nil {
			t.Fatalf("lseek %d: %v", offs[i], err)
		}
		if some, err := list(1); err != nil || len(some) != 1 || some[0].Name != name {
			t.Errorf("at the position of %s: %v, %v", name, some, err)
		}
		if pos, _ := task.Lseek(fd, 0, unix.SEEK_CUR); pos != offs[i+1] {
			t.Errorf("position after %s: %d, want %d", name, pos, offs[i+1])
		}
	}
	task.Lseek(fd, 0, unix.SEEK_SET)
	_, err := list(0)
	wantErr(t, "no room for the first entry", err, unix.EINVAL)
	if some, err := list(100); len(some) != len(names)+2 || err != nil {
		t.Errorf("the refused entry is lost: %v, %v", some, err)
	}
	file := open(t, task, "/d/a", unix.O_RDONLY)
	_, err = task.Getdents(file, nil)
	wantErr(t, "getdents of a file", err, unix.ENOTDIR)
	for _, n := range names {
		must(t, "unlink", task.Unlinkat(vfs.AtCWD, "/d/"+n, 0))
	}
	must(t, "rmdir", task.Unlinkat(vfs.AtCWD, "/d", unix.AT_REMOVEDIR))
	task.Lseek(fd, 0, unix.SEEK_SET)
	_, err = list(1)
	wantErr(t, "getdents of a removed directory", err, unix.ENOENT)
}

func TestIoctlsOfTheCore(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "0123456789")
	fd := open(t, task, "/f", unix.O_RDWR)
	task.Lseek(fd, 4, unix.SEEK_SET)
	number := func(cmd uint32, in uint32) (uint32, error) {
		arg := &vfs.IoctlArg{Out: make([]byte, 8)}
		arg.PutUint32(in)
		arg.In = arg.Out
		_, err := task.Ioctl(fd, cmd, arg)
		out, _ := arg.Uint32()
		return out, err
	}
	const (
		figetbsz, fionread, fionbio, fionclex, fioclex = 2, 0x541b, 0x5421, 0x5450, 0x5451
		fioasync, fioqsize, fifreeze, fithaw, fibmap   = 0x5452, 0x5460, 0xc0045877, 0xc0045878, 1
	)
	for _, c := range []struct {
		name    string
		cmd, in uint32
		want    uint32
		err     error
	}{
		{"FIGETBSZ", figetbsz, 0, 4096, nil},
		{"FIONREAD", fionread, 0, 6, nil},
		{"FIOQSIZE", fioqsize, 0, 4096, nil},
		{"FIONBIO", fionbio, 1, 1, nil},
		{"FIOCLEX", fioclex, 0, 0, nil},
		{"FIOASYNC off", fioasync, 0, 0, nil},
		{"FIOASYNC", fioasync, 1, 1, unix.ENOTTY},
		{"FIFREEZE", fifreeze, 0, 0, unix.EOPNOTSUPP},
		{"FITHAW", fithaw, 0, 0, unix.EINVAL},
		{"FIBMAP", fibmap, 0, 0, unix.EINVAL},
		{"unknown", 0x1234567, 0, 0, unix.ENOTTY},
	} {
		if got, err := number(c.cmd, c.in); err != c.err || got != c.want {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, got, err, c.want, c.err)
		}
	}
	if fl, _ := task.GetFL(fd); fl&unix.O_NONBLOCK == 0 {
		t.Error("FIONBIO has not set O_NONBLOCK")
	}
	if fdFlags, _ := task.GetFD(fd); fdFlags != unix.FD_CLOEXEC {
		t.Error("FIOCLEX has not set the flag")
	}
	number(fionclex, 0)
	number(fionbio, 0)
	if fl, _ := task.GetFL(fd); fl&unix.O_NONBLOCK != 0 {
		t.Error("FIONBIO has not cleared O_NONBLOCK")
	}
	if fdFlags, _ := task.GetFD(fd); fdFlags != 0 {
		t.Error("FIONCLEX has not cleared the flag")
	}
	_, err := task.Ioctl(fd, fionread, &vfs.IoctlArg{})
	wantErr(t, "FIONREAD without memory", err, unix.EFAULT)
	_, err = task.Ioctl(fd, fionbio, &vfs.IoctlArg{In: []byte{1}})
	wantErr(t, "FIONBIO without memory", err, unix.EFAULT)
	task.SetCred(vfs.UserCred(1, 1))
	for name, cmd := range map[string]uint32{"FIFREEZE": fifreeze, "FITHAW": fithaw, "FIBMAP": fibmap} {
		_, err := number(cmd, 0)
		wantErr(t, name+" of a user", err, unix.EPERM)
	}
}

func TestFallocateChecks(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "x")
	newFIFO(t, task)
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	w, r := open(t, task, "/f", unix.O_WRONLY), open(t, task, "/f", unix.O_RDONLY)
	fifo := open(t, task, "/fifo", unix.O_RDWR)
	const keep, punch, collapse, zero, insert = 1, 2, 8, 0x10, 0x20
	for _, c := range []struct {
		name     string
		fd       int
		mode     uint32
		off, len int64
		want     error
	}{
		{"a bad descriptor", 99, 0, -1, 0, unix.EBADF},
		{"a negative offset", r, 0, -1, 1, unix.EINVAL},
		{"no length", r, 0, 0, 0, unix.EINVAL},
		{"a hole that changes the size", r, punch, 0, 1, unix.EOPNOTSUPP},
		{"two operations", r, punch | zero | keep, 0, 1, unix.EOPNOTSUPP},
		{"collapse with keep-size", r, collapse | keep, 0, 1, unix.EOPNOTSUPP},
		{"insert with keep-size", r, insert | keep, 0, 1, unix.EOPNOTSUPP},
		{"an unknown mode", r, 0x1000, 0, 1, unix.EOPNOTSUPP},
		{"not open for writing", r, 0, 0, 1, unix.EBADF},
		{"a FIFO", fifo, 0, 0, 1, unix.ESPIPE},
		{"beyond the largest file", w, 0, vfs.MaxFileSize, 1, unix.EFBIG},
		{"a success", w, 0, 0, 8192, nil},
	} {
		wantErr(t, c.name, task.Fallocate(c.fd, c.mode, c.off, c.len), c.want)
	}
	if st := stat(t, task, "/f"); st.Size != 8192 || st.Blocks != 16 {
		t.Errorf("size %d, %d blocks", st.Size, st.Blocks)
	}
}

func TestFiemap(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	for _, off := range []int64{0, 8192, 65536} {
		task.Pwrite(fd, make([]byte, 4096), off)
	}
	count := vfs.FiemapRequest{Length: 1 << 40}
	must(t, "fiemap", task.Fiemap(fd, &count))
	if count.Mapped != 3 {
		t.Errorf("%d extents, want 3", count.Mapped)
	}
	req := vfs.FiemapRequest{Length: 1 << 40, Extents: make([]vfs.FiemapExtent, 2)}
	must(t, "fiemap", task.Fiemap(fd, &req))
	if req.Mapped != 2 || req.Extents[1].Logical != 8192 || req.Extents[1].Flags&vfs.FiemapLast != 0 {
		t.Errorf("%d extents: %+v", req.Mapped, req.Extents)
	}
	req = vfs.FiemapRequest{Start: 60000, Length: 1 << 40, Extents: make([]vfs.FiemapExtent, 2)}
	must(t, "fiemap", task.Fiemap(fd, &req))
	if req.Mapped != 1 || req.Extents[0].Logical != 65536 || req.Extents[0].Flags&vfs.FiemapLast == 0 {
		t.Errorf("%d extents: %+v", req.Mapped, req.Extents)
	}
	wantErr(t, "no length", task.Fiemap(fd, &vfs.FiemapRequest{}), unix.EINVAL)
	wantErr(t, "beyond the end of all", task.Fiemap(fd, &vfs.FiemapRequest{Start: 1 << 63, Length: 1}), unix.EFBIG)
	bad := vfs.FiemapRequest{Length: 1, Flags: 0x100 | vfs.FiemapSync}
	wantErr(t, "unknown flags", task.Fiemap(fd, &bad), unix.EBADR)
	if bad.Flags != 0x100 {
		t.Errorf("the flags that are not supported: %x", bad.Flags)
	}
	// The same through the ioctl, whose argument is memory.
	mem := make([]byte, 32+3*56)
	arg := &vfs.IoctlArg{In: mem, Out: mem}
	mem[8+5] = 1 // length 1<<40
	mem[24] = 3
	if _, err := task.Ioctl(fd, 0xc020660b, arg); err != nil || mem[20] != 3 || mem[32+56+1] != 0x20 || mem[32+2*56+40]&1 == 0 {
		t.Errorf("FS_IOC_FIEMAP: %v, %x", err, mem)
	}
	mem[24] = 4
	_, err := task.Ioctl(fd, 0xc020660b, arg)
	wantErr(t, "FS_IOC_FIEMAP with too little memory", err, unix.EFAULT)
}

func TestSyncCalls(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDWR)
	must(t, "fsync", task.Fsync(fd))
	must(t, "fdatasync", task.Fdatasync(fd))
	must(t, "syncfs", task.Syncfs(fd))
	task.Sync()
	must(t, "sync_file_range", task.SyncFileRange(fd, 0, 0, 7))
	wantErr(t, "sync_file_range with unknown flags", task.SyncFileRange(fd, 0, 0, 8), unix.EINVAL)
	wantErr(t, "sync_file_range of a negative offset", task.SyncFileRange(fd, -1, 0, 2), unix.EINVAL)
	wantErr(t, "sync_file_range of a negative length", task.SyncFileRange(fd, 0, -5, 2), unix.EINVAL)
	wantErr(t, "sync_file_range of a range too far", task.SyncFileRange(fd, vfs.MaxFileSize, 1, 2), unix.EINVAL)
}

func TestFcntlByNumber(t *testing.T) {
	task := newRoot(t, "")
	fd := open(t, task, "/f", unix.O_CREAT|unix.O_RDONLY)
	r, _ := newPipe(t, task, 0)
	for _, c := range []struct {
		name         string
		fd, cmd, arg int
		want         int
		err          error
	}{
		{"F_DUPFD", fd, unix.F_DUPFD, 20, 20, nil},
		{"F_DUPFD_CLOEXEC", fd, unix.F_DUPFD_CLOEXEC, 20, 21, nil},
		{"F_GETFD", 21, unix.F_GETFD, 0, unix.FD_CLOEXEC, nil},
		{"F_SETFD", 21, unix.F_SETFD, 0, 0, nil},
		{"F_GETFD", 21, unix.F_GETFD, 0, 0, nil},
		{"F_SETFL", fd, unix.F_SETFL, unix.O_NONBLOCK, 0, nil},
		{"F_GETFL", 20, unix.F_GETFL, 0, unix.O_NONBLOCK, nil},
		{"F_SETSIG", fd, unix.F_SETSIG, 12, 0, nil},
		{"F_GETSIG", 20, unix.F_GETSIG, 0, 12, nil},
		{"F_GETOWN", fd, unix.F_GETOWN, 0, 0, nil},
		{"F_GETLEASE", fd, unix.F_GETLEASE, 0, unix.F_UNLCK, nil},
		{"F_SETLEASE", fd, unix.F_SETLEASE, unix.F_RDLCK, 0, nil},
		{"F_GETLEASE", 20, unix.F_GETLEASE, 0, unix.F_RDLCK, nil},
		{"F_SETPIPE_SZ", r, unix.F_SETPIPE_SZ, 4096, 4096, nil},
		{"F_GETPIPE_SZ", r, unix.F_GETPIPE_SZ, 0, 4096, nil},
		{"F_ADD_SEALS", fd, unix.F_ADD_SEALS, 1, -1, unix.EINVAL},
		{"F_DUPFD without room", fd, unix.F_DUPFD, 1 << 30, -1, unix.EINVAL},
	} {
		if got, err := task.Fcntl(c.fd, c.cmd, c.arg); got != c.want || err != c.err {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestHistoricPreallocation(t *testing.T) {
	task := newRoot(t, "")
	create(t, task, "/f", "0123456789")
	fd := open(t, task, "/f", unix.O_RDWR)
	arg := func(whence byte, start, length byte) *vfs.IoctlArg {
		in := make([]byte, 48)
		in[2], in[8+1], in[16+1] = whence, start, length // units of 256 bytes
		return &vfs.IoctlArg{In: in}
	}
	const resvsp, unresvsp = 0x40305828, 0x4030582b
	_, err := task.Ioctl(fd, resvsp, arg(0, 16, 32))
	must(t, "FS_IOC_RESVSP", err)
	if st := stat(t, task, "/f"); st.Size != 10 || st.Blocks != 24 {
		t.Errorf("size %d, %d blocks", st.Size, st.Blocks)
	}
	_, err = task.Ioctl(fd, unresvsp, arg(0, 0, 16))
	must(t, "FS_IOC_UNRESVSP", err)
	if got := content(t, task, "/f"); got != string(make([]byte, 10)) {
		t.Errorf("content %q", got)
	}
	_, err = task.Ioctl(fd, resvsp, arg(9, 0, 1))
	wantErr(t, "an unknown whence", err, unix.EINVAL)
	_, err = task.Ioctl(fd, resvsp, &vfs.IoctlArg{In: make([]byte, 8)})
	wantErr(t, "too little memory", err, unix.EFAULT)
}
