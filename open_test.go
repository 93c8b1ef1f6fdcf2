package govfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/vfs"
)

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	done, cancel := context.WithCancel(ctx)
	cancel()
	before := vfs.Superblocks()
	types := "there are: " + strings.Join(typeNames(), ", ")
	for _, c := range []struct {
		err  error
		is   error
		text string
	}{
		{errOf(Open(ctx, dir+"/none")), fs.ErrNotExist, "mount " + dir + "/none: no such file or directory"},
		{errOf(Open(ctx, dir)), unix.ENODEV, "mount " + dir + ": no file system type hostfs (" + types + ")"},
		{errOf(Open(ctx, "mem", WithType("nofs"))), unix.ENODEV, "mount mem: no file system type nofs (" + types + ")"},
		{errOf(Open(ctx, "mem", WithOptions("bogus=1"))), unix.EINVAL, ""},
		{errOf(OpenFS(ctx, fstest.MapFS{}, WithOptions("bogus"))), unix.EINVAL,
			`mount io/fs: iofs: mount: option "bogus": unknown; there are uid, gid, umask and timeout`},
		{errOf(Open(done, "mem")), context.Canceled, "mount mem: context canceled"},
	} {
		var p *fs.PathError
		if !errors.As(c.err, &p) || p.Op != "mount" || !errors.Is(c.err, c.is) || c.text != "" && c.err.Error() != c.text {
			t.Errorf("%v, want %s", c.err, c.text)
		}
	}
	if n := vfs.Superblocks(); n != before {
		t.Errorf("%d superblocks are left", n-before)
	}
}

func typeNames() (names []string) {
	for _, t := range vfs.Types() {
		names = append(names, t.Name)
	}
	return names
}

func TestGuessType(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		must(t, os.WriteFile(name, data, 0o600))
		return name
	}
	ext := make([]byte, 2048)
	ext[1080], ext[1081] = 0x53, 0xef
	zipped := sampleZip(t)
	// A file that is both: the superblock lies where an archive's data may be.
	both := append([]byte("PK\x03\x04"), ext[4:]...)
	fifo := filepath.Join(dir, "fifo")
	must(t, unix.Mkfifo(fifo, 0o600))
	for _, c := range []struct {
		source, typ string
		err         error
	}{
		{"mem", "memfs", nil},
		{file("archive", zipped), "iofs", nil},
		{file("empty.ar", []byte("PK\x05\x06"+strings.Repeat("\x00", 18))), "iofs", nil},
		{file("selfextracting.ZIP", append([]byte("#!/bin/sh\n"), zipped...)), "iofs", nil},
		{dir, "hostfs", unix.ENODEV},
		{file("ext.img", ext), "ext4", unix.ENODEV},
		{file("both", both), "ext4", unix.ENODEV},
		{file("text", []byte("text")), "", unix.EINVAL},
		{file("empty", nil), "", unix.EINVAL},
		{fifo, "", unix.EINVAL},
		{"/dev/null", "", unix.EINVAL},
		{filepath.Join(dir, "none"), "", unix.ENOENT},
		{"", "", unix.ENOENT},
	} {
		typ, err := GuessType(c.source)
		var p *fs.PathError
		if typ != c.typ || !errors.Is(err, c.err) || err != nil && (!errors.As(err, &p) || p.Op != "mount" || p.Path != c.source) {
			t.Errorf("%s: %q, %v; want %q, %v", c.source, typ, err, c.typ, c.err)
		}
	}
}

func TestOptions(t *testing.T) {
	f := openMem(t, WithOptions("size=64k,mode=700"), WithCred(vfs.UserCred(7, 8)))
	info, err := f.Stat("/")
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Mode != unix.S_IFDIR|0o700 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("root: mode %o, owner %d:%d", st.Mode, st.Uid, st.Gid)
	}
	if err := f.WriteFile("/big", make([]byte, 100<<10), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("more than fits: %v", err)
	}
	ro := openMem(t, WithReadOnly())
	if err := ro.Mkdir("/d", 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("mkdir on a read-only mount: %v", err)
	}
}

func TestNewTakesANamespaceOver(t *testing.T) {
	f := opened(t, func() (*FS, error) {
		ns, err := memfs.New(context.Background(), "")
		if err != nil {
			return nil, err
		}
		return New(ns, WithCred(vfs.RootCred())), nil
	})
	must(t, f.Mkdir("/d", 0o755))
	if f.Namespace() == nil {
		t.Error("no namespace")
	}
}

func TestRelativePathsStartAtTheRoot(t *testing.T) {
	f := openMem(t)
	must(t, f.MkdirAll("a/b", 0o755))
	must(t, f.WriteFile("a/b/c", []byte("x"), 0o644))
	for _, n := range []string{"a/b/c", "/a/b/c", "./a/b/c", "../a/../../a/b/c"} {
		if data, err := f.ReadFile(n); string(data) != "x" || err != nil {
			t.Errorf("%s: %q, %v", n, data, err)
		}
	}
	info, err := f.Stat(".")
	must(t, err)
	if info.Name() != "." || !info.IsDir() {
		t.Errorf("root: %v", info)
	}
	dir, err := f.MkdirTemp("", "x")
	must(t, err)
	if !strings.HasPrefix(dir, "/x") {
		t.Errorf("temporary directory %s", dir)
	}
	must(t, f.RemoveAll("a"))
	if _, err := f.Stat("/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after RemoveAll: %v", err)
	}
}

func TestClose(t *testing.T) {
	f := openMem(t)
	must(t, f.WriteFile("/f", []byte("content"), 0o644))
	file, err := f.OpenFile("/f", os.O_RDWR, 0)
	must(t, err)
	view := f.As(vfs.UserCred(1, 1))
	task, err := f.Task(nil)
	must(t, err)
	must(t, f.Close())

	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
	for what, err := range map[string]error{
		"open": errOf(f.Open("/f")), "stat": errOf(f.Stat("/f")), "mkdir": f.Mkdir("/d", 0o755), "rename": f.Rename("/f", "/g"),
		"task": errOf(f.Task(nil)), "view": errOf(view.ReadDir("/")), "view close": view.Close(), "removeall": f.RemoveAll("/f"),
		"io": errOf(f.IO().Open(".")), "xattr": errOf(f.Getxattr("/f", "user.x")),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	// What is open goes on.
	data, err := io.ReadAll(file)
	if string(data) != "content" || err != nil {
		t.Errorf("open file: %q, %v", data, err)
	}
	if _, err := file.WriteAt([]byte("CON"), 0); err != nil {
		t.Errorf("write to open file: %v", err)
	}
	var st vfs.Stat
	must(t, task.Stat("/f", &st))
	must(t, file.Close())
	must(t, task.Stat("/f", &st))
	task.Exit()
}

func TestForgottenFileIsClosed(t *testing.T) {
	f := openMem(t)
	func() {
		file, err := f.Create("/f")
		must(t, err)
		_ = file
	}()
	for range 100 {
		runtime.GC()
		if f.tree.users.Load() == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the file is still open")
}

func TestNilFile(t *testing.T) {
	var f *File
	for what, err := range map[string]error{
		"read": errOf(f.Read(nil)), "readat": errOf(f.ReadAt(nil, 0)), "write": errOf(f.Write(nil)), "writeat": errOf(f.WriteAt(nil, -1)),
		"seek": errOf(f.Seek(0, 0)), "stat": errOf(f.Stat()), "close": f.Close(), "sync": f.Sync(), "readdir": errOf(f.ReadDir(1)),
		"readat negative": errOf(f.ReadAt(nil, -1)), "chmod": f.Chmod(0), "truncate": f.Truncate(0), "getxattr": errOf(f.Getxattr("x")),
	} {
		if err != fs.ErrInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Extended attributes, beside the host's.
func TestXattrs(t *testing.T) {
	dir := hostTmpfs(t)
	name := dir + "/f"
	must(t, os.WriteFile(name, nil, 0o600))
	if err := unix.Setxattr(name, "user.probe", nil, 0); err != nil {
		lacking(t, "user attributes on the host's tmpfs")
	}
	must(t, unix.Removexattr(name, "user.probe"))
	must(t, os.Symlink("f", dir+"/l"))
	f := openMem(t)
	must(t, f.WriteFile("/f", nil, 0o600))
	must(t, f.Symlink("f", "/l"))

	check := func(what string, got, want error) {
		t.Helper()
		var p *fs.PathError
		if (got == nil) != (want == nil) || want != nil && (!errors.As(got, &p) || p.Err != want) {
			t.Errorf("%s: %v, host: %v", what, got, want)
		}
	}
	for _, attr := range []string{"user.a", "user.b", "user.", "user", "nonsense.x", "", "a\x00b", "user." + strings.Repeat("x", 250), "user." + strings.Repeat("x", 251)} {
		for _, mode := range []int{vfs.XattrReplace, 0, vfs.XattrCreate, vfs.XattrReplace, 9} {
			for _, n := range []string{"/f", "/l", "/none"} {
				what := fmt.Sprintf("%.20q mode %d of %s", attr, mode, n)
				value := []byte(what)
				check("set "+what, f.Setxattr(n, attr, value, mode), unix.Setxattr(dir+n, attr, value, mode))
				check("lset "+what, f.Lsetxattr(n, attr, value, mode), unix.Lsetxattr(dir+n, attr, value, mode))
				buf := make([]byte, 100)
				size, err := unix.Getxattr(dir+n, attr, buf)
				got, err2 := f.Getxattr(n, attr)
				check("get "+what, err2, err)
				if err == nil && string(got) != string(buf[:size]) {
					t.Errorf("get %s: %q, host: %q", what, got, buf[:size])
				}
				_, err = unix.Lgetxattr(dir+n, attr, buf)
				_, err2 = f.Lgetxattr(n, attr)
				check("lget "+what, err2, err)
			}
		}
	}
	names, err := f.Listxattr("/l")
	must(t, err)
	slices.Sort(names)
	if want := []string{"user.a", "user.b", "user." + strings.Repeat("x", 250)}; !slices.Equal(names, want) {
		t.Errorf("names %q", names)
	}
	names, err = f.Llistxattr("/l")
	if len(names) != 0 || err != nil {
		t.Errorf("names of the link: %q, %v", names, err)
	}
	check("remove", f.Removexattr("/l", "user.a"), unix.Removexattr(dir+"/l", "user.a"))
	check("remove again", f.Removexattr("/l", "user.a"), unix.Removexattr(dir+"/l", "user.a"))
	check("lremove", f.Lremovexattr("/l", "user.b"), unix.Lremovexattr(dir+"/l", "user.b"))

	file, err := f.OpenFile("/f", os.O_RDONLY, 0)
	must(t, err)
	defer file.Close()
	must(t, file.Setxattr("user.empty", nil, 0))
	if v, err := file.Getxattr("user.empty"); v == nil || len(v) != 0 || err != nil {
		t.Errorf("empty value: %v, %v", v, err)
	}
	must(t, file.Removexattr("user.b"))
	if _, err := file.Getxattr("user.b"); !errors.Is(err, unix.ENODATA) {
		t.Errorf("removed: %v", err)
	}
	names, err = file.Listxattr()
	if len(names) != 2 || err != nil {
		t.Errorf("names by file: %q, %v", names, err)
	}
}

func TestSysIsAStat(t *testing.T) {
	f := openMem(t, WithCred(vfs.RootCred()))
	must(t, f.WriteFile("/f", make([]byte, 5000), 0o640))
	must(t, f.Link("/f", "/g"))
	must(t, f.Chown("/f", 5, 6))
	must(t, f.Chtimes("/f", time.Unix(1, 2), time.Unix(3, 4)))
	info, err := f.Stat("/f")
	must(t, err)
	st := info.Sys().(*syscall.Stat_t)
	want := syscall.Stat_t{
		Dev: st.Dev, Ino: st.Ino, Nlink: 2, Mode: unix.S_IFREG | 0o640, Uid: 5, Gid: 6, Size: 5000, Blksize: 4096, Blocks: 16,
		Atim: syscall.Timespec{Sec: 1, Nsec: 2}, Mtim: syscall.Timespec{Sec: 3, Nsec: 4}, Ctim: st.Ctim,
	}
	if *st != want || st.Ino == 0 || st.Ctim.Sec == 0 {
		t.Errorf("%+v\nwant %+v", *st, want)
	}
}

func TestFileTimes(t *testing.T) {
	f := openMem(t)
	file, err := f.Create("/f")
	must(t, err)
	defer file.Close()
	must(t, file.Chtimes(time.Unix(10, 11), time.Unix(12, 13)))
	must(t, file.Chtimes(time.Time{}, time.Unix(14, 15)))
	info, err := file.Stat()
	must(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Atim != (syscall.Timespec{Sec: 10, Nsec: 11}) || !info.ModTime().Equal(time.Unix(14, 15)) {
		t.Errorf("%v %v", st.Atim, info.ModTime())
	}
}

func TestSpecialModes(t *testing.T) {
	f := openMem(t, WithCred(vfs.RootCred()))
	task, err := f.Task(nil)
	must(t, err)
	defer task.Exit()
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "sock": unix.S_IFSOCK, "char": unix.S_IFCHR, "block": unix.S_IFBLK, "reg": unix.S_IFREG} {
		must(t, task.Mknodat(vfs.AtCWD, "/"+name, mode|0o600, unix.Mkdev(1, 3)))
	}
	types := map[string]fs.FileMode{"fifo": fs.ModeNamedPipe, "sock": fs.ModeSocket, "char": fs.ModeDevice | fs.ModeCharDevice, "block": fs.ModeDevice, "reg": 0}
	list, err := f.ReadDir("/")
	must(t, err)
	for _, e := range list {
		info, err := e.Info()
		must(t, err)
		if want := types[e.Name()]; e.Type() != want || info.Mode() != want|0o600 {
			t.Errorf("%s: %v, %v", e.Name(), e.Type(), info.Mode())
		}
	}
	// Through a FIFO, a reader and a writer meet.
	got := make(chan string)
	go func() {
		data, err := f.ReadFile("/fifo")
		got <- fmt.Sprintf("%s %v", data, err)
	}()
	must(t, f.WriteFile("/fifo", []byte("through"), 0))
	if s := <-got; s != "through <nil>" {
		t.Errorf("through the FIFO: %s", s)
	}
}

func TestManyGoroutines(t *testing.T) {
	f := openMem(t)
	shared, err := f.OpenFile("/shared", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	must(t, err)
	defer shared.Close()
	const workers, rounds = 8, 100
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			view := f.As(vfs.RootCred())
			dir := fmt.Sprintf("/dir%d", w)
			for i := range rounds {
				name := fmt.Sprintf("%s/%d/file", dir, i)
				err := errors.Join(
					view.MkdirAll(dir+"/"+fmt.Sprint(i), 0o755),
					view.WriteFile(name, []byte(name), 0o600),
					view.Rename(name, name+"2"),
					errOf(view.ReadDir(dir)),
					errOf(view.Stat("/shared")),
					errOf(shared.Write([]byte("0123456789"))),
				)
				data, err2 := view.ReadFile(name + "2")
				if err != nil || err2 != nil || string(data) != name {
					t.Errorf("%s: %v, %v, %q", name, err, err2, data)
					return
				}
			}
			if err := view.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := shared.Stat()
	must(t, err)
	if info.Size() != workers*rounds*10 {
		t.Errorf("%d bytes were appended", info.Size())
	}
}

// Calls and Close at the same time: every call either works or says that the
// file system is closed, and in the end nothing is left.
func TestCloseUnderLoad(t *testing.T) {
	for range 20 {
		f := openMem(t)
		must(t, f.WriteFile("/f", []byte("x"), 0o600))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					file, err := f.Open("/f")
					if err == nil {
						_, err = file.ReadAt(make([]byte, 1), 0)
						if e := file.Close(); err == nil {
							err = e
						}
						if err != nil {
							t.Error(err)
							return
						}
						continue
					}
					if !errors.Is(err, fs.ErrClosed) {
						t.Error(err)
					}
					return
				}
			})
		}
		time.Sleep(time.Millisecond)
		must(t, f.Close())
		wg.Wait()
	}
}

// A file may be closed while others use it; each of them gets its answer.
func TestCloseFileUnderLoad(t *testing.T) {
	f := openMem(t)
	for range 50 {
		file, err := f.Create("/f")
		must(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if _, err := file.WriteAt([]byte("x"), 0); err != nil {
						if !errors.Is(err, fs.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		var closed sync.WaitGroup
		var mu sync.Mutex
		ok := 0
		for range 2 {
			closed.Go(func() {
				if err := file.Close(); err == nil {
					mu.Lock()
					ok++
					mu.Unlock()
				}
			})
		}
		closed.Wait()
		wg.Wait()
		if ok != 1 {
			t.Fatalf("closed %d times", ok)
		}
	}
}

func TestParseStatus(t *testing.T) {
	base := identity{cred: vfs.UserCred(1, 2, 3), umask: 0o22}
	id := parseStatus("Name:\tx\nUmask:\t0077\nUid:\t10\t11\t12\t13\nGid:\t20\t21\t22\t23\nGroups:\t3 \nCapEff:\t00000000a80425fb\n", base)
	c := id.cred
	if id.umask != 0o77 || c.UID != 10 || c.EUID != 11 || c.FSUID != 13 || c.GID != 20 || c.EGID != 21 || c.FSGID != 23 || c.Caps != 0xa80425fb || !slices.Equal(c.Groups, []uint32{3}) {
		t.Errorf("%+v %+v", id, c)
	}
	for _, bad := range []string{"", "Umask:\tx\nUid:\t1\t2\nGid:\ta\tb\tc\td\nCapEff:\tzz\n", "Umask"} {
		id := parseStatus(bad, base)
		if id.umask != base.umask || id.cred.UID != 1 || id.cred.GID != 2 || id.cred.Caps != 0 {
			t.Errorf("%q: %+v", bad, id.cred)
		}
	}
	if c := idsOnly(); int(c.FSUID) != os.Geteuid() || c.Has(vfs.CapChown) != (os.Geteuid() == 0) {
		t.Errorf("ids: %+v", c)
	}
	umask := syscall.Umask(0)
	syscall.Umask(umask)
	if id := processIdentity(); id.umask != uint32(umask) || int(id.cred.FSUID) != os.Geteuid() {
		t.Errorf("this process: umask %o, %+v", id.umask, id.cred)
	}
}
