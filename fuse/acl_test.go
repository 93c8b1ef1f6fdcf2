package fuse_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// aclXattr is an access control list as the kernel takes it: version 2, then
// tag, permissions and id of each entry.
func aclXattr(entries ...[3]uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

const (
	aclUserObj, aclUser, aclGroupObj, aclGroup, aclMask, aclOther = 1, 2, 4, 8, 0x10, 0x20

	aclAccess, aclDefault = "system.posix_acl_access", "system.posix_acl_default"

	noID = ^uint32(0)
)

func init() {
	scripts = append(scripts, script{name: "acl", user: someUser, setup: func(p *printer, dir string) {
		for i, mode := range []uint32{0o600, 0o2660} {
			path := fmt.Sprintf("%s/f%d", dir, i)
			p.err("setup", os.WriteFile(path, []byte("x"), 0o600))
			p.err("chmod", unix.Chmod(path, mode))
			p.err("set", unix.Setxattr(path, aclAccess, aclXattr([3]uint32{aclUserObj, 6, noID}, [3]uint32{aclUser, 4, someUser},
				[3]uint32{aclGroupObj, 0, noID}, [3]uint32{aclMask, 6, noID}, [3]uint32{aclOther, 0, noID}), 0))
			p.stat(path)
		}
		p.err("mkdir", os.Mkdir(dir+"/d", 0o777))
		p.err("chmod", unix.Chmod(dir+"/d", 0o777))
		p.err("default", unix.Setxattr(dir+"/d", aclDefault, aclXattr([3]uint32{aclUserObj, 7, noID}, [3]uint32{aclGroupObj, 5, noID},
			[3]uint32{aclGroup, 7, otherGroup}, [3]uint32{aclMask, 7, noID}, [3]uint32{aclOther, 1, noID}), 0))
		p.err("not valid", unix.Setxattr(dir+"/d", aclAccess, aclXattr([3]uint32{aclUser, 7, 1}), 0))
		p.err("default of a file", unix.Setxattr(dir+"/f0", aclDefault, aclXattr([3]uint32{aclUserObj, 7, noID}), 0))
		// Root has created, and the kernel may remember.
		p.err("mkdir", unix.Mkdir(dir+"/d/sub", 0o777))
		p.stat(dir + "/d/sub")
	}, run: func(p *printer, dir string) {
		old := unix.Umask(0o077)
		defer unix.Umask(old)
		p.err("read", tryOpen(dir+"/f0", unix.O_RDONLY))
		p.err("write", tryOpen(dir+"/f0", unix.O_WRONLY))
		p.err("create", tryOpenMode(dir+"/d/f", unix.O_CREAT|unix.O_WRONLY, 0o666))
		p.err("mkdir", unix.Mkdir(dir+"/d/mine", 0o777))
		for _, name := range []string{"/d/f", "/d/mine", "/d/sub"} {
			p.stat(dir + name)
			for _, attr := range []string{aclAccess, aclDefault} {
				buf := make([]byte, 200)
				n, err := unix.Getxattr(dir+name, attr, buf)
				p.err(fmt.Sprintf("%s %x", attr, buf[:max(n, 0)]), err)
			}
		}
		p.err("chmod", unix.Chmod(dir+"/d/f", 0o640))
		p.stat(dir + "/d/f")
		p.say("list %q", listXattr(dir+"/d/f"))
		p.err("set on root's", unix.Setxattr(dir+"/f0", aclAccess, aclXattr([3]uint32{aclUserObj, 7, noID}, [3]uint32{aclGroupObj, 7, noID}, [3]uint32{aclOther, 7, noID}), 0))
	}})
}

// TestBesideACL: an ACL that is set beside the mount counts at once.
func TestBesideACL(t *testing.T) {
	ns := newMem(t, "acl")
	dir := mountAt(t, ns, fuse.Options{AllowOther: true}).Dir()
	must(t, os.WriteFile(dir+"/f", nil, 0o600))
	must(t, os.Chmod(dir, 0o755))
	access := func() string { return run(t, "as user", dir+"/f") }
	if got := access(); got != "EACCES EACCES EACCES ok" {
		t.Errorf("before: %s", got)
	}
	beside := task(t, ns)
	must(t, beside.Setxattr(vfs.AtCWD, "/f", aclAccess, aclXattr([3]uint32{aclUserObj, 6, noID}, [3]uint32{aclUser, 6, someUser},
		[3]uint32{aclGroupObj, 0, noID}, [3]uint32{aclMask, 6, noID}, [3]uint32{aclOther, 0, noID}), 0, 0))
	if got := access(); got != "ok ok EACCES ok" {
		t.Errorf("after: %s", got)
	}
}

func init() {
	helpers["as user"] = func(args []string) error {
		if err := become(someUser, someUser); err != nil {
			return err
		}
		return tryAccess(args)
	}
}
