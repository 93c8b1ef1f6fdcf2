package difftest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Contender is a file system under comparison.
type Contender struct {
	Name string
	New  func(Config) (Executor, error)
	// Exceptions are what it may do otherwise than the judge.
	Exceptions []Exception
}

// An Exception is a difference that is no defect of ours. Each function, where
// there is one, makes got like want in what may differ, and in nothing else.
type Exception struct {
	What, Why string
	// Example are operations that show the difference; none where it takes
	// some luck.
	Example []Op
	Info    func(want, got *Info)
	Result  func(op *Op, want, got *Result)
	FS      func(want, got *FSInfo)
}

// A Mismatch is a disagreement with the judge.
type Mismatch struct {
	Who   string
	Index int  // in the list of operations that was run
	Tree  bool // it is the snapshot that differs
	Want  []string
	Got   []string
	// Hang: the operation did not end.
	Hang bool
}

// String lists what differs, the judge's lines first.
func (m *Mismatch) String() string {
	var b strings.Builder
	what := "its result"
	if m.Tree {
		what = "the tree after it"
	}
	fmt.Fprintf(&b, "%s differs in %s\n", m.Who, what)
	in := func(list []string, s string) bool {
		for _, l := range list {
			if l == s {
				return true
			}
		}
		return false
	}
	for _, l := range m.Want {
		if !in(m.Got, l) {
			fmt.Fprintf(&b, "  host  %s\n", l)
		}
	}
	for _, l := range m.Got {
		if !in(m.Want, l) {
			fmt.Fprintf(&b, "  %s  %s\n", m.Who, l)
		}
	}
	return b.String()
}

// Pace says how often an episode looks at the whole tree.
type Pace struct {
	Stride int // operations between two snapshots
	Deep   int // every so many snapshots is a deep one, and the last
	// Patience is how long one stride may take.
	Patience time.Duration
}

// RunPace is for long runs, QuickPace for many tries, FinePace for finding the
// operation to blame.
var (
	RunPace   = Pace{Stride: 32, Deep: 8, Patience: 2 * time.Minute}
	QuickPace = Pace{Stride: 256, Deep: 1, Patience: 10 * time.Second}
	FinePace  = Pace{Stride: 1, Deep: 1, Patience: 10 * time.Second}
)

// Compare runs the operations on the judge and on the others, side by side,
// and returns the first disagreement, nil if there is none. The error is about
// the test's own means.
func Compare(c Config, ops []Op, judge Contender, others []Contender, pace Pace) (m *Mismatch, err error) {
	sides := make([]*side, 0, len(others)+1)
	defer func() {
		// The last one first, as each looks for what it leaves behind.
		for _, s := range slices.Backward(sides) {
			if m != nil && m.Hang && m.Who == s.Name {
				continue
			}
			if e := s.exec.Close(); e != nil && m == nil {
				if s == sides[0] {
					err = fmt.Errorf("%s: %w", s.Name, e)
					continue
				}
				m = &Mismatch{Who: s.Name, Index: len(ops) - 1, Tree: true, Got: []string{"close: " + e.Error()}}
			}
		}
	}()
	for _, who := range append([]Contender{judge}, others...) {
		exec, err := who.New(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", who.Name, err)
		}
		sides = append(sides, &side{Contender: who, exec: exec, canon: NewCanon()})
	}
	for start, n := 0, 1; start < len(ops); start, n = start+pace.Stride, n+1 {
		batch := ops[start:min(start+pace.Stride, len(ops))]
		depth := Shallow
		if n%pace.Deep == 0 || start+len(batch) == len(ops) {
			depth = Deep
		}
		m, err := stride(sides, batch, depth, pace.Patience)
		if m != nil {
			m.Index += start
		}
		if m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// side is a contender at work.
type side struct {
	Contender
	exec    Executor
	canon   *Canon
	results []Result
	snap    *Snapshot
	err     error
	ended   chan struct{}
}

func stride(sides []*side, ops []Op, depth Depth, patience time.Duration) (*Mismatch, error) {
	for _, s := range sides {
		s.ended = make(chan struct{})
		go func() {
			defer close(s.ended)
			s.results, s.snap, s.err = s.exec.Run(ops, depth)
		}()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for i, s := range sides {
		select {
		case <-s.ended:
		case <-timer.C:
			if i == 0 {
				return nil, fmt.Errorf("%s hangs", s.Name)
			}
			return &Mismatch{Who: s.Name, Index: len(ops) - 1, Hang: true, Got: []string{"hangs"}}, nil
		}
		if s.err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, s.err)
		}
	}
	return compare(sides, ops)
}

func compare(sides []*side, ops []Op) (*Mismatch, error) {
	judge := sides[0]
	for i := range ops {
		judge.canon.Result(&ops[i], &judge.results[i])
	}
	judge.canon.Snapshot(judge.snap)
	for _, s := range sides[1:] {
		for i := range ops {
			want, got := judge.results[i], s.results[i]
			s.canon.Result(&ops[i], &got)
			s.excuse(&ops[i], &want, &got)
			if !reflect.DeepEqual(&want, &got) {
				return &Mismatch{Who: s.Name, Index: i, Want: want.Lines(), Got: got.Lines()}, nil
			}
		}
		s.canon.Snapshot(s.snap)
		s.excuseTree(judge.snap)
		if !reflect.DeepEqual(judge.snap, s.snap) {
			return &Mismatch{Who: s.Name, Index: len(ops) - 1, Tree: true, Want: judge.snap.Lines(), Got: s.snap.Lines()}, nil
		}
	}
	return nil, nil
}

// excuse applies the exceptions to a result.
func (s *side) excuse(op *Op, want, got *Result) {
	for i := range got.After {
		s.excuseInfo(&want.After[i].Info, &got.After[i].Info)
	}
	for _, e := range s.Exceptions {
		if e.FS != nil && want.FS != nil && got.FS != nil {
			e.FS(want.FS, got.FS)
		}
		if e.Result != nil {
			e.Result(op, want, got)
		}
	}
}

func (s *side) excuseTree(want *Snapshot) {
	for i := range min(len(want.Tree), len(s.snap.Tree)) {
		s.excuseInfo(&want.Tree[i].Info, &s.snap.Tree[i].Info)
	}
	for i := range s.snap.Slots {
		s.excuseInfo(&want.Slots[i].Info, &s.snap.Slots[i].Info)
	}
	for _, e := range s.Exceptions {
		if e.FS != nil {
			e.FS(&want.FS, &s.snap.FS)
		}
	}
}

func (s *side) excuseInfo(want, got *Info) {
	forgiveMaybe(want, got)
	for _, e := range s.Exceptions {
		if e.Info != nil {
			e.Info(want, got)
		}
	}
}
