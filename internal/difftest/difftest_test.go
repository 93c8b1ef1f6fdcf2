package difftest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockdep/lockdeptest"
)

var (
	seedFlag     = flag.Uint64("seed", 0, "run the episode of this seed only")
	opsFlag      = flag.Int("ops", usualOps(), "operations in all; with -seed, in the episode")
	onlyFlag     = flag.String("only", "", "with -seed: the numbers of the operations to run, separated by commas")
	minimizeFlag = flag.Duration("minimize", time.Minute, "how long to look for a shorter list of operations")
	baseFlag     = flag.Uint64("base", 0, "first seed of a long run; 0: a new one each time")
)

// usualOps is how many operations are run when nobody says: fewer where a
// checker makes each of them slow.
func usualOps() int {
	if raceEnabled || lockdep.Enabled {
		return 20_000
	}
	return 200_000
}

// episodeOps is the length of an episode: long enough for a tree to grow and
// to be torn down, short enough to be made small quickly.
const episodeOps = 2000

// needRoot skips on a person's machine, and fails where CI=true promises that
// nothing is skipped.
func needRoot(t *testing.T) {
	t.Helper()
	need(t, os.Geteuid() == 0, "root, to mount and to be several users")
}

func needFUSE(t *testing.T) {
	t.Helper()
	_, err := os.Stat("/dev/fuse")
	need(t, err == nil, "/dev/fuse")
}

func need(t *testing.T, has bool, what string) {
	t.Helper()
	switch {
	case has:
	case os.Getenv("CI") == "true":
		t.Fatal("needs " + what)
	default:
		t.Skip("needs " + what)
	}
}

var (
	host   = Contender{Name: "host", New: func(c Config) (Executor, error) { return NewHost(c) }}
	memory = Contender{Name: "memory", New: func(c Config) (Executor, error) { return NewMemory(c) }}
)

var mounted = Contender{Name: "mounted", New: func(c Config) (Executor, error) { return NewMounted(c) }, Exceptions: MountExceptions}

func TestMain(m *testing.M) {
	if served, err := ServeRemote(); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	lockdeptest.Main(m)
}

func only(t *testing.T) []int {
	if *onlyFlag == "" {
		return nil
	}
	var keep []int
	for _, s := range strings.Split(*onlyFlag, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("-only: %v", err)
		}
		keep = append(keep, n)
	}
	return keep
}

// agree runs episodes until there were as many operations as asked for.
func agree(t *testing.T, ops int, others []Contender, configure func(seed uint64, ops int) Config) {
	if *seedFlag != 0 {
		f, err := Run(Episode{configure(*seedFlag, *opsFlag), only(t)}, host, others, *minimizeFlag)
		check(t, f, err)
		return
	}
	base := *baseFlag
	if base == 0 {
		base = uint64(time.Now().UnixNano()) >> 10
	}
	t.Logf("first seed %d", base)
	begin := time.Now()
	for n := 0; n < ops; n += episodeOps {
		f, err := Run(Episode{Config: configure(base, min(episodeOps, ops-n))}, host, others, *minimizeFlag)
		check(t, f, err)
		base++
	}
	t.Logf("%d operations in %v", ops, time.Since(begin).Round(time.Millisecond))
}

func check(t *testing.T, f *Failure, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		t.Fatalf("\n%sagain: %s", f, f.Command(t.Name()))
	}
}

func TestAgreeInProcess(t *testing.T) {
	needRoot(t)
	agree(t, *opsFlag, []Contender{memory}, Configure)
}

func TestAgreeThroughMount(t *testing.T) {
	needRoot(t)
	needFUSE(t)
	agree(t, *opsFlag/4, []Contender{mounted}, func(seed uint64, ops int) Config { return ForMount(Configure(seed, ops)) })
}

// Two runs on the judge itself agree: what the comparison looks at does not
// depend on anything but the operations.
func TestHostAgreesWithItself(t *testing.T) {
	needRoot(t)
	second := host
	second.Name = "host again"
	second.Exceptions = []Exception{{
		What: "a directory's new time is the old one",
		Why:  "both sides have the coarse clock",
		Info: func(want, got *Info) { forgiveMaybe(got, want) },
	}}
	agree(t, min(*opsFlag, 20_000), []Contender{second}, Configure)
}
