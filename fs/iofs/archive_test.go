package iofs

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/govfs/govfs/vfs"
)

// zipEntry is an entry of an archive that a test writes.
type zipEntry struct {
	name  string
	data  string
	mode  fs.FileMode // 0: of the creator that has none
	store bool
	raw   func(*zip.FileHeader)
}

// makeZip writes an archive as it is told, also a bad one.
func makeZip(t testing.TB, entries ...zipEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: when}
		if e.store {
			h.Method = zip.Store
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		if strings.HasSuffix(e.name, "/") || e.mode.IsDir() {
			h.Method = zip.Store
		}
		if e.raw != nil {
			e.raw(h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if e.data != "" {
			if _, err := f.Write([]byte(e.data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readZip(t testing.TB, data []byte) *zip.Reader {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		t.Fatal(err)
	}
	return r
}

// walkNames is every path of a mounted tree, directories with a slash; below
// a very long path it goes no further.
func walkNames(t testing.TB, task *vfs.Task) []string {
	t.Helper()
	var all []string
	var walk func(dir string)
	walk = func(dir string) {
		for _, n := range list(t, task, "/"+dir) {
			all = append(all, dir+n)
			if strings.HasSuffix(n, "/") && len(dir) < 100 {
				walk(dir + n)
			}
		}
	}
	walk("")
	return all
}

func TestArchive(t *testing.T) {
	big := string(pattern(5*blockSize + 123))
	data := makeZip(t,
		zipEntry{name: "z.txt", data: "stored", store: true, mode: 0o640},
		zipEntry{name: "dir/", mode: fs.ModeDir | 0o700},
		zipEntry{name: "dir/packed", data: big},
		zipEntry{name: "implied/deep/er/file", data: "x"},
		zipEntry{name: "dir-file", data: "sorts between dir and dir/x by its bytes"},
		zipEntry{name: "link", data: "dir/packed", mode: fs.ModeSymlink | 0o777},
		zipEntry{name: "suid", mode: fs.ModeSetuid | 0o755},
		zipEntry{name: "noperm", raw: func(h *zip.FileHeader) { h.CreatorVersion = 3 << 8; h.ExternalAttrs = 0 }},
		zipEntry{name: "fifo", mode: fs.ModeNamedPipe | 0o600},
	)
	name := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	task := mount(t, name, "uid=5")
	wantNames(t, "tree", walkNames(t, task), []string{
		"dir/", "dir/packed", "dir-file", "fifo", "implied/", "implied/deep/", "implied/deep/er/", "implied/deep/er/file",
		"link@", "noperm", "suid", "z.txt",
	})
	for path, want := range map[string]string{"/z.txt": "stored", "/dir/packed": big, "/link": big, "/implied/deep/er/file": "x", "/noperm": ""} {
		if got := mustRead(t, task, path); string(got) != want {
			t.Errorf("%s: %d bytes, want %d", path, len(got), len(want))
		}
	}
	for path, mode := range map[string]uint32{
		"/z.txt": unix.S_IFREG | 0o640, "/dir": unix.S_IFDIR | 0o700, "/implied": unix.S_IFDIR | 0o755, "/suid": unix.S_IFREG | 0o755,
		"/noperm": unix.S_IFREG | 0o644, "/link": unix.S_IFLNK | 0o777, "/fifo": unix.S_IFIFO | 0o600, "/": unix.S_IFDIR | 0o755,
	} {
		if st := lstat(t, task, path); st.Mode != mode || st.UID != 5 || st.Mtime.Sec != when.Unix() {
			t.Errorf("%s: mode %o, owner %d, time %d", path, st.Mode, st.UID, st.Mtime.Sec)
		}
	}
	var sfs vfs.StatFS
	if err := task.Statfs(vfs.AtCWD, "/", &sfs); err != nil || sfs.Blocks != uint64(len(big)+len("stored")+len("xdir/packed")+40+4095)/4096 {
		t.Errorf("statfs: %+v, %v", sfs, err)
	}
	if o := Omissions(task.Namespace().Superblock()); o != nil {
		t.Errorf("left out: %v", o)
	}
	var st vfs.Stat
	wantErr(t, "below a file", task.Stat("/z.txt/x", &st), unix.ENOTDIR)
}

func TestHostileNames(t *testing.T) {
	long := strings.Repeat("n", 255)
	data := makeZip(t,
		zipEntry{name: "../up", data: "1"},
		zipEntry{name: "a/../../up", data: "2"},
		zipEntry{name: "a/../b", data: "3"},
		zipEntry{name: "..", data: "4"},
		zipEntry{name: "/absolute", data: "5"},
		zipEntry{name: "//twice//", data: ""},
		zipEntry{name: "./dot/./x", data: "6"},
		zipEntry{name: "", data: ""},
		zipEntry{name: "/", data: ""},
		zipEntry{name: "nul\x00byte", data: "7"},
		zipEntry{name: long, data: "8"},
		zipEntry{name: long + "n", data: "9"},
		zipEntry{name: strings.Repeat("d/", 2047) + "f", data: "deep"},
		zipEntry{name: strings.Repeat("e/", 2048) + "f", data: "deeper"},
		zipEntry{name: `win\dows`, data: "10"},
		zipEntry{name: `unix\name`, data: "11", mode: 0o644},
		zipEntry{name: "\x81ber", data: "12"},
		zipEntry{name: "über2", data: "13"},
		zipEntry{name: ".", data: "14", mode: 0o644},
		zipEntry{name: "...", data: "15"},
	)
	task := mount(t, "", readZip(t, data))
	var short []string
	for _, n := range walkNames(t, task) {
		if len(n) < 100 {
			short = append(short, n)
		}
	}
	slices.Sort(short)
	short = slices.DeleteFunc(short, func(n string) bool { return strings.HasPrefix(n, "d/d/") })
	wantNames(t, "tree", short, []string{"...", "absolute", "d/", "dot/", "dot/x", "twice/", `unix\name`, "win/", "win/dows", "über", "über2"})
	if got := mustRead(t, task, strings.Repeat("d/", 2047)+"f"); string(got) != "deep" {
		t.Errorf("deep file: %q", got)
	}
	if got := mustRead(t, task, "/"+long); string(got) != "8" {
		t.Errorf("long name: %q", got)
	}
	var reasons []string
	for _, o := range Omissions(task.Namespace().Superblock()) {
		if len(o.Name) > 20 {
			o.Name = o.Name[:5] + "…"
		}
		reasons = append(reasons, fmt.Sprintf("%q: %s", o.Name, o.Reason))
	}
	wantNames(t, "left out", reasons, []string{
		`"../up": the name leads upwards`, `"a/../../up": the name leads upwards`, `"a/../b": the name leads upwards`,
		`"..": the name leads upwards`, `"nul\x00byte": NUL in the name`, `"nnnnn…": name too long`, `"e/e/e…": name too long`, `".": no name`,
	})
}

func TestDuplicatesAndConflicts(t *testing.T) {
	data := makeZip(t,
		zipEntry{name: "twice", data: "old"},
		zipEntry{name: "twice", data: "new"},
		zipEntry{name: "both", data: "file"},
		zipEntry{name: "both/", mode: fs.ModeDir | 0o711},
		zipEntry{name: "also/", mode: fs.ModeDir | 0o711},
		zipEntry{name: "also", data: "file"},
		zipEntry{name: "under", data: "file"},
		zipEntry{name: "under/x", data: "x"},
		zipEntry{name: "under-x", data: "y"},
		zipEntry{name: "trap", data: "/etc", mode: fs.ModeSymlink | 0o777},
		zipEntry{name: "trap/passwd", data: "z"},
		zipEntry{name: "same", data: "1"},
		zipEntry{name: "./same", data: "2"},
		zipEntry{name: "/same", data: "3"},
	)
	task := mount(t, "", readZip(t, data))
	wantNames(t, "tree", walkNames(t, task), []string{
		"also/", "both/", "same", "trap/", "trap/passwd", "twice", "under/", "under/x", "under-x",
	})
	for path, want := range map[string]string{"/twice": "new", "/same": "3", "/trap/passwd": "z", "/under/x": "x"} {
		if got := mustRead(t, task, path); string(got) != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for path, mode := range map[string]uint32{"/both": 0o711, "/also": 0o711, "/under": 0o755, "/trap": 0o755} {
		if st := lstat(t, task, path); st.Mode != unix.S_IFDIR|mode {
			t.Errorf("%s: mode %o", path, st.Mode)
		}
	}
	if n := len(Omissions(task.Namespace().Superblock())); n != 7 {
		t.Errorf("%d entries are left out: %v", n, Omissions(task.Namespace().Superblock()))
	}
}

func TestEntriesThatCannotBeRead(t *testing.T) {
	body := string(pattern(2*blockSize + 10))
	data := makeZip(t,
		zipEntry{name: "crc", data: body},
		zipEntry{name: "secret", data: "x", raw: func(h *zip.FileHeader) { h.Flags |= 1 }},
		zipEntry{name: "fine", data: body},
	)
	r := readZip(t, data)
	for _, f := range r.File {
		switch f.Name {
		case "crc":
			f.CRC32 ^= 1
		case "secret":
			f.Flags |= 1
		}
	}
	r.File = append(r.File, cloneFile(r.File[2], "method", func(f *zip.File) { f.Method = 98 }))
	r.File = append(r.File, cloneFile(r.File[2], "short", func(f *zip.File) { f.UncompressedSize64 += 5 }))
	r.File = append(r.File, cloneFile(r.File[2], "bomb", func(f *zip.File) { f.UncompressedSize64 -= 5 }))
	r.File = append(r.File, cloneFile(r.File[2], "huge", func(f *zip.File) { f.UncompressedSize64 = 1 << 63 }))
	task := mount(t, "", r)
	for path, want := range map[string]struct {
		n   int
		err error
	}{
		"/crc": {2 * blockSize, unix.EIO}, "/secret": {0, unix.ENOKEY}, "/method": {0, unix.EOPNOTSUPP},
		"/short": {2 * blockSize, unix.EIO}, "/bomb": {2 * blockSize, unix.EIO}, "/fine": {len(body), nil}, "/huge": {0, unix.ENOENT},
	} {
		got, err := readAll(task, path, 1<<20)
		if err != want.err || len(got) != want.n {
			t.Errorf("%s: %d bytes, %v; want %d, %v", path, len(got), err, want.n, want.err)
		}
	}
}

func cloneFile(f *zip.File, name string, change func(*zip.File)) *zip.File {
	c := *f
	c.Name = name
	change(&c)
	return &c
}

func TestReadersOfAnArchiveInParallel(t *testing.T) {
	body := string(pattern(10*blockSize + 5))
	data := makeZip(t, zipEntry{name: "packed", data: body}, zipEntry{name: "stored", data: body, store: true})
	task := mount(t, "", readZip(t, data))
	superOf(task.Namespace().Superblock()).blocks.limit = 4 * blockSize
	var wg sync.WaitGroup
	for i := range 6 {
		reader := task.Clone(vfs.CloneFS)
		wg.Go(func() {
			defer reader.Exit()
			f, err := reader.OpenFile(vfs.AtCWD, []string{"/packed", "/stored"}[i%2], vfs.OpenHow{})
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Put(reader)
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			buf := make([]byte, 3000)
			for range 60 {
				off := rnd.Int64N(int64(len(body)))
				n, err := f.Pread(reader, buf, off)
				if want := body[off:min(off+3000, int64(len(body)))]; err != nil || string(buf[:n]) != want {
					t.Errorf("read at %d: %d bytes, %v", off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The index against a tree of maps, over random names.
func TestArchiveIndexAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", "a-", "a!", "b0", "A"})
		names := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			p := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "parts"), "/")
			if rapid.Bool().Draw(t, "dir") {
				p += "/"
			}
			return p
		}), 0, 30).Draw(t, "names")

		r := &zip.Reader{}
		model := map[string]string{".": "dir"} // path to the entry that counts, or "dir"
		for i, n := range names {
			f := &zip.File{FileHeader: zip.FileHeader{Name: n, Comment: fmt.Sprint(i), CreatorVersion: 3 << 8, ExternalAttrs: 0o100644 << 16}}
			if strings.HasSuffix(n, "/") {
				f.ExternalAttrs = 0o40755 << 16
			}
			r.File = append(r.File, f)
			p := strings.TrimSuffix(n, "/")
			if p != n {
				model[p] = "dir"
			} else if model[p] != "dir" {
				model[p] = f.Comment
			}
			for i := range p {
				if p[i] == '/' {
					model[p[:i]] = "dir"
				}
			}
		}
		a := newArchive(r)
		for p, want := range model {
			info, err := a.info("stat", p)
			if err != nil {
				t.Fatalf("%q: %v", p, err)
			}
			if want == "dir" {
				if !info.IsDir() {
					t.Fatalf("%q is no directory", p)
				}
				got, err := a.ReadDir(p)
				if err != nil {
					t.Fatal(err)
				}
				prefix := p + "/"
				if p == "." {
					prefix = ""
				}
				var names, wantNames []string
				for _, e := range got {
					names = append(names, e.Name())
					if child := model[prefix+e.Name()]; (child == "dir") != e.IsDir() {
						t.Fatalf("%q in %q: directory %v", e.Name(), p, e.IsDir())
					}
				}
				for c := range model {
					if rest, ok := strings.CutPrefix(c, prefix); ok && rest != "." && rest != "" && !strings.Contains(rest, "/") {
						wantNames = append(wantNames, rest)
					}
				}
				slices.Sort(wantNames)
				if !slices.Equal(names, wantNames) {
					t.Fatalf("%q: %q, want %q", p, names, wantNames)
				}
			} else if info.IsDir() || info.file.Comment != want {
				t.Fatalf("%q is entry %v, want %s", p, info.file, want)
			}
		}
		for _, p := range []string{"none", "a/none", "a-0", "b/b/b/b/b"} {
			if _, err := a.info("stat", p); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%q: %v", p, err)
			}
		}
		if len(a.entries)+len(a.omitted) != len(names) {
			t.Fatalf("%d entries and %d left out of %d", len(a.entries), len(a.omitted), len(names))
		}
	})
}

// A name of many directories costs no more than its bytes.
func TestDeepNamesDoNotMultiply(t *testing.T) {
	r := &zip.Reader{}
	for i := range 2000 {
		r.File = append(r.File, &zip.File{FileHeader: zip.FileHeader{Name: fmt.Sprintf("%d/%s", i, strings.Repeat("d/", 2000))}})
	}
	allocs := testing.AllocsPerRun(1, func() { newArchive(r) })
	if allocs > 20*2000 {
		t.Errorf("%.0f allocations", allocs)
	}
}

func TestCP437(t *testing.T) {
	if len(cp437) != 128 {
		t.Fatalf("%d characters", len(cp437))
	}
	if got := decodeCP437("na\x8bve \xe1\xff.txt"); got != "naïve ß\u00a0.txt" {
		t.Errorf("%q", got)
	}
}

// Whatever bytes are mounted, what can be listed can be found and has the type
// that the listing says; reading it ends. An archive is made of names, one a
// line, some of their properties and a content; then bytes of it are changed
// here and there.
func FuzzZip(f *testing.F) {
	f.Add("", "", []byte{}, []byte{})
	f.Add("a\nb/c\nb/d/\n../x", "012", []byte("hello"), []byte{})
	f.Add("l\nb/c\nl/x\na\na/b\na/\n/b", "3", bytes.Repeat([]byte("x"), 1000), []byte{3, 1, 200, 7})
	f.Add("a\na\n./a\n\x80\na\\b", "0123", []byte("b/c"), []byte{255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, names, kinds string, content, changes []byte) {
		if len(names) > 2000 || len(content) > 1<<17 {
			return
		}
		var entries []zipEntry
		for i, n := range strings.Split(names, "\n") {
			e := zipEntry{name: n}
			if !strings.HasSuffix(n, "/") {
				e.data = string(content)
			}
			if len(kinds) > 0 {
				switch kinds[i%len(kinds)] % 8 {
				case 1:
					e.store = true
				case 2:
					e.mode = 0o600
				case 3:
					e.mode = fs.ModeSymlink | 0o777
				case 4:
					e.mode = fs.ModeDir | 0o755
					e.data = ""
				case 5:
					e.mode = fs.ModeNamedPipe | 0o644
				case 6:
					e.raw = func(h *zip.FileHeader) { h.Flags |= 1 }
				}
			}
			entries = append(entries, e)
		}
		data := makeZip(t, entries...)
		for ; len(changes) >= 3; changes = changes[3:] {
			data[(int(changes[0])<<8|int(changes[1]))%len(data)] ^= changes[2]
		}
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
			return
		}
		task := mount(t, "", r)
		budget := 200
		var walk func(dir string)
		walk = func(dir string) {
			for _, e := range entriesOf(t, task, dir) {
				if budget--; budget < 0 {
					return
				}
				name := e.name
				st := lstat(t, task, dir+name)
				switch typ := st.Mode & unix.S_IFMT; {
				case vfs.DirentType(st.Mode) != e.typ || st.Ino != e.ino:
					t.Fatalf("%q is listed with type %d, number %d; it has mode %o, number %d", dir+name, e.typ, e.ino, st.Mode, st.Ino)
				case typ == unix.S_IFDIR:
					walk(dir + name + "/")
				case typ == unix.S_IFREG:
					readSome(t, task, dir+name)
				case typ == unix.S_IFLNK:
					_, _ = task.Readlinkat(vfs.AtCWD, dir+name, make([]byte, 100))
					var st vfs.Stat
					_ = task.Stat(dir+name, &st)
				}
			}
		}
		walk("/")
	})
}

// readSome reads at most a few blocks of a file, which may fail.
func readSome(t *testing.T, task *vfs.Task, path string) {
	f, err := task.OpenFile(vfs.AtCWD, path, vfs.OpenHow{})
	if err != nil {
		return
	}
	defer f.Put(task)
	buf := make([]byte, 50000)
	for off := int64(0); off < 4*blockSize; {
		n, err := f.Pread(task, buf, off)
		if err != nil || n == 0 {
			return
		}
		off += int64(n)
	}
}
