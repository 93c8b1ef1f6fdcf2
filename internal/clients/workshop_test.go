package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A day's work: sources are unpacked, put under version control, built, and
// copied out again, as they were.

// someSources are packages of Go with about 1,500 files: long and short ones,
// deep and flat directories, scripts that can be executed.
var someSources = []string{"archive", "bytes", "compress", "encoding", "io", "net", "os", "sync", "syscall", "text", "time"}

func TestWorkshop(t *testing.T) {
	requirePrograms(t, "tar", "git", "cp", "go", "rm", "du", "find")
	onSites(t, func(s *site) {
		w := &workshop{site: s, sources: someSources}
		if *full {
			w.sources = []string{"."}
		}
		w.unpack()
		w.versionControl()
		w.copyOut()
		if *full {
			w.buildProject()
		}
		w.remove()
		w.report()
	}, kernelSite, tmpfsSite)
}

// A workshop is a site on which the steps are timed.
type workshop struct {
	*site
	sources []string // below GOROOT/src
	src     tree     // the sources, as unpacked
	times   strings.Builder
	total   time.Duration
}

// step runs a script and notes how long it took.
func (w *workshop) step(name, script string) string {
	w.Helper()
	start := time.Now()
	out := w.shell(script)
	took := time.Since(start)
	w.total += took
	fmt.Fprintf(&w.times, "%-28s %8.2f s\n", name, took.Seconds())
	return out
}

func (w *workshop) report() {
	w.Logf("%s:\n%s%-28s %8.2f s", w.kind, &w.times, "all", w.total.Seconds())
}

// forget has the kernel drop the names and attributes that it caches, as it
// does when it is short of memory: it asks for everything again. It touches
// nothing that is in use.
func (w *workshop) forget() {
	w.Helper()
	unix.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0); err != nil {
		w.Fatal(err)
	}
}

func (w *workshop) unpack() {
	w.Helper()
	// From a file in memory, as reading Go's tree is not what is looked at.
	shm := filepath.Join("/dev/shm", filepath.Base(w.host)+".tar")
	w.Cleanup(func() { os.Remove(shm) })
	w.shell(fmt.Sprintf("tar -C %s/src -cf %s %s", goEnv(w.T, "GOROOT"), shm, strings.Join(w.sources, " ")))
	want := filepath.Join(w.host, "want")
	w.shell(fmt.Sprintf("mkdir %s && tar -C %[1]s -xpf %s", want, shm))
	w.step("tar -x", "mkdir src && tar -C src -xpf "+shm)
	os.Remove(shm)
	w.src = readTree(w, want)
	if len(w.src) < 1400 {
		w.Fatalf("only %d files in Go's sources", len(w.src))
	}
	// tar does not know the directory itself.
	sameRoot := func(t tree) tree { return t.without(".") }
	w.sameTree("unpacked", sameRoot(w.src), sameRoot(readTree(w, w.path("src"))))
	os.RemoveAll(want)

	w.forget()
	w.step("find, stat", "find src -printf '%p %s %T@\n' | wc -l")
	w.step("find, stat again", "find src -printf '%p %s %T@\n' | wc -l")
	w.forget()
	w.step("read all", "tar -C src -cf - . | wc -c")
	w.src = readTree(w, w.path("src"))
}

func (w *workshop) versionControl() {
	w.Helper()
	w.gitIdentity()
	w.step("git init", "git init -q -b main src")
	// GOROOT/src has files that its own .gitignore names.
	w.step("git add", "git -C src add -Af .")
	w.step("git commit", "git -C src commit -qm 'All of it'")
	w.clean("src")
	w.step("git status", "git -C src status --porcelain")
	w.forget()
	if out := w.step("git status, caches dropped", "git -C src status --porcelain"); out != "" {
		w.Fatalf("git status: %s", out)
	}
	w.step("git gc", "git -C src gc -q")
	w.step("git fsck", "git -C src fsck --full --strict --no-progress --no-dangling")
	w.clean("src")
	w.step("git clone", "git clone -q src clone")
	w.clean("clone")
	w.prints("0", "git -C src ls-files -s | sort > $HOST/a; git -C clone ls-files -s | sort > $HOST/b; cmp $HOST/a $HOST/b; echo $?")

	// Content, modes, names and types change, and come back.
	w.step("git checkout, merge", `cd clone
		git checkout -qb changes
		git ls-files '*.go' | sed -n 1,300p | xargs sed -i 's/$/ /'
		git ls-files '*_test.go' | sed -n 1,60p | while read -r f; do git mv "$f" "$f.moved"; done
		git ls-files '*.go' | sed -n 1,50p | xargs chmod +x
		ln -sf ../nowhere dangling
		git add -A && git commit -qm changes
		git checkout -q main && git checkout -q changes && git checkout -q main
		git merge -q --no-ff -m merged changes
		git revert -m 1 --no-edit HEAD >/dev/null
		git diff --exit-code HEAD~2 HEAD`)
	w.clean("clone")
	w.step("rm -rf clone", "rm -rf clone")
	w.sameTree("after git", w.src.without("."), readTree(w, w.path("src")).without(".git").without("."))
}

// clean checks that git sees no change in a repository, by what it knows and
// by reading everything.
func (s *site) clean(repository string) {
	s.Helper()
	s.prints("", "git -C "+repository+" status --porcelain")
	s.prints("", "cd "+repository+`; export GIT_INDEX_FILE=.git/second
		git read-tree HEAD; git diff --exit-code; rm .git/second`)
}

func (w *workshop) copyOut() {
	w.Helper()
	out := filepath.Join(w.host, "out")
	want := readTree(w, w.path("src"))
	w.step("cp -a, out", "cp -a src "+out)
	w.sameTree("copied out", want, readTree(w, out))
	os.RemoveAll(out)
	w.step("cp -a, inside", "cp -a src copy")
	w.sameTree("copied inside", want, readTree(w, w.path("copy")))
	w.prints("", "diff -r src copy")
	w.step("rm -rf copy", "rm -rf copy")
}

// buildProject builds this project in the place, and has what was built serve a
// mount there.
func (w *workshop) buildProject() {
	w.Helper()
	root := filepath.Dir(goEnv(w.T, "GOMOD"))
	w.goEnvironment()
	w.step("copy of this project", "mkdir project && tar -C "+root+" --exclude=./.git --exclude=./bin -cf - . | tar -C project -xf -")
	w.step("go build, nothing cached", "cd project && go build -o ../govfs ./cmd/govfs")
	w.step("go build, all cached", "cd project && go build -o ../govfs ./cmd/govfs")
	w.step("go vet", "cd project && go vet ./lockrule/... ./filelock/... ./vfs/...")
	w.step("go test", "cd project && go test -count=1 ./lockrule/... ./filelock/...")
	w.step("a mount by the built command", `
		./govfs version
		mkdir inner && ./govfs mount mem inner
		tar -C project -cf - vfs | tar -C inner -xf -
		diff -r project/vfs inner/vfs
		./govfs umount inner
		rmdir inner`)
}

func (w *workshop) remove() {
	w.Helper()
	w.step("du", "du -s . | cut -f1 > $HOST/du")
	w.step("rm -rf", "rm -rf ./*")
	w.prints("", "ls -A")
}

// gitIdentity has git know who commits, and tidy up only when it is told to.
func (s *site) gitIdentity() {
	s.env = append(s.env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.org",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0")
}

// goEnvironment has the go command keep all it writes on the site, and look for
// nothing on the net. Modules are where the machine has them.
func (s *site) goEnvironment() {
	s.env = append(s.env, "GOCACHE="+s.path("gocache"), "GOTMPDIR="+s.path("gotmp"), "TMPDIR="+s.path("gotmp"),
		"GOMODCACHE="+goEnv(s.T, "GOMODCACHE"), "GOFLAGS=-modcacherw", "GOPROXY=off", "GOTOOLCHAIN=local", "GOENV=off", "GOTELEMETRY=off")
	if err := os.MkdirAll(s.path("gotmp"), 0o777); err != nil {
		s.Fatal(err)
	}
}
