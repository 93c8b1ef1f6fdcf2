package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMountReturnsWhenUsable(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", "mnt")
	b.write("a", "hello")
	b.read("a", "hello")
	line := b.mounted()
	for _, want := range []string{" - fuse.govfs mem ", "user_id=0", "default_permissions"} {
		if !strings.Contains(line, want) {
			t.Errorf("mount table: %q lacks %q", line, want)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(b.mnt, &st); err != nil || st.Uid != 0 {
		t.Errorf("owner of the root %d, %v", st.Uid, err)
	}
	b.ok("umount", "mnt")
	if line := b.mounted(); line != "" {
		t.Errorf("still mounted: %s", line)
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
}

func TestDaemonLetsGoOfItsParent(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	proc := fmt.Sprintf("/proc/%d", b.daemon())
	if cwd, err := os.Readlink(proc + "/cwd"); cwd != "/" {
		t.Errorf("working directory %s, %v", cwd, err)
	}
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(proc, "fd", fd.Name())); err == nil && strings.HasPrefix(to, "pipe:") {
			t.Errorf("descriptor %s is %s", fd.Name(), to)
		}
	}
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	var ppid, pgrp, session int
	fmt.Sscanf(string(stat[strings.LastIndexByte(string(stat), ')')+4:]), "%d %d %d", &ppid, &pgrp, &session)
	if session != b.daemon() {
		t.Errorf("session %d of daemon %d", session, b.daemon())
	}
	b.ok("umount", b.mnt)
}

func TestMountOptionsReachTheKernel(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "-o", "ro,nosuid,nodev", "-o", "noexec,allow_other,fsname=disk one,size=1m", "mem", b.mnt)
	line := b.mounted()
	for _, want := range []string{"ro,nosuid,nodev,noexec", `disk\040one`, "allow_other"} {
		if !strings.Contains(line, want) {
			t.Errorf("mount table: %q lacks %q", line, want)
		}
	}
	if err := os.WriteFile(b.path("a"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("writing: %v", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(b.mnt, &st); err != nil || st.Blocks*uint64(st.Bsize) != 1<<20 {
		t.Errorf("size %d, %v", st.Blocks*uint64(st.Bsize), err)
	}
	b.ok("umount", b.mnt)
}

func TestMountWithPermissionsOfTheSwitch(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "-o", "permissions=core", "mem", b.mnt)
	if line := b.mounted(); strings.Contains(line, "default_permissions") {
		t.Errorf("mount table: %s", line)
	}
	b.ok("umount", b.mnt)
}

func TestMountArchive(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	f, err := os.Create(filepath.Join(b.dir, "a.zip"))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	file, err := w.Create("dir/file")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(file, "from the archive")
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	b.ok("mount", "a.zip", "mnt") // both relative, to a directory that the daemon leaves
	b.read("dir/file", "from the archive")
	if err := os.Remove(b.path("dir/file")); !errors.Is(err, unix.EROFS) {
		t.Errorf("remove: %v", err)
	}
	b.ok("umount", "mnt")
}

func TestMountOnDirectoryThatIsNotEmpty(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.write("under", "x")
	b.ok("mount", "mem", b.mnt)
	if _, err := os.Stat(b.path("under")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what lies under the mount: %v", err)
	}
	b.ok("umount", b.mnt)
	b.read("under", "x")
}

func TestMountThroughSymlinkAndBack(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	if err := os.Symlink("mnt", filepath.Join(b.dir, "link")); err != nil {
		t.Fatal(err)
	}
	b.ok("mount", "mem", "link")
	if b.mounted() == "" {
		t.Error("not mounted where the link leads")
	}
	b.ok("umount", "link")
}

func TestMountOfOddNames(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	dir := filepath.Join(b.dir, "a b\t,c\\d\n-é'")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.ok("mount", "-t", "memfs", "--", "-o,x", dir)
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644); err != nil {
		t.Error(err)
	}
	b.fails([]string{"mount", "mem", dir}, 1, "there is a govfs mount already, of -o,x")
	b.ok("umount", dir)
}

func TestTwoMountsAreIndependent(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	second := filepath.Join(b.dir, "second")
	if err := os.Mkdir(second, 0o755); err != nil {
		t.Fatal(err)
	}
	b.ok("mount", "mem", b.mnt)
	b.ok("mount", "mem", second)
	b.write("a", "first")
	if _, err := os.Stat(filepath.Join(second, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the second has the first one's file: %v", err)
	}
	b.ok("umount", b.mnt)
	if err := os.WriteFile(filepath.Join(second, "b"), nil, 0o644); err != nil {
		t.Errorf("the second after the end of the first: %v", err)
	}
	b.ok("umount", second)
}

func TestMountOverOwnMountIsRefused(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	b.fails([]string{"mount", "mem", b.mnt}, 1, "there is a govfs mount already", "govfs umount "+b.mnt)
	b.ok("umount", b.mnt)
	b.fails([]string{"umount", b.mnt}, 1, "nothing is mounted there")
}

func TestListMounts(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "-o", "noexec,size=2m", "mem", b.mnt)
	var all []struct {
		Dir, Source, Type, Options, State string
		PID                               int
		Since                             time.Time
	}
	r := b.govfs("mount", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || r.code != 0 {
		t.Fatalf("exit %d, %v: %s", r.code, err, r.stdout)
	}
	found := false
	for _, m := range all {
		if m.Dir != b.mnt {
			continue // of another test, or another person
		}
		found = true
		if m.Source != "mem" || m.Type != "memfs" || m.Options != "rw,noexec,size=2m" || m.State != "live" || m.PID != b.daemon() || time.Since(m.Since) > time.Hour {
			t.Errorf("%+v", m)
		}
	}
	if !found {
		t.Errorf("not listed: %s", r.stdout)
	}
	found = false
	for line := range strings.Lines(b.govfs("mount").stdout) {
		f := strings.Fields(line)
		found = found || len(f) == 6 && f[0] == b.mnt && f[1] == "mem" && f[2] == "memfs" && f[3] == "live" && f[5] == "rw,noexec,size=2m"
	}
	if !found {
		t.Error("not listed for people")
	}
	b.ok("umount", b.mnt)
}

// controlClient speaks to the daemon of the bench.
func (b *bench) controlClient() (client *http.Client, socket string) {
	b.Helper()
	sockets, _ := filepath.Glob(filepath.Join(b.dir, "run", "govfs", "*.sock"))
	if len(sockets) != 1 {
		b.Fatalf("sockets: %q", sockets)
	}
	tr := &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", sockets[0]) }}
	b.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}, sockets[0]
}

func TestControlSocket(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	client, socket := b.controlClient()
	for path, mode := range map[string]os.FileMode{socket: 0o600 | os.ModeSocket, filepath.Dir(socket): 0o700 | os.ModeDir} {
		if fi, err := os.Stat(path); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	get := func(path string) (*http.Response, string) {
		resp, err := client.Get("http://govfs" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, body := get("/metrics")
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/openmetrics-text") {
		t.Errorf("/metrics is %s", ct)
	}
	for _, want := range []string{"# EOF\n", `govfs_fuse_requests_total{op="INIT"} 1`, "govfs_superblocks 1", `govfs_mount_info{dir="` + b.mnt + `",source="mem",type="memfs"} 1`, "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics lacks %q:\n%s", want, body)
		}
	}
	if resp, body := get("/mounts"); resp.StatusCode != 200 || !strings.Contains(body, b.mnt) {
		t.Errorf("/mounts: %d %s", resp.StatusCode, body)
	}
	if _, body := get("/debug/pprof/"); !strings.Contains(body, "goroutine") {
		t.Errorf("/debug/pprof/: %s", body)
	}
	if resp, _ := get("/nothing"); resp.StatusCode != 404 {
		t.Errorf("/nothing: %d", resp.StatusCode)
	}
	if resp, _ := get("/umount"); resp.StatusCode != 405 {
		t.Errorf("GET /umount: %d", resp.StatusCode)
	}
	if resp, err := client.Post("http://govfs/umount?mode=quick", "", nil); err != nil || resp.StatusCode != 400 {
		t.Errorf("mode=quick: %v, %v", resp, err)
	}
	if resp, err := client.Post("http://govfs/umount", "", nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("POST /umount: %v, %v", resp, err)
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestStaleSocketsAreRemoved(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	b.ok("mount", "mem", b.mnt)
	pid := b.daemon()
	unix.Kill(pid, unix.SIGKILL)
	b.eventually("the daemon is dead", func() bool { return len(b.daemons()) == 0 })
	// Taken away beside us: nobody removes the socket.
	if err := unix.Unmount(b.mnt, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(b.dir, "run", "govfs")
	if left, _ := filepath.Glob(filepath.Join(dir, "*.sock")); len(left) != 1 {
		t.Fatalf("left: %q", left)
	}
	stale := filepath.Join(dir, "0:4095.sock")
	ln, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	b.ok("mount", "mem", b.mnt)
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale socket is left: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.sock")); len(left) != 1 {
		t.Errorf("sockets: %q", left)
	}
	b.ok("umount", b.mnt)
}

func TestMountFailsIfTheRuntimeDirectoryIsNotOurs(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	dir := filepath.Join(b.dir, "run", "govfs")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	b.fails([]string{"mount", "mem", b.mnt}, 1, "only this user can write to")
	if b.mounted() != "" {
		t.Error("mounted nevertheless")
	}
}

// A daemon whose parent was killed before it was ready undoes the mount.
func TestMountIsUndoneWhenNobodyWaitsForIt(t *testing.T) {
	requireMount(t)
	b := newBench(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := exec.Command(binary, "mount", "-f", "mem", b.mnt)
	cmd.Env = append(b.env, "_GOVFS_READY_FD=3")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if code := b.exit(cmd); code != 1 {
		t.Errorf("exit %d", code)
	}
}
