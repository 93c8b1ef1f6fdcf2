package govfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadFile reads a whole file.
func (f *FS) ReadFile(name string) ([]byte, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size := 0
	if info, err := file.Stat(); err == nil && int64(int(info.Size())) == info.Size() {
		size = int(info.Size())
	}
	const minRead = 512
	data := make([]byte, 0, max(size+1, minRead)) // one more, to see the end
	for {
		n, err := file.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return data, err
		}
		if len(data) == cap(data) {
			data = slices.Grow(data, minRead)
		}
	}
}

// WriteFile writes data to a file, which is made, with permissions perm before
// umask, or truncated. An error in between leaves a part written.
func (f *FS) WriteFile(name string, data []byte, perm fs.FileMode) error {
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// CopyFS copies the tree of fsys into directory dir, which is made if it is
// missing. Files have at least permissions 0666 before umask, and those of
// the original; directories 0777. A file that is there already is an error,
// and so is anything but files, directories and symbolic links.
func (f *FS) CopyFS(dir string, fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hasNUL(name) {
			return &fs.PathError{Op: "CopyFS", Path: name, Err: unix.EINVAL}
		}
		target := join(dir, name)
		switch d.Type() {
		case fs.ModeDir:
			return f.MkdirAll(target, 0o777)
		case fs.ModeSymlink:
			body, err := fs.ReadLink(fsys, name)
			if err != nil {
				return err
			}
			return f.Symlink(body, target)
		case 0:
			return f.copyFile(target, fsys, name)
		}
		return &fs.PathError{Op: "CopyFS", Path: name, Err: fs.ErrInvalid}
	})
}

func (f *FS) copyFile(target string, fsys fs.FS, name string) error {
	from, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := f.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666|info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return &fs.PathError{Op: "Copy", Path: target, Err: err}
	}
	return to.Close()
}

// join puts a name into a directory.
func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// CreateTemp makes a file in directory dir, opens it for reading and writing,
// and returns it; nobody else will have the same. Its name is pattern with
// random digits in place of the last "*", or at its end; its permissions are
// 0600 before umask. "" for dir is the root.
func (f *FS) CreateTemp(dir, pattern string) (file *File, err error) {
	_, err = tempName("createtemp", dir, pattern, func(name string) (err error) {
		file, err = f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	return file, err
}

// MkdirTemp makes a directory in directory dir, and returns its path; nobody
// else will have the same. Its name is made as by CreateTemp; its permissions
// are 0700 before umask.
func (f *FS) MkdirTemp(dir, pattern string) (string, error) {
	name, err := tempName("mkdirtemp", dir, pattern, func(name string) error { return f.Mkdir(name, 0o700) })
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := f.Stat(orRoot(dir)); errors.Is(e, fs.ErrNotExist) {
			err = e // it is the directory that is missing
		}
	}
	return name, err
}

func orRoot(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

// tempName makes something under a name that nothing has yet.
func tempName(op, dir, pattern string, create func(name string) error) (string, error) {
	if strings.Contains(pattern, "/") {
		return "", &fs.PathError{Op: op, Path: pattern, Err: errPatternSlash}
	}
	prefix, suffix := pattern, ""
	if i := strings.LastIndexByte(pattern, '*'); i >= 0 {
		prefix, suffix = pattern[:i], pattern[i+1:]
	}
	prefix = join(orRoot(dir), prefix)
	const tries = 10000
	for range tries {
		name := prefix + strconv.FormatUint(uint64(rand.Uint32()), 10) + suffix
		if err := create(name); !errors.Is(err, fs.ErrExist) {
			if err != nil {
				return "", err
			}
			return name, nil
		}
	}
	return "", &fs.PathError{Op: op, Path: prefix + "*" + suffix, Err: fs.ErrExist}
}

var errPatternSlash = errors.New("pattern contains path separator")
