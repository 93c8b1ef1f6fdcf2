package vfs

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// PathString is the path of p as the task sees it: relative to its root, with
// " (deleted)" for a name that was removed, and "(unreachable)" in front if
// the root is not above it.
func (t *Task) PathString(p Path) (string, error) {
	d := p.Dentry
	if d.ops != nil && d.ops.dname != nil && d != p.Mount.root {
		return gateDname(d.ops.dname, d)
	}
	root := t.fs.get(&t.fs.root)
	defer root.Put(t)
	s, reached := pathFrom(p, root)
	if !reached {
		s = "(unreachable)" + s
	}
	if d.Unlinked() {
		s += " (deleted)"
	}
	if len(s) >= PathMax {
		return "", unix.ENAMETOOLONG
	}
	return s, nil
}

// Getcwd is the path of the current directory; ENOENT if it was removed.
func (t *Task) Getcwd() (string, error) {
	cwd := t.fs.get(&t.fs.cwd)
	defer cwd.Put(t)
	if cwd.Dentry.Unlinked() {
		return "", unix.ENOENT
	}
	return t.PathString(cwd)
}

// pathFrom climbs from p to root under the read sequences of names and
// mounts, at the second try with both locks.
func pathFrom(p, root Path) (string, bool) {
	rs, ms := renameLock.ReadBegin(), mountLock.ReadBegin()
	s, ok := climb(p, root)
	if !renameLock.ReadRetry(rs) && !mountLock.ReadRetry(ms) {
		return s, ok
	}
	mountLock.ReadLockExclusive()
	renameLock.ReadLockExclusive()
	defer mountLock.ReadUnlockExclusive()
	defer renameLock.ReadUnlockExclusive()
	return climb(p, root)
}

func climb(p, root Path) (string, bool) {
	var names []string
	reached := true
	m, d := p.Mount, p.Dentry
	for m != root.Mount || d != root.Dentry {
		if d == m.root || d.IsRoot() {
			up := m.parent.Load()
			if d != m.root || up == m {
				reached = false
				break
			}
			d, m = m.mountpoint.Load(), up
			continue
		}
		names = append(names, d.name.Load().str)
		d = d.parent.Load()
	}
	if len(names) == 0 {
		return "/", reached
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(names[i])
	}
	return b.String(), reached
}

func uitoa(n uint64) string { return strconv.FormatUint(n, 10) }
