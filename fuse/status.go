package fuse

import (
	"errors"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// errnoOf is the error number in err: EIO for an error without one, which no
// method of the tree returns.
func errnoOf(err error) unix.Errno {
	if errno, ok := err.(unix.Errno); ok {
		return errno
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}

// status is an error as the decoder takes it.
func status(err error) gofuse.Status {
	if err == nil {
		return gofuse.OK
	}
	return gofuse.Status(errnoOf(err))
}

const (
	statusStale = gofuse.Status(unix.ESTALE)
	statusBadFD = gofuse.Status(unix.EBADF)
)
