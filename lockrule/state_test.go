package lockrule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// conditions are the values that State.When may have.
var conditions = []string{
	"", WhenCrossDirectory, WhenNotDirectory, WhenDirectory, WhenReplaced,
	WhenExchangedNotDirectory, WhenExchangedDirectory, WhenActivate, WhenNotActivate,
}

type holdsAt [3]Hold

func (s State) holds() holdsAt { return holdsAt{s.Entry, s.Success, s.Failure} }

func always(h Hold) holdsAt { return holdsAt{h, h, h} }

// literal says which states a word in a lock's column stands for.
var literal = map[string][]holdsAt{
	"-":                    {always(Unspecified)},
	"no":                   {always(No)},
	"yes":                  {always(Yes), always(Exclusive), always(AtLeastShared)},
	"both":                 {always(Yes)},
	"all":                  {always(Yes)},
	"maybe":                {always(Maybe)},
	"read":                 {always(Shared)},
	"write":                {always(Exclusive)},
	"maybe-read":           {always(MaybeShared)},
	"locks":                {{No, Yes, No}},
	"yes-unlocks":          {{Yes, No, No}},
	"yes-any-inode":        {always(AnyOf)},
	"may-return-locked":    {{No, ByResult, No}},
	"returns-write-locked": {{No, Exclusive, No}},
	"write-unlocks":        {{Exclusive, No, No}},
}

// exits are the rows whose word tells the entry only; what is held afterwards
// follows from a sentence.
var exits = map[string]holdsAt{
	"address_space_operations.writepage page_lock yes-unlocks": {Yes, ByResult, ByResult},
	"address_space_operations.readpage page_lock yes-unlocks":  {Yes, Async, No},
	"buffer_head.b_end_io bh_lock yes":                         {Yes, Async, Async},
	"vm_operations_struct.fault mmap_sem yes":                  {AtLeastShared, ByResult, AtLeastShared},
}

// inconsistencies compares the cells of a method with its states and other
// fields, both ways.
func inconsistencies(m *Method) []string {
	var bad []string
	complain := func(format string, args ...any) {
		bad = append(bad, m.FullName()+": "+fmt.Sprintf(format, args...))
	}
	for _, c := range m.Cells {
		if why := cellProblem(m, c); why != "" {
			complain("%s %s: %s", c.Column, c.Value, why)
		}
	}
	for i, s := range m.States {
		if why := stateProblem(m, s); why != "" {
			complain("%s: %s", s.describe(), why)
		}
		for _, o := range m.States[:i] {
			if o.Lock == s.Lock && o.Object == s.Object && o.When == s.When {
				complain("%s: two states", s.describe())
			}
		}
	}
	_, hasBlock := m.Cell("may_block")
	if !hasBlock && m.Blocking == BlockUnspecified {
		complain("nothing says whether it may block")
	}
	if (m.Blocking == BlockNo) != (m.Context != ContextTask) {
		complain("blocking %v in %v context", m.Blocking, m.Context)
	}
	if v, ok := m.Cell("rcu_walk"); !ok && m.RCUWalk != (m.Blocking == BlockRefWalk) {
		complain("rcu-walk %v without a cell %q", m.RCUWalk, v)
	}
	return bad
}

// cellProblem says why no state or field of the method stands for the cell, ""
// if one does.
func cellProblem(m *Method, c Cell) string {
	is := func(ok bool) string {
		if ok {
			return ""
		}
		return "the method's field says otherwise"
	}
	lock := c.Column
	switch c.Column {
	case "may_block":
		want, ok := map[string]Blocking{
			"yes": BlockYes, "no": BlockNo, "ref-walk": BlockRefWalk, "not-for-leases": BlockNotForLeases,
		}[c.Value]
		return is(ok && m.Blocking == want)
	case "rcu_walk":
		return is((c.Value == "maybe") == m.RCUWalk)
	case "fs_recursion":
		return is((c.Value == "yes") == m.FSRecursion)
	case "i_mutex_victim":
		if c.Value != "yes" {
			return "unknown word"
		}
		for _, s := range m.States {
			if s.Lock == "i_mutex" && s.Prose == 1 && s.holds() == always(Yes) {
				return ""
			}
		}
		return "no state holds the victim"
	case "s_vfs_rename_mutex":
		for _, s := range m.States {
			if s.Lock == c.Column && s.When == c.Value && s.Prose == 2 && s.holds() == always(Yes) {
				return ""
			}
		}
		return "no state holds it under that condition"
	case "held":
		for _, s := range m.States {
			if s.Lock == c.Value && s.holds() == always(Yes) || c.Value == "-" && s.holds() == always(Unspecified) {
				return ""
			}
		}
		return "no state holds it"
	}

	want, ok := literal[c.Value]
	if !ok {
		return "unknown word"
	}
	if w, ok := exits[m.FullName()+" "+lock+" "+c.Value]; ok {
		want = []holdsAt{w}
	}
	matching, found := 0, false
	for _, s := range m.States {
		if s.Lock != lock {
			continue
		}
		found = true
		fits := slices.Contains(want, s.holds())
		switch {
		case s.Reading != "" && fits:
			return "a reading explains a difference that does not exist"
		case s.Reading == "" && s.Prose == 0 && !fits:
			return fmt.Sprintf("the state is %v", s.holds())
		case s.When == "" && (fits || s.Reading != "" || c.Value == "-" && s.Prose != 0):
			matching++
		}
	}
	switch {
	case !found:
		return "no state"
	case matching == 0:
		return "no unconditional state"
	case (c.Value == "both" || c.Value == "all") && matching != 2:
		return fmt.Sprintf("%d objects", matching)
	}
	return ""
}

// stateProblem says why a state has no ground in the book, "" if it has.
func stateProblem(m *Method, s State) string {
	column := s.Lock
	if _, ok := m.Cell("held"); ok && strings.HasPrefix(s.Lock, "dq") {
		column = "held"
	}
	value, hasCell := m.Cell(column)
	switch {
	case !slices.Contains(conditions, s.When):
		return "unknown condition"
	case s.Entry >= numHolds || s.Success >= numHolds || s.Failure >= numHolds:
		return "unknown hold"
	case s.Entry == Async || s.Entry == ByResult:
		return "a hold of exits on entry"
	case s.Reading != "" && (!hasCell || value == "-"):
		return "a reading of no cell"
	case s.Prose == 0 && !hasCell:
		return "it claims a cell that the row does not have"
	case s.Prose > 0 && !slices.Contains(m.Prose, s.Prose):
		return fmt.Sprintf("the method does not cite P%d", s.Prose)
	case s.Prose == Derived && hasCell && value != "-" && s.Reading == "" && s.When == "":
		return "it sets a cell aside and does not say why"
	}
	return ""
}

func TestCellsAndStatesAgree(t *testing.T) {
	for _, m := range allMethods() {
		for _, why := range inconsistencies(m) {
			t.Error(why)
		}
	}
}

func copyOf(m *Method) *Method {
	c := *m
	c.Cells = slices.Clone(m.Cells)
	c.States = slices.Clone(m.States)
	return &c
}

// Each cell is load-bearing: with another word in it, it no longer agrees with
// the rest of the method.
func TestAChangedCellIsNoticed(t *testing.T) {
	words := []string{"ref-walk", "not-for-leases", "cross-directory", "dqonoff_sem", "dqonoff_sem|dqptr_sem"}
	for w := range literal {
		words = append(words, w)
	}
	several := func(w string) bool { return w == "both" || w == "all" }
	for _, m := range allMethods() {
		for i, cell := range m.Cells {
			for _, w := range words {
				c := copyOf(m)
				if w == cell.Value {
					continue
				}
				c.Cells[i].Value = w
				isLock := func(s State) bool { return s.Lock == cell.Column }
				switch {
				case several(w) && several(cell.Value):
					continue // they differ by the number of the arguments only
				case cell.Column == "rcu_walk" && w != "maybe" && cell.Value == "no",
					cell.Column == "fs_recursion" && w != "yes" && cell.Value == "no":
					continue // any other word is a no
				case w == "yes" && (several(cell.Value) || cell.Value == "write"),
					w == "write" && slices.ContainsFunc(m.States, func(s State) bool { return isLock(s) && s.holds() == always(Exclusive) }):
					continue // the one says less than the other, and nothing wrong
				case w != "-" && slices.ContainsFunc(m.States, func(s State) bool { return isLock(s) && s.Reading != "" }):
					continue // a reading sets the word aside
				}
				if len(inconsistencies(c)) == 0 {
					t.Errorf("%s: %s %q could be %q", m.FullName(), cell.Column, cell.Value, w)
				}
			}
		}
	}
}

// Each state that comes from a cell is load-bearing too, at each of its three
// moments; and so is the rest of what cells say.
func TestAChangedStateIsNoticed(t *testing.T) {
	check := func(m *Method, what string) {
		t.Helper()
		if len(inconsistencies(m)) == 0 {
			t.Errorf("%s: %s goes unnoticed", m.FullName(), what)
		}
	}
	for _, m := range allMethods() {
		for i, s := range m.States {
			if s.Prose != 0 || s.Reading != "" {
				continue
			}
			for h := range numHolds {
				for moment := range 3 {
					c := copyOf(m)
					now := []*Hold{&c.States[i].Entry, &c.States[i].Success, &c.States[i].Failure}
					if *now[moment] == h {
						continue
					}
					*now[moment] = h
					check(c, fmt.Sprintf("%s %v as %v", s.describe(), s.holds(), c.States[i].holds()))
				}
			}
			c := copyOf(m)
			c.States = slices.Delete(c.States, i, i+1)
			check(c, "no "+s.describe())
		}
		c := copyOf(m)
		c.Blocking = (m.Blocking + 1) % numBlockings
		check(c, "other blocking")
		c = copyOf(m)
		c.RCUWalk = !m.RCUWalk
		check(c, "other rcu-walk")
		if _, ok := m.Cell("fs_recursion"); ok {
			c = copyOf(m)
			c.FSRecursion = !m.FSRecursion
			check(c, "other recursion")
		}
	}
}

// The states of the victims of a rename are those of the directory locking
// scheme: each case of source and target is covered exactly once.
func TestRenameVictimsAreCoveredOnce(t *testing.T) {
	for _, name := range []string{"rename", "rename2"} {
		m := MustLookup("inode_operations", name)
		for _, tc := range []struct {
			object string
			true   []string // conditions that hold
			want   Hold
		}{
			{"oldDentry", []string{WhenNotDirectory}, Yes},
			{"oldDentry", []string{WhenDirectory}, No},
			{"newDentry", []string{WhenReplaced, WhenNotDirectory}, Yes},
			{"newDentry", []string{WhenReplaced, WhenDirectory}, Yes},
			{"newDentry", []string{WhenExchangedNotDirectory, WhenNotDirectory}, Yes},
			{"newDentry", []string{WhenExchangedDirectory, WhenDirectory}, No},
		} {
			if name == "rename" && strings.HasPrefix(tc.true[0], "exchanged") {
				continue
			}
			var got []State
			for _, s := range m.States {
				if s.Lock == "i_mutex" && s.Object == tc.object && slices.Contains(tc.true, s.When) {
					got = append(got, s)
				}
			}
			if len(got) != 1 || got[0].holds() != always(tc.want) {
				t.Errorf("%s: %s if %v: %v, want one state %v", name, tc.object, tc.true, got, tc.want)
			}
		}
	}
}

// A reading sets the word of a cell aside. There are as few as possible.
func TestReadingsAreDeliberate(t *testing.T) {
	want := map[string]Hold{
		"dentry_operations.d_compare rename_lock":                 ReadSeq,
		"inode_operations.permission i_mutex":                     Maybe,
		"inode_operations.get_acl i_mutex":                        Maybe,
		"inode_operations.getxattr i_mutex":                       Maybe,
		"inode_operations.update_time i_mutex":                    Maybe,
		"super_operations.sync_fs s_umount":                       AtLeastShared,
		"super_operations.quota_read s_umount":                    Maybe,
		"super_operations.quota_write s_umount":                   Maybe,
		"super_operations.bdev_try_to_free_page s_umount":         Maybe,
		"address_space_operations.set_page_dirty page_lock":       Maybe,
		"block_device_operations.media_changed bd_mutex":          Maybe,
		"block_device_operations.unlock_native_capacity bd_mutex": Maybe,
		"block_device_operations.revalidate_disk bd_mutex":        Maybe,
	}
	for _, m := range allMethods() {
		for _, s := range m.States {
			if s.Reading == "" {
				continue
			}
			key := m.FullName() + " " + s.Lock
			if h, ok := want[key]; !ok || s.holds() != always(h) {
				t.Errorf("%s is read as %v, want %v", key, s.holds(), h)
			}
			delete(want, key)
		}
	}
	for key := range want {
		t.Errorf("%s has no reading", key)
	}
}
