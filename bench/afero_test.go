package bench

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/spf13/afero"
)

// aferoFS is afero's MemMapFs: one map from the whole path to the file, under
// one lock. It checks no permissions and no parents.
type aferoFS struct{ fs afero.Fs }

func openAfero(testing.TB) (fsys, error) {
	return aferoFS{afero.NewMemMapFs()}, nil
}

func (a aferoFS) Stat(name string) error {
	_, err := a.fs.Stat(name)
	return err
}

func (a aferoFS) Create(name string) error {
	f, err := a.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (a aferoFS) Unlink(name string) error { return a.fs.Remove(name) }

func (a aferoFS) Rename(oldname, newname string) error { return a.fs.Rename(oldname, newname) }

func (a aferoFS) Mkdir(name string) error { return a.fs.Mkdir(name, 0o755) }

func (a aferoFS) Readdir(name string) (int, error) {
	f, err := a.fs.Open(name)
	if err != nil {
		return 0, err
	}
	entries, err := f.Readdir(-1)
	return len(entries), errors.Join(err, f.Close())
}

func (aferoFS) Errno(err error) syscall.Errno {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	}
	return 0
}
