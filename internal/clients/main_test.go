package clients

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

var (
	full = flag.Bool("clients.full", false, "work with all of Go's sources, and build this project on the mount")
	at   = flag.String("clients.at", "", "work in these directories, `NAME=DIR,...`, instead of on mounts made for the test")
)

// binary is the command, built once for all tests, with the race detector and
// the lock checker if the tests have them.
var binary string

// helperEnv makes the test binary, started again, one of the helpers: a client
// in a process of its own.
const helperEnv = "GOVFS_CLIENTS_TEST_HELPER"

var helpers = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperEnv); name != "" {
		if err := helpers[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if os.Geteuid() == 0 && *at == "" {
		if err := enterNamespace(); err != nil {
			fmt.Fprintln(os.Stderr, "a mount namespace for the tests:", err)
			os.Exit(1)
		}
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "govfs-clients-bin-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "govfs")
		build := []string{"build", "-o", binary}
		if raceEnabled {
			build = append(build, "-race")
		}
		if lockdep.Enabled {
			build = append(build, "-tags", "lockdep")
		}
		if out, err := exec.Command("go", append(build, "github.com/govfs/govfs/cmd/govfs")...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// require skips a test that lacks something; where all is to be there, it
// fails.
func require(t testing.TB, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s", what)
	default:
		t.Skipf("needs %s", what)
	}
}

func requireMount(t testing.TB) {
	t.Helper()
	require(t, os.Geteuid() == 0, "root")
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require(t, err == nil, "/dev/fuse")
	unix.Close(fd)
}

func requirePrograms(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := exec.LookPath(name)
		require(t, err == nil, "the program "+name)
	}
}
