package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHelperForms(t *testing.T) {
	for _, c := range []struct {
		args string
		want bool
	}{
		{"mount.fuse.govfs mem /mnt", true},
		{"/sbin/mount.fuse.govfs", true},
		{"/usr/sbin/mount.govfs mem /mnt -o rw", true},
		// mount.fuse3
		{"govfs mem /mnt -o rw,dev,suid", true},
		{"/usr/bin/govfs /a.zip /mnt -o ro", true},
		{"govfs mount mem /mnt", false},
		{"govfs mount -o ro mem /mnt", false},
		{"govfs mount mem -o ro", false},
		{"govfs rules --format -o x", false},
		{"govfs help mount -o x", false},
		{"govfs -x mem -o ro", false},
		{"govfs mem /mnt", false},
		{"govfs mem /mnt -o", false},
		{"govfs mem /mnt -t x", false},
		{"govfs", false},
	} {
		if _, ok := helperOf(strings.Fields(c.args)); ok != c.want {
			t.Errorf("%s: %v", c.args, ok)
		}
	}
	if _, ok := helperOf(nil); !ok {
		t.Error("a call without a name is nobody's")
	}
}

func TestParseHelper(t *testing.T) {
	flags := func(s string) map[byte]bool {
		m := make(map[byte]bool)
		for i := range len(s) {
			m[s[i]] = true
		}
		return m
	}
	for _, c := range []struct {
		args string
		want helperCall
		err  string
	}{
		{"mem /mnt", helperCall{args: []string{"mem", "/mnt"}}, ""},
		{"mem /mnt -v -s -o rw,a=b -n", helperCall{flags: flags("vsn"), options: []string{"rw,a=b"}, args: []string{"mem", "/mnt"}}, ""},
		{"-sfnvoro mem -t fuse.govfs -o a /mnt", helperCall{flags: flags("sfnv"), options: []string{"ro", "a"}, typ: "fuse.govfs", args: []string{"mem", "/mnt"}}, ""},
		{"-- -o x", helperCall{args: []string{"-o", "x"}}, ""},
		{"- x", helperCall{args: []string{"-", "x"}}, ""},
		{"mem /mnt -o", helperCall{}, "flag -o needs a value"},
		{"mem /mnt -x", helperCall{}, "unknown flag -x"},
		{"mem /mnt --help", helperCall{}, "unknown flag --"},
	} {
		if c.want.flags == nil {
			c.want.flags = flags("")
		}
		got, err := parseHelper(strings.Fields(c.args), "sfnv")
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v, want %s", c.args, err, c.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
}

func FuzzParseHelper(f *testing.F) {
	f.Add("mem\n/mnt\n-o\nrw,size=1\n-sfnv")
	f.Add("-o\n-t\n--\n-")
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, "\n")
		call, err := parseHelper(args, "sfnv")
		if err == nil && len(call.args)+len(call.options) > len(args) {
			t.Fatalf("%q became %+v", args, call)
		}
		isMountFUSE(args)
	})
}

func TestSubtype(t *testing.T) {
	for typ, want := range map[string]string{"": "", "govfs": "", "fuse.govfs": "", "govfs.memfs": "memfs", "fuse.govfs.memfs": "memfs", "fuse": ""} {
		if got := subtype(typ); got != want {
			t.Errorf("%q: %q, want %q", typ, got, want)
		}
	}
}

// system runs a shell script in a mount namespace of its own, in which /sbin has
// the command under a name.
func (b *bench) system(name, script string) result {
	b.Helper()
	dir := filepath.Join(b.dir, "helpers")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(dir, name)); err != nil {
		b.Fatal(err)
	}
	fstab := fmt.Sprintf("mem %s fuse.govfs noauto,nofail,x-systemd.automount,_netdev,noexec,size=3m 0 0\n", b.mnt)
	if err := os.WriteFile(filepath.Join(b.dir, "fstab"), []byte(fstab), 0o644); err != nil {
		b.Fatal(err)
	}
	b.env = append(b.env, "MNT="+b.mnt)
	sbin, err := filepath.EvalSymlinks("/sbin")
	if err != nil {
		b.Fatal(err)
	}
	overlay := fmt.Sprintf("mount -t overlay -o lowerdir=%s:%s overlay %s && ", dir, sbin, sbin)
	return b.runCommand("unshare", "-m", "--propagation", "private", "sh", "-ec", overlay+"{ "+script+"\n}")
}

const fstabScript = `
mount -T fstab "$MNT"
grep " $MNT " /proc/self/mountinfo
echo text >"$MNT/file"
cat "$MNT/file"
umount "$MNT"
mount -t fuse.govfs mem "$MNT" -o ro,uid=7
stat -c 'owner %u' "$MNT"
! touch "$MNT/file" 2>/dev/null
umount "$MNT"
! mount -t fuse.govfs mem "$MNT" -o frob
echo end`

func checkFstab(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 || !strings.HasSuffix(r.stdout, "end\n") {
		t.Fatalf("exit %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{"rw,noexec,relatime", " - fuse.govfs mem rw,", "\ntext\n", "\nowner 7\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in %q", want, r.stdout)
		}
	}
	if !strings.Contains(r.stderr, `"frob"`) {
		t.Errorf("stderr %q does not name the option", r.stderr)
	}
}

func TestFstabWithOurHelper(t *testing.T) {
	requireMount(t)
	requireProgram(t, "unshare")
	b := newBench(t)
	r := b.system("mount.fuse.govfs", fstabScript+`
mount -v -t fuse.govfs mem "$MNT"
umount "$MNT"
mount -f -t fuse.govfs mem "$MNT"
! grep " $MNT " /proc/self/mountinfo
echo end`)
	checkFstab(t, r)
	if !strings.Contains(r.stdout, "mem mounted on "+b.mnt+".\n") {
		t.Errorf("-v says %q", r.stdout)
	}
	b.eventually("the daemons have ended", func() bool { return len(b.daemons()) == 0 })
}

func TestFstabThroughFuse3(t *testing.T) {
	requireMount(t)
	requireProgram(t, "unshare")
	requireProgram(t, "mount.fuse3")
	b := newBench(t)
	checkFstab(t, b.system("govfs", fstabScript))
	b.eventually("the daemons have ended", func() bool { return len(b.daemons()) == 0 })
}

// mount.fuse3 in its older form names the program in the source.
func TestMountFuse3WithProgramInSource(t *testing.T) {
	requireMount(t)
	fuse3 := requireProgram(t, "mount.fuse3")
	b := newBench(t)
	b.env = append(b.env, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	if r := b.runCommand(fuse3, "govfs#mem", b.mnt, "-o", "nosuid,size=1m"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if line := b.mounted(); !strings.Contains(line, "rw,nosuid,relatime") {
		t.Errorf("mount table: %s", line)
	}
	b.ok("umount", b.mnt)
}

// asUser runs the command as a user without rights.
func (b *bench) asUser(args ...string) result {
	b.Helper()
	return b.runCommand("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", binary}, args...)...)
}

// inNamespace runs the test in a process with a mount namespace of its own, as a
// script has set that up, and reports whether this is that process.
func inNamespace(t *testing.T, setup string) bool {
	t.Helper()
	const env = "GOVFS_TEST_NAMESPACE"
	if os.Getenv(env) == t.Name() {
		return true
	}
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-ec", setup+`
exec "$@"`, "sh", os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env+"="+t.Name(), binaryEnv+"="+binary)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestUserMounts(t *testing.T) {
	requireMount(t)
	for _, program := range []string{"setpriv", "unshare", "fusermount3"} {
		requireProgram(t, program)
	}
	// Users may open /dev/fuse where udev has made it.
	if !inNamespace(t, `
node=$(mktemp -u); mknod -m 666 "$node" c 10 229; chmod 666 "$node"
mount --bind "$node" /dev/fuse; rm "$node"`) {
		return
	}
	b := newBench(t)
	run := filepath.Join(b.dir, "run")
	for _, dir := range []string{run, b.mnt} {
		os.Mkdir(dir, 0o700)
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{b.dir, filepath.Dir(binary)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.asUser("mount", "-o", "suid,dev", "mem", b.mnt); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	for _, want := range []string{"nosuid,nodev", "user_id=65534,group_id=65534"} {
		if line := b.mounted(); !strings.Contains(line, want) {
			t.Errorf("mount table: %q lacks %q", line, want)
		}
	}
	if r := b.runCommand("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "stat", "-c", "%u %g", b.mnt); r.stdout != "65534 65534\n" {
		t.Errorf("owner of the root: %q, %s", r.stdout, r.stderr)
	}
	if r := b.asUser("umount", b.mnt); r.code != 0 || b.mounted() != "" {
		t.Errorf("umount: exit %d: %s", r.code, r.stderr)
	}
	b.eventually("the daemon has ended", func() bool { return len(b.daemons()) == 0 })

	if r := b.asUser("mount", "-o", "allow_other", "mem", b.mnt); r.code != 1 || !strings.Contains(r.stderr, "user_allow_other") {
		t.Errorf("allow_other: exit %d: %s", r.code, r.stderr)
	}

	if r := b.asUser("mount", "mem", b.mnt); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	unix.Kill(b.daemon(), unix.SIGKILL)
	b.eventually("the daemon is dead", func() bool { return len(b.daemons()) == 0 })
	if r := b.asUser("umount", b.mnt); r.code != 0 || b.mounted() != "" {
		t.Errorf("umount of a dead mount: exit %d: %s", r.code, r.stderr)
	}

	if err := os.Chown(b.mnt, 0, 0); err != nil {
		t.Fatal(err)
	}
	if r := b.asUser("mount", "mem", b.mnt); r.code != 1 || !strings.Contains(r.stderr, "no write permission on the mount point") {
		t.Errorf("on a directory of root: exit %d: %s", r.code, r.stderr)
	}
}

func TestUserWithoutRightsIsToldWhatToDo(t *testing.T) {
	requireMount(t)
	requireProgram(t, "setpriv")
	b := newBench(t)
	for _, dir := range []string{b.dir, filepath.Dir(binary)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := b.runCommand("unshare", "-m", "--propagation", "private", "sh", "-c", `
mount -t tmpfs none /dev && `+
		`setpriv --reuid=65534 --regid=65534 --clear-groups `+binary+` mount mem `+b.mnt)
	if r.code != 1 || !strings.Contains(r.stderr, "no /dev/fuse; load the module (modprobe fuse)") {
		t.Errorf("without /dev/fuse: exit %d: %s", r.code, r.stderr)
	}
	r = b.runCommand("unshare", "-m", "--propagation", "private", "sh", "-c", `
mount -t tmpfs none /dev && mknod -m 600 /dev/fuse c 10 229 && `+
		`setpriv --reuid=65534 --regid=65534 --clear-groups `+binary+` mount mem `+b.mnt)
	if r.code != 1 || !strings.Contains(r.stderr, "no right to open /dev/fuse; run as root") {
		t.Errorf("with root's /dev/fuse: exit %d: %s", r.code, r.stderr)
	}
	r = b.runCommand("unshare", "-m", "--propagation", "private", "sh", "-c", `
mount -t tmpfs none /dev && mknod -m 666 /dev/fuse c 10 229 && : >/dev/none &&
if [ -e /usr/bin/fusermount3 ]; then mount --bind /dev/none /usr/bin/fusermount3; fi && `+
		`setpriv --reuid=65534 --regid=65534 --clear-groups `+binary+` mount mem `+b.mnt)
	if r.code != 1 || !strings.Contains(r.stderr, "fusermount3 is not installed; install it (apt-get install fuse3), or run as root") {
		t.Errorf("without fusermount3: exit %d: %s", r.code, r.stderr)
	}
}
