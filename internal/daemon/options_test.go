package daemon

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		lists []string
		want  Options
	}{
		{nil, Options{}},
		{[]string{""}, Options{}},
		{[]string{",,"}, Options{}},
		{[]string{"rw"}, Options{}},
		{[]string{"ro"}, Options{Flags: vfs.SuperReadOnly}},
		{[]string{"ro,rw"}, Options{}},
		{[]string{"rw", "ro"}, Options{Flags: vfs.SuperReadOnly}},
		{[]string{"nosuid,nodev,noexec"}, Options{Flags: vfs.SuperNoSUID | vfs.SuperNoDev | vfs.SuperNoExec}},
		{[]string{"nosuid,nodev,noexec,suid,dev,exec"}, Options{}},
		{[]string{"noatime,nodiratime"}, Options{Flags: vfs.SuperNoAtime | vfs.SuperNoDirAtime}},
		{[]string{"noatime,relatime"}, Options{}},
		{[]string{"noatime,strictatime"}, Options{Flags: unix.MS_STRICTATIME}},
		{[]string{"strictatime,noatime"}, Options{Flags: vfs.SuperNoAtime}},
		{[]string{"strictatime,atime"}, Options{Flags: unix.MS_STRICTATIME}},
		{[]string{"sync,dirsync,lazytime"}, Options{Flags: vfs.SuperSynchronous | vfs.SuperDirSync | vfs.SuperLazytime}},
		{[]string{"sync,async,nolazytime"}, Options{}},
		{[]string{"allow_other"}, Options{AllowOther: true}},
		{[]string{"permissions=core"}, Options{Permissions: PermissionsCore}},
		{[]string{"permissions=core,default_permissions"}, Options{}},
		{[]string{"permissions=core,permissions=kernel"}, Options{}},
		{[]string{"type=memfs"}, Options{Type: "memfs"}},
		{[]string{"fsname=a"}, Options{FSName: "a"}},
		{[]string{`fsname=a\,b\\c\d,ro`}, Options{FSName: `a,b\c\d`, Flags: vfs.SuperReadOnly}},
		{[]string{"size=1g,ro,mode=700", "uid=3"}, Options{Flags: vfs.SuperReadOnly, Driver: "size=1g,mode=700,uid=3"}},
		{[]string{`a=x\,y,b`}, Options{Driver: `a=x\,y,b`}},
		// What mount(8), fstab and systemd say to each other.
		{[]string{"defaults,auto,noauto,nofail,_netdev,user,users,nouser,owner,group,nonempty"}, Options{}},
		{[]string{"x-systemd.automount,x-gvfs-show=1,X-mount.mkdir,comment=hello,uhelper=x,helper=y,user=joe"}, Options{}},
	} {
		if c.want.Permissions == "" {
			c.want.Permissions = PermissionsKernel
		}
		got, err := ParseOptions(c.lists...)
		if err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v; want %+v", c.lists, got, err, c.want)
		}
	}
}

func TestParseOptionsErrors(t *testing.T) {
	for _, c := range []struct{ list, option, reason string }{
		{"rw,ro=1", "ro=1", "takes no value"},
		{"allow_other=", "allow_other=", "takes no value"},
		{"default_permissions=1", "default_permissions=1", "takes no value"},
		{"permissions=all", "permissions=all", "not one of kernel, core"},
		{"permissions", "permissions", "not one of kernel, core"},
		{"fsname=", "fsname=", "needs a name"},
		{"fsname", "fsname", "needs a name"},
		{"type=", "type=", "needs a name"},
		{"=3", "=3", "has no name"},
		{"remount,ro", "remount", "a mount cannot be changed; unmount it and mount it again"},
		{`a,b\`, `a,b\`, "ends in a backslash"},
		{"a\x00", "a\x00", "contains a zero byte"},
	} {
		_, err := ParseOptions(c.list)
		var oe *OptionError
		if !errors.As(err, &oe) || oe.Option != c.option || oe.Reason != c.reason {
			t.Errorf("%q: got %v, want option %q: %s", c.list, err, c.option, c.reason)
		}
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("%q: %v is not EINVAL", c.list, err)
		}
	}
}

// The daemon gets its options as text: nothing may be lost or added.
func FuzzParseOptions(f *testing.F) {
	for _, s := range []string{
		"", "rw", "ro,noatime,size=1g,allow_other", `fsname=a\,b,permissions=core`, "strictatime,nosuid,nodev,noexec,dirsync",
		`a\,b=c\\,d`, "type=memfs,x-a,_netdev", ",,=", `\`, "fsname=\xff\x80", "lazytime,sync,nodiratime",
	} {
		f.Add(s, "mode=700")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		o, err := ParseOptions(a, b)
		if err != nil {
			var oe *OptionError
			if !errors.As(err, &oe) {
				t.Fatalf("%q, %q: %v is not an OptionError", a, b, err)
			}
			return
		}
		again, err := ParseOptions(o.String())
		if err != nil || again != o {
			t.Fatalf("%q, %q: %+v became %+v, %v by way of %q", a, b, o, again, err, o.String())
		}
		if strings.Contains(o.Driver, ",,") && !strings.Contains(o.Driver, `\,`) {
			t.Fatalf("%q, %q: empty option for the driver: %q", a, b, o.Driver)
		}
	})
}
