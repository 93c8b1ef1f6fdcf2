package govfs

import (
	"io/fs"
)

// IO is the file system as an [io/fs.FS], which is also an fs.ReadDirFS,
// fs.ReadFileFS, fs.StatFS, fs.ReadLinkFS and fs.SubFS. Its files are [File]s,
// its names those of io/fs: relative to the root, without "." and "..". A
// symlink may lead anywhere in the file system, also out of what Sub returned.
func (f *FS) IO() fs.FS { return &ioFS{f, "/"} }

type ioFS struct {
	fs  *FS
	dir string // with a slash at its end
}

var _ interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.ReadLinkFS
	fs.SubFS
} = (*ioFS)(nil)

// path is the path of a name; the root is a dot there too, so that its base
// name is one.
func (f *ioFS) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return f.dir + name, nil
}

// inIO calls do with the path of a name, and gives its error the name back.
func inIO[T any](f *ioFS, op, name string, do func(path string) (T, error)) (v T, err error) {
	p, err := f.path(op, name)
	if err != nil {
		return v, err
	}
	v, err = do(p)
	if e, ok := err.(*fs.PathError); ok && e.Path == p {
		e.Path = name
	}
	return v, err
}

// Open opens a file or directory for reading.
func (f *ioFS) Open(name string) (fs.File, error) {
	file, err := inIO(f, "open", name, f.fs.Open)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f *ioFS) ReadFile(name string) ([]byte, error) {
	return inIO(f, "readfile", name, f.fs.ReadFile)
}

func (f *ioFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return inIO(f, "readdir", name, f.fs.ReadDir)
}

func (f *ioFS) Stat(name string) (fs.FileInfo, error) {
	return inIO(f, "stat", name, f.fs.Stat)
}

func (f *ioFS) Lstat(name string) (fs.FileInfo, error) {
	return inIO(f, "lstat", name, f.fs.Lstat)
}

func (f *ioFS) ReadLink(name string) (string, error) {
	return inIO(f, "readlink", name, f.fs.Readlink)
}

// Sub is the tree below a directory.
func (f *ioFS) Sub(name string) (fs.FS, error) {
	p, err := f.path("sub", name)
	if err != nil {
		return nil, err
	}
	if name == "." {
		return f, nil
	}
	return &ioFS{f.fs, p + "/"}, nil
}
