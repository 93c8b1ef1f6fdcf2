package difftest

import (
	"fmt"
	"strings"
	"time"
)

// An Episode is one comparison: a seed, how many operations, and perhaps a
// choice among them.
type Episode struct {
	Config
	Only []int // nil: all
}

// A Failure is a disagreement in an episode, made small.
type Failure struct {
	Episode
	*Mismatch
	ops []Op // the chosen ones
	// First is the disagreement as it was seen, before it was made small.
	First *Mismatch
}

// Run compares the contenders with the judge over one episode. A disagreement
// is made small within the budget; 0 leaves it as it is.
func Run(e Episode, judge Contender, others []Contender, budget time.Duration) (*Failure, error) {
	all := Generate(e.Config)
	keep := e.Only
	if keep == nil {
		keep = All(len(all))
	}
	first, err := Compare(e.Config, Choose(all, keep), judge, others, RunPace)
	if first == nil || err != nil {
		return nil, err
	}
	f := &Failure{Episode: e, Mismatch: first, First: first}
	f.Only = keep[:first.Index+1]
	if budget > 0 {
		only, small := Minimize(f.Only, budget, func(keep []int) *Mismatch {
			m, err := Compare(e.Config, Choose(all, keep), judge, others, QuickPace)
			if err != nil {
				return nil // the judge cannot say: not the same failure
			}
			return m
		})
		if small != nil {
			f.Only, f.Mismatch = only, small
		}
		// Which of them it is that a look at the tree has found.
		if m, _ := Compare(e.Config, Choose(all, f.Only), judge, others, FinePace); m != nil {
			f.Only, f.Mismatch = f.Only[:m.Index+1], m
		}
	}
	f.ops = Choose(all, f.Only)
	return f, nil
}

// String says what happened and how to see it again.
func (f *Failure) String() string {
	const tail = 60
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s", f.Seed, f.Mismatch)
	fmt.Fprintf(&b, "with mount options %q and flags %#x, after\n", f.Options, f.MountFlags)
	from := max(0, len(f.ops)-tail)
	if from > 0 {
		fmt.Fprintf(&b, "  ... %d operations before\n", from)
	}
	for i, op := range f.ops[from:] {
		fmt.Fprintf(&b, "  %5d %s\n", f.Only[from+i], op.String())
	}
	if f.First != f.Mismatch {
		fmt.Fprintf(&b, "first seen at operation %d: %s", f.First.Index, f.First)
	}
	return b.String()
}

// Command replays the failure of a test.
func (f *Failure) Command(test string) string {
	s := fmt.Sprintf("go test ./internal/difftest -run %s -seed %d -ops %d", test, f.Seed, f.Ops)
	if len(f.Only) < 200 {
		s += " -only " + strings.Trim(strings.ReplaceAll(fmt.Sprint(f.Only), " ", ","), "[]")
	}
	return s
}
