package clients

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An item is what a copy of a file has to have in common with it.
type item struct {
	mode     uint32 // with the type
	uid, gid uint32
	size     int64 // not of a directory, where each file system has its own idea
	mtime    unix.Timespec
	rdev     uint64
	target   string            // of a symlink
	content  [32]byte          // hash, of a regular file
	first    string            // the first path of the same inode
	attrs    map[string]string // extended attributes, ACLs among them
}

// A tree is what is below a directory, by path. The directory itself is ".".
type tree map[string]item

// readTree reads what is below root.
func readTree(t testing.TB, root string) tree {
	t.Helper()
	all := tree{}
	firsts := map[[2]uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[rel], err = readItem(path, rel, firsts)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readItem(path, rel string, firsts map[[2]uint64]string) (item, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return item{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	it := item{mode: st.Mode, uid: st.Uid, gid: st.Gid, size: st.Size, mtime: st.Mtim, rdev: st.Rdev}
	// Paths come in the order of their names, which is the same in a copy.
	if id := [2]uint64{st.Dev, st.Ino}; firsts[id] != "" {
		it.first = firsts[id]
	} else {
		firsts[id], it.first = rel, rel
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		it.size = 0
	case unix.S_IFLNK:
		it.target, err = os.Readlink(path)
	case unix.S_IFREG:
		var data []byte
		data, err = os.ReadFile(path)
		it.content = sha256.Sum256(data)
		if err == nil && int64(len(data)) != st.Size {
			err = fmt.Errorf("%s: %d bytes can be read of %d", path, len(data), st.Size)
		}
	}
	if err != nil {
		return item{}, err
	}
	it.attrs, err = readAttrs(path)
	return it, err
}

// readAttrs reads the extended attributes, without following symlinks.
func readAttrs(path string) (map[string]string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	if err != nil {
		return nil, &fs.PathError{Op: "llistxattr", Path: path, Err: err}
	}
	attrs := map[string]string{}
	for name := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, string(name), value)
		if err != nil {
			return nil, &fs.PathError{Op: "lgetxattr " + string(name), Path: path, Err: err}
		}
		attrs[string(name)] = string(value[:n])
	}
	return attrs, nil
}

// sameTree compares a copy with its original.
func (s *site) sameTree(what string, want, got tree) {
	s.Helper()
	if diff := diffTrees(want, got); len(diff) > 0 {
		s.Fatalf("%s: %d of %d files differ:\n%s", what, len(diff), len(want), strings.Join(diff[:min(len(diff), 20)], "\n"))
	}
}

// diffTrees is a line for each file that is not the same.
func diffTrees(want, got tree) []string {
	var diff []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[path]
		if !ok {
			diff = append(diff, path+": is missing")
			continue
		}
		if d := diffItems(want[path], g); d != "" {
			diff = append(diff, path+": "+d)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			diff = append(diff, path+": is not in the original")
		}
	}
	return diff
}

func diffItems(want, got item) string {
	var d []string
	add := func(same bool, format string, args ...any) {
		if !same {
			d = append(d, fmt.Sprintf(format, args...))
		}
	}
	add(got.mode == want.mode, "mode %o, want %o", got.mode, want.mode)
	add(got.uid == want.uid && got.gid == want.gid, "owner %d:%d, want %d:%d", got.uid, got.gid, want.uid, want.gid)
	add(got.size == want.size, "size %d, want %d", got.size, want.size)
	add(got.mtime == want.mtime, "mtime %d.%09d, want %d.%09d", got.mtime.Sec, got.mtime.Nsec, want.mtime.Sec, want.mtime.Nsec)
	add(got.rdev == want.rdev, "device %#x, want %#x", got.rdev, want.rdev)
	add(got.target == want.target, "target %q, want %q", got.target, want.target)
	add(got.content == want.content, "other content")
	add(got.first == want.first, "same inode as %s, want %s", got.first, want.first)
	add(maps.Equal(got.attrs, want.attrs), "attributes %q, want %q", got.attrs, want.attrs)
	return strings.Join(d, ", ")
}

// without is the tree less what is below a directory, and the directory.
func (t tree) without(dir string) tree {
	rest := maps.Clone(t)
	maps.DeleteFunc(rest, func(path string, _ item) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
	return rest
}

// below is the tree of a directory in the tree.
func (t tree) below(dir string) tree {
	sub := tree{}
	for path, it := range t {
		if path == dir {
			sub["."] = it
		} else if rel, ok := strings.CutPrefix(path, dir+"/"); ok {
			it.first = strings.TrimPrefix(it.first, dir+"/")
			sub[rel] = it
		}
	}
	return sub
}
