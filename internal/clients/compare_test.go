package clients

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A comparison that overlooks something would make the other tests worthless.
func TestComparisonSeesEachDifference(t *testing.T) {
	requireMount(t) // to set owners and trusted attributes
	make := func() string {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		must(t, os.MkdirAll(at("d/e"), 0o755))
		for _, name := range []string{"a", "d/b", "d/e/c"} {
			must(t, os.WriteFile(at(name), []byte("hello "+name), 0o644))
		}
		must(t, os.Symlink("../a", at("d/link")))
		must(t, os.Link(at("a"), at("d/hard")))
		must(t, unix.Mkfifo(at("fifo"), 0o600))
		must(t, unix.Mknod(at("null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		must(t, unix.Setxattr(at("d"), "trusted.x", []byte("1"), 0))
		for _, name := range []string{"a", "fifo", "null", "d/b", "d/e/c", "d/link", "d/e", "d", "."} {
			ts := []unix.Timespec{{Sec: 1e9, Nsec: 123456789}, {Sec: 1e9, Nsec: 123456789}}
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), ts, unix.AT_SYMLINK_NOFOLLOW))
		}
		return dir
	}
	want := readTree(t, make())
	if diff := diffTrees(want, readTree(t, make())); diff != nil {
		t.Fatalf("the same differs: %q", diff)
	}
	mtime := func(path string, ns int64) error {
		ts := []unix.Timespec{{Sec: 1e9, Nsec: ns}, {Sec: 1e9, Nsec: ns}}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW)
	}
	again := func(path string, remake func() error) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := remake(); err != nil {
			return err
		}
		if err := mtime(path, 123456789); err != nil {
			return err
		}
		return mtime(filepath.Dir(path), 123456789)
	}
	for _, c := range []struct {
		sees   string // in the difference of
		path   string
		change func(path string) error
	}{
		{"other content", "d/b", func(p string) error {
			return errorOf(os.WriteFile(p, []byte("hello d/B"), 0o644), mtime(p, 123456789))
		}},
		{"size", "d/b", func(p string) error { return errorOf(os.Truncate(p, 3), mtime(p, 123456789)) }},
		{"mode", "d/e/c", func(p string) error { return os.Chmod(p, 0o640) }},
		{"mode", "d/e", func(p string) error { return os.Chmod(p, 0o1755|os.ModeSticky) }},
		{"owner", "d/e/c", func(p string) error { return os.Lchown(p, 0, 7) }},
		{"owner", "d/link", func(p string) error { return os.Lchown(p, 7, 0) }},
		{"mtime", "d/link", func(p string) error { return mtime(p, 123456788) }},
		{"mtime", "d/e", func(p string) error { return mtime(p, 123456788) }},
		{"target", "d/link", func(p string) error {
			return again(p, func() error { return os.Symlink("../b", p) })
		}},
		{"device", "null", func(p string) error {
			return again(p, func() error { return unix.Mknod(p, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))) })
		}},
		{"same inode as d/hard", "d/hard", func(p string) error {
			return again(p, func() error { return os.WriteFile(p, []byte("hello a"), 0o644) })
		}},
		{"attributes", "d", func(p string) error { return unix.Setxattr(p, "trusted.x", []byte("2"), 0) }},
		{"attributes", "d/b", func(p string) error { return unix.Setxattr(p, "user.x", nil, 0) }},
		{"missing", "fifo", func(p string) error { return errorOf(os.Remove(p), mtime(filepath.Dir(p), 123456789)) }},
		{"not in the original", "more", func(p string) error {
			return errorOf(os.WriteFile(p, nil, 0o644), mtime(filepath.Dir(p), 123456789))
		}},
	} {
		dir := make()
		must(t, c.change(filepath.Join(dir, c.path)))
		diff := diffTrees(want, readTree(t, dir))
		if len(diff) != 1 || !strings.HasPrefix(diff[0], c.path+": ") || !strings.Contains(diff[0], c.sees) {
			t.Errorf("%s of %s changed: %q", c.sees, c.path, diff)
		}
	}

	sub := want.below("d")
	if len(sub) != 6 || sub["e/c"].first != "e/c" || !maps.Equal(sub["."].attrs, map[string]string{"trusted.x": "1"}) {
		t.Errorf("below d: %v", sub)
	}
	if rest := want.without("d"); len(rest) != 4 {
		t.Errorf("without d: %v", rest)
	}
}

// What is left behind on a mount is noticed.
func TestLeftoversAreNoticed(t *testing.T) {
	onSites(t, func(s *site) {
		used := func() uint64 {
			var st unix.Statfs_t
			must(s, unix.Statfs(s.dir, &st))
			return st.Blocks - st.Bfree
		}
		before := used()
		f, err := os.Create(s.path("open"))
		must(s, err)
		_, err = f.Write(make([]byte, 1<<20))
		must(s, err)
		must(s, os.Remove(f.Name()))
		if now := used(); now < before+256 {
			s.Errorf("a deleted open file of 1 MiB has %d blocks", now-before)
		}
		must(s, f.Close())
		s.eventually("a closed file's space is free", func() bool { return used() == before })
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errorOf is the first error.
func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
