package govfs

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// GuessType says which type of file system a source is for: "mem" is memfs; a
// directory of the host hostfs; of files, one with the superblock of ext2, ext3
// or ext4 is ext4, a zip archive iofs.
//
// An error is of type *fs.PathError, with Op "mount": the host's if the source
// cannot be read, EINVAL if nothing is known that could mount it, ENODEV, and
// the name of the type with it, if the type is not in this program.
func GuessType(source string) (typ string, err error) {
	if typ, err = guessType(source); err != nil {
		return "", &fs.PathError{Op: "mount", Path: source, Err: err}
	}
	if _, err := vfs.LookupType(typ); err != nil {
		return typ, &fs.PathError{Op: "mount", Path: source, Err: &typeError{typ}}
	}
	return typ, nil
}

// typeError is ENODEV with the name of the type that is not there.
type typeError struct{ typ string }

func (e *typeError) Error() string {
	var names []string
	for _, t := range vfs.Types() {
		names = append(names, t.Name)
	}
	return "no file system type " + e.typ + " (there are: " + strings.Join(names, ", ") + ")"
}

func (e *typeError) Unwrap() error { return unix.ENODEV }

// guessError is EINVAL for a source that says nothing about its type.
type guessError struct{}

func (guessError) Error() string { return "type of file system not recognised" }
func (guessError) Unwrap() error { return unix.EINVAL }

// The ext family's superblock is at 1024 bytes, its magic number 56 bytes into
// it, little-endian.
const (
	extMagicOffset = 1024 + 56
	extMagic       = 0xef53
)

func guessType(source string) (string, error) {
	if source == "mem" {
		return "memfs", nil
	}
	info, err := os.Stat(source)
	if err != nil {
		return "", bare(err)
	}
	switch {
	case info.IsDir():
		return "hostfs", nil
	case !info.Mode().IsRegular() && info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) != fs.ModeDevice:
		return "", guessError{} // nothing that has a content at rest
	}
	f, err := os.Open(source)
	if err != nil {
		return "", bare(err)
	}
	defer f.Close()
	magic, err := magicAt(f, extMagicOffset, 2)
	if err != nil {
		return "", err
	}
	if len(magic) == 2 && binary.LittleEndian.Uint16(magic) == extMagic {
		return "ext4", nil
	}
	head, err := magicAt(f, 0, 4)
	if err != nil {
		return "", err
	}
	switch string(head) {
	case "PK\x03\x04", "PK\x05\x06", "PK\x07\x08": // a file; an empty archive; the first of several parts
		return "iofs", nil
	}
	// An archive may follow something else, as in a self-extracting one.
	if strings.EqualFold(filepath.Ext(source), ".zip") {
		return "iofs", nil
	}
	return "", guessError{}
}

// magicAt reads n bytes at off, none if the file is too short for them.
func magicAt(f *os.File, off int64, n int) ([]byte, error) {
	p := make([]byte, n)
	if _, err := f.ReadAt(p, off); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, bare(err)
	}
	return p, nil
}

// bare is an error of package os without the path, which the caller adds.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
