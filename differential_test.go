package govfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// system is what package os and an FS have in common: the functions of the
// former, as methods.
type system interface {
	Chmod(name string, mode fs.FileMode) error
	Chown(name string, uid, gid int) error
	Chtimes(name string, atime, mtime time.Time) error
	CopyFS(dir string, fsys fs.FS) error
	CreateTemp(dir, pattern string) (sysFile, error)
	Lchown(name string, uid, gid int) error
	Link(oldname, newname string) error
	Lstat(name string) (fs.FileInfo, error)
	Mkdir(name string, perm fs.FileMode) error
	MkdirAll(name string, perm fs.FileMode) error
	MkdirTemp(dir, pattern string) (string, error)
	OpenFile(name string, flag int, perm fs.FileMode) (sysFile, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	ReadFile(name string) ([]byte, error)
	Readlink(name string) (string, error)
	Remove(name string) error
	RemoveAll(name string) error
	Rename(oldname, newname string) error
	SameFile(a, b fs.FileInfo) bool
	Stat(name string) (fs.FileInfo, error)
	Symlink(oldname, newname string) error
	Truncate(name string, size int64) error
	WriteFile(name string, data []byte, perm fs.FileMode) error
}

// sysFile is what os.File and File have in common.
type sysFile interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.WriterAt
	io.Closer
	io.StringWriter
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
	Name() string
	ReadDir(n int) ([]fs.DirEntry, error)
	Readdir(n int) ([]fs.FileInfo, error)
	Readdirnames(n int) ([]string, error)
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

var (
	_ sysFile = (*File)(nil)
	_ sysFile = (*os.File)(nil)
)

// ours is an FS as a system.
type ours struct{ *FS }

func (o ours) CreateTemp(dir, pattern string) (sysFile, error) {
	return orNil(o.FS.CreateTemp(dir, pattern))
}
func (o ours) OpenFile(name string, flag int, perm fs.FileMode) (sysFile, error) {
	return orNil(o.FS.OpenFile(name, flag, perm))
}
func (o ours) SameFile(a, b fs.FileInfo) bool { return SameFile(a, b) }

// orNil keeps a nil file from becoming an interface that is not nil.
func orNil[F interface {
	comparable
	sysFile
}](f F, err error) (sysFile, error) {
	var none F
	if f == none {
		return nil, err
	}
	return f, err
}

// host is a directory of the host as a system: package os with the directory
// before every path. An empty path stays one.
type host struct{ dir string }

func (h host) path(name string) string {
	if name == "" {
		return ""
	}
	return h.dir + "/" + strings.TrimPrefix(name, "/")
}

func (h host) Chmod(n string, m fs.FileMode) error     { return os.Chmod(h.path(n), m) }
func (h host) Chown(n string, u, g int) error          { return os.Chown(h.path(n), u, g) }
func (h host) Chtimes(n string, a, m time.Time) error  { return os.Chtimes(h.path(n), a, m) }
func (h host) CopyFS(n string, f fs.FS) error          { return os.CopyFS(h.path(n), f) }
func (h host) CreateTemp(d, p string) (sysFile, error) { return orNil(os.CreateTemp(h.path(d), p)) }
func (h host) Lchown(n string, u, g int) error         { return os.Lchown(h.path(n), u, g) }
func (h host) Link(a, b string) error                  { return os.Link(h.path(a), h.path(b)) }
func (h host) Lstat(n string) (fs.FileInfo, error)     { return os.Lstat(h.path(n)) }
func (h host) Mkdir(n string, p fs.FileMode) error     { return os.Mkdir(h.path(n), p) }
func (h host) MkdirAll(n string, p fs.FileMode) error  { return os.MkdirAll(h.path(n), p) }
func (h host) MkdirTemp(d, p string) (string, error)   { return os.MkdirTemp(h.path(d), p) }
func (h host) ReadDir(n string) ([]fs.DirEntry, error) { return os.ReadDir(h.path(n)) }
func (h host) ReadFile(n string) ([]byte, error)       { return os.ReadFile(h.path(n)) }
func (h host) Readlink(n string) (string, error)       { return os.Readlink(h.path(n)) }
func (h host) Remove(n string) error                   { return os.Remove(h.path(n)) }
func (h host) RemoveAll(n string) error                { return os.RemoveAll(h.path(n)) }
func (h host) Rename(a, b string) error                { return os.Rename(h.path(a), h.path(b)) }
func (h host) SameFile(a, b fs.FileInfo) bool          { return os.SameFile(a, b) }
func (h host) Stat(n string) (fs.FileInfo, error)      { return os.Stat(h.path(n)) }
func (h host) Symlink(a, b string) error               { return os.Symlink(a, h.path(b)) }
func (h host) Truncate(n string, s int64) error        { return os.Truncate(h.path(n), s) }
func (h host) WriteFile(n string, d []byte, p fs.FileMode) error {
	return os.WriteFile(h.path(n), d, p)
}
func (h host) OpenFile(n string, f int, p fs.FileMode) (sysFile, error) {
	return orNil(os.OpenFile(h.path(n), f, p))
}

// tester is a test, be it one of package rapid.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// A recorder makes calls on a system and writes down what they do, in words
// that are the same for equal behaviour.
type recorder struct {
	system
	t     tester
	dir   string // what the host's paths begin with
	lines []string
}

func (r *recorder) log(format string, args ...any) {
	r.lines = append(r.lines, r.plain(fmt.Sprintf(format, args...)))
}

// plain takes the host's directory out of a text.
func (r *recorder) plain(s string) string {
	if r.dir != "" {
		s = strings.ReplaceAll(s, r.dir+"/", "/")
		s = strings.ReplaceAll(s, r.dir, "/")
	}
	return s
}

// err describes an error by its type, its parts and what it is.
func (r *recorder) err(err error) string {
	if err == nil {
		return "ok"
	}
	var is []string
	for _, e := range []error{fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, fs.ErrClosed, io.EOF, io.ErrShortWrite} {
		if errors.Is(err, e) {
			is = append(is, e.Error())
		}
	}
	var no syscall.Errno
	errors.As(err, &no)
	switch e := err.(type) {
	case *fs.PathError:
		return fmt.Sprintf("path error %s %s: %v %d %q", e.Op, r.single(e.Path), e.Err, no, is)
	case *os.LinkError:
		return fmt.Sprintf("link error %s %s %s: %v %d %q", e.Op, e.Old, e.New, e.Err, no, is)
	}
	return fmt.Sprintf("error %s %d %q", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "os: "), "govfs: "), no, is)
}

// single takes the second slash away that the root has in front of what is
// added to it.
func (r *recorder) single(p string) string {
	if rest, ok := strings.CutPrefix(p, "//"); ok {
		return "/" + rest
	}
	return p
}

// info describes a file without what differs between any two file systems.
func (r *recorder) info(i fs.FileInfo) string {
	if i == nil {
		return "none"
	}
	st := i.Sys().(*syscall.Stat_t)
	if st.Mode&syscall.S_IFMT != 0 && i.IsDir() != (st.Mode&syscall.S_IFMT == syscall.S_IFDIR) {
		r.t.Errorf("%s: IsDir %v, mode %o", i.Name(), i.IsDir(), st.Mode)
	}
	name := i.Name()
	if r.dir != "" && name == path.Base(r.dir) {
		name = "/"
	}
	return fmt.Sprintf("%s %v size %d links %d owner %d:%d blocks %d", name, i.Mode(), i.Size(), st.Nlink, st.Uid, st.Gid, st.Blocks)
}

func (r *recorder) stat(name string) {
	i, err := r.Stat(name)
	r.log("stat %q: %s, %s", name, r.info(i), r.err(err))
	i, err = r.Lstat(name)
	r.log("lstat %q: %s, %s", name, r.info(i), r.err(err))
}

// do writes down the error of a call.
func (r *recorder) do(what string, err error) { r.log("%s: %s", what, r.err(err)) }

// tree writes down everything there is.
func (r *recorder) tree() {
	var walk func(dir string)
	walk = func(dir string) {
		list, err := r.ReadDir(dir)
		r.log("readdir %q: %d, %s", dir, len(list), r.err(err))
		for _, e := range list {
			name := dir + "/" + e.Name()
			i, err := e.Info()
			r.log("%s: %v %v %s, %s", name, e.IsDir(), e.Type(), r.info(i), r.err(err))
			switch {
			case e.IsDir():
				walk(name)
			case e.Type() == fs.ModeSymlink:
				body, err := r.Readlink(name)
				r.log("readlink %q: %q, %s", name, body, r.err(err))
			case e.Type() == 0:
				data, err := r.ReadFile(name)
				r.log("content %q: %q, %s", name, data, r.err(err))
			}
		}
	}
	walk("/.")
}

// both runs a script on the host's tmpfs and on a memory file system, and
// compares what they do.
func both(t *testing.T, script func(r *recorder)) {
	t.Helper()
	dir := hostTmpfs(t)
	must(t, os.Chmod(dir, 0o777|fs.ModeSticky)) // as the root of a tmpfs
	want := &recorder{system: host{dir}, t: t, dir: dir}
	got := &recorder{system: ours{openMem(t)}, t: t}
	script(want)
	script(got)
	compare(t, want.lines, got.lines)
}

func compare(t tester, want, got []string) {
	t.Helper()
	if slices.Equal(want, got) {
		return
	}
	for i := range max(len(want), len(got)) {
		w, g := "nothing", "nothing"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.Errorf("line %d\n  os:    %s\n  govfs: %s", i+1, w, g)
		}
	}
}
