package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Programs that copy trees, on one with everything that a tree can have.

// menagerie makes the tree in a directory, which has to be new.
func menagerie(s *site, dir string) {
	s.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"", "empty", "deep/er/and/deeper", "sticky", "group"} {
		must(s, os.MkdirAll(at(d), 0o755))
	}
	must(s, os.WriteFile(at("deep/er/and/deeper/file"), []byte("down here\n"), 0o600))

	// Names.
	long := strings.Repeat("n", 255)
	for _, name := range []string{long, "with space", "new\nline", "-dash", "Grüße", "\xff\xfe not UTF-8", "..."} {
		must(s, os.WriteFile(at(name), []byte(name), 0o644))
	}

	// Modes and owners, in the order that keeps the one from undoing the other.
	for i, mode := range []uint32{0o000, 0o777, 0o4755, 0o2755, 0o6711, 0o1644} {
		name := at(fmt.Sprintf("mode%04o", mode))
		must(s, os.WriteFile(name, []byte("m"), 0o644))
		must(s, os.Chown(name, 1000+i, 2000+i))
		must(s, unix.Chmod(name, mode))
	}
	must(s, unix.Chmod(at("sticky"), 0o1777))
	must(s, unix.Chmod(at("group"), 0o2775))

	// Links.
	must(s, os.Symlink("no/such/file", at("dangling")))
	must(s, os.Symlink("deep/../deep/er", at("to-directory")))
	must(s, os.Symlink(strings.Repeat("t/", 2000)+"end", at("long-target")))
	must(s, os.WriteFile(at("twin1"), []byte("one file"), 0o644))
	must(s, os.Link(at("twin1"), at("twin2")))
	must(s, os.Link(at("twin1"), at("deep/er/twin3")))
	must(s, os.Link(at("dangling"), at("dangling2")))

	// Things that are not files.
	must(s, unix.Mkfifo(at("fifo"), 0o640))
	must(s, unix.Mknod(at("char"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(s, unix.Mknod(at("block"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 70000))))

	// Sizes, and holes.
	must(s, os.WriteFile(at("nothing"), nil, 0o644))
	must(s, os.WriteFile(at("page"), []byte(strings.Repeat("p", 4096)), 0o644))
	must(s, os.WriteFile(at("big"), []byte(strings.Repeat("0123456789abcde\n", 300_000)), 0o644))
	sparse, err := os.Create(at("sparse"))
	must(s, err)
	for _, off := range []int64{0, 5 << 20, 64<<20 + 12345} {
		_, err = sparse.WriteAt([]byte("island"), off)
		must(s, err)
	}
	must(s, sparse.Truncate(100<<20))
	must(s, sparse.Close())

	// Attributes and capabilities.
	must(s, unix.Setxattr(at("page"), "user.comment", []byte("a\x00binary\xff value"), 0))
	must(s, unix.Setxattr(at("page"), "user.empty", nil, 0))
	must(s, unix.Setxattr(at("deep"), "trusted.key", []byte(strings.Repeat("v", 4000)), 0))
	must(s, unix.Lsetxattr(at("dangling"), "trusted.link", []byte("on the link"), 0))
	// cap_net_raw+ep, as version 2 of the format.
	must(s, unix.Setxattr(at("big"), "security.capability", []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0))

	// Times, from before 1970 to after 2038, with nanoseconds.
	stamp(s, dir, map[string]unix.Timespec{
		"nothing": {Sec: -1, Nsec: 999999999}, "page": {Sec: 1 << 32, Nsec: 1}, "dangling": {Sec: 12, Nsec: 345678901},
		"empty": {Sec: 946684800, Nsec: 5}, "fifo": {Sec: 1, Nsec: 0}, "char": {Sec: 2, Nsec: 2},
	})
}

// stamp sets the modification times of all files: those given, and for others
// one that depends on the name.
func stamp(s *site, dir string, given map[string]unix.Timespec) {
	s.Helper()
	for path, it := range readTree(s, dir) {
		ts, ok := given[it.first] // a file with several names gets one time
		if n := int64(len(it.first)); !ok {
			ts = unix.Timespec{Sec: 1_500_000_000 + n, Nsec: 1_000_001 * n}
		}
		both := []unix.Timespec{ts, ts}
		must(s, unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, path), both, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// blocks is what a file takes, in 512 bytes.
func blocks(s *site, path string) int64 {
	s.Helper()
	var st unix.Stat_t
	must(s, unix.Lstat(path, &st))
	return st.Blocks
}

// holes checks that the sparse file in dir has its holes still.
func (s *site) holes(dir string) {
	s.Helper()
	if got := blocks(s, filepath.Join(dir, "sparse")); got > 3*64/512*1024+3*128 {
		s.Errorf("%s/sparse has %d blocks: its holes are filled", dir, got)
	}
	f, err := os.Open(filepath.Join(dir, "sparse"))
	must(s, err)
	defer f.Close()
	if off, err := unix.Seek(int(f.Fd()), 1<<20, unix.SEEK_DATA); err != nil || off != 5<<20 {
		s.Errorf("the second data of %s/sparse are at %d, %v", dir, off, err)
	}
}

func TestTreeIsMadeInPlace(t *testing.T) {
	onSites(t, func(s *site) {
		menagerie(s, s.path("there"))
		beside := filepath.Join("/dev/shm", filepath.Base(s.host))
		s.Cleanup(func() { os.RemoveAll(beside) })
		menagerie(s, beside)
		s.sameTree("made by the same calls", readTree(s, beside), readTree(s, s.path("there")))
		if here, there := blocks(s, beside+"/sparse"), blocks(s, s.path("there", "sparse")); here != there {
			s.Errorf("the sparse file has %d blocks, on tmpfs %d", there, here)
		}
	})
}

func TestCopies(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs []string
		copy     string // from $FROM, which is there, to $TO, which is not
		// exact says that ownership, times and attributes of everything are
		// kept, down to the directory itself.
		exact bool
	}{
		{"cp -a", []string{"cp"}, `cp -a --sparse=always "$FROM" "$TO"`, true},
		{"tar", []string{"tar"}, `
			mkdir "$TO"
			tar -C "$FROM" --format=posix --xattrs --xattrs-include='*' --acls --sparse -cf - . |
			tar -C "$TO" --xattrs --xattrs-include='*' --acls --numeric-owner -xpSf -
			tar -C "$FROM" --format=posix -cf - . | tar -C "$TO" --numeric-owner -df -`, true},
		{"rsync", []string{"rsync"}, `
			rsync -aHAXS --numeric-ids "$FROM/" "$TO/"
			rsync -aHAXS --numeric-ids --itemize-changes "$FROM/" "$TO/" > "$HOST/changes"; cat "$HOST/changes" >&2; test ! -s "$HOST/changes"
			rsync -aHAXS --numeric-ids --itemize-changes --checksum --delete --dry-run "$FROM/" "$TO/" > "$HOST/changes"; cat "$HOST/changes" >&2; test ! -s "$HOST/changes"`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			requirePrograms(t, c.programs...)
			onSites(t, func(s *site) {
				shm := filepath.Join("/dev/shm", filepath.Base(s.host))
				s.Cleanup(func() { os.RemoveAll(shm) })
				from, in, again, out := shm+"/from", s.path("in"), s.path("again"), shm+"/out"
				must(s, os.Mkdir(shm, 0o755))
				menagerie(s, from)
				want := readTree(s, from)
				for _, way := range []struct{ what, from, to string }{
					{"copied in", from, in}, {"copied inside", in, again}, {"copied out", again, out},
				} {
					s.shell("FROM=" + way.from + " TO=" + way.to + "\n" + c.copy)
					s.sameTree(way.what, want, readTree(s, way.to))
					s.holes(way.to)
				}
				s.sameTree("the original, after all that", want, readTree(s, in))
			})
		})
	}
}

func TestRsyncFollowsChanges(t *testing.T) {
	requirePrograms(t, "rsync")
	onSites(t, func(s *site) {
		s.shell(`
			mkdir from; cd from
			for i in $(seq 200); do echo "file $i" > $i; done
			seq 100000 > long
			cd ..; rsync -a from/ to/
			cd from
			rm 1 2 3; mv 4 4.moved; echo changed >> 5; chmod 600 6; ln -s 7 link
			sed -i s/50000/fifty-thousand/ long
			cd ..`)
		s.prints("ok", `rsync -a --modify-window=-1 --delete --inplace --no-whole-file from/ to/; diff -r from to; echo ok`)
		s.prints("", "rsync -ain --modify-window=-1 --delete --checksum from/ to/")
		s.prints("ok", `echo more >> from/long; rsync -a --append-verify from/long to/; cmp from/long to/long; echo ok`)
		s.sameTree("in step", readTree(s, s.path("from")), readTree(s, s.path("to")))
	})
}

// What is special about special files is the kernel's, but their nodes are not.
func TestSpecialFilesWork(t *testing.T) {
	onSites(t, func(s *site) {
		s.prints("through\n0", `
			mkfifo fifo; mknod null c 1 3; mknod zero c 1 5
			cat fifo > got & echo through > fifo; wait; cat got
			echo gone > null
			head -c 4096 zero | tr -d '\0' | wc -c`)
		// cp -a makes a socket anew, as a node.
		s.prints("socket", `
			cp -a "$HOST"/run/govfs/*.sock sock 2>/dev/null ||
				perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and bind(S, sockaddr_un("sock")) or die $!'
			cp -a sock sock2; rm sock; stat -c %F sock2`)
		s.prints("heard: hello", `
			perl -MIO::Socket::UNIX -e '$l = IO::Socket::UNIX->new(Local => "talk", Listen => 1) or die $!; open(F, ">ready"); close F;
				$c = $l->accept; print "heard: ", scalar <$c>' & 
			until [ -e ready ]; do sleep 0.05; done
			perl -MIO::Socket::UNIX -e '$c = IO::Socket::UNIX->new("talk") or die $!; print $c "hello\n"'
			wait`)
	})
}
