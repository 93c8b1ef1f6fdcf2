package govfs

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

//go:embed doc.go open.go
var embeddedFiles embed.FS

func sampleTree() fstest.MapFS {
	return fstest.MapFS{
		"top":         &fstest.MapFile{Data: []byte("top"), Mode: 0o644},
		"dir/file":    &fstest.MapFile{Data: bytes.Repeat([]byte("0123456789"), 2000), Mode: 0o600},
		"dir/sub/x":   &fstest.MapFile{Data: nil, Mode: 0o640},
		"dir/sub/y y": &fstest.MapFile{Data: []byte("y"), Mode: 0o444},
		"link":        &fstest.MapFile{Data: []byte("dir/file"), Mode: fs.ModeSymlink | 0o777},
		"dirlink":     &fstest.MapFile{Data: []byte("dir/sub"), Mode: fs.ModeSymlink | 0o777},
	}
}

var sampleNames = []string{"top", "dir/file", "dir/sub/x", "dir/sub/y y", "link", "dirlink"}

func sampleZip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name string, mode fs.FileMode, method uint16, data []byte) {
		h := &zip.FileHeader{Name: name, Method: method}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		must(t, err)
		_, err = f.Write(data)
		must(t, err)
	}
	for name, f := range sampleTree() {
		add(name, f.Mode, zip.Deflate, f.Data)
	}
	add("stored", 0o644, zip.Store, bytes.Repeat([]byte("abc"), 23000))
	add("deflated", 0o644, zip.Deflate, bytes.Repeat([]byte("abc"), 23000))
	must(t, w.Close())
	return b.Bytes()
}

func TestIOPassesTestFS(t *testing.T) {
	ctx := context.Background()
	zipName := filepath.Join(t.TempDir(), "sample.zip")
	must(t, os.WriteFile(zipName, sampleZip(t), 0o600))
	type fsCase struct {
		open  func() (*FS, error)
		names []string
	}
	cases := map[string]fsCase{
		"memfs": {func() (*FS, error) {
			f, err := Open(ctx, "mem")
			if err == nil {
				err = f.CopyFS("/", sampleTree())
			}
			return f, err
		}, sampleNames},
		"empty memfs": {func() (*FS, error) { return Open(ctx, "mem") }, nil},
		"zip":         {func() (*FS, error) { return Open(ctx, zipName) }, append([]string{"stored", "deflated"}, sampleNames...)},
		"embed":       {func() (*FS, error) { return OpenFS(ctx, embeddedFiles) }, []string{"doc.go", "open.go"}},
		"MapFS":       {func() (*FS, error) { return OpenFS(ctx, sampleTree()) }, sampleNames},
		"DirFS":       {func() (*FS, error) { return OpenFS(ctx, os.DirFS("fs/iofs")) }, []string{"doc.go"}},
	}
	if !lockdep.Enabled { // the lock checker does not know of file systems above each other
		cases["over itself"] = fsCase{func() (*FS, error) {
			inner, err := OpenFS(ctx, sampleTree())
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { must(t, inner.Close()) })
			return OpenFS(ctx, inner.IO())
		}, sampleNames}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := c.open()
			must(t, err)
			defer func() { must(t, f.Close()) }()
			if err := fstest.TestFS(f.IO(), c.names...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIONames(t *testing.T) {
	f := openMem(t)
	must(t, f.CopyFS("/", sampleTree()))
	fsys := f.IO()
	for _, bad := range []string{"", "/", "/top", "dir/", "./top", "..", "dir/../top", "\xff"} {
		for op, err := range map[string]error{
			"open":     errOf(fsys.Open(bad)),
			"stat":     errOf(fs.Stat(fsys, bad)),
			"lstat":    errOf(fs.Lstat(fsys, bad)),
			"readfile": errOf(fs.ReadFile(fsys, bad)),
			"readdir":  errOf(fs.ReadDir(fsys, bad)),
			"readlink": errOf(fs.ReadLink(fsys, bad)),
			"sub":      errOf(fs.Sub(fsys, bad)),
		} {
			var p *fs.PathError
			if !errors.As(err, &p) || p.Op != op || p.Path != bad || !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s %q: %v", op, bad, err)
			}
		}
	}
	// Errors have the name that was asked for, not where it is.
	sub, err := fs.Sub(fsys, "dir")
	must(t, err)
	_, err = fs.Stat(sub, "none/x")
	if p, ok := err.(*fs.PathError); !ok || p.Path != "none/x" || p.Err != unix.ENOENT {
		t.Errorf("%v", err)
	}
	if data, err := fs.ReadFile(sub, "sub/y y"); string(data) != "y" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if body, err := fs.ReadLink(fsys, "link"); body != "dir/file" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if same, err := fs.Sub(fsys, "."); same != fsys || err != nil {
		t.Errorf("sub of the root: %v, %v", same, err)
	}
	file, err := fsys.Open("dir/file")
	must(t, err)
	if _, ok := file.(io.ReaderAt); !ok {
		t.Errorf("%T cannot be read at a place", file)
	}
	must(t, file.Close())
}

func errOf[T any](_ T, err error) error { return err }
