package iofs

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// An archive shows a zip archive as a file system, as far as the mount needs
// it: Stat, Lstat, ReadDir, ReadLink, and Open of what is no directory. Links
// are not followed, Open of one is its body.
//
// The tree is nowhere built: entries lie sorted so that what is below a
// directory is one run of them, and directories that the archive does not
// list are there because something is below. Memory is so bounded by the
// number of entries, whatever names they have.
type archive struct {
	entries []entry // by comparePaths, each path once
	omitted []Omission
	bytes   uint64    // of all files, uncompressed
	newest  time.Time // time of the directories that are not listed
	closer  io.Closer // the archive's file, if openArchive opened it
}

type entry struct {
	path string
	file *zip.File
	typ  fs.FileMode // type bits
}

// openArchive opens the zip archive at a path of the host.
func openArchive(name string) (*archive, error) {
	fail := func(err error, no error) (*archive, error) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, &Error{Op: "open", Path: name, Reason: err.Error(), Errno: errnoOf(no)}
	}
	f, err := os.Open(name)
	if err != nil {
		return fail(err, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = unix.EINVAL
	}
	if err != nil {
		f.Close()
		return fail(err, err)
	}
	r, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are this file's business
		f.Close()
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fail(err, unix.EINVAL)
		}
		return fail(err, err)
	}
	a := newArchive(r)
	a.closer = f
	return a, nil
}

// newArchive indexes an archive. Of entries with the same path the last one
// counts, as an archive is updated by appending; a directory wins over
// anything else of its name.
func newArchive(r *zip.Reader) *archive {
	a := &archive{entries: make([]entry, 0, len(r.File))}
	for _, f := range r.File {
		name, dir, err := entryPath(f)
		switch {
		case err != nil:
			a.omit(f, err.Error())
		case f.UncompressedSize64 > math.MaxInt64:
			a.omit(f, "size out of range")
		case name != ".":
			typ := f.Mode().Type()
			if dir {
				typ = fs.ModeDir
			}
			a.entries = append(a.entries, entry{name, f, typ})
		case !dir:
			a.omit(f, "no name")
		}
		if f.Modified.After(a.newest) {
			a.newest = f.Modified
		}
	}
	slices.SortStableFunc(a.entries, func(x, y entry) int { return comparePaths(x.path, y.path) })
	a.resolve()
	for _, e := range a.entries {
		a.bytes += e.file.UncompressedSize64
	}
	return a
}

func (a *archive) omit(f *zip.File, reason string) {
	a.omitted = append(a.omitted, Omission{f.Name, reason})
}

// resolve leaves one entry of each path, and none but directories with
// something below.
func (a *archive) resolve() {
	all, kept := a.entries, a.entries[:0]
	for i := 0; i < len(all); {
		winner, end := all[i], i+1
		for ; end < len(all) && all[end].path == winner.path; end++ {
			if winner.typ.IsDir() && !all[end].typ.IsDir() {
				a.omit(all[end].file, "a directory has this name")
				continue
			}
			a.omit(winner.file, "overridden by a later entry")
			winner = all[end]
		}
		if !winner.typ.IsDir() && end < len(all) && below(all[end].path, winner.path) {
			a.omit(winner.file, "other entries are below it")
		} else {
			kept = append(kept, winner)
		}
		i = end
	}
	clear(all[len(kept):])
	a.entries = kept
}

// entryPath is the path of an entry as io/fs has it, and whether it can only be
// a directory. A leading slash is dropped; what leads upwards, or cannot be
// said in a path, is an error.
func entryPath(f *zip.File) (name string, dir bool, err error) {
	name = f.Name
	if !utf8.ValidString(name) {
		name = decodeCP437(name)
	}
	// Some packers on other systems write their own separator.
	const unixCreator, darwinCreator = 3, 19
	if c := f.CreatorVersion >> 8; c != unixCreator && c != darwinCreator {
		name = strings.ReplaceAll(name, `\`, "/")
	}
	dir = name == "" || strings.HasSuffix(name, "/") || f.Mode().IsDir()
	if len(name) >= vfs.PathMax {
		return "", false, errors.New("name too long")
	}
	for c := range strings.SplitSeq(name, "/") {
		switch {
		case c == "..":
			return "", false, errors.New("the name leads upwards")
		case len(c) > vfs.NameMax:
			return "", false, errors.New("name too long")
		case strings.IndexByte(c, 0) >= 0:
			return "", false, errors.New("NUL in the name")
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		name = "."
	}
	return name, dir, nil
}

// comparePaths orders paths by their bytes, a slash before all others: what is
// below a directory follows it at once.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x == '/':
			return -1
		case y == '/' || x > y:
			return 1
		default:
			return -1
		}
	}
	return len(a) - len(b)
}

// below reports whether a path lies below dir, which is not the root.
func below(p, dir string) bool {
	return len(p) > len(dir) && p[len(dir)] == '/' && strings.HasPrefix(p, dir)
}

// find returns where a path is in the entries, or what is below it begins;
// listed says that it is there itself.
func (a *archive) find(name string) (i int, listed, exists bool) {
	i = sort.Search(len(a.entries), func(i int) bool { return comparePaths(a.entries[i].path, name) >= 0 })
	if i == len(a.entries) {
		return i, false, false
	}
	p := a.entries[i].path
	return i, p == name, p == name || below(p, name)
}

// info describes a path: its entry, or a directory that is not listed.
func (a *archive) info(op, name string) (archiveInfo, error) {
	if !fs.ValidPath(name) {
		return archiveInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return archiveInfo{name: ".", typ: fs.ModeDir, mtime: a.newest}, nil
	}
	i, listed, exists := a.find(name)
	switch {
	case !exists:
		return archiveInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case !listed:
		return archiveInfo{name: path.Base(name), typ: fs.ModeDir, mtime: a.newest}, nil
	}
	e := a.entries[i]
	return archiveInfo{path.Base(name), e.file, e.typ, e.file.Modified}, nil
}

// Lstat and Stat describe what is at a path; neither follows links.
func (a *archive) Lstat(name string) (fs.FileInfo, error) { return a.stat("lstat", name) }
func (a *archive) Stat(name string) (fs.FileInfo, error)  { return a.stat("stat", name) }

func (a *archive) stat(op, name string) (fs.FileInfo, error) {
	info, err := a.info(op, name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

// ReadDir lists a directory by name.
func (a *archive) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := a.info("readdir", name)
	if err != nil {
		return nil, err
	}
	if !dir.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: unix.ENOTDIR}
	}
	i, prefix := 0, ""
	if name != "." {
		var listed bool
		if i, listed, _ = a.find(name); listed {
			i++
		}
		prefix = name + "/"
	}
	var list []fs.DirEntry
	for i < len(a.entries) && strings.HasPrefix(a.entries[i].path, prefix) {
		e := a.entries[i]
		child, _, deeper := strings.Cut(e.path[len(prefix):], "/")
		if deeper {
			list = append(list, archiveInfo{name: child, typ: fs.ModeDir, mtime: a.newest})
		} else {
			list = append(list, archiveInfo{child, e.file, e.typ, e.file.Modified})
		}
		i = a.after(i, prefix+child)
	}
	return list, nil
}

// after is the first entry from i on that is neither p nor below it.
func (a *archive) after(i int, p string) int {
	if i+1 < len(a.entries) && !below(a.entries[i+1].path, p) {
		return i + 1
	}
	rest := a.entries[i:]
	return i + sort.Search(len(rest), func(j int) bool { return rest[j].path != p && !below(rest[j].path, p) })
}

// maxLink is how much of a link's body is read: one byte more than a link may
// have.
const maxLink = vfs.PathMax

// ReadLink reads the body of a link, which is the entry's content.
func (a *archive) ReadLink(name string) (string, error) {
	info, err := a.info("readlink", name)
	if err != nil {
		return "", err
	}
	if info.typ&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: unix.EINVAL}
	}
	f, err := a.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxLink))
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(body), nil
}

// Open opens an entry. One that is stored as it is can be read at any place,
// without a look at its checksum; others are read from front to back.
func (a *archive) Open(name string) (fs.File, error) {
	info, err := a.info("open", name)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if info.IsDir() {
		return fail(unix.EISDIR)
	}
	const encrypted = 0x1
	f := info.file
	if f.Flags&encrypted != 0 {
		return fail(unix.ENOKEY)
	}
	if f.Method == zip.Store && f.CompressedSize64 == f.UncompressedSize64 {
		if raw, err := f.OpenRaw(); err == nil {
			if section, ok := raw.(*io.SectionReader); ok {
				return archiveFile{section, info}, nil
			}
		}
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return fail(unix.EOPNOTSUPP)
	}
	if err != nil {
		return fail(err)
	}
	return archiveStream{r, info}, nil
}

// archiveInfo describes a file of an archive, also as an entry of a directory.
// file is nil for a directory that the archive does not list.
type archiveInfo struct {
	name  string
	file  *zip.File
	typ   fs.FileMode
	mtime time.Time
}

func (i archiveInfo) Name() string               { return i.name }
func (i archiveInfo) IsDir() bool                { return i.typ.IsDir() }
func (i archiveInfo) Type() fs.FileMode          { return i.typ }
func (i archiveInfo) ModTime() time.Time         { return i.mtime }
func (i archiveInfo) Info() (fs.FileInfo, error) { return i, nil }

// Size is the size in bytes, uncompressed.
func (i archiveInfo) Size() int64 {
	if i.file == nil || i.IsDir() {
		return 0
	}
	return int64(i.file.UncompressedSize64)
}

// Mode has the permissions of the entry; those of an ordinary file or
// directory if it has none at all.
func (i archiveInfo) Mode() fs.FileMode {
	if i.file != nil {
		if m := i.file.Mode(); m.Perm() != 0 {
			return i.typ | m&^fs.ModeType
		}
	}
	if i.IsDir() {
		return i.typ | 0o755
	}
	return i.typ | 0o644
}

// Sys is the entry's *zip.FileHeader, if it has one.
func (i archiveInfo) Sys() any {
	if i.file == nil {
		return nil
	}
	return &i.file.FileHeader
}

// archiveFile is a file that lies in the archive as it is.
type archiveFile struct {
	*io.SectionReader
	info archiveInfo
}

func (f archiveFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f archiveFile) Close() error               { return nil }

// archiveStream is a compressed file.
type archiveStream struct {
	io.ReadCloser
	info archiveInfo
}

func (f archiveStream) Stat() (fs.FileInfo, error) { return f.info, nil }
