package difftest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A spoiled executor does not say what it saw about some operations: the
// comparison has to notice.
type spoiled struct {
	Executor
	result   func(op *Op, r *Result)
	snapshot func(s *Snapshot)
}

func (s *spoiled) Run(ops []Op, depth Depth) ([]Result, *Snapshot, error) {
	results, snap, err := s.Executor.Run(ops, depth)
	for i := range results {
		if s.result != nil {
			s.result(&ops[i], &results[i])
		}
	}
	if s.snapshot != nil && snap != nil {
		s.snapshot(snap)
	}
	return results, snap, err
}

// TestNoticesDefects: each way to be wrong is found, made small, and seen again
// when the short list is run.
func TestNoticesDefects(t *testing.T) {
	needRoot(t)
	near := func(t Time) bool { return t.Sec > 1.5e9 && t.Sec < 3e9 }
	var first Time // of an inode whose stamps stand still
	for _, c := range []struct {
		what     string
		result   func(op *Op, r *Result)
		snapshot func(s *Snapshot)
		most     int // operations in the short list
	}{
		{"a wrong errno", func(op *Op, r *Result) {
			if op.Kind == Mkdir && r.Err == unix.EEXIST {
				r.Err = unix.EPERM
			}
		}, nil, 2},
		{"a wrong count", func(op *Op, r *Result) {
			if op.Kind == Pwrite && r.N > 0 {
				r.N--
			}
		}, nil, 3},
		{"wrong data", func(op *Op, r *Result) {
			if op.Kind == Read && r.Data != "" {
				r.Data = r.Data[1:]
			}
		}, nil, 6},
		{"a link too many", nil, func(s *Snapshot) {
			for i := range s.Tree {
				if n := &s.Tree[i]; n.Info.Mode&unix.S_IFMT == unix.S_IFREG && n.Info.Nlink == 2 {
					n.Info.Nlink++
				}
			}
		}, 4},
		{"a lost name", nil, func(s *Snapshot) {
			if n := len(s.Tree); n > 3 {
				s.Tree = s.Tree[:n-1]
			}
		}, 4},
		{"another inode under each name", nil, func(s *Snapshot) {
			for i := range s.Tree {
				s.Tree[i].Info.Ino += uint64(i) << 40
			}
		}, 4},
		{"a stamp that does not change", func(op *Op, r *Result) {
			if op.Kind != Fchmod || r.After[0].Err != 0 {
				return
			}
			i := &r.After[0].Info
			if first == (Time{}) || !near(first) {
				first = i.Ctime
			}
			i.Ctime = first
		}, nil, 6},
		{"a stamp that it should not have", func(op *Op, r *Result) {
			if i := &r.After[0].Info; op.Kind == Futimens && r.Err == 0 && i.Mtime.Sec == 1e9 {
				i.Mtime = i.Ctime
			}
		}, nil, 4},
		{"space that is not given back", nil, func(s *Snapshot) {
			if len(s.Tree) < 4 {
				s.FS.Bfree--
			}
		}, 1},
		{"a panic", func(op *Op, r *Result) {
			if op.Kind == Rename && r.Err == 0 {
				r.Odd = "panic: as if"
			}
		}, nil, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			broken := Contender{Name: "spoiled", New: func(cfg Config) (Executor, error) {
				first = Time{}
				m, err := NewMemory(cfg)
				return &spoiled{m, c.result, c.snapshot}, err
			}}
			var f *Failure
			for seed := uint64(1); f == nil && seed < 20; seed++ {
				cfg := Configure(seed, 500)
				cfg.Options, cfg.MountFlags = "size=64m,nr_inodes=4096", 0
				var err error
				if f, err = Run(Episode{Config: cfg}, host, []Contender{broken}, 20*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if f == nil {
				t.Fatal("nobody has noticed")
			}
			if len(f.Only) > c.most {
				t.Errorf("%d operations are needed to see it, want %d:\n%s", len(f.Only), c.most, f)
			}
			again, err := Run(Episode{f.Config, f.Only}, host, []Contender{broken}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if again == nil {
				t.Errorf("it is not seen again:\n%s", f)
			}
			if cmd := f.Command("TestX"); !strings.Contains(cmd, "-only") || !strings.Contains(cmd, "-seed") {
				t.Errorf("how to see it again: %s", cmd)
			}
		})
	}
}

// stuck hangs at its first operation.
type stuck struct{ release chan struct{} }

func (s *stuck) Run(ops []Op, depth Depth) ([]Result, *Snapshot, error) {
	<-s.release
	return make([]Result, len(ops)), &Snapshot{}, nil
}

func (s *stuck) Close() error { return nil }

func TestNoticesHangs(t *testing.T) {
	needRoot(t)
	s := &stuck{make(chan struct{})}
	defer close(s.release)
	c := Configure(1, 10)
	m, err := Compare(c, Generate(c), host, []Contender{{Name: "stuck", New: func(Config) (Executor, error) { return s, nil }}},
		Pace{Stride: 5, Deep: 1, Patience: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if m == nil || !m.Hang || m.Who != "stuck" {
		t.Errorf("the answer is %v", m)
	}
}

// panicking is a system that panics when a directory is made.
type panicking struct{ System }

func (panicking) Mkdirat(int, string, uint32) error { panic("no directories today") }

type panicCaller struct{ Caller }

func (c panicCaller) Do(f func(System)) { c.Caller.Do(func(s System) { f(panicking{s}) }) }

func TestNoticesPanics(t *testing.T) {
	c := Configure(1, 0)
	m, err := NewMemory(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range m.users {
		m.users[i] = panicCaller{u}
	}
	ops := []Op{
		{Kind: Getcwd}, {Kind: Mkdir, Path: "/d", Dir: NoSlot}, {Kind: Getcwd},
	}
	results, snap, err := m.Run(ops, Shallow)
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Odd != "" || !strings.Contains(results[1].Odd, "no directories today") || results[2].Odd == "" || snap.Err == "" {
		t.Errorf("%q, %q, %q, %q", results[0].Odd, results[1].Odd, results[2].Odd, snap.Err)
	}
	// What it holds cannot be given back after that; Close must not try.
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	m.broken = false
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestGenerationIsDetermined(t *testing.T) {
	for seed := uint64(1); seed < 20; seed++ {
		c := Configure(seed, 300)
		if !reflect.DeepEqual(c, Configure(seed, 300)) {
			t.Fatalf("seed %d: two configurations", seed)
		}
		long, again := Generate(c), Generate(c)
		c.Ops = 100
		short := Generate(c)
		if !reflect.DeepEqual(long, again) || !reflect.DeepEqual(long[:100], short) {
			t.Fatalf("seed %d: the lists differ", seed)
		}
	}
}

// TestOperationsAreVaried: each kind of call is made, and is printed without
// surprises.
func TestOperationsAreVaried(t *testing.T) {
	var seen [kinds]int
	for _, op := range Generate(Config{Seed: 1, Ops: 20_000}) {
		seen[op.Kind]++
		s := op.String()
		if strings.Contains(s, "%!") || strings.Contains(s, "kind(") || len(s) > 2000 {
			t.Fatalf("an operation is printed as %q", s)
		}
	}
	for k, n := range seen {
		if n < 20 {
			t.Errorf("%s is called %d times in 20000", Kind(k), n)
		}
	}
}

func TestMinimize(t *testing.T) {
	for _, want := range [][]int{{0}, {99}, {3, 50}, {0, 1, 2, 97, 98, 99}, {7, 8, 40, 41, 80}} {
		runs := 0
		got, m := Minimize(All(100), time.Minute, func(keep []int) *Mismatch {
			runs++
			left := want
			for i, n := range keep {
				if len(left) > 0 && n == left[0] {
					left = left[1:]
				}
				if len(left) == 0 {
					return &Mismatch{Index: i}
				}
			}
			return nil
		})
		if m == nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if runs > 200 {
			t.Errorf("%v took %d runs", want, runs)
		}
	}
	if keep, m := Minimize(All(10), time.Minute, func([]int) *Mismatch { return nil }); m != nil || len(keep) != 10 {
		t.Errorf("what does not fail again is made smaller: %v, %v", keep, m)
	}
}

// TestExceptionsAreNeeded: what an exception allows does happen, and nothing but
// that exception allows it.
func TestExceptionsAreNeeded(t *testing.T) {
	needRoot(t)
	needFUSE(t)
	c := ForMount(Configure(1, 0))
	c.MountFlags = 0
	for i, e := range MountExceptions {
		if e.What == "" || e.Why == "" || e.Info == nil && e.Result == nil && e.FS == nil {
			t.Errorf("exception %d does not say what, why or how", i)
		}
		if e.Example == nil {
			continue
		}
		t.Run(e.What, func(t *testing.T) {
			with, without := mounted, mounted
			without.Exceptions = append(append([]Exception{}, MountExceptions[:i]...), MountExceptions[i+1:]...)
			for _, side := range []struct {
				Contender
				differs bool
			}{{with, false}, {without, true}} {
				m, err := Compare(c, e.Example, host, []Contender{side.Contender}, FinePace)
				if err != nil {
					t.Fatal(err)
				}
				if (m != nil) != side.differs {
					t.Errorf("with the exception: %t; it differs: %v", !side.differs, m)
				}
			}
		})
	}
}
