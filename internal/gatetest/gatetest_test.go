//go:build lockdep

package gatetest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
	"github.com/govfs/govfs/lockrule"
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }

type testInode struct{ mutex lockdep.Mutex }

func testKit() *Kit {
	return &Kit{
		Make: func(w *World, name string, typ reflect.Type) any {
			if typ != reflect.TypeFor[*testInode]() {
				return nil
			}
			in := new(testInode)
			in.mutex.Init(lockdep.IMutex)
			return in
		},
		Locks: func(obj any) map[string]any { return map[string]any{"i_mutex": &obj.(*testInode).mutex} },
		RCU:   func(Param) any { return nil },
	}
}

var lookup = lockrule.MustLookup("inode_operations", "lookup")

// gateWith is a gate of lookup around the calls before and after the driver's.
func gateWith(enter func(dir *testInode) *lockdep.Gate, exit func(*lockdep.Gate, error)) *Gate {
	return &Gate{
		Rule: lookup.FullName(), Fails: true,
		Params: []Param{P[*testInode]("dir"), P[uint32]("flags")},
		Call: func(w *World) {
			g := enter(Arg[*testInode](w, "dir"))
			exit(g, w.Run())
		},
	}
}

func rightEnter(dir *testInode) *lockdep.Gate {
	return lockdep.Enter(lookup, lockdep.LockArg{Lock: "i_mutex", Object: "dir", L: &dir.mutex})
}

func rightExit(g *lockdep.Gate, err error) { g.Exit(err) }

func TestARightGatePasses(t *testing.T) {
	problems, broken := check(t, testKit(), gateWith(rightEnter, rightExit), lookup, &Variant{})
	for _, p := range problems {
		t.Error(p)
	}
	cells := map[lockrule.Cell]bool{}
	for _, c := range broken {
		cells[c] = true
	}
	for _, c := range lookup.Cells {
		if !cells[c] {
			t.Errorf("cell %v was not broken", c)
		}
	}
}

// TestWrongGatesAreFound checks the checker of the checker: each of these gates
// forgets something, and the calls that break just that go unreported.
func TestWrongGatesAreFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		gate  *Gate
		finds []string // one problem each that must be found
	}{
		{
			"no gate at all",
			gateWith(func(*testInode) *lockdep.Gate { return nil }, func(*lockdep.Gate, error) {}),
			[]string{"caller: i_mutex of dir not held", "driver: i_mutex of dir released on an error", "driver: keeps a lock", "caller: in atomic context"},
		},
		{
			"a gate without the lock",
			gateWith(func(*testInode) *lockdep.Gate { return lockdep.Enter(lookup) }, rightExit),
			[]string{"caller: i_mutex of dir not held", "caller: i_mutex of dir held by another goroutine only"},
		},
		{
			"a gate with the lock of another object",
			gateWith(func(*testInode) *lockdep.Gate {
				other := new(testInode)
				other.mutex.Init(lockdep.IMutex)
				return lockdep.Enter(lookup, lockdep.LockArg{Lock: "i_mutex", Object: "dir", L: &other.mutex})
			}, rightExit),
			[]string{"right call: reported although nothing is wrong"},
		},
		{
			"the gate of another method",
			gateWith(func(dir *testInode) *lockdep.Gate {
				return lockdep.Enter(lockrule.MustLookup("inode_operations", "create"), lockdep.LockArg{Lock: "i_mutex", Object: "dir", L: &dir.mutex})
			}, rightExit),
			[]string{"caller: i_mutex of dir not held"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			problems, _ := check(t, testKit(), tc.gate, lookup, &Variant{})
			all := strings.Join(problems, "\n")
			for _, want := range tc.finds {
				if !strings.Contains(all, want) {
					t.Errorf("not found: %s\n%s", want, all)
				}
			}
		})
	}
}
