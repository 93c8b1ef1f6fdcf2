package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs"
	"github.com/govfs/govfs/vfs"
)

// A Config says what to mount where.
type Config struct {
	Type    string // of file system; empty to guess it from the source
	Source  string
	Dir     string
	Options Options
}

func (c *Config) op() string { return "mount " + c.Source + " on " + c.Dir }

// fail is an error about the whole of the mount.
func (c *Config) fail(err error, do string) error {
	return &Error{Op: c.op(), Err: err, Do: do}
}

// Resolve completes a configuration: paths become absolute and free of
// symbolic links, the type is found out. What would make the mount fail for
// certain is found here, so that the message can say what to do. The error is
// an [*Error].
func (c *Config) Resolve() error {
	if err := c.resolveDir(); err != nil {
		return err
	}
	if err := c.resolveType(); err != nil {
		return err
	}
	// What is a path means the same to a daemon that has left this directory. A
	// memory file system has no source, only a name.
	if path, err := filepath.Abs(c.Source); err == nil && c.Type != "memfs" {
		if _, err := os.Stat(path); err == nil {
			c.Source = path
		}
	}
	return c.checkRights()
}

// resolveDir checks the mount point.
func (c *Config) resolveDir() error {
	mounts, err := readMounts()
	if err != nil {
		return c.fail(err, "mount /proc")
	}
	m, dir, err := findMount(mounts, c.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.fail(errors.New("the mount point does not exist"), "create it: mkdir -p "+quote(c.Dir))
	case errors.Is(err, unix.ENOTDIR):
		return c.fail(errors.New("the mount point is not a directory"), "name a directory")
	case isDead(err):
		return c.fail(errors.New("the mount point lies in a mount whose daemon is dead"), "clear that with govfs umount")
	case err != nil:
		return c.fail(cause(err), "name a directory that you can reach")
	case m != nil && m.ours():
		return c.fail(errors.New("there is a govfs mount already, of "+m.Source), "unmount it first: govfs umount "+quote(dir))
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return c.fail(cause(err), "name a directory that you can reach")
	}
	if !fi.IsDir() {
		return c.fail(errors.New("the mount point is not a directory"), "name a directory")
	}
	c.Dir = dir
	return nil
}

// resolveType finds out the type, and whether it is known.
func (c *Config) resolveType() error {
	known := "there are " + typeNames()
	if c.Type == "" {
		typ, err := govfs.GuessType(c.Source)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return c.fail(errors.New("the source does not exist"), `name an image or archive, or "mem" for memory`)
		case errors.Is(err, unix.ENODEV): // the error lists the types
			return c.fail(cause(err), "name another source, or the type with -t")
		case err != nil:
			return c.fail(cause(err), "name the type with -t; "+known)
		}
		c.Type = typ
	}
	if _, err := vfs.LookupType(c.Type); err != nil {
		return &Error{Op: c.op(), Err: fmt.Errorf("unknown type %q", c.Type), Do: known, Usage: true}
	}
	return nil
}

func typeNames() string {
	var names []string
	for _, t := range vfs.Types() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// quote makes a word of text that is safe to paste into a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+:@%,=", r) || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	if s != "" && strings.TrimLeftFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
