package fuse_test

import (
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// seed is the seed of a random test, printed, and taken from GOVFS_SEED.
func seed(t testing.TB) int64 {
	n := time.Now().UnixNano()
	if v := os.Getenv("GOVFS_SEED"); v != "" {
		fmt.Sscan(v, &n)
	}
	t.Logf("GOVFS_SEED=%d", n)
	return n
}

// TestCoherence changes a tree beside the mount, at random, while clients look
// at it all the time. Whatever they have made the kernel cache on the way, in
// the end it shows what the tree is.
func TestCoherence(t *testing.T) {
	ns := newMem(t, "")
	s := mountAt(t, ns, fuse.Options{})
	for d := range 3 {
		must(t, os.Mkdir(fmt.Sprintf("%s/d%d", s.Dir(), d), 0o755))
	}
	base := seed(t)
	var stop atomic.Bool
	var clients, changers sync.WaitGroup
	for i := range 3 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			rnd := rand.New(rand.NewSource(base + int64(i)))
			for !stop.Load() {
				look(rnd, s.Dir())
			}
		}()
	}
	const changes = 1500
	for i := range 2 {
		changers.Add(1)
		go func() {
			defer changers.Done()
			task := ns.NewTask(vfs.RootCred())
			defer task.Exit()
			rnd := rand.New(rand.NewSource(base + 100 + int64(i)))
			for range changes {
				change(rnd, task)
			}
		}()
	}
	changers.Wait()
	stop.Store(true)
	clients.Wait()
	shown := treeOf(t, s.Dir())
	task := task(t, ns)
	want := treeOfTask(t, task)
	if shown != want {
		t.Errorf("the mount shows\n%s\nthe tree is\n%s", shown, want)
	}
	if st := s.Stats(); st.NotificationsLate != 0 {
		t.Errorf("%d notifications were late", st.NotificationsLate)
	}
}

func randomPath(rnd *rand.Rand) string {
	return fmt.Sprintf("/d%d/n%d", rnd.Intn(3), rnd.Intn(6))
}

// look is one thing that a client does; whether it fails is nobody's concern.
func look(rnd *rand.Rand, dir string) {
	path := dir + randomPath(rnd)
	switch rnd.Intn(5) {
	case 0:
		_, _ = os.ReadDir(filepath.Dir(path))
	case 1:
		_, _ = os.ReadFile(path)
	case 2:
		_, _ = os.Readlink(path)
	default:
		var st unix.Stat_t
		_ = unix.Lstat(path, &st)
	}
}

// change is one change; it may fail for what others have done.
func change(rnd *rand.Rand, task *vfs.Task) {
	a, b := randomPath(rnd), randomPath(rnd)
	switch rnd.Intn(9) {
	case 0, 1, 2:
		fd, err := task.Openat(vfs.AtCWD, a, unix.O_CREAT|unix.O_WRONLY|unix.O_NOFOLLOW|rnd.Intn(2)*unix.O_TRUNC, 0o644)
		if err == nil {
			data := strings.Repeat(string(rune('a'+rnd.Intn(26))), rnd.Intn(10000))
			_, _ = task.Pwrite(fd, []byte(data), int64(rnd.Intn(5000)))
			_ = task.Close(fd)
		}
	case 3:
		_ = task.Unlinkat(vfs.AtCWD, a, 0)
	case 4:
		flags := [...]vfs.RenameFlags{0, vfs.RenameExchange, vfs.RenameNoReplace}
		_ = task.Renameat2(vfs.AtCWD, a, vfs.AtCWD, b, flags[rnd.Intn(3)])
	case 5:
		_ = task.Linkat(vfs.AtCWD, a, vfs.AtCWD, b, 0)
	case 6:
		if task.Mkdirat(vfs.AtCWD, a, 0o755) != nil {
			_ = task.Unlinkat(vfs.AtCWD, a, unix.AT_REMOVEDIR)
		}
	case 7:
		_ = task.Symlinkat(b, vfs.AtCWD, a)
	case 8:
		_ = task.Fchmodat(vfs.AtCWD, a, uint32(rnd.Intn(0o1000)), 0)
	}
}

// treeOf is all that a mount shows, as text.
func treeOf(t *testing.T, dir string) string {
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		content := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(data)
		case unix.S_IFLNK:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		describe(&b, strings.TrimPrefix(path, dir), st.Mode, uint64(st.Nlink), st.Size, st.Ino, content)
		return nil
	}))
	return b.String()
}

func describe(b *strings.Builder, path string, mode uint32, nlink uint64, size int64, ino uint64, content string) {
	fmt.Fprintf(b, "%s %o %d %d %d %x\n", path, mode, nlink, size, ino, hash(content))
}

func hash(s string) (h uint32) {
	for i := range len(s) {
		h = h*31 + uint32(s[i])
	}
	return h
}

// treeOfTask is the same of the tree itself.
func treeOfTask(t *testing.T, task *vfs.Task) string {
	var b strings.Builder
	var walk func(path string)
	walk = func(path string) {
		at := path
		if at == "" {
			at = "/"
		}
		var st vfs.Stat
		must(t, task.Lstat(at, &st))
		content := ""
		var below []string
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			fd, err := task.Openat(vfs.AtCWD, at, unix.O_RDONLY, 0)
			must(t, err)
			buf := make([]byte, st.Size)
			_, err = task.Read(fd, buf)
			must(t, err)
			must(t, task.Close(fd))
			content = string(buf)
		case unix.S_IFLNK:
			buf := make([]byte, vfs.PathMax)
			n, err := task.Readlinkat(vfs.AtCWD, at, buf)
			must(t, err)
			content = string(buf[:n])
		case unix.S_IFDIR:
			below = listTask(t, task, at)
		}
		describe(&b, path, st.Mode, uint64(st.Nlink), st.Size, st.Ino, content)
		for _, name := range below {
			walk(path + "/" + name)
		}
	}
	walk("")
	return b.String()
}

// listTask lists a directory in the order of names.
func listTask(t *testing.T, task *vfs.Task, path string) []string {
	fd, err := task.Openat(vfs.AtCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	must(t, err)
	defer task.Close(fd)
	var names []string
	for {
		n, err := task.Getdents(fd, func(d vfs.Dirent) bool {
			if d.Name != "." && d.Name != ".." {
				names = append(names, d.Name)
			}
			return true
		})
		must(t, err)
		if n == 0 {
			break
		}
	}
	slices.Sort(names)
	return names
}
