package bench

import (
	"strconv"
	"syscall"
	"testing"
)

// A comparison is worth its table only if the peers do the same work, so each
// of them runs the operations of the benchmarks once with the results checked.
func TestPeersAgreeOnResults(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			fs := openPeer(t, p)
			expect := func(what string, err error, want syscall.Errno) {
				t.Helper()
				var got syscall.Errno
				if err != nil {
					if got = fs.Errno(err); got == 0 {
						t.Fatalf("%s: error without an errno: %v", what, err)
					}
				}
				if got != want {
					t.Fatalf("%s: errno %d (%v), want %d (%v)", what, got, got, want, want)
				}
			}
			entries := func(dir string, want int) {
				t.Helper()
				if n, err := fs.Readdir(dir); err != nil || n != want {
					t.Fatalf("readdir %s: %d entries, %v; want %d", dir, n, err, want)
				}
			}

			expect("mkdir d", fs.Mkdir("d"), 0)
			expect("mkdir d again", fs.Mkdir("d"), syscall.EEXIST)
			expect("stat d", fs.Stat("d"), 0)
			entries("d", 0)

			expect("stat before create", fs.Stat("d/f"), syscall.ENOENT)
			expect("create", fs.Create("d/f"), 0)
			expect("create again", fs.Create("d/f"), syscall.EEXIST)
			expect("stat after create", fs.Stat("d/f"), 0)
			entries("d", 1)

			expect("rename", fs.Rename("d/f", "d/g"), 0)
			expect("stat of the old name", fs.Stat("d/f"), syscall.ENOENT)
			expect("stat of the new name", fs.Stat("d/g"), 0)
			expect("rename of a missing name", fs.Rename("d/f", "d/g"), syscall.ENOENT)
			expect("create the old name", fs.Create("d/f"), 0)
			expect("rename over a file", fs.Rename("d/f", "d/g"), 0)
			entries("d", 1)

			expect("unlink", fs.Unlink("d/g"), 0)
			expect("unlink again", fs.Unlink("d/g"), syscall.ENOENT)
			expect("stat after unlink", fs.Stat("d/g"), syscall.ENOENT)
			entries("d", 0)

			const many = 1000
			for i := range many {
				expect("create one of many", fs.Create("d/"+strconv.Itoa(i)), 0)
			}
			entries("d", many)
		})
	}
}

// A benchmark opens a peer anew for each measurement, and some of them twice in
// one process: trees must not share names.
func TestPeerStartsEmpty(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			for range 2 {
				t.Run("open", func(t *testing.T) {
					fs := openPeer(t, p)
					if err := fs.Mkdir("d"); err != nil {
						t.Fatalf("mkdir in a new tree: %v", err)
					}
				})
			}
		})
	}
}

func TestStatNameHasItsComponents(t *testing.T) {
	for _, n := range []int{1, 4, 8} {
		dirs, name := statName(n)
		if got := len(dirs) + 1; got != n {
			t.Errorf("statName(%d) = %q: %d components", n, name, got)
		}
	}
}
