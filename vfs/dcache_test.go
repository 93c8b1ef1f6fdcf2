package vfs

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

func TestUnusedDentriesAreBounded(t *testing.T) {
	task := newRAM(t, nil)
	sb := task.Namespace().Superblock()
	sb.SetDentryLimit(100)
	var st Stat
	for i := range 10_000 {
		if err := task.Stat(fmt.Sprintf("/missing%d", i), &st); err != unix.ENOENT {
			t.Fatal(err)
		}
	}
	sb.background.Wait()
	if n := sb.DentryCount(); n > 102 {
		t.Errorf("%d dentries are in memory, with a limit of 100 unused ones", n)
	}
}

func TestRecentlyUsedDentriesSurvive(t *testing.T) {
	task := newRAM(t, nil)
	sb := task.Namespace().Superblock()
	sb.SetDentryLimit(64)
	var st Stat
	for i := range 1000 {
		task.Stat("/hot", &st)
		task.Stat(fmt.Sprintf("/cold%d", i), &st)
		sb.background.Wait()
	}
	root := task.fs.root.Load().Dentry
	if d := sb.dcache.lookup(root, "hot", hashName("hot")); d == nil {
		t.Error("a name used all the time was dropped")
	} else {
		d.Put(task)
	}
}

func TestHashGrowsAndFindsAll(t *testing.T) {
	n := 50_000
	if lockdep.Enabled {
		n = 5_000
	}
	task := newRAM(t, nil)
	for i := range n {
		mkdir(t, task, fmt.Sprintf("/d%d", i))
	}
	var st Stat
	for i := range n {
		if err := task.Stat(fmt.Sprintf("/d%d", i), &st); err != nil {
			t.Fatalf("/d%d: %v", i, err)
		}
	}
	for i := range n {
		if err := task.Unlinkat(AtCWD, fmt.Sprintf("/d%d", i), unix.AT_REMOVEDIR); err != nil {
			t.Fatalf("/d%d: %v", i, err)
		}
	}
}

// nameOps is a driver of dentries that folds case.
type nameOps struct{}

func (*nameOps) Hash(_ *Dentry, name string, _ uint32) (uint32, error) { return uint32(len(name)), nil }
func (*nameOps) Compare(_, _ *Dentry, str, name string) bool {
	if len(str) != len(name) {
		return false
	}
	for i := range len(str) {
		if str[i]|0x20 != name[i]|0x20 {
			return false
		}
	}
	return true
}
func (*nameOps) Delete(d *Dentry) bool { return d.Negative() }

func TestDriverComparesNames(t *testing.T) {
	ops := &nameOps{}
	task := newRAM(t, DentryOpsOf(ops))
	mkdir(t, task, "/Dir", "/dIR/Sub")
	var st Stat
	for _, name := range []string{"/dir/sub", "/DIR/SUB", "/dIr/sUb/../suB"} {
		if err := task.Stat(name, &st); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := task.Mkdirat(AtCWD, "/DIR", 0o755); err != unix.EEXIST {
		t.Errorf("mkdir of a name that differs in case: %v", err)
	}
	before := task.Namespace().Superblock().DentryCount()
	task.Stat("/nothing", &st)
	if n := task.Namespace().Superblock().DentryCount(); n != before {
		t.Errorf("a negative dentry stayed although Delete refused it")
	}
}

// hashName is the default hash of a name.
func hashName(name string) uint32 {
	_, _, hash := splitName(name)
	return hash
}

func TestSplitName(t *testing.T) {
	names := []string{"a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "abcdefghijklmnopq", "\xff\xfe.", "/"[:0] + "x"}
	for _, name := range names {
		for _, rest := range []string{"", "/", "//", "/b", "/0123456789", "/.", "/\x80"} {
			comp, r, hash := splitName(name + rest)
			if comp != name || r != rest || hash != hashName(name) {
				t.Errorf("%q is split into %q and %q", name+rest, comp, r)
			}
		}
	}
	seen := make(map[uint32]int)
	for i := range 100_000 {
		seen[hashName(fmt.Sprintf("file%d.go", i))]++
	}
	if len(seen) < 99_990 {
		t.Errorf("100,000 names have %d hashes", len(seen))
	}
}
