package vfs

import (
	"context"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/pagecache"
)

// histFile is the data of a file whose driver has the historic methods, and a
// note of each call.
type histFile struct {
	Inode
	data  []byte
	short int // the most that one call moves, 0 for no limit
	calls []string
}

func (h *histFile) note(s string) { h.calls = append(h.calls, s) }

func (h *histFile) readAt(p []byte, pos int64) (int, int64, error) {
	if pos >= int64(len(h.data)) {
		return 0, pos, nil
	}
	if h.short > 0 && len(p) > h.short {
		p = p[:h.short]
	}
	n := copy(p, h.data[pos:])
	return n, pos + int64(n), nil
}

func (h *histFile) writeAt(p []byte, pos int64) (int, int64, error) {
	if h.short > 0 && len(p) > h.short {
		p = p[:h.short]
	}
	end := pos + int64(len(p))
	if grow := end - int64(len(h.data)); grow > 0 {
		h.data = append(h.data, make([]byte, grow)...)
	}
	copy(h.data[pos:], p)
	h.SetSize(int64(len(h.data)))
	return len(p), end, nil
}

func histOf(f *File) *histFile { return f.Inode().Impl().(*histFile) }

type histPlain struct{}

func (histPlain) Llseek(ctx context.Context, f *File, off int64, whence int) (int64, error) {
	return GenericLlseek(ctx, f, off, whence)
}

func (histPlain) Read(_ context.Context, f *File, p []byte, pos int64) (int, int64, error) {
	histOf(f).note("read")
	return histOf(f).readAt(p, pos)
}

func (histPlain) Write(_ context.Context, f *File, p []byte, pos int64) (int, int64, error) {
	histOf(f).note("write")
	return histOf(f).writeAt(p, pos)
}

type histVector struct{ histPlain }

func (histVector) Readv(_ context.Context, f *File, iov [][]byte, pos int64) (total int, newPos int64, err error) {
	histOf(f).note("readv")
	for _, p := range iov {
		var n int
		n, pos, _ = histOf(f).readAt(p, pos)
		total += n
	}
	return total, pos, nil
}

func (histVector) Writev(_ context.Context, f *File, iov [][]byte, pos int64) (total int, newPos int64, err error) {
	histOf(f).note("writev")
	for _, p := range iov {
		var n int
		n, pos, _ = histOf(f).writeAt(p, pos)
		total += n
	}
	return total, pos, nil
}

type histSend struct{ histPlain }

func (histSend) Sendfile(_ context.Context, f *File, pos int64, count int, actor ReadActor) (int, int64, error) {
	histOf(f).note("sendfile")
	done := 0
	for done < count {
		page := pagecache.NewPage(uint64(pos)/pagecache.PageSize, new(pagecache.Frame))
		off := int(pos % pagecache.PageSize)
		n, _, _ := histOf(f).readAt(page.Bytes()[off:min(pagecache.PageSize, off+count-done)], pos)
		if n == 0 {
			break
		}
		k, err := actor(page, off, n)
		done, pos = done+k, pos+int64(k)
		if err != nil || k < n {
			return done, pos, err
		}
	}
	return done, pos, nil
}

func (histSend) Sendpage(_ context.Context, f *File, page *pagecache.Page, off, size int, pos int64, more bool) (int, error) {
	histOf(f).note("sendpage")
	n, _, err := histOf(f).writeAt(page.Bytes()[off:off+size], pos)
	return n, err
}

type histOnlyVector struct{}

func (histOnlyVector) Readv(ctx context.Context, f *File, iov [][]byte, pos int64) (int, int64, error) {
	return histVector{}.Readv(ctx, f, iov, pos)
}

func (histOnlyVector) Writev(ctx context.Context, f *File, iov [][]byte, pos int64) (int, int64, error) {
	return histVector{}.Writev(ctx, f, iov, pos)
}

// histTask is a task in a file system whose root directory holds /f, with data,
// and the empty /g, both with the methods of ops.
func histTask(t *testing.T, ops any, data string) (*Task, *histFile, *histFile) {
	t.Helper()
	ctx := context.Background()
	files := FileOpsOf(ops)
	made := map[string]*histFile{}
	typ := FileSystemTypeOf("histtest", "for the core's tests", mountFunc(func(ctx context.Context, typ *FileSystemType, flags SuperFlags) (*Dentry, error) {
		return MountNodev(ctx, typ, flags, new(Superblock), func(sb *Superblock) error {
			var next *histFile
			sb.SetOps(SuperOpsOf(allocFunc(func() InodeImpl { return next })))
			add := func(name string, mode uint32) *histFile {
				h := new(histFile)
				next = h
				in, err := NewInode(ctx, sb)
				if err != nil {
					t.Fatal(err)
				}
				in.SetIno(uint64(len(made) + 1))
				in.SetMode(mode)
				in.InitTimes()
				made[name] = h
				return h
			}
			root := add("/", unix.S_IFDIR|0o755)
			root.SetOps(InodeOpsOf(histDir(func(name string) *Inode {
				h := add(name, unix.S_IFREG|0o644)
				h.SetOps(nil, files)
				return &h.Inode
			})), nil)
			sb.SetRoot(MakeRoot(&root.Inode))
			return nil
		})
	}))
	ns, err := NewNamespaceOf(ctx, typ, "", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(RootCred())
	ns.Close(nil)
	t.Cleanup(task.Exit)
	for _, name := range []string{"/f", "/g"} {
		if err := task.Stat(name, new(Stat)); err != nil {
			t.Fatal(err)
		}
	}
	made["f"].data = []byte(data)
	made["f"].SetSize(int64(len(data)))
	return task, made["f"], made["g"]
}

// histDir is a directory in which every name exists: its inode is made when it
// is first looked up.
type histDir func(name string) *Inode

func (find histDir) Lookup(_ context.Context, _ *Inode, d *Dentry, _ WalkFlags) (*Dentry, error) {
	d.Add(find(d.Name()))
	d.Pin()
	return nil, nil
}

type mountFunc func(ctx context.Context, typ *FileSystemType, flags SuperFlags) (*Dentry, error)

func (m mountFunc) Mount(ctx context.Context, typ *FileSystemType, flags SuperFlags, _ string, _ any) (*Dentry, error) {
	return m(ctx, typ, flags)
}
func (mountFunc) KillSB(ctx context.Context, sb *Superblock) { KillLitterSuper(ctx, sb) }

type allocFunc func() InodeImpl

func (f allocFunc) AllocInode(context.Context, *Superblock) InodeImpl { return f() }

func histOpen(t *testing.T, task *Task, path string, flags int) int {
	t.Helper()
	fd, err := task.Openat(AtCWD, path, flags, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	return fd
}

func TestVectorsOfADriverWithoutThem(t *testing.T) {
	task, f, _ := histTask(t, histPlain{}, "abcdefgh")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	a, b, c := make([]byte, 2), make([]byte, 3), make([]byte, 9)
	n, err := task.Readv(fd, [][]byte{a, nil, b, c}, 0)
	if got := string(a) + string(b) + string(c[:3]); n != 8 || err != nil || got != "abcdefgh" {
		t.Errorf("readv: %d, %v, %q", n, err, got)
	}
	if !slices.Equal(f.calls, []string{"read", "read", "read"}) {
		t.Errorf("calls %v", f.calls)
	}
	// The first short one ends it.
	f.short, f.calls = 1, nil
	if n, err := task.Preadv(fd, [][]byte{a, b}, 0, 0); n != 1 || err != nil || len(f.calls) != 1 {
		t.Errorf("preadv with short reads: %d, %v, %v", n, err, f.calls)
	}
	f.short, f.calls = 0, nil
	if n, err := task.Pwritev(fd, [][]byte{[]byte("XY"), []byte("Z")}, 1, 0); n != 3 || err != nil || string(f.data) != "aXYZefgh" {
		t.Errorf("pwritev: %d, %v, %q", n, err, f.data)
	}
	if _, err := task.Preadv(fd, [][]byte{a}, 0, unix.RWF_NOWAIT); err != unix.EOPNOTSUPP {
		t.Errorf("preadv2 RWF_NOWAIT: %v", err)
	}
	if n, err := task.Preadv(fd, [][]byte{a}, 0, unix.RWF_HIPRI); n != 2 || err != nil {
		t.Errorf("preadv2 RWF_HIPRI: %d, %v", n, err)
	}
	if pos, _ := task.Lseek(fd, 0, unix.SEEK_CUR); pos != 8 {
		t.Errorf("position %d, want 8", pos)
	}
}

func TestHistoricVectorMethodsAreCalledOnce(t *testing.T) {
	task, f, _ := histTask(t, histVector{}, "abcdefgh")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	a, b := make([]byte, 2), make([]byte, 3)
	if n, err := task.Readv(fd, [][]byte{a, b}, 0); n != 5 || err != nil || string(a)+string(b) != "abcde" {
		t.Errorf("readv: %d, %v, %q %q", n, err, a, b)
	}
	if n, err := task.Writev(fd, [][]byte{[]byte("1"), []byte("23")}, 0); n != 3 || err != nil || string(f.data) != "abcde123" {
		t.Errorf("writev: %d, %v, %q", n, err, f.data)
	}
	if n, err := task.Pread(fd, a, 0); n != 2 || err != nil {
		t.Errorf("pread: %d, %v", n, err)
	}
	if want := []string{"readv", "writev", "read"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %v, want %v", f.calls, want)
	}
}

func TestPlainTransfersOfADriverWithVectorsOnly(t *testing.T) {
	task, f, _ := histTask(t, histOnlyVector{}, "abc")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	p := make([]byte, 2)
	if n, err := task.Read(fd, p); n != 2 || err != nil || string(p) != "ab" {
		t.Errorf("read: %d, %v, %q", n, err, p)
	}
	if n, err := task.Pwrite(fd, []byte("z"), 2); n != 1 || err != nil || string(f.data) != "abz" {
		t.Errorf("pwrite: %d, %v, %q", n, err, f.data)
	}
	if _, err := task.Lseek(fd, 0, unix.SEEK_SET); err != unix.ESPIPE {
		t.Errorf("lseek without the method: %v", err)
	}
}

func TestSendfileThroughTheHistoricMethod(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	task, f, g := histTask(t, histSend{}, text)
	in, out := histOpen(t, task, "/f", unix.O_RDONLY), histOpen(t, task, "/g", unix.O_WRONLY)
	off := int64(5)
	if n, err := task.Sendfile(out, in, &off, 9000); n != 9000 || err != nil || off != 9005 {
		t.Errorf("sendfile: %d, %v, to %d", n, err, off)
	}
	if string(g.data) != text[5:9005] {
		t.Error("other bytes arrived")
	}
	if f.calls[0] != "sendfile" || g.calls[0] != "sendpage" || slices.Contains(g.calls, "write") {
		t.Errorf("calls %v and %v", f.calls, g.calls)
	}
	if n, err := task.Sendfile(out, in, nil, 100); n != 100 || err != nil {
		t.Errorf("sendfile at the position: %d, %v", n, err)
	}
	if string(g.data[9000:]) != text[:100] {
		t.Error("other bytes arrived at the position")
	}
	// A target that takes less ends it, with what was taken.
	g.short = 10
	if n, err := task.Sendfile(out, in, nil, 100); n != 10 || err != nil {
		t.Errorf("sendfile to a slow target: %d, %v", n, err)
	}
	if pos, _ := task.Lseek(in, 0, unix.SEEK_CUR); pos != 110 {
		t.Errorf("position of the source %d, want 110", pos)
	}
}

func TestFilesWithoutMethods(t *testing.T) {
	task, _, _ := histTask(t, struct{}{}, "abc")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	p := make([]byte, 1)
	for name, call := range map[string]func() error{
		"read":      func() error { _, err := task.Read(fd, p); return err },
		"write":     func() error { _, err := task.Write(fd, p); return err },
		"readv":     func() error { _, err := task.Readv(fd, [][]byte{p}, 0); return err },
		"writev":    func() error { _, err := task.Writev(fd, [][]byte{p}, 0); return err },
		"fsync":     func() error { return task.Fsync(fd) },
		"fdatasync": func() error { return task.Fdatasync(fd) },
	} {
		if err := call(); err != unix.EINVAL {
			t.Errorf("%s: %v, want EINVAL", name, err)
		}
	}
	for name, call := range map[string]struct {
		f    func() error
		want error
	}{
		"ioctl":     {func() error { _, err := task.Ioctl(fd, 0x12345, &IoctlArg{}); return err }, unix.ENOTTY},
		"fallocate": {func() error { return task.Fallocate(fd, 0, 0, 1) }, unix.EOPNOTSUPP},
		"fiemap":    {func() error { return task.Fiemap(fd, &FiemapRequest{Length: 1}) }, unix.EOPNOTSUPP},
		"getdents":  {func() error { _, err := task.Getdents(fd, nil); return err }, unix.ENOTDIR},
		"setxattr":  {func() error { return task.Fsetxattr(fd, "user.x", nil, 0) }, unix.EOPNOTSUPP},
		"getxattr":  {func() error { _, err := task.Fgetxattr(fd, "user.x", nil); return err }, unix.EOPNOTSUPP},
		"listxattr": {func() error { _, err := task.Flistxattr(fd, nil); return err }, nil},
		"statfs":    {func() error { return task.Fstatfs(fd, new(StatFS)) }, unix.ENOSYS},
		"sync_file": {func() error { return task.SyncFileRange(fd, 0, 0, 7) }, nil},
		"ftruncate": {func() error { return task.Ftruncate(fd, 2) }, nil},
	} {
		if err := call.f(); err != call.want {
			t.Errorf("%s: %v, want %v", name, err, call.want)
		}
	}
	if n := task.pollOnce([]PollFd{{FD: fd, Events: PollIn | PollOut}}, nil); n != 1 {
		t.Error("a file without poll is not ready")
	}
}
