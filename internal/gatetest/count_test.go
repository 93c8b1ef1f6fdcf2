package gatetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockrule"
)

// TestEveryCellIsBrokenOrCannotBe asserts that no cell of the rule book is
// forgotten: each belongs to a package that runs [Run] on it, and the ones that
// Run may leave out are known, with their reasons.
func TestEveryCellIsBrokenOrCannotBe(t *testing.T) {
	cells, methods := 0, 0
	reasons := map[string]int{}
	tested := map[string]bool{}
	for _, table := range lockrule.Tables() {
		for i := range table.Methods {
			m := &table.Methods[i]
			methods++
			pkg, _, _ := strings.Cut(m.Go, ".")
			if _, seen := tested[pkg]; !seen {
				tested[pkg] = runsHere(t, pkg)
			}
			if !tested[pkg] {
				t.Errorf("%s: the gates of package %s are not tested", m.FullName(), pkg)
			}
			for _, c := range m.Cells {
				cells++
				if reason, ok := Unchecked(m, c); ok {
					if reason == "" {
						t.Errorf("%s cannot be checked, and nothing says why", cellKey(m, c))
					}
					reasons[reason]++
				}
			}
		}
	}
	if methods != 135 || cells != 299 {
		t.Errorf("%d methods with %d cells, want 135 with 299", methods, cells)
	}
	unchecked := 0
	for reason, n := range reasons {
		t.Logf("%3d cells: %s", n, reason)
		unchecked += n
	}
	if unchecked != 35 {
		t.Errorf("%d cells cannot be checked, want the 35 known ones", unchecked)
	}
	t.Logf("%d cells are broken by tests", cells-unchecked)
}

// runsHere reports whether the package's gate test hands its gates to Run.
func runsHere(t *testing.T, pkg string) bool {
	src, err := os.ReadFile(filepath.Join("..", "..", pkg, "gates_lockdep_test.go"))
	if err != nil {
		t.Error(err)
		return false
	}
	return strings.Contains(string(src), `gatetest.Run(t, "`+pkg+`", k, gateCalls)`)
}
