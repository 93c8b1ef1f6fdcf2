package lockdeptest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
)

// The tests run this test binary again, as the package under test that the
// variable names: what it leaves behind must decide how it ends.
const childEnv = "LOCKDEPTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(check(m.Run(), os.Stderr, 100*time.Millisecond))
	}
	Main(m)
}

var (
	leaked   lockdep.Mutex
	released = make(chan struct{})
)

func TestChild(t *testing.T) {
	var d, i lockdep.SpinLock
	d.Init(lockdep.DLock)
	i.Init(lockdep.ILock)
	wrong := func() {
		d.Lock()
		i.Lock()
		i.Unlock()
		d.Unlock()
	}
	switch os.Getenv(childEnv) {
	case "report":
		wrong()
	case "captured":
		if got := Capture(t, wrong); lockdep.Enabled && len(got) != 1 {
			t.Errorf("got %v", got)
		}
	case "held":
		leaked.Init(lockdep.IMutex)
		leaked.Lock()
	case "context":
		lockdep.EnterRCUWalk()
	case "late":
		leaked.Init(lockdep.IMutex)
		go func() {
			leaked.Lock()
			close(released)
			time.Sleep(20 * time.Millisecond)
			leaked.Unlock()
		}()
		<-released
	case "fail":
		t.Error("it fails")
	}
}

func TestHowAPackageEnds(t *testing.T) {
	for _, c := range []struct {
		child string
		fails bool // with the checker
		says  string
	}{
		{"clean", false, "PASS"},
		{"report", true, "lockdep: order: order i_lock < d_lock"},
		{"report", true, "lockdep: 1 reports"},
		{"captured", false, "PASS"},
		{"held", true, "after the tests: lockdep: unlock: held i_mutex"},
		{"context", true, "after the tests: lockdep: context: in rcu-walk"},
		{"late", false, "PASS"},
	} {
		t.Run(c.child, func(t *testing.T) {
			out, err := child(c.child)
			if fails := c.fails && lockdep.Enabled; (err != nil) != fails {
				t.Errorf("failed: %v, want %v\n%s", err, fails, out)
			}
			if (lockdep.Enabled || !c.fails) && !strings.Contains(out, c.says) {
				t.Errorf("%q is not in\n%s", c.says, out)
			}
		})
	}
	if out, err := child("fail"); err == nil || !strings.Contains(out, "it fails") {
		t.Errorf("a failing test ends in %v\n%s", err, out)
	}
}

func child(name string) (string, error) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
