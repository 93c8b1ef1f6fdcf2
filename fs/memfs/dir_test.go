package memfs

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func (w *memWorld) touch(t testing.TB, path string) {
	t.Helper()
	fd, err := w.open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("create %s: %v", path, err)
	}
	w.close(fd)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listSome lists up to n entries from the position on; none at the end.
func (w *memWorld) listSome(t testing.TB, fd, n int) (list []vfs.Dirent) {
	t.Helper()
	if _, err := w.t.Getdents(fd, func(d vfs.Dirent) bool {
		if len(list) == n {
			return false
		}
		list = append(list, d)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func (w *memWorld) opendir(t testing.TB, path string) int {
	t.Helper()
	fd, err := w.open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	return fd
}

// TestMillionNames makes a large directory: nothing about it may cost more than
// about a small one, or, where something is searched, little more.
func TestMillionNames(t *testing.T) {
	n := 1000000
	if testing.Short() || raceEnabled {
		n = 100000
	}
	w := newMemWorld(t, "nr_inodes=0")
	must(t, w.mkdir("d", 0o755))
	rng := seed(t)
	name := func(i int) string { return fmt.Sprintf("d/%x", i) }
	timed := func(what string, ops int, f func()) {
		start := time.Now()
		f()
		t.Logf("%s: %d ns each", what, int(time.Since(start))/ops)
	}
	timed("create", n, func() {
		for i := range n {
			if err := w.mknod(name(i), unix.S_IFREG|0o600, 0); err != nil {
				t.Fatal(err)
			}
		}
	})
	var st unix.Stat_t
	must(t, w.lstat("d", &st))
	if want := int64(n+2) * direntSize; st.Size != want || st.Nlink != 2 {
		t.Errorf("size %d, %d links; want %d, 2", st.Size, st.Nlink, want)
	}
	timed("lookup", n, func() {
		for range n {
			if err := w.lstat(name(rng.IntN(n)), &st); err != nil {
				t.Fatal(err)
			}
		}
	})
	fd := w.opendir(t, "d")
	defer w.close(fd)
	var all []vfs.Dirent
	timed("list", n, func() {
		for {
			list := w.listSome(t, fd, 1000)
			if len(list) == 0 {
				break
			}
			all = append(all, list...)
		}
	})
	seen := map[string]bool{}
	for i, d := range all {
		if seen[d.Name] || i > 0 && d.Off <= all[i-1].Off {
			t.Fatalf("entry %q at %d again, or out of order", d.Name, d.Off)
		}
		seen[d.Name] = true
	}
	if len(all) != n+2 {
		t.Fatalf("%d entries, want %d", len(all), n+2)
	}
	timed("seek", 10000, func() {
		for range 10000 {
			i := rng.IntN(n)
			if _, err := w.lseek(fd, all[i].Off, unix.SEEK_SET); err != nil {
				t.Fatal(err)
			}
			if list := w.listSome(t, fd, 1); len(list) != 1 || list[0] != all[i+1] {
				t.Fatalf("at %d: %v, want %v", all[i].Off, list, all[i+1])
			}
		}
	})
	timed("unlink", n, func() {
		for _, i := range rng.Perm(n) {
			if err := w.unlink(name(i)); err != nil {
				t.Fatal(err)
			}
		}
	})
	must(t, w.lstat("d", &st))
	if st.Size != 2*direntSize {
		t.Errorf("size %d of an empty directory", st.Size)
	}
	must(t, w.rmdir("d"))
}

// TestListingUnderChurn changes a directory between the calls that list it:
// names that are there all the time come exactly once, no name comes twice.
func TestListingUnderChurn(t *testing.T) {
	w := newMemWorld(t, "nr_inodes=0")
	rng := seed(t)
	for round := range 60 {
		dir, other := fmt.Sprintf("d%d/", round), fmt.Sprintf("o%d/", round)
		must(t, w.mkdir(dir, 0o755))
		must(t, w.mkdir(other, 0o755))
		exists := map[string]bool{} // of the names that change
		churn := func() string { return fmt.Sprint(dir, "c", rng.IntN(30)) }
		for i := range 40 {
			w.touch(t, fmt.Sprint(dir, "stable", i))
			if rng.IntN(2) == 0 {
				if c := churn(); !exists[c] {
					w.touch(t, c)
					exists[c] = true
				}
			}
		}
		w.touch(t, other+"x")
		change := func() {
			a, b := churn(), churn()
			stable := fmt.Sprint(dir, "stable", rng.IntN(40))
			switch rng.IntN(8) {
			case 0, 1:
				if !exists[a] {
					w.touch(t, a)
				} else {
					must(t, w.unlink(a))
				}
				exists[a] = !exists[a]
			case 2:
				if exists[a] && a != b {
					must(t, w.rename(a, b, 0))
					exists[a], exists[b] = false, true
				}
			case 3: // what a stable name stands for changes
				if exists[a] {
					must(t, w.rename(a, stable, 0))
					exists[a] = false
				}
			case 4:
				must(t, w.rename(stable, other+"x", unix.RENAME_EXCHANGE))
			case 5:
				if exists[a] {
					must(t, w.rename(a, stable, unix.RENAME_EXCHANGE))
				}
			case 6:
				must(t, w.rename(stable, other+"y", unix.RENAME_WHITEOUT))
			case 7:
				must(t, w.rename(other+"x", stable, 0))
				w.touch(t, other+"x")
			}
		}
		fd := w.opendir(t, dir)
		seen := map[string]int{}
		for {
			list := w.listSome(t, fd, 1+rng.IntN(12))
			if len(list) == 0 {
				break
			}
			for _, d := range list {
				seen[d.Name]++
			}
			for range rng.IntN(10) {
				change()
			}
		}
		w.close(fd)
		for name, n := range seen {
			if n != 1 && name[0] == 's' {
				t.Errorf("%s came %d times", name, n)
			}
		}
		for i := range 40 {
			if seen[fmt.Sprint("stable", i)] != 1 {
				t.Errorf("stable%d came %d times", i, seen[fmt.Sprint("stable", i)])
			}
		}
	}
}

// TestListingEndsWhileNamesAppear renames every file that is listed, and makes
// another one: the listing ends all the same.
func TestListingEndsWhileNamesAppear(t *testing.T) {
	w := newMemWorld(t, "")
	for i := range 100 {
		w.touch(t, fmt.Sprint("f", i))
	}
	fd := w.opendir(t, ".")
	defer w.close(fd)
	n := 0
	for {
		list := w.listSome(t, fd, 1)
		if len(list) == 0 {
			break
		}
		if name := list[0].Name; name[0] == 'f' {
			must(t, w.rename(name, "g"+name, 0))
			w.touch(t, "new"+name)
		}
		if n++; n > 102 {
			t.Fatal("the listing does not end")
		}
	}
	if n != 102 {
		t.Errorf("%d entries, want 102", n)
	}
	if list := w.listSome(t, fd, 1000); len(list) != 0 {
		t.Errorf("%d entries after the end", len(list))
	}
	_, err := w.lseek(fd, 0, unix.SEEK_SET)
	must(t, err)
	if list := w.listSome(t, fd, 1000); len(list) != 202 {
		t.Errorf("%d entries after a rewind, want 202", len(list))
	}
}

// TestSeekOfDirectoriesLikeTmpfs compares which seeks a directory takes.
func TestSeekOfDirectoriesLikeTmpfs(t *testing.T) {
	host, mem := world(newHostWorld(t, "")), world(newMemWorld(t, ""))
	for _, w := range []world{host, mem} {
		for i := range 5 {
			must(t, w.mkdir(fmt.Sprint("d", i), 0o755))
		}
	}
	for _, call := range []struct {
		off    int64
		whence int
	}{
		{0, unix.SEEK_SET}, {-1, unix.SEEK_SET}, {5, unix.SEEK_SET}, {1, unix.SEEK_CUR}, {-7, unix.SEEK_CUR}, {0, unix.SEEK_CUR},
		{0, unix.SEEK_END}, {0, unix.SEEK_DATA}, {0, unix.SEEK_HOLE}, {1 << 40, unix.SEEK_SET}, {1<<63 - 1, unix.SEEK_SET}, {1, unix.SEEK_CUR}, {0, 9},
	} {
		var got [2]string
		for i, w := range []world{host, mem} {
			fd, err := w.open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
			must(t, err)
			w.lseek(fd, 3, unix.SEEK_SET)
			n, err := w.lseek(fd, call.off, call.whence)
			got[i] = fmt.Sprint(max(n, 0), errName(err))
			w.close(fd)
		}
		if got[0] != got[1] {
			t.Errorf("seek %v: host %s, memfs %s", call, got[0], got[1])
		}
	}
}

func BenchmarkCreateUnlink(b *testing.B) {
	for _, n := range []int{0, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newMemWorld(b, "nr_inodes=0")
			for i := range n {
				w.touch(b, fmt.Sprint(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.mknod("x", unix.S_IFREG|0o600, 0); err != nil {
					b.Fatal(err)
				}
				if err := w.unlink("x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
