package lockdep

import (
	"slices"
	"strings"
	"testing"
)

func allClasses() []*Class {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return slices.Clone(registry.classes)
}

func TestDeclaredOrderHasNoCircle(t *testing.T) {
	classes := allClasses()
	c, loop := newClosure(len(classes), declared().before)
	if loop != nil {
		t.Fatalf("%s comes before itself: %s", loop, chain(declared().before, loop, loop))
	}
	for _, a := range classes {
		for _, b := range classes {
			if c.has(a.index, b.index) && c.has(b.index, a.index) {
				t.Errorf("%s comes before and after %s", a, b)
			}
		}
	}
	for cl, pairs := range declared().subs {
		for _, p := range pairs {
			if slices.Contains(pairs, [2]Subclass{p[1], p[0]}) || p[0] == p[1] {
				t.Errorf("%s: %v comes before and after %v", cl, p[0], p[1])
			}
		}
	}
	t.Log(Order())
}

func TestACircleIsFound(t *testing.T) {
	classes := allClasses()
	pairs := append(slices.Clone(declared().before), [2]*Class{DLock, SVfsRenameMutex})
	if _, loop := newClosure(len(classes), pairs); loop == nil {
		t.Error("d_lock < s_vfs_rename_mutex closes a circle that is not found")
	}
}

// What the references say of the order, pair by pair, outer first. Many follow
// from others.
func TestDeclaredOrderSaysWhatTheReferencesSay(t *testing.T) {
	classes := allClasses()
	c, _ := newClosure(len(classes), declared().before)
	for _, line := range []string{
		"freeze_write s_vfs_rename_mutex i_mutex mmap_sem freeze_pagefault freeze_internal",
		"freeze_write s_umount sb_lock",
		"i_mutex namespace_sem mount_lock",
		"i_mutex rename_lock d_lock dcache_bucket_lock",
		"d_lock dcache_lru_lock",
		"i_lock d_lock",
		"inode_hash_lock s_inodes_lock i_lock inode_lru_lock",
		"flc_lock blocked_lock_lock",
		"f_lock fasync_lock",
		"pipe_lock i_mutex",
		"i_mutex i_mmap_rwsem",
		"mmap_sem freeze_pagefault page_lock",
		"mmap_sem i_mmap_rwsem page_table_lock tree_lock",
		"page_lock i_mmap_rwsem private_lock tree_lock",
		"page_table_lock private_lock",
		"page_table_lock lru_lock",
		"page_table_lock wb_list_lock",
		"page_table_lock i_lock",
		"dqonoff_sem i_mutex dqptr_sem dq_lock dqio_sem",
		"dq_data_lock dq_list_lock i_lock",
		"dq_list_lock dq_state_lock",
	} {
		names := strings.Fields(line)
		for i := range names {
			for j := range i {
				outer, inner := ClassByName(names[j]), ClassByName(names[i])
				if outer == nil || inner == nil {
					t.Fatalf("%s: no class %s or %s", line, names[j], names[i])
				}
				if !c.has(outer.index, inner.index) {
					t.Errorf("%s < %s is not declared", outer, inner)
				}
			}
		}
	}
	for _, p := range [][2]*Class{{ILock, RenameLock}, {PageLock, IMutex}, {SBLock, SUmount}} {
		if c.has(p[0].index, p[1].index) {
			t.Errorf("%s < %s is declared", p[0], p[1])
		}
	}
}

func TestContextsAllowLessAndLess(t *testing.T) {
	allowed := declared().allowed
	for k := range kindNames {
		if !allowed[ctxTask][k] {
			t.Errorf("a task may not take a %v lock", Kind(k))
		}
		for _, c := range []ctx{ctxRCU, ctxAtomic, ctxInterrupt} {
			if allowed[c][k] == Kind(k).Sleeps() {
				t.Errorf("%s context: %v lock: allowed is %v", ctxNames[c], Kind(k), allowed[c][k])
			}
		}
	}
}

func TestMalformedOrderIsRefused(t *testing.T) {
	for _, text := range []string{
		"i_mutex < nonsense", "i_mutex", "i_mutex ! d_lock, i_lock", "task: none",
		"i_mutex: parent < nobody", "nothing: parent < child", "i_mutex < ", "a ! b",
	} {
		if _, err := parseOrder(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if _, err := parseOrder("# a comment\n\n  i_mutex < d_lock # and another\n"); err != nil {
		t.Error(err)
	}
}

func TestChainNamesTheDeclaredSteps(t *testing.T) {
	if got, want := chain(declared().before, IMutex, DSeq), "i_mutex < rename_lock < d_lock < d_seq"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := chain(declared().before, DSeq, IMutex); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

// A class that no line of the order names is one that was forgotten, or one
// that is ordered by what is seen, and stands here.
func TestEveryClassIsPlacedOrKnowinglyNot(t *testing.T) {
	free := []*Class{FdTableLock, QueueLock, Unclassified}
	for _, c := range allClasses() {
		if !c.core {
			continue
		}
		named := strings.Contains(orderText, c.name)
		if named == slices.Contains(free, c) {
			t.Errorf("%s: in the order table is %v", c, named)
		}
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestContradictingDeclarationsPanic(t *testing.T) {
	a, b := NewClass("order test a", Sleep), NewClass("order test b", Sleep)
	a.Over(b)
	mustPanic(t, "b over a", func() { b.Over(a) })
	mustPanic(t, "a under b", func() { a.Under(b) })
	mustPanic(t, "a under itself", func() { a.Under(a) })
	c := NewClass("order test c", Spin).Under(DLock)
	mustPanic(t, "c over i_mutex", func() { c.Over(IMutex) })
	mustPanic(t, "no name", func() { NewClass("", Sleep) })
	mustPanic(t, "a core name", func() { NewClass("i_mutex", Sleep) })
	if a.String() != "order test a" || a.Name() != a.String() || a.Kind() != Sleep {
		t.Errorf("class is %v of kind %v", a, a.Kind())
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Sleep.String(), "sleep"}, {Level.String(), "level"}, {Kind(99).String(), "unknown"},
		{Normal.String(), "normal"}, {NonDir2.String(), "nondir2"}, {Subclass(99).String(), "unknown"},
		{Unheld.String(), "not held"}, {Shared.String(), "held shared"},
		{Exclusive.String(), "held exclusively"}, {Mode(9).String(), "unknown"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
