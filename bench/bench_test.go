package bench

import (
	"fmt"
	"path"
	"testing"
)

// eachPeer runs one benchmark for each peer, on a new tree: BenchmarkX/peer.
// run makes the tree that it needs, and then loops with b.Loop, which starts the
// clock and the count of allocations at the first turn.
func eachPeer(b *testing.B, run func(b *testing.B, fs fsys)) {
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			fs := openPeer(b, p)
			b.ReportAllocs()
			run(b, fs)
		})
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// statName returns a name of n components, 1 <= n <= 8, and the directories
// that lead to it, outermost first. The components are as long as those of a
// source tree are.
func statName(n int) (dirs []string, name string) {
	components := [...]string{"home", "alice", "src", "project", "internal", "server", "testdata"}
	for _, c := range components[:n-1] {
		name = path.Join(name, c)
		dirs = append(dirs, name)
	}
	return dirs, path.Join(name, "config.yaml")
}

// benchmarkStat is a hot stat: one file, looked up again and again.
func benchmarkStat(b *testing.B, components int) {
	dirs, name := statName(components)
	eachPeer(b, func(b *testing.B, fs fsys) {
		for _, d := range dirs {
			must(b, fs.Mkdir(d))
		}
		must(b, fs.Create(name))
		for b.Loop() {
			if err := fs.Stat(name); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStat1(b *testing.B) { benchmarkStat(b, 1) }
func BenchmarkStat4(b *testing.B) { benchmarkStat(b, 4) }
func BenchmarkStat8(b *testing.B) { benchmarkStat(b, 8) }

// BenchmarkStatMissing looks up a name that is not there, in a directory that
// is, 4 components deep: what a search along a path of directories does most.
func BenchmarkStatMissing(b *testing.B) {
	dirs, name := statName(4)
	eachPeer(b, func(b *testing.B, fs fsys) {
		for _, d := range dirs {
			must(b, fs.Mkdir(d))
		}
		for b.Loop() {
			if err := fs.Stat(name); err == nil {
				b.Fatalf("stat %s: found", name)
			}
		}
	})
}

// BenchmarkCreateUnlink is one create, with its close, and one unlink.
func BenchmarkCreateUnlink(b *testing.B) {
	eachPeer(b, func(b *testing.B, fs fsys) {
		must(b, fs.Mkdir("dir"))
		for b.Loop() {
			if err := fs.Create("dir/file"); err != nil {
				b.Fatal(err)
			}
			if err := fs.Unlink("dir/file"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRename is one rename within a directory, to a name that is free.
func BenchmarkRename(b *testing.B) {
	eachPeer(b, func(b *testing.B, fs fsys) {
		from, to := "dir/first", "dir/other"
		must(b, fs.Mkdir("dir"))
		must(b, fs.Create(from))
		for b.Loop() {
			if err := fs.Rename(from, to); err != nil {
				b.Fatal(err)
			}
			from, to = to, from
		}
	})
}

// BenchmarkReaddir1000 opens, reads and closes a directory of 1000 files.
func BenchmarkReaddir1000(b *testing.B) {
	const entries = 1000
	eachPeer(b, func(b *testing.B, fs fsys) {
		must(b, fs.Mkdir("dir"))
		for i := range entries {
			must(b, fs.Create(fmt.Sprintf("dir/file%04d", i)))
		}
		for b.Loop() {
			if n, err := fs.Readdir("dir"); err != nil || n != entries {
				b.Fatalf("readdir: %d entries, %v", n, err)
			}
		}
	})
}
