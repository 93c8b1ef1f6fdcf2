package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestInterruptUnmounts(t *testing.T) {
	requireMount(t)
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			b := newBench(t)
			cmd, stderr := b.foreground("mount", "-f", "mem", b.mnt)
			b.write("a", "x")
			cmd.Process.Signal(sig)
			if code := b.exit(cmd); code != 0 {
				t.Errorf("exit %d: %s", code, stderr)
			}
			if b.mounted() != "" {
				t.Error("still mounted")
			}
		})
	}
}

func TestSignalUnmountsInTheBackground(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	unix.Kill(b.daemon(), unix.SIGTERM)
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
	if b.mounted() != "" {
		t.Error("still mounted")
	}
}

func TestForegroundEndsWithTheMount(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	cmd, stderr := b.foreground("mount", "-f", "mem", b.mnt)
	done := make(chan int)
	go func() { done <- b.exit(cmd) }()
	b.ok("umount", b.mnt)
	if code := <-done; code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// Whoever unmounts beside the command (umount(8), fusermount3) ends the daemon
// too.
func TestUnmountBesideTheCommand(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	if err := unix.Unmount(b.mnt, 0); err != nil {
		t.Fatal(err)
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
}

func TestInterruptOfBusyMountAsksAgain(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	cmd, stderr := b.foreground("mount", "-f", "mem", b.mnt)
	b.write("a", "x")
	pid, letGo := b.holder(`exec 5<"$MNT/a"`)
	cmd.Process.Signal(unix.SIGINT)
	want := fmt.Sprintf("used by %d (sh: open file %s)", pid, b.path("a"))
	time.Sleep(500 * time.Millisecond) // it has to stay
	if b.mounted() == "" {
		t.Fatal("a busy mount was taken away at once")
	}
	b.read("a", "x")
	cmd.Process.Signal(unix.SIGINT)
	if code := b.exit(cmd); code != 0 {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(stderr.String(), want) || !strings.Contains(stderr.String(), "or interrupt again") {
		t.Errorf("%q does not say %q", stderr, want)
	}
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	letGo()
}

func TestTerminationTakesBusyMountAway(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.write("a", "x")
	_, letGo := b.holder(`exec 5<"$MNT/a"`)
	unix.Kill(b.daemon(), unix.SIGTERM)
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	letGo()
}

func TestBusyMountNamesItsUsers(t *testing.T) {
	requireMount(t)
	for name, c := range map[string]struct{ script, how string }{
		"file":      {`exec 5<"$MNT/a"`, "open file %s/a"},
		"directory": {`cd "$MNT/d"`, "working directory %s/d"},
		"deleted":   {`exec 5<"$MNT/a"; rm "$MNT/a"`, "open file %s/a (deleted)"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.ok("mount", "mem", b.mnt)
			b.write("a", "x")
			if err := os.Mkdir(b.path("d"), 0o755); err != nil {
				t.Fatal(err)
			}
			pid, letGo := b.holder(c.script)
			b.fails([]string{"umount", b.mnt}, 1, "device or resource busy", fmt.Sprintf("%d (sh: "+c.how+")", pid, b.mnt), "umount -l "+b.mnt)
			b.write("still", "usable")
			letGo()
			b.ok("umount", b.mnt)
		})
	}
}

func TestBusyMountNamesProgramsThatLieOnIt(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	sleep, err := os.ReadFile(requireProgram(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.path("sleep"), sleep, 0o755); err != nil {
		t.Fatal(err)
	}
	_, letGo := b.holder(`"$MNT/sleep" 1000 & sleeper=$!; trap 'kill $sleeper' EXIT; while [ "$(readlink /proc/$sleeper/exe)" != "$MNT/sleep" ]; do :; done`)
	b.fails([]string{"umount", b.mnt}, 1, "(sleep: program "+b.path("sleep")+")")
	letGo()
	b.eventually("it can be unmounted", func() bool { return b.govfs("umount", b.mnt).code == 0 })
}

func TestBusyMountNamesMountsOnIt(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	below := b.path("below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", below, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	b.fails([]string{"umount", b.mnt}, 1, "device or resource busy", "mounted below it: "+below)
	if err := unix.Unmount(below, 0); err != nil {
		t.Fatal(err)
	}
	b.ok("umount", b.mnt)
}

func TestMountInOtherNamespaceIsNamed(t *testing.T) {
	requireMount(t)
	requireProgram(t, "unshare")
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.write("a", "x")
	pid, letGo := b.holder(`exec unshare -m --propagation private sh -c 'echo ready; read end'`)
	b.fails([]string{"umount", b.mnt}, 1, fmt.Sprintf("%d (sh: mounted on %s)", pid, b.mnt))
	if b.mounted() != "" {
		t.Error("still mounted here")
	}
	letGo()
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
}

func TestLazyUnmount(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.write("a", "still there")
	_, letGo := b.holder(`exec 5<"$MNT/a"`)
	b.ok("umount", "-l", b.mnt)
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	b.daemon() // goes on
	letGo()
	b.eventually("the daemon has ended after the last user", func() bool { return len(b.daemons()) == 0 })
}

func TestLazilyUnmountedUserKeepsWorking(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.write("a", "still there")
	out := filepath.Join(b.dir, "out")
	_, letGo := b.holder(`cd "$MNT"; trap 'cat a >` + out + `' EXIT`)
	b.ok("umount", "-l", b.mnt)
	letGo()
	got, err := os.ReadFile(out)
	if err != nil || string(got) != "still there" {
		t.Errorf("%q, %v", got, err)
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
}

func TestForcedUnmount(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.write("a", "x")
	_, letGo := b.holder(`exec 5<"$MNT/a"`)
	b.ok("umount", "-f", b.mnt)
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
	letGo()
}

// A daemon that does not answer cannot be asked; by force its mount can still
// be taken away.
func TestForcedUnmountOfStoppedDaemon(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	pid := b.daemon()
	unix.Kill(pid, unix.SIGSTOP)
	b.ok("umount", "-f", b.mnt)
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	unix.Kill(pid, unix.SIGCONT)
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
}

func TestMountOfDeadDaemonIsCleared(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	_, letGo := b.holder(`cd "$MNT"`)
	unix.Kill(b.daemon(), unix.SIGKILL)
	b.eventually("the daemon is dead", func() bool { return len(b.daemons()) == 0 })
	b.eventually("the mount is dead", func() bool {
		_, err := os.ReadDir(b.mnt)
		return errors.Is(err, unix.ENOTCONN)
	})
	if r := b.govfs("mount"); !strings.Contains(r.stdout, "dead") {
		t.Errorf("listed as %q", r.stdout)
	}
	b.fails([]string{"mount", "mem", b.mnt}, 1, "govfs umount "+b.mnt)
	r := b.govfs("umount", b.mnt)
	if r.code != 0 || !strings.Contains(r.stderr, "was dead") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
	if b.mounted() != "" {
		t.Error("still mounted")
	}
	letGo()
	b.ok("mount", "mem", b.mnt)
	b.ok("umount", b.mnt)
}

func TestLastWordsOfDeadDaemonAreKept(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	unix.Kill(b.daemon(), unix.SIGQUIT)
	b.eventually("the daemon is dead", func() bool { return len(b.daemons()) == 0 })
	r := b.govfs("umount", b.mnt)
	_, log, ok := strings.Cut(strings.TrimSpace(r.stderr), "its log is ")
	if r.code != 0 || !ok {
		t.Fatalf("exit %d, %q", r.code, r.stderr)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "SIGQUIT") {
		t.Errorf("%s: %v, %q", log, err, text)
	}
	os.Remove(log)
}

func TestSecondSignalForcesWhatOthersHold(t *testing.T) {
	requireMount(t)
	requireProgram(t, "unshare")
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	pid := b.daemon()
	_, letGo := b.holder(`exec unshare -m --propagation private sh -c 'echo ready; read end'`)
	unix.Kill(pid, unix.SIGTERM)
	b.eventually("it is unmounted here", func() bool { return b.mounted() == "" })
	time.Sleep(100 * time.Millisecond)
	if b.daemon() != pid {
		t.Error("the daemon did not wait for the other namespace")
	}
	unix.Kill(pid, unix.SIGTERM)
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
	letGo()
}

func TestDeadMountWithoutSocketIsCleared(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	unix.Kill(b.daemon(), unix.SIGKILL)
	b.eventually("the daemon is dead", func() bool { return len(b.daemons()) == 0 })
	if err := os.RemoveAll(filepath.Join(b.dir, "run")); err != nil {
		t.Fatal(err)
	}
	if r := b.govfs("umount", b.mnt); r.code != 0 || b.mounted() != "" {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}

func TestUmountWithoutSocket(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	run, away := filepath.Join(b.dir, "run"), filepath.Join(b.dir, "away")
	if err := os.Rename(run, away); err != nil {
		t.Fatal(err)
	}
	b.fails([]string{"umount", b.mnt}, 1, "no control socket", "XDG_RUNTIME_DIR")
	if err := os.Rename(away, run); err != nil {
		t.Fatal(err)
	}
	b.ok("umount", b.mnt)
}
