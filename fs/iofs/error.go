package iofs

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Error says why a mount failed. It unwraps to its number.
type Error struct {
	Op     string // "mount" or "open"
	Path   string // of the archive; empty if the failure is not about one
	Reason string
	Errno  syscall.Errno
}

func (e *Error) Error() string {
	if e.Path == "" {
		return "iofs: " + e.Op + ": " + e.Reason
	}
	return "iofs: " + e.Op + " " + e.Path + ": " + e.Reason
}

func (e *Error) Unwrap() error { return e.Errno }

// errnoOf is the error number that an error of a file system stands for: the
// one in it if there is one, else EIO for all that io/fs has no word for.
func errnoOf(err error) syscall.Errno {
	var no syscall.Errno
	switch {
	case errors.As(err, &no):
		if no == 0 || no == unix.ECHILD {
			return unix.EIO // ECHILD means something else to a walk
		}
		return no
	case errors.Is(err, fs.ErrNotExist):
		return unix.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return unix.EACCES
	case errors.Is(err, errors.ErrUnsupported):
		return unix.EOPNOTSUPP
	}
	return unix.EIO
}
