package lockdep_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockdep"
)

func here() []uintptr {
	pcs := make([]uintptr, 16)
	return pcs[:runtime.Callers(2, pcs)]
}

func TestAReportPrintsEverything(t *testing.T) {
	r := &lockdep.Report{
		Kind: lockdep.KindOrder, Rule: "order i_lock < d_lock", Method: "dentry_operations.d_iput",
		Message: "i_lock is taken while d_lock is held",
		Stacks:  []lockdep.Stack{{Name: "acquired here", PCs: here()}, {Name: "nowhere"}},
	}
	text := r.String()
	for _, want := range []string{
		"lockdep: order: order i_lock < d_lock: i_lock is taken while d_lock is held\n",
		"  in dentry_operations.d_iput\n", "  acquired here:\n    lockdep_test.TestAReportPrintsEverything (", "report_test.go:", "  nowhere:\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if s := r.Stacks[0].String(); !strings.Contains(s, "lockdep_test.TestAReportPrintsEverything (") {
		t.Errorf("got %s", s)
	}
}

func TestHandlersAreStacked(t *testing.T) {
	first := func(*lockdep.Report) {}
	old := lockdep.SetHandler(first)
	if old != nil {
		t.Error("the default handler has another name than nil")
	}
	if got := lockdep.SetHandler(old); got == nil {
		t.Error("the handler that was set is not returned")
	}
}
