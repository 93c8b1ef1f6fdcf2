package difftest

import (
	"fmt"
	"runtime/debug"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// A Machine runs operations for the users, on one file system.
type Machine struct {
	users []Caller
	// watch is root, with descriptors and a current directory that no
	// operation touches: it looks at the tree.
	watch  Caller
	slots  [Slots]int // descriptors, -1 where none is open
	end    func() error
	broken bool
}

// A Caller runs functions that make system calls as one user. What Do is
// given must not be kept.
type Caller interface {
	Do(func(System))
}

func newMachine(users []Caller, watch Caller, end func() error) *Machine {
	m := &Machine{users: users, watch: watch, end: end}
	for i := range m.slots {
		m.slots[i] = -1
	}
	return m
}

// A Depth says how much of a snapshot is wanted.
type Depth uint8

const (
	NoSnapshot Depth = iota
	Shallow          // stat of everything
	Deep             // also what files hold, extended attributes, symlinks
)

// An Executor runs operations and takes snapshots: a Machine, here or in
// another process.
type Executor interface {
	Run(ops []Op, depth Depth) ([]Result, *Snapshot, error)
	// Close ends it: all descriptors are closed, the file system unmounted.
	Close() error
}

// Run runs the operations in turn, then takes a snapshot. A panic breaks the
// machine: it is the result of the operation, and of all that follow.
func (m *Machine) Run(ops []Op, depth Depth) ([]Result, *Snapshot, error) {
	results := make([]Result, len(ops))
	for i := 0; i < len(ops); {
		j := i + 1
		for j < len(ops) && ops[j].User == ops[i].User {
			j++
		}
		m.users[ops[i].User].Do(func(s System) {
			for k := i; k < j; k++ {
				m.do(s, &ops[k], &results[k])
			}
		})
		i = j
	}
	if depth == NoSnapshot {
		return results, nil, nil
	}
	return results, m.snapshot(depth), nil
}

// Close closes what the operations left open and ends the file system.
func (m *Machine) Close() error {
	if m.broken {
		return nil // its locks may be held: nothing can be asked of it
	}
	m.watch.Do(func(s System) {
		for i, fd := range m.slots {
			if fd >= 0 {
				s.Close(fd)
				m.slots[i] = -1
			}
		}
	})
	return m.end()
}

// guard runs f unless the machine is broken, and tells of its panic.
func (m *Machine) guard(f func()) (odd string) {
	if m.broken {
		return "the machine is broken"
	}
	defer func() {
		if p := recover(); p != nil {
			m.broken = true
			odd = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
	return ""
}

func (m *Machine) do(s System, o *Op, r *Result) {
	if odd := m.guard(func() {
		c := call{m: m, s: s, o: o, r: r}
		err := c.make()
		r.Err, r.Odd = errnoOf(err)
		c.after()
	}); odd != "" {
		*r = Result{Odd: odd}
	}
}

// fd is the descriptor in a slot; one that is closed for a slot without.
func (m *Machine) fd(slot int8) int {
	if slot == NoSlot {
		return unix.AT_FDCWD
	}
	return m.slots[slot]
}

// put puts a descriptor into a slot, and closes what was there.
func (m *Machine) put(s System, slot int8, fd int) {
	if old := m.slots[slot]; old >= 0 {
		s.Close(old)
	}
	m.slots[slot] = fd
}

func (m *Machine) snapshot(depth Depth) *Snapshot {
	snap := &Snapshot{}
	m.watch.Do(func(s System) {
		if odd := m.guard(func() {
			if err := snap.take(s, m, depth); err != nil {
				snap.Err = err.Error()
			}
		}); odd != "" {
			*snap = Snapshot{Err: odd}
		}
	})
	return snap
}

func (snap *Snapshot) take(s System, m *Machine, depth Depth) error {
	if err := snap.walk(s, "/", depth); err != nil {
		return err
	}
	for i, fd := range m.slots {
		if fd < 0 {
			continue
		}
		sl := &snap.Slots[i]
		sl.Open = true
		var err error
		if sl.Info, err = s.Statx(fd, "", unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("fstat of slot %d: %w", i, err)
		}
		flags, err := s.Getfl(fd)
		if err != nil {
			return fmt.Errorf("flags of slot %d: %w", i, err)
		}
		sl.Flags, sl.Pos = int64(flags), -1
		if sl.Info.Mode&unix.S_IFMT == unix.S_IFREG && flags&unix.O_PATH == 0 {
			if sl.Pos, err = s.Lseek(fd, 0, unix.SEEK_CUR); err != nil {
				return fmt.Errorf("position of slot %d: %w", i, err)
			}
		}
	}
	var err error
	snap.FS, err = s.Statfs("/")
	return err
}

// walk adds the object at path and what is below it, without touching access
// times.
func (snap *Snapshot) walk(s System, path string, depth Depth) error {
	info, err := s.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("lstat %s: %w", quote(path), err)
	}
	snap.Tree = append(snap.Tree, Node{Path: path, Info: info})
	n := &snap.Tree[len(snap.Tree)-1]
	if depth == Deep {
		if err := n.contents(s); err != nil {
			return fmt.Errorf("%s: %w", quote(path), err)
		}
	}
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	names, err := list(s, path)
	if err != nil {
		return fmt.Errorf("list %s: %w", quote(path), err)
	}
	for _, e := range names {
		if e.Name == "." || e.Name == ".." {
			continue
		}
		if err := snap.walk(s, strings.TrimSuffix(path, "/")+"/"+e.Name, depth); err != nil {
			return err
		}
	}
	return nil
}

func list(s System, path string) ([]Entry, error) {
	fd, err := s.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOATIME, 0)
	if err != nil {
		return nil, err
	}
	defer s.Close(fd)
	names, err := s.Getdents(fd)
	sortEntries(names)
	return names, err
}

// contents reads what the node holds.
func (n *Node) contents(s System) error {
	var err error
	if n.Xattrs, err = readXattrs(s, n.Path); err != nil {
		return err
	}
	switch n.Info.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		buf := make([]byte, 4096)
		k, err := s.Readlinkat(unix.AT_FDCWD, n.Path, buf)
		if err != nil {
			return fmt.Errorf("readlink: %w", err)
		}
		n.Data = shorten(buf[:k])
	case unix.S_IFREG:
		fd, err := s.Openat(unix.AT_FDCWD, n.Path, unix.O_RDONLY|unix.O_NOATIME, 0)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		defer s.Close(fd)
		n.Data, err = readExtents(s, fd)
		return err
	}
	return nil
}

// readExtents is where a file has data and what they are.
func readExtents(s System, fd int) (string, error) {
	const most = 1 << 20
	var b strings.Builder
	for off := int64(0); ; {
		start, err := s.Lseek(fd, off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return b.String(), nil
		}
		if err != nil {
			return "", fmt.Errorf("SEEK_DATA from %d: %w", off, err)
		}
		end, err := s.Lseek(fd, start, unix.SEEK_HOLE)
		if err != nil {
			return "", fmt.Errorf("SEEK_HOLE from %d: %w", start, err)
		}
		if end <= start {
			return "", fmt.Errorf("data from %d to %d", start, end)
		}
		p := make([]byte, min(end-start, most))
		k, err := s.Pread(fd, p, start)
		if err != nil {
			return "", fmt.Errorf("pread at %d: %w", start, err)
		}
		fmt.Fprintf(&b, "[%d,%d) %s ", start, end, shorten(p[:k]))
		off = end
	}
}

func readXattrs(s System, path string) (string, error) {
	buf := make([]byte, 65536)
	k, err := s.Listxattr(path, buf, false)
	if err != nil || k == 0 {
		return "", wrap("listxattr", err)
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:k]), "\x00"), "\x00")
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		k, err := s.Getxattr(path, name, buf, false)
		if err != nil {
			return "", wrap("getxattr "+name, err)
		}
		fmt.Fprintf(&b, "%s=%q ", quote(name), shorten(buf[:k]))
	}
	return b.String(), nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
