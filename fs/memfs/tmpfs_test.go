package memfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/govfs/govfs/vfs"
)

// The random calls of TestLikeTmpfs.
var (
	diffNames = []string{"a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "f", "f/a", "f/b", "nothere/x", "d/" + strings.Repeat("n", 255), strings.Repeat("n", 256)}
	diffOffs  = []int64{
		0, 1, 100, 4095, 4096, 4097, 8192, 3*4096 - 1, 5 * 4096, 9*4096 + 7, 30 * 4096, 64 * 4096, 65 * 4096, 1 << 24, 1 << 40,
		-1, 1<<63 - 1,
	}
	diffLens   = []int64{0, 1, 10, 4095, 4096, 4097, 3 * 4096, 7*4096 + 1, 20 * 4096, 60 * 4096}
	diffModes  = []uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_PUNCH_HOLE}
	diffXattrs = []string{"user.a", "user.b", "user.longer.name", "trusted.x", "security.foo", "system.foo", "user.", "bogus.x", "nodot"}
)

// diffACLs are access control lists, some of them valid.
var diffACLs = [][]byte{
	nil, {2, 0, 0, 0}, {1, 0, 0, 0},
	encodeACL(aclEntry{vfs.ACLUserObj, 6, ^uint32(0)}, aclEntry{vfs.ACLGroupObj, 4, ^uint32(0)}, aclEntry{vfs.ACLOther, 0, ^uint32(0)}),
	encodeACL(aclEntry{vfs.ACLUserObj, 7, ^uint32(0)}, aclEntry{vfs.ACLUser, 5, 7}, aclEntry{vfs.ACLGroupObj, 6, ^uint32(0)},
		aclEntry{vfs.ACLGroup, 2, 9}, aclEntry{vfs.ACLMask, 6, ^uint32(0)}, aclEntry{vfs.ACLOther, 1, ^uint32(0)}),
	encodeACL(aclEntry{vfs.ACLUserObj, 7, ^uint32(0)}, aclEntry{vfs.ACLUser, 5, 7}, aclEntry{vfs.ACLGroupObj, 6, ^uint32(0)}, aclEntry{vfs.ACLOther, 1, ^uint32(0)}),
	encodeACL(aclEntry{vfs.ACLUserObj, 9, ^uint32(0)}, aclEntry{vfs.ACLGroupObj, 4, ^uint32(0)}, aclEntry{vfs.ACLOther, 0, ^uint32(0)}),
}

type aclEntry struct {
	tag, perm uint16
	id        uint32
}

func encodeACL(entries ...aclEntry) []byte {
	b := []byte{2, 0, 0, 0}
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// A call is one system call with drawn arguments; it says what came of it.
type call struct {
	text string
	do   func(w world, fds []int) string
}

// drawCall draws one of the calls of which the same has to come on both sides.
func drawCall(t *rapid.T, slots int) call {
	name := func(label string) string { return rapid.SampledFrom(diffNames).Draw(t, label) }
	off := func() int64 { return rapid.SampledFrom(diffOffs).Draw(t, "offset") }
	length := func() int64 { return rapid.SampledFrom(diffLens).Draw(t, "length") }
	// The host's answers about data in the last page that there can be are
	// wrong: the end of the page overflows.
	inside := func(off int64) int64 {
		if off > 1<<62 {
			return 1 << 41
		}
		return off
	}
	slot := rapid.IntRange(0, slots-1).Draw(t, "slot")
	flag := func(label string, of ...int) int { return rapid.SampledFrom(of).Draw(t, label) }
	kinds := []string{
		"open", "open", "open", "close", "pwrite", "pwrite", "pwrite", "append", "pread", "seek", "ftruncate", "truncate", "fallocate", "fallocate",
		"mkdir", "mkdir", "mknod", "symlink", "link", "unlink", "unlink", "rmdir", "rename", "rename", "rename", "chmod", "chown",
		"setxattr", "setxattr", "removexattr", "setacl", "setacl", "access", "tmpfile", "linkfd", "fsync", "fstat", "setflags",
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "call")
	c := func(do func(w world, fds []int) error, args ...any) call {
		return call{kind + fmt.Sprint(append([]any{" "}, args...)...), func(w world, fds []int) string { return errName(do(w, fds)) }}
	}
	switch kind {
	case "open", "tmpfile":
		p := name("path")
		flags := flag("flags", unix.O_RDWR|unix.O_CREAT, unix.O_RDWR, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, unix.O_RDWR|unix.O_TRUNC, unix.O_RDONLY,
			unix.O_WRONLY|unix.O_APPEND, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC, unix.O_RDWR|unix.O_DIRECT) | unix.O_NOFOLLOW
		if kind == "tmpfile" {
			p, flags = rapid.SampledFrom([]string{".", "d", "f"}).Draw(t, "dir"), unix.O_TMPFILE|flag("excl", unix.O_RDWR, unix.O_RDWR|unix.O_EXCL)
		}
		return c(func(w world, fds []int) error {
			var st unix.Stat_t
			if err := w.lstat(p, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG && kind == "open" {
				return nil // opening a FIFO would wait, a device has no driver
			}
			fd, err := w.open(p, flags|unix.O_CLOEXEC, 0o666)
			if err != nil {
				return err
			}
			if fds[slot] >= 0 {
				w.close(fds[slot])
			}
			fds[slot] = fd
			return nil
		}, slot, p, flags)
	case "close":
		return c(func(w world, fds []int) error {
			err := w.close(fds[slot])
			fds[slot] = -1
			return err
		}, slot)
	case "pwrite":
		o, n, b := inside(off()), length(), rapid.Byte().Draw(t, "byte")
		return call{fmt.Sprint(kind, slot, " ", o, " ", n), func(w world, fds []int) string {
			n, err := w.pwrite(fds[slot], bytes.Repeat([]byte{b}, int(n)), o)
			return fmt.Sprint(max(n, 0), errName(err))
		}}
	case "append":
		n := length()
		return call{fmt.Sprint(kind, slot, " ", n), func(w world, fds []int) string {
			n, err := w.write(fds[slot], bytes.Repeat([]byte{'w'}, int(n)))
			return fmt.Sprint(max(n, 0), errName(err))
		}}
	case "pread":
		o, n := off(), length()
		return call{fmt.Sprint(kind, slot, " ", o, " ", n), func(w world, fds []int) string {
			buf := make([]byte, n)
			n, err := w.pread(fds[slot], buf, o)
			return fmt.Sprint(max(n, 0), errName(err), hashOf(buf))
		}}
	case "seek":
		o, whence := off(), flag("whence", unix.SEEK_SET, unix.SEEK_CUR, unix.SEEK_END, unix.SEEK_DATA, unix.SEEK_HOLE, 5)
		return call{fmt.Sprint(kind, slot, " ", o, " ", whence), func(w world, fds []int) string {
			n, err := w.lseek(fds[slot], o, whence)
			return fmt.Sprint(max(n, 0), errName(err))
		}}
	case "ftruncate":
		n := off()
		return c(func(w world, fds []int) error { return w.ftruncate(fds[slot], n) }, slot, " ", n)
	case "truncate":
		p, n := name("path"), off()
		return c(func(w world, fds []int) error { return w.truncate(p, n) }, p, " ", n)
	case "fallocate":
		m, o, n := rapid.SampledFrom(diffModes).Draw(t, "mode"), inside(off()), length()
		return c(func(w world, fds []int) error { return w.fallocate(fds[slot], m, o, n) }, slot, " ", m, o, n)
	case "mkdir":
		p, m := name("path"), uint32(flag("mode", 0o777, 0o2755, 0o1700))
		return c(func(w world, fds []int) error { return w.mkdir(p, m) }, p)
	case "mknod":
		p, m := name("path"), uint32(flag("mode", unix.S_IFIFO, unix.S_IFCHR, unix.S_IFSOCK, unix.S_IFREG, 0, unix.S_IFDIR, unix.S_IFLNK)|0o644)
		return c(func(w world, fds []int) error { return w.mknod(p, m, 0x105) }, p, " ", m)
	case "symlink":
		body, p := strings.Repeat("s", flag("length", 1, 127, 128, 4095, 4096)), name("path")
		return c(func(w world, fds []int) error { return w.symlink(body, p) }, len(body), p)
	case "link":
		p, q := name("old"), name("path")
		return c(func(w world, fds []int) error { return w.link(p, q) }, p, " ", q)
	case "unlink":
		p := name("path")
		return c(func(w world, fds []int) error { return w.unlink(p) }, p)
	case "rmdir":
		p := name("path")
		return c(func(w world, fds []int) error { return w.rmdir(p) }, p)
	case "rename":
		p, q, f := name("old"), name("path"), flag("flags", 0, 0, unix.RENAME_EXCHANGE, unix.RENAME_NOREPLACE, unix.RENAME_WHITEOUT, unix.RENAME_WHITEOUT|unix.RENAME_NOREPLACE)
		return c(func(w world, fds []int) error { return w.rename(p, q, uint(f)) }, p, " ", q, f)
	case "chmod":
		p, m := name("path"), uint32(flag("mode", 0o6755, 0o600, 0o2770, 0))
		return c(func(w world, fds []int) error {
			var st unix.Stat_t
			if err := w.lstat(p, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
				return nil
			}
			return w.chmod(p, m)
		}, p, " ", m)
	case "chown":
		p, u, g := name("path"), flag("uid", -1, 0, 7), flag("gid", -1, 0, 7)
		return c(func(w world, fds []int) error { return w.chown(p, u, g) }, p, " ", u, g)
	case "setxattr":
		p, x, n, f := name("path"), rapid.SampledFrom(diffXattrs).Draw(t, "xattr"), flag("size", 0, 1, 900, 1500, 5000), flag("flags", 0, 0, 1, 2, 3, 4)
		return c(func(w world, fds []int) error { return w.setxattr(p, x, bytes.Repeat([]byte{'v'}, n), f) }, p, " ", x, " ", n, f)
	case "setacl":
		p, x := name("path"), rapid.SampledFrom([]string{"system.posix_acl_access", "system.posix_acl_default"}).Draw(t, "list")
		value, f := rapid.SampledFrom(diffACLs).Draw(t, "acl"), flag("flags", 0, 0, 0, 1, 2)
		return c(func(w world, fds []int) error { return w.setxattr(p, x, value, f) }, p, " ", x, value, f)
	case "access":
		p, x := name("path"), rapid.SampledFrom([]string{"system.posix_acl_access", "system.posix_acl_default"}).Draw(t, "list")
		return call{fmt.Sprint(kind, p, x), func(w world, fds []int) string {
			var buf [100]byte
			n, err := w.getxattr(p, x, buf[:])
			return fmt.Sprintf("%x %s", buf[:max(n, 0)], errName(err))
		}}
	case "removexattr":
		p, x := name("path"), rapid.SampledFrom(diffXattrs).Draw(t, "xattr")
		return c(func(w world, fds []int) error { return w.removexattr(p, x) }, p, " ", x)
	case "linkfd":
		p := name("path")
		return c(func(w world, fds []int) error {
			if fds[slot] < 0 {
				return unix.EBADF
			}
			return w.linkFD(fds[slot], p)
		}, slot, p)
	case "fsync":
		return c(func(w world, fds []int) error { return w.fsync(fds[slot]) }, slot)
	case "fstat":
		return call{fmt.Sprint(kind, slot), func(w world, fds []int) string {
			var st unix.Stat_t
			if err := w.fstat(fds[slot], &st); err != nil {
				return errName(err)
			}
			return fmt.Sprint(st.Ino, st.Mode, st.Nlink, st.Size, st.Blocks, dataOfFD(w, fds[slot]))
		}}
	case "setflags":
		f := uint32(flag("flags", 0, flagNoAtime, flagNoDump|flagNoAtime, 0x8, 0x4))
		return call{fmt.Sprint(kind, slot, " ", f), func(w world, fds []int) string {
			if fds[slot] < 0 {
				return ""
			}
			_, err := w.ioctl(fds[slot], unix.FS_IOC_SETFLAGS, f)
			got, err2 := w.ioctl(fds[slot], unix.FS_IOC_GETFLAGS, 0)
			return fmt.Sprint(errName(err), got, errName(err2))
		}}
	}
	panic(kind)
}

// TestLikeTmpfs makes the same random calls on a tmpfs of the host and on a
// memfs of the same size, in which space and inodes are short: results, names,
// attributes, data, holes and what is left must be the same at each step.
func TestLikeTmpfs(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("", "memfs-host-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	options := rapid.SampledFrom([]string{
		"size=160k,nr_inodes=14", "size=1m,nr_inodes=100", "nr_blocks=5,nr_inodes=8", "size=2m,nr_inodes=0", "size=300k,nr_inodes=12,mode=750,uid=3,gid=4",
	})
	rapid.Check(t, func(t *rapid.T) {
		opts := options.Draw(t, "options")
		host, unmountHost, err := mountHostWorld(dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		mem, unmountMem, err := mountMemWorld(opts)
		if err != nil {
			t.Fatal(err)
		}
		const slots = 3
		hostFDs, memFDs := slices.Repeat([]int{-1}, slots), slices.Repeat([]int{-1}, slots)
		defer func() {
			for i := range slots {
				if hostFDs[i] >= 0 {
					host.close(hostFDs[i])
				}
				if memFDs[i] >= 0 {
					mem.close(memFDs[i])
				}
			}
			if err := unmountHost(); err != nil {
				t.Fatal(err)
			}
			if err := unmountMem(); err != nil {
				t.Fatal(err)
			}
		}()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c := drawCall(t, slots)
			h, m := c.do(host, hostFDs), c.do(mem, memFDs)
			if h != m {
				t.Fatalf("%s: host %s, memfs %s", c.text, h, m)
			}
			diffWorlds(t, host, mem)
		}
	})
}
