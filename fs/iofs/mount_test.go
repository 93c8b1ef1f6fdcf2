package iofs

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

//go:embed doc.go type.go
var embedded embed.FS

var when = time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)

func tree() fstest.MapFS {
	return fstest.MapFS{
		"dir":          &fstest.MapFile{Mode: fs.ModeDir | 0o750, ModTime: when},
		"dir/file":     &fstest.MapFile{Mode: 0o640, Data: []byte("content\n"), ModTime: when},
		"dir/sub/deep": &fstest.MapFile{Mode: 0o444, Data: []byte("deep")},
		"suid":         &fstest.MapFile{Mode: fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o755},
		"link":         &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("dir/sub")},
		"up":           &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("../../dir/file")},
		"absolute":     &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/dir/sub/deep")},
		"dangling":     &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("nowhere")},
	}
}

func TestAttributes(t *testing.T) {
	task := mount(t, "", Config{FS: tree(), Options: "uid=7,gid=8,umask=005"})
	st := lstat(t, task, "/dir/file")
	want := vfs.Stat{
		Ino: inodeNumber("dir/file"), Dev: st.Dev, Mode: unix.S_IFREG | 0o640, Nlink: 1, UID: 7, GID: 8,
		Size: 8, Blksize: st.Blksize, Blocks: 1, MountID: st.MountID, Attrs: st.Attrs, AttrsMask: st.AttrsMask,
		Atime: vfs.TimespecOf(when), Mtime: vfs.TimespecOf(when), Ctime: vfs.TimespecOf(when),
	}
	if st != want {
		t.Errorf("%+v\nwant %+v", st, want)
	}
	if st := lstat(t, task, "/dir"); st.Mode != unix.S_IFDIR|0o750 || st.Nlink != 1 {
		t.Errorf("directory: mode %o, %d links", st.Mode, st.Nlink)
	}
	if st := lstat(t, task, "/"); st.Ino != rootIno || st.Mode != unix.S_IFDIR|0o550 || st.Mtime != (vfs.Timespec{}) {
		t.Errorf("root: %+v", st)
	}
	if st := lstat(t, task, "/suid"); st.Mode != unix.S_IFREG|unix.S_ISVTX|0o750 {
		t.Errorf("setuid file: mode %o", st.Mode)
	}
	if st := lstat(t, task, "/link"); st.Mode&unix.S_IFMT != unix.S_IFLNK || st.Size != 7 {
		t.Errorf("link: %+v", st)
	}
	var sfs vfs.StatFS
	if err := task.Statfs(vfs.AtCWD, "/", &sfs); err != nil || sfs.Type != Magic || sfs.Namelen != 255 {
		t.Errorf("statfs: %+v, %v", sfs, err)
	}
}

func TestOwnerIsWhoMounts(t *testing.T) {
	outer := mount(t, "", embed.FS{})
	outer.SetCred(vfs.UserCred(1000, 100))
	ns, err := vfs.NewNamespaceOf(outer, Type, "", 0, tree())
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close(context.Background())
	task := ns.NewTask(outer.Cred())
	defer task.Exit()
	if st := lstat(t, task, "/dir"); st.UID != 1000 || st.GID != 100 {
		t.Errorf("owner %d:%d", st.UID, st.GID)
	}
	task.SetCred(vfs.UserCred(1001, 101))
	_, err = readAll(task, "/dir/file", 10)
	wantErr(t, "somebody else reads", err, unix.EACCES)
}

func TestTree(t *testing.T) {
	for name, cfg := range map[string]Config{"live": {FS: tree(), Options: "timeout=0"}, "immutable": {FS: tree(), Immutable: true}} {
		t.Run(name, func(t *testing.T) {
			task := mount(t, "", cfg)
			for range 2 { // the second time from the caches
				wantNames(t, "/", list(t, task, "/"), []string{"absolute@", "dangling@", "dir/", "link@", "suid", "up@"})
				wantNames(t, "/link", list(t, task, "/link"), []string{"deep"})
				for path, want := range map[string]string{
					"/dir/file": "content\n", "/link/deep": "deep", "/up": "content\n", "/absolute": "deep", "/dir/../link/../file": "content\n",
				} {
					if got := mustRead(t, task, path); string(got) != want {
						t.Errorf("%s: %q, want %q", path, got, want)
					}
				}
				buf := make([]byte, 100)
				if n, err := task.Readlinkat(vfs.AtCWD, "/up", buf); string(buf[:max(n, 0)]) != "../../dir/file" {
					t.Errorf("readlink: %q, %v", buf[:n], err)
				}
				for path, want := range map[string]error{
					"/none": unix.ENOENT, "/dangling": unix.ENOENT, "/dir/file/x": unix.ENOTDIR, "/dir/\xff": unix.ENOENT,
					"/" + strings.Repeat("n", 256): unix.ENAMETOOLONG, "/" + strings.Repeat("n", 255): unix.ENOENT,
				} {
					var st vfs.Stat
					wantErr(t, path, task.Stat(path, &st), want)
				}
			}
		})
	}
}

func TestInodeNumbersAgree(t *testing.T) {
	task := mount(t, "", tree())
	for _, dir := range []string{"/", "/dir"} {
		for _, e := range entriesOf(t, task, dir) {
			if st := lstat(t, task, dir+"/"+e.name); st.Ino != e.ino {
				t.Errorf("%s/%s: %d in the directory, %d by stat", dir, e.name, e.ino, st.Ino)
			}
		}
	}
}

func TestEveryChangeIsRefused(t *testing.T) {
	task := mount(t, "", tree())
	var at = vfs.AtCWD
	openFor := func(path string, flags int) error {
		how := vfs.OpenHow{Flags: flags}
		if flags&unix.O_CREAT != 0 {
			how.Mode = 0o600
		}
		f, err := task.OpenFile(at, path, how)
		if err == nil {
			f.Put(task)
		}
		return err
	}
	for what, err := range map[string]error{
		"open to write":  openFor("/dir/file", unix.O_WRONLY),
		"open read/wr":   openFor("/dir/file", unix.O_RDWR),
		"truncate open":  openFor("/dir/file", unix.O_RDONLY|unix.O_TRUNC),
		"create":         openFor("/new", unix.O_WRONLY|unix.O_CREAT),
		"mkdir":          task.Mkdirat(at, "/new", 0o755),
		"mknod":          task.Mknodat(at, "/new", unix.S_IFIFO|0o600, 0),
		"symlink":        task.Symlinkat("x", at, "/new"),
		"link":           task.Linkat(at, "/dir/file", at, "/new", 0),
		"unlink":         task.Unlinkat(at, "/dir/file", 0),
		"rmdir":          task.Unlinkat(at, "/dir/sub", unix.AT_REMOVEDIR),
		"rename":         task.Renameat2(at, "/dir/file", at, "/new", 0),
		"chmod":          task.Fchmodat(at, "/dir/file", 0o777, 0),
		"chown":          task.Fchownat(at, "/dir/file", 1, 1, 0),
		"utimes":         task.Utimensat(at, "/dir/file", nil, 0),
		"truncate":       task.Truncate("/dir/file", 0),
		"setxattr":       task.Setxattr(at, "/dir/file", "user.x", []byte("y"), 0, 0),
		"access writing": task.Faccessat(at, "/dir/file", unix.W_OK, 0),
	} {
		wantErr(t, what, err, unix.EROFS)
	}
	if err := openFor("/dir/file", unix.O_RDONLY|unix.O_CREAT); err != nil {
		t.Errorf("O_CREAT of what is there: %v", err)
	}
}

func TestRemountStaysReadOnly(t *testing.T) {
	task := mount(t, "", Config{FS: tree(), Options: "umask=022"})
	if err := task.Mount("", "/", "", unix.MS_REMOUNT, nil); err != nil {
		t.Errorf("remount: %v", err)
	}
	wantErr(t, "mkdir after it", task.Mkdirat(vfs.AtCWD, "/new", 0o755), unix.EROFS)
	if err := task.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, "umask=022"); err != nil {
		t.Errorf("remount with the same options: %v", err)
	}
	for _, options := range []string{"umask=0", "nonsense"} {
		if err := task.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, options); !errors.Is(err, unix.EINVAL) {
			t.Errorf("remount with %s: %v", options, err)
		}
	}
}

func TestSeekAndSync(t *testing.T) {
	task := mount(t, "", tree())
	for _, path := range []string{"/dir/file", "/dir"} {
		f := open(t, task, path)
		if pos, err := f.Seek(task, 3, 0); pos != 3 || err != nil {
			t.Errorf("%s: seek: %d, %v", path, pos, err)
		}
		if err := f.Fsync(task, 0, 1<<62, false); err != nil {
			t.Errorf("%s: fsync: %v", path, err)
		}
		f.Put(task)
	}
	f := open(t, task, "/dir/file")
	defer f.Put(task)
	if pos, err := f.Seek(task, -2, 2); pos != 6 || err != nil {
		t.Errorf("seek from the end: %d, %v", pos, err)
	}
	buf := make([]byte, 10)
	if n, err := f.Read(task, buf); string(buf[:n]) != "t\n" || err != nil {
		t.Errorf("read there: %q, %v", buf[:n], err)
	}
}

// listFS is a MapFS whose directories list what a test wants.
type listFS struct {
	fstest.MapFS
	extra []string
}

type namedEntry struct{ name string }

func (e namedEntry) Name() string               { return e.name }
func (e namedEntry) IsDir() bool                { return false }
func (e namedEntry) Type() fs.FileMode          { return 0 }
func (e namedEntry) Info() (fs.FileInfo, error) { return nil, fs.ErrNotExist }

func (l listFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := l.MapFS.ReadDir(name)
	for _, n := range l.extra {
		all = append(all, namedEntry{n})
	}
	return all, err
}

func TestNamesThatNoPathCanHoldAreLeftOut(t *testing.T) {
	bad := []string{"", ".", "..", "a/b", "/", "nul\x00", "\xff", strings.Repeat("x", 256)}
	fsys := listFS{fstest.MapFS{"b": &fstest.MapFile{}, "c": &fstest.MapFile{}}, append(bad, "b", "a", "b", strings.Repeat("x", 255))}
	task := mount(t, "", fsys)
	wantNames(t, "/", list(t, task, "/"), []string{"a", "b", "c", strings.Repeat("x", 255)})
}

func TestDirectoryPositions(t *testing.T) {
	m := fstest.MapFS{}
	var want []string
	for i := range 50 {
		name := string([]byte{byte('a' + i/10), byte('0' + i%10)})
		m[name] = &fstest.MapFile{}
		want = append(want, name)
	}
	task := mount(t, "", Config{FS: m, Options: "timeout=0"})
	f := open(t, task, "/")
	defer f.Put(task)
	read := func(n int) (names []string) {
		err := f.Iterate(task, &vfs.DirContext{Emit: func(name string, _ uint64, _ uint8, _ int64) bool {
			if len(names) == n {
				return false
			}
			names = append(names, name)
			return true
		}})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	var all []string
	var at []int64
	for n := 1; ; n++ {
		pos, err := f.Seek(task, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		got := read(n)
		if len(got) == 0 {
			break
		}
		at = append(at, pos)
		all = append(all, got...)
		m["zz"+got[0]] = &fstest.MapFile{} // does not disturb the reading
	}
	wantNames(t, "in pieces", all, append([]string{".", ".."}, want...))
	if _, err := f.Seek(task, at[3], 0); err != nil {
		t.Fatal(err)
	}
	wantNames(t, "from a position", read(100), all[6:])
	if _, err := f.Seek(task, 0, 0); err != nil {
		t.Fatal(err)
	}
	if n := len(read(1000)); n != len(all)+len(at) {
		t.Errorf("after a rewind: %d names", n)
	}
}

func TestErrorsOfTheFileSystem(t *testing.T) {
	var fail error
	m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o444}}
	task := mount(t, "", Config{FS: funcFS{func(name string) (fs.File, error) {
		if fail != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fail}
		}
		return m.Open(name)
	}}, Options: "timeout=0"})
	for _, c := range []struct{ err, want error }{
		{fs.ErrNotExist, unix.ENOENT},
		{fs.ErrPermission, unix.EACCES},
		{errors.ErrUnsupported, unix.EOPNOTSUPP},
		{errors.New("odd"), unix.EIO},
		{fs.ErrInvalid, unix.EIO},
		{unix.EMFILE, unix.EMFILE},
		{unix.ECHILD, unix.EIO},
		{syscall.Errno(0), unix.EIO},
		{syscall.ENOENT, unix.ENOENT},
	} {
		fail = c.err
		var st vfs.Stat
		wantErr(t, "stat of "+c.err.Error(), task.Stat("/f", &st), c.want)
		fail = nil
		wantErr(t, "stat afterwards", task.Stat("/f", &st), nil)
	}
}

// The tests of mounts that fail.

func TestMountsThatFail(t *testing.T) {
	before := vfs.Superblocks()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	fileRoot := funcFS{func(string) (fs.File, error) { return fstest.MapFS{"f": &fstest.MapFile{}}.Open("f") }}
	broken := funcFS{func(string) (fs.File, error) { return nil, fs.ErrPermission }}
	for _, c := range []struct {
		source string
		data   any
		want   syscall.Errno
		text   string
	}{
		{filepath.Join(dir, "none"), nil, unix.ENOENT, "iofs: open " + dir + "/none: no such file or directory"},
		{text, nil, unix.EINVAL, "iofs: open " + text + ": zip: not a valid zip file"},
		{dir, "", unix.EINVAL, "iofs: open " + dir + ": invalid argument"},
		{"", 17, unix.EINVAL, "iofs: mount: data of type int is no io/fs.FS, iofs.Config or option string"},
		{"", Config{FS: tree(), Options: "x"}, unix.EINVAL, `iofs: mount: option "x": unknown; there are uid, gid, umask and timeout`},
		{"src", fileRoot, unix.ENOTDIR, "iofs: mount src: the root is not a directory"},
		{"src", broken, unix.EACCES, "iofs: mount src: no root directory: permission denied"},
	} {
		_, err := vfs.NewNamespaceOf(context.Background(), Type, c.source, 0, c.data)
		if err == nil || !errors.Is(err, c.want) || err.Error() != c.text {
			t.Errorf("%s, %v: %v, want %s", c.source, c.data, err, c.text)
		}
	}
	if n := vfs.Superblocks(); n != before {
		t.Errorf("%d superblocks are left", n-before)
	}
}

// countFS counts the questions.
type countFS struct {
	fstest.MapFS
	stats *atomic.Int64
}

func (c countFS) Lstat(name string) (fs.FileInfo, error) {
	c.stats.Add(1)
	return c.MapFS.Lstat(name)
}

func TestImmutableTreeIsAskedOnce(t *testing.T) {
	var n atomic.Int64
	task := mount(t, "", Config{FS: countFS{tree(), &n}, Immutable: true})
	for range 10 {
		lstat(t, task, "/dir/file")
		var st vfs.Stat
		wantErr(t, "stat", task.Stat("/dir/none", &st), unix.ENOENT)
	}
	if n := n.Load(); n != 3 {
		t.Errorf("%d questions", n)
	}
}

func TestLiveTreeIsBelievedForATime(t *testing.T) {
	var n atomic.Int64
	task := mount(t, "", Config{FS: countFS{tree(), &n}, Options: "timeout=3600"})
	for range 10 {
		lstat(t, task, "/dir/file")
	}
	if n := n.Load(); n != 2 {
		t.Errorf("%d questions", n)
	}
}

func TestLiveTreeChanges(t *testing.T) {
	m := tree()
	task := mount(t, "", Config{FS: m, Options: "timeout=0"})
	stat := func(path string) (vfs.Stat, error) {
		var st vfs.Stat
		err := task.Stat(path, &st)
		return st, err
	}
	f := open(t, task, "/dir/file")
	defer f.Put(task)

	m["dir/file"] = &fstest.MapFile{Mode: 0o600, Data: []byte("longer content\n"), ModTime: when.Add(time.Hour)}
	if st, err := stat("/dir/file"); err != nil || st.Size != 15 || st.Mode != unix.S_IFREG|0o600 || st.Mtime != vfs.TimespecOf(when.Add(time.Hour)) {
		t.Errorf("changed file: %+v, %v", st, err)
	}
	if got := mustRead(t, task, "/dir/file"); string(got) != "longer content\n" {
		t.Errorf("changed file: %q", got)
	}

	_, err := stat("/dir/new")
	wantErr(t, "name that is not there yet", err, unix.ENOENT)
	m["dir/new"] = &fstest.MapFile{Mode: 0o600}
	_, err = stat("/dir/new")
	wantErr(t, "name that is there now", err, nil)

	delete(m, "dir/file")
	_, err = stat("/dir/file")
	wantErr(t, "name that is gone", err, unix.ENOENT)
	var st vfs.Stat
	wantErr(t, "open file that is gone", f.Getattr(task, &st), unix.ESTALE)

	if got := mustRead(t, task, "/absolute"); string(got) != "deep" {
		t.Errorf("link: %q", got)
	}
	m["absolute"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("dir/new")}
	if got := mustRead(t, task, "/absolute"); string(got) != "" {
		t.Errorf("changed link: %q", got)
	}

	m["link"] = &fstest.MapFile{Mode: 0o600, Data: []byte("now a file")}
	if got := mustRead(t, task, "/link"); string(got) != "now a file" {
		t.Errorf("link that became a file: %q", got)
	}

	// A directory that goes takes with it what was cached below.
	deep := open(t, task, "/dir/sub")
	defer deep.Put(task)
	delete(m, "dir/sub/deep")
	m["dir/sub"] = &fstest.MapFile{Mode: 0o600, Data: []byte("x")}
	_, err = stat("/dir/sub/deep")
	wantErr(t, "below what is a file now", err, unix.ENOTDIR)
}

func TestLinksWithoutBody(t *testing.T) {
	m := fstest.MapFS{
		"long":  &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(strings.Repeat("a", 4096))},
		"empty": &fstest.MapFile{Mode: fs.ModeSymlink | 0o777},
		"nul":   &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("a\x00b")},
		"fine":  &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(strings.Repeat("a/", 2047) + "a")},
	}
	task := mount(t, "", Config{FS: m, Immutable: true})
	buf := make([]byte, 5000)
	for path, want := range map[string]error{"/long": unix.ENAMETOOLONG, "/empty": unix.ENOENT, "/nul": unix.EIO, "/fine": nil} {
		lstat(t, task, path)
		_, err := task.Readlinkat(vfs.AtCWD, path, buf)
		wantErr(t, "readlink "+path, err, want)
		var st vfs.Stat
		if want == nil {
			want = unix.ENOENT
		}
		wantErr(t, "stat "+path, task.Stat(path, &st), want)
	}
}

// A file system that tells of links but cannot read them.
func TestLinksWithoutReadLink(t *testing.T) {
	m := fstest.MapFS{"f": &fstest.MapFile{Mode: 0o644}}
	info := mapInfo(fstest.MapFS{"l": &fstest.MapFile{Mode: fs.ModeSymlink | 0o777}}, "l")
	linkInfo := linkMode{info}
	task := mount(t, "", funcFS{func(name string) (fs.File, error) {
		if name == "l" {
			return &testFile{info: linkInfo}, nil
		}
		return m.Open(name)
	}})
	if st := lstat(t, task, "/l"); st.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("mode %o", st.Mode)
	}
	_, err := task.Readlinkat(vfs.AtCWD, "/l", make([]byte, 10))
	wantErr(t, "readlink", err, unix.EIO)
}

type linkMode struct{ fs.FileInfo }

func (linkMode) Mode() fs.FileMode { return fs.ModeSymlink | 0o777 }

func TestSpecialFiles(t *testing.T) {
	m := fstest.MapFS{
		"fifo":   &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644},
		"socket": &fstest.MapFile{Mode: fs.ModeSocket | 0o644},
		"char":   &fstest.MapFile{Mode: fs.ModeDevice | fs.ModeCharDevice | 0o644},
		"block":  &fstest.MapFile{Mode: fs.ModeDevice | 0o644},
		"odd":    &fstest.MapFile{Mode: fs.ModeIrregular | 0o644, Data: []byte("odd")},
	}
	task := mount(t, "", m)
	for path, typ := range map[string]uint32{
		"/fifo": unix.S_IFIFO, "/socket": unix.S_IFSOCK, "/char": unix.S_IFCHR, "/block": unix.S_IFBLK, "/odd": unix.S_IFREG,
	} {
		if st := lstat(t, task, path); st.Mode != typ|0o644 {
			t.Errorf("%s: mode %o", path, st.Mode)
		}
	}
	for _, path := range []string{"/socket", "/char", "/block"} {
		_, err := task.OpenFile(vfs.AtCWD, path, vfs.OpenHow{Flags: unix.O_RDONLY})
		wantErr(t, "open "+path, err, unix.ENXIO)
	}
	if got := mustRead(t, task, "/odd"); string(got) != "odd" {
		t.Errorf("irregular file: %q", got)
	}
}

func TestEmbeddedFiles(t *testing.T) {
	task := mount(t, "", embedded)
	wantNames(t, "/", list(t, task, "/"), []string{"doc.go", "type.go"})
	want, err := os.ReadFile("type.go")
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "type.go", mustRead(t, task, "/type.go"), want)
	if superOf(task.Namespace().Superblock()).live {
		t.Error("embedded files are taken for changeable")
	}
}

func TestHostDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"a": "A", "sub/b": "B"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("sub/b", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	task := mount(t, "", Config{FS: os.DirFS(dir), Options: "timeout=0"})
	names := list(t, task, "/")
	slices.Sort(names)
	wantNames(t, "/", names, []string{"a", "l@", "out@", "sub/"})
	if got := mustRead(t, task, "/l"); string(got) != "B" {
		t.Errorf("through the link: %q", got)
	}
	var st vfs.Stat
	wantErr(t, "a link out of the tree", task.Stat("/out", &st), unix.ENOENT)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, task, "/a"); string(got) != "changed" {
		t.Errorf("after a change: %q", got)
	}
}

func TestShownOptions(t *testing.T) {
	task := mount(t, "", Config{FS: tree(), Options: "uid=3,umask=022,timeout=2.5,gid=0"})
	var b strings.Builder
	if err := (superOps{}).ShowOptions(task, &b, task.Namespace().Superblock().Root()); err != nil || b.String() != ",uid=3,umask=022,timeout=2.5" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
