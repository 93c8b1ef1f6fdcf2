package gatetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// Run tests the gates of a package: those of every method that the rule book
// gives to it, each cell of which must be broken here, or be one that cannot be
// ([Unchecked]).
func Run(t *testing.T, pkg string, k *Kit, gates []Gate) {
	done := map[string]bool{} // "table.method column value"
	have := map[string]bool{}
	for i := range gates {
		g := &gates[i]
		table, name, _ := strings.Cut(g.Rule, ".")
		m := lockrule.MustLookup(table, name)
		have[g.Rule] = true
		t.Run(g.Rule, func(t *testing.T) {
			variants := k.Variants[g.Rule]
			if len(variants) == 0 {
				variants = []Variant{{}}
			}
			for j := range variants {
				v := &variants[j]
				if v.Name == "" {
					test(t, k, g, m, v, done)
					continue
				}
				t.Run(v.Name, func(t *testing.T) { test(t, k, g, m, v, done) })
			}
		})
	}
	for rule := range k.Variants {
		if !have[rule] {
			t.Errorf("variants of %s, which is no gate of package %s", rule, pkg)
		}
	}
	broken, unchecked := 0, 0
	for _, table := range lockrule.Tables() {
		for i := range table.Methods {
			m := &table.Methods[i]
			if !strings.HasPrefix(m.Go, pkg+".") {
				continue
			}
			if !have[m.FullName()] {
				t.Errorf("%s has no gate in package %s", m.FullName(), pkg)
				continue
			}
			for _, c := range m.Cells {
				_, cannot := Unchecked(m, c)
				switch key := cellKey(m, c); {
				case cannot && done[key]:
					t.Errorf("%s counts as one that cannot be checked, and was", key)
				case cannot:
					unchecked++
				case !done[key]:
					t.Errorf("%s: no test breaks it", key)
				default:
					broken++
				}
			}
		}
	}
	t.Logf("%s: %d gates, %d cells broken and reported, %d cannot be checked", pkg, len(have), broken, unchecked)
}

func cellKey(m *lockrule.Method, c lockrule.Cell) string {
	return m.FullName() + " " + c.Column + " " + c.Value
}

// Unchecked says why nothing can break a cell; ok is false if something can.
func Unchecked(m *lockrule.Method, c lockrule.Cell) (reason string, ok bool) {
	switch {
	case c.Value == "-":
		return "the row makes no statement", true
	case c.Column == "fs_recursion" && c.Value == "no":
		return "a file system with a journal writes the dquot at once, inside its transaction: both happen", true
	}
	return "", false
}

// A mutation is a call that breaks one rule.
type mutation struct {
	name string
	plan plan
	want string // the rule that must be reported
	kind string
	cell []lockrule.Cell
}

func test(t *testing.T, k *Kit, g *Gate, m *lockrule.Method, v *Variant, done map[string]bool) {
	problems, broken := check(t, k, g, m, v)
	for _, p := range problems {
		t.Error(p)
	}
	for _, c := range broken {
		done[cellKey(m, c)] = true
	}
}

// check makes the right calls and the wrong ones of a method in one of its
// cases. It returns what was reported and should not have been, or the other
// way round, and the cells whose breach was reported.
func check(t testing.TB, k *Kit, g *Gate, m *lockrule.Method, v *Variant) (problems []string, broken []lockrule.Cell) {
	states := effective(m, v)
	silent := func(name string, p plan) {
		for _, r := range run(t, k, g, v, states, p) {
			problems = append(problems, fmt.Sprintf("%s: reported although nothing is wrong:\n%v", name, r))
		}
	}
	silent("right call", plan{})
	if g.Fails {
		silent("right call that fails", plan{fail: true})
	}
	if v.NoBlock == 0 && (m.Blocking == lockrule.BlockYes || m.Blocking == lockrule.BlockRefWalk || m.Blocking == lockrule.BlockNotForLeases) {
		silent("right call that blocks", plan{blocks: true})
	}
	if m.RCUWalk {
		silent("right call in rcu-walk", plan{rcu: true})
	}
	for i, s := range states {
		if newWorld(k, g, v).lock(&s) == nil {
			continue
		}
		switch s.Entry {
		case lockrule.Maybe:
			silent("right call with "+s.Lock+" held", plan{hold: map[int]how{i: exclusive}})
		case lockrule.MaybeShared:
			silent("right call with "+s.Lock+" held shared", plan{hold: map[int]how{i: shared}})
		case lockrule.AtLeastShared:
			silent("right call with "+s.Lock+" held exclusively", plan{hold: map[int]how{i: exclusive}})
		}
	}
	for _, mu := range mutations(k, g, m, v, states) {
		reports := run(t, k, g, v, states, mu.plan)
		if !slices.ContainsFunc(reports, func(r *lockdep.Report) bool {
			return r.Rule == mu.want && r.Kind == mu.kind && r.Method == m.FullName()
		}) {
			problems = append(problems, fmt.Sprintf("%s: want a report of %q (%s), got %d:\n%v", mu.name, mu.want, mu.kind, len(reports), reports))
			continue
		}
		broken = append(broken, mu.cell...)
	}
	return problems, broken
}

// effective are the states of a method in one of its cases.
func effective(m *lockrule.Method, v *Variant) []lockrule.State {
	var out []lockrule.State
	add := func(s lockrule.State) {
		if s.Entry != lockrule.Unspecified || s.Success != lockrule.Unspecified || s.Failure != lockrule.Unspecified {
			out = append(out, s)
		}
	}
	for _, s := range m.States {
		if s.When != "" && !slices.Contains(v.When, s.When) {
			continue
		}
		same := func(o lockrule.State) bool { return o.Lock == s.Lock && o.Object == s.Object }
		if slices.ContainsFunc(v.States, same) {
			continue
		}
		if s.Success == lockrule.ByResult {
			continue // a case of its own says what the result means
		}
		add(s)
	}
	for _, s := range v.States {
		add(s)
	}
	return out
}

// ruleOf is the name under which a state's breach is reported.
func ruleOf(m *lockrule.Method, s *lockrule.State, want lockrule.Hold) string {
	if s.Prose > 0 {
		return fmt.Sprintf("P%d", s.Prose)
	}
	if c := cellsOf(m, s); s.Prose == 0 && len(c) > 0 && c[0].Column != "fs_recursion" {
		return cellKey(m, c[0]) // the other names no lock
	}
	return m.FullName() + " " + s.Lock + " " + want.String()
}

// cellsOf are the cells that a state comes from.
func cellsOf(m *lockrule.Method, s *lockrule.State) []lockrule.Cell {
	var out []lockrule.Cell
	for _, c := range m.Cells {
		switch {
		case c.Value == "-":
		case c.Column == s.Lock+"_"+s.Object, s.Prose == 1 && c.Column == s.Lock+"_victim":
			out = append([]lockrule.Cell{c}, out...)
		case c.Column == s.Lock, c.Column == "held" && c.Value == s.Lock:
			out = append(out, c)
		case c.Column == "fs_recursion" && s.Lock == "dqio_sem":
			out = append(out, c)
		}
	}
	return out
}

// mutations are all the ways to break a row in one of its cases.
func mutations(k *Kit, g *Gate, m *lockrule.Method, v *Variant, states []lockrule.State) []mutation {
	var out []mutation
	for i := range states {
		s := &states[i]
		w := newWorld(k, g, v)
		l := w.lock(s)
		if l == nil {
			continue
		}
		what := s.Lock
		if s.Object != "" {
			what += " of " + s.Object
		}
		entry := func(name string, h how) {
			out = append(out, mutation{
				name: "caller: " + what + " " + name, plan: plan{hold: map[int]how{i: h}},
				want: ruleOf(m, entryState(m, s), s.Entry), kind: lockdep.KindEntry, cell: cellsOf(m, s),
			})
		}
		if _, result := w.results[s.Object]; !result || s.Object == "" {
			switch s.Entry {
			case lockrule.Yes, lockrule.Exclusive, lockrule.Shared, lockrule.AtLeastShared, lockrule.ReadSeq, lockrule.AnyOf:
				entry("not held", unheld)
				entry("held by another goroutine only", elsewhere)
				if w.otherLock(g, s) != nil && !aliased(w, states, i) {
					entry("held of another object only", onOther)
				}
				if s.Entry == lockrule.Exclusive && twoModes(l) {
					entry("held shared only", shared)
				}
				if s.Entry == lockrule.Shared && twoModes(l) {
					entry("held exclusively", exclusive)
				}
			case lockrule.No:
				entry("held", exclusive)
				if twoModes(l) {
					entry("held shared", shared)
				}
			case lockrule.MaybeShared:
				entry("held exclusively", exclusive)
			}
		}
		for _, fail := range []bool{false, true} {
			if fail && !g.Fails {
				break
			}
			_, result := w.results[s.Object]
			out = append(out, exits(m, s, i, what, l, fail, result && s.Object != "")...)
		}
	}
	return append(out, others(g, m, v)...)
}

// entryState is the state of the row that is checked on entry where s, of one
// of the cases, is known to hold only after the call.
func entryState(m *lockrule.Method, s *lockrule.State) *lockrule.State {
	for i := range m.States {
		if r := &m.States[i]; r.Lock == s.Lock && r.Object == s.Object && r.When == "" {
			return r
		}
	}
	return s
}

// exits are the ways in which a driver can leave one lock wrong. An object that
// is a result is not known to the caller of a driver that failed: a lock of it is
// any lock then.
func exits(m *lockrule.Method, s *lockrule.State, i int, what string, l any, fail, result bool) []mutation {
	due, moment := s.Success, "on success"
	if fail {
		due, moment = s.Failure, "on an error"
	}
	var out []mutation
	want := ruleOf(m, s, due)
	if fail && result {
		want = m.FullName() + " leaves locks as found"
	}
	exit := func(name string, h how, lv leaving) {
		out = append(out, mutation{
			name: fmt.Sprintf("driver: %s %s %s", what, name, moment),
			plan: plan{hold: map[int]how{i: h}, leave: map[int]leaving{i: lv}, fail: fail},
			want: want, kind: lockdep.KindExit, cell: cellsOf(m, s),
		})
	}
	before := heldOnEntry(s.Entry)
	switch due {
	case lockrule.Yes, lockrule.Exclusive, lockrule.Shared, lockrule.AtLeastShared, lockrule.ReadSeq, lockrule.AnyOf:
		if before {
			exit("released", asRuled, giveUp)
		} else {
			exit("not taken", asRuled, untouched)
		}
		if due == lockrule.Exclusive && twoModes(l) {
			exit("left shared", asRuled, takeShared)
		}
	case lockrule.No, lockrule.Async:
		if before {
			exit("not released", asRuled, untouched)
		} else {
			exit("taken and kept", asRuled, takeAndKeep)
		}
	case lockrule.Maybe, lockrule.MaybeShared:
		h := exclusive
		if due == lockrule.MaybeShared {
			h = shared
		}
		exit("released", h, giveUp)
		exit("taken and kept", unheld, takeAndKeep)
	}
	return out
}

// aliased reports whether another state speaks of the same lock.
func aliased(w *World, states []lockrule.State, i int) bool {
	l := w.lock(&states[i])
	for j := range states {
		if j != i && w.lock(&states[j]) == l {
			return true
		}
	}
	return false
}

// others are the breaches that are not about the row's own locks: blocking,
// rcu-walk, and locks that the row does not know.
func others(g *Gate, m *lockrule.Method, v *Variant) []mutation {
	full := m.FullName()
	blockCell, rcuCell := cellNamed(m, "may_block"), cellNamed(m, "rcu_walk")
	blockRule := func(otherwise string) string {
		if len(blockCell) > 0 {
			return cellKey(m, blockCell[0])
		}
		return full + " may_block " + otherwise
	}
	var out []mutation
	switch m.Blocking {
	case lockrule.BlockNo:
		out = append(out, mutation{name: "driver: blocks", plan: plan{blocks: true}, want: blockRule("no"), kind: lockdep.KindBlocking, cell: blockCell})
	case lockrule.BlockYes, lockrule.BlockRefWalk:
		out = append(out, mutation{name: "caller: in atomic context", plan: plan{atomic: true}, want: blockRule("yes"), kind: lockdep.KindEntry, cell: blockCell})
	case lockrule.BlockNotForLeases:
		if v.NoBlock != 0 {
			out = append(out, mutation{name: "driver: blocks", plan: plan{blocks: true}, want: fmt.Sprintf("P%d", v.NoBlock), kind: lockdep.KindBlocking, cell: blockCell})
		}
	}
	switch {
	case m.RCUWalk:
		out = append(out, mutation{name: "driver: blocks in rcu-walk", plan: plan{blocks: true, rcu: true}, want: blockRule("no"), kind: lockdep.KindBlocking, cell: append(slices.Clone(blockCell), rcuCell...)})
	case len(rcuCell) > 0:
		out = append(out, mutation{name: "caller: in rcu-walk", plan: plan{rcu: true}, want: cellKey(m, rcuCell[0]), kind: lockdep.KindEntry, cell: rcuCell})
	}
	for _, fail := range []bool{false, true} {
		if fail && !g.Fails {
			break
		}
		out = append(out,
			mutation{name: fmt.Sprintf("driver: keeps a lock of its own (failing: %v)", fail), plan: plan{leaks: true, fail: fail}, want: full + " leaves locks as found", kind: lockdep.KindExit},
			mutation{name: fmt.Sprintf("driver: releases a lock of the caller's (failing: %v)", fail), plan: plan{steals: true, fail: fail}, want: full + " leaves locks as found", kind: lockdep.KindExit},
		)
	}
	return append(out,
		mutation{name: "driver: stays in a context", plan: plan{context: true}, want: full + " leaves contexts as found", kind: lockdep.KindExit},
		mutation{name: "driver: unlocks what nobody gave it", plan: plan{foreign: true}, want: "unlock " + strangerClass.Name() + " by its holder", kind: lockdep.KindUnlock},
	)
}

func cellNamed(m *lockrule.Method, column string) []lockrule.Cell {
	for _, c := range m.Cells {
		if c.Column == column {
			return []lockrule.Cell{c}
		}
	}
	return nil
}
