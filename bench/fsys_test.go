package bench

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// fsys is what a peer has to do to be measured.
//
// A name is slash-separated and relative to the root of the peer's own tree, so
// that a name of n components is a walk of n components for every peer, whatever
// the tree's place on the host. An implementation does no more than its peer's
// users would do for the operation: no cache of prepared names, no check of its own.
type fsys interface {
	// Stat fetches the attributes of the file name, as stat(2) does.
	Stat(name string) error

	// Create makes an empty regular file with open(2)'s O_CREAT|O_EXCL, open for
	// writing, and closes it.
	Create(name string) error

	// Unlink removes a file that is not a directory.
	Unlink(name string) error

	// Rename gives the file oldname the name newname.
	Rename(oldname, newname string) error

	// Mkdir makes a directory.
	Mkdir(name string) error

	// Readdir opens a directory, reads all of it (name and type of each entry)
	// and closes it. It returns the number of entries, "." and ".." not counted.
	Readdir(name string) (int, error)

	// Errno translates an error of one of the methods above, 0 if it has no
	// errno. Benchmarks do not call it.
	Errno(err error) syscall.Errno
}

// peer is one of the file systems in the comparison.
type peer struct {
	name string // as the last element of the benchmark's name; without '-' and '/'

	// open returns a new, empty file system, which is gone when the test ends.
	// An error that wraps errUnavailable means that the host lacks what the
	// peer needs.
	open func(tb testing.TB) (fsys, error)
}

// peers are the columns of the table, in order.
var peers = []peer{
	{"govfs", openGovfs},
	{"gvisor", openGvisor},
	{"os", openOS},
	{"afero", openAfero},
}

var errUnavailable = errors.New("not available on this host")

// openPeer opens p for one test. A peer that the host cannot offer skips the
// test on a person's machine and fails it where CI=true.
func openPeer(tb testing.TB, p peer) fsys {
	tb.Helper()
	fs, err := p.open(tb)
	switch {
	case err == nil:
		return fs
	case errors.Is(err, errUnavailable) && os.Getenv("CI") != "true":
		tb.Skipf("%s: %v", p.name, err)
	default:
		tb.Fatalf("%s: %v", p.name, err)
	}
	return nil
}
