package difftest

import (
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Short lists of operations about which there was a disagreement once, on some
// side. Each is run on all sides.
var oncewrong = []struct {
	what string
	ops  []Op
}{
	{"link of a descriptor that is none", []Op{
		{Kind: Link, User: 1, Dir: 7, Dir2: NoSlot, Path2: "/x", Flags: unix.AT_EMPTY_PATH},
	}},
	{"link of what another identity has opened", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT, Mode: 0o666, Dir: NoSlot},
		{Kind: Link, User: 1, Dir: 0, Dir2: NoSlot, Path2: "/x", Flags: unix.AT_EMPTY_PATH},
		{Kind: Open, User: 1, Slot: 1, Path: "/", Flags: unix.O_TMPFILE | unix.O_RDWR, Mode: 0o600, Dir: NoSlot},
		{Kind: Link, User: 1, Dir: 1, Dir2: NoSlot, Path2: "/y", Flags: unix.AT_EMPTY_PATH},
	}},
	{"link to another's symlink, and of a directory", []Op{
		{Kind: Symlink, Path: "/s", Path2: ".", Dir: NoSlot},
		{Kind: Link, User: 1, Path: "/s", Dir: NoSlot, Dir2: NoSlot, Path2: "/x"},
		{Kind: Link, User: 1, Path: "/", Dir: NoSlot, Dir2: NoSlot, Path2: "/x"},
	}},
	{"the flags of an open file", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_EXCL | unix.O_TRUNC | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Getfl},
	}},
	{"truncate to the size that it has", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Truncate, Path: "/f", Dir: NoSlot},
		{Kind: Ftruncate},
		{Kind: Write, Len: 4096},
		{Kind: Truncate, Path: "/f", Off: 4096, Dir: NoSlot},
		{Kind: Ftruncate, Off: 4096},
	}},
	{"a wrong name before a wrong descriptor", []Op{
		{Kind: Fsetxattr, Slot: 7},
		{Kind: Fsetxattr, Slot: 7, Name: "user." + strings.Repeat("x", 251)},
		{Kind: Fsetxattr, Slot: 7, Name: "user.a", Value: make([]byte, 65537)},
		{Kind: Fgetxattr, Slot: 7},
		{Kind: Fremovexattr, Slot: 7},
	}},
	{"wrong times of nothing", []Op{
		{Kind: Utimens, Path: "/gone", Times: [2]TimeArg{{Nsec: 1e9}}, Dir: NoSlot},
		{Kind: Futimens, Slot: 7, Times: [2]TimeArg{{Nsec: 1e9}}},
	}},
	{"a link to the root while staying on one mount", []Op{
		{Kind: Symlink, Path: "/s", Path2: "/", Dir: NoSlot},
		{Kind: Openat2, Path: "s", Dev: unix.RESOLVE_NO_XDEV, Dir: NoSlot},
		{Kind: Openat2, Path: "/s", Dev: unix.RESOLVE_NO_XDEV, Dir: NoSlot},
		{Kind: Openat2, Path: "../s", Dev: unix.RESOLVE_NO_XDEV, Dir: NoSlot},
	}},
	{"a directory read far behind its end", []Op{
		{Kind: Open, Path: "/", Dir: NoSlot},
		{Kind: Pread, Len: 10, Off: math.MaxInt64},
		{Kind: Pread, Len: 10},
	}},
	{"capabilities that are none", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Fsetxattr, Name: "security.capability"},
		{Kind: Fgetxattr, Name: "security.capability", Len: 100},
		{Kind: Fsetxattr, Name: "security.capability", Value: capsValue(3, 5)},
		{Kind: Fgetxattr, Name: "security.capability", Len: 100},
		{Kind: Fgetxattr, Name: "security.capability"},
	}},
	{"copies from and to far away", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Open, Slot: 1, Path: "/g", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Write, Len: 100},
		{Kind: CopyRange, Slot2: 1, Off: math.MaxInt64, Len: 100},
		{Kind: CopyRange, Slot2: 1, Off2: math.MaxInt64, Len: 100},
		{Kind: CopyRange, Slot2: 1, Off: math.MinInt64, Len: 100},
		{Kind: CopyRange, Slot2: 1, Off: 1 << 31, Off2: math.MaxInt64 - 4095, Len: 65536},
	}},
	{"a wrong list on an append-only file", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Setflags, Flags: flagAppend},
		{Kind: Setxattr, Path: "/f", Name: "system.posix_acl_access", Value: []byte("0123456789abcdef"), Dir: NoSlot},
		{Kind: Setflags},
	}},
	{"an ACL that goes takes setgid along", []Op{
		{Kind: Mkdir, User: 2, Path: "/d", Mode: 0o777, Dir: NoSlot},
		{Kind: Chown, Path: "/d", UID: 1001, GID: 1000, Dir: NoSlot},
		{Kind: Chmod, Path: "/d", Mode: 0o2777, Dir: NoSlot},
		{Kind: Removexattr, User: 2, Path: "/d", Name: "system.posix_acl_access", Dir: NoSlot},
	}},
	{"the parent of a directory that was renamed over", []Op{
		{Kind: Mkdir, Path: "/a", Mode: 0o777, Dir: NoSlot},
		{Kind: Mkdir, Path: "/a/x", Mode: 0o777, Dir: NoSlot},
		{Kind: Mkdir, Path: "/b", Mode: 0o777, Dir: NoSlot},
		{Kind: Open, Path: "/b", Dir: NoSlot},
		{Kind: Rename, Path: "/a/x", Path2: "/b", Dir: NoSlot, Dir2: NoSlot},
		{Kind: Fchdir},
		{Kind: Stat, Path: "..", Dir: NoSlot},
		{Kind: Getcwd},
	}},
	{"the largest file", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Pwrite, Len: 5000, Off: 4096},
		{Kind: Ftruncate, Off: math.MaxInt64},
		{Kind: Truncate, Path: "/f", Off: math.MaxInt64, Dir: NoSlot},
		{Kind: Pread, Len: 5000, Off: 4096},
	}},
	{"space for a setuid file by another user", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o6777, Dir: NoSlot},
		{Kind: Fchmod, Mode: 0o6777},
		{Kind: Fallocate, Off2: 5000},
		{Kind: Fallocate, User: 1, Flags: unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, Off2: 5000},
	}},
	{"a copy to a setgid file by another user", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o777, Dir: NoSlot},
		{Kind: Open, Slot: 1, Path: "/g", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Write, Slot: 1, Len: 100},
		{Kind: Fchmod, Mode: 0o2767},
		{Kind: CopyRange, User: 1, Slot: 1, Slot2: 0, Len: 50},
	}},
	{"chattr stamps", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o777, Dir: NoSlot},
		{Kind: Fstat},
		{Kind: Setflags, Flags: flagNoDump},
		{Kind: Fstat},
	}},
	{"a chown that changes no owner", []Op{
		{Kind: Open, User: 1, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o777, Dir: NoSlot},
		{Kind: Fchown, UID: ^uint32(0), GID: ^uint32(0)},
		{Kind: Fchmod, User: 1, Mode: 0o6777},
		{Kind: Fchown, User: 1, UID: ^uint32(0), GID: ^uint32(0)},
		{Kind: Fchmod, User: 1, Mode: 0o4755},
		{Kind: Chown, User: 2, Path: "/f", UID: ^uint32(0), GID: ^uint32(0), Dir: NoSlot},
		{Kind: Fchown, UID: ^uint32(0), GID: ^uint32(0)},
	}},
	{"a chown takes setgid from who is not in the group", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o666, Dir: NoSlot},
		{Kind: Fchown, UID: 1001, GID: 1000},
		{Kind: Fchmod, Mode: 0o2666},
		{Kind: Chown, User: 2, Path: "/f", UID: 1001, GID: 1000, Dir: NoSlot},
		{Kind: Fchmod, Mode: 0o2666},
		{Kind: Chown, User: 0, Path: "/f", UID: 1001, GID: 1000, Dir: NoSlot},
	}},
	{"root writes to a setuid file with capabilities", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o777, Dir: NoSlot},
		{Kind: Fchmod, Mode: 0o4777},
		{Kind: Fsetxattr, Name: "security.capability", Value: capsValue(2, 4)},
		{Kind: Write, Len: 100},
		{Kind: Fgetxattr, Name: "security.capability", Len: 100},
		{Kind: Fchown, UID: ^uint32(0), GID: 0},
		{Kind: Fchown, UID: ^uint32(0), GID: ^uint32(0)},
	}},
	{"flags that change while a file is open", []Op{
		{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR | unix.O_APPEND, Mode: 0o777, Dir: NoSlot},
		{Kind: Open, Slot: 1, Path: "/", Dir: NoSlot},
		{Kind: Write, Len: 9000},
		{Kind: Setfl, Flags: unix.O_NOATIME},
		{Kind: Setfl, Slot: 1, Flags: unix.O_NOATIME},
		{Kind: CopyRange, Off: 0, Off2: 4096, Len: 100},
		{Kind: Futimens, Times: [2]TimeArg{{Sec: 1}, {Sec: 2}}},
		{Kind: Utimens, Path: "/", Times: [2]TimeArg{{Sec: 1}, {Sec: 2}}, Dir: NoSlot},
		{Kind: List, Slot: 1},
		{Kind: Fstat, Slot: 1},
		{Kind: Pread, Len: 100},
		{Kind: Fstat},
	}},
	{"a directory that was moved has another parent", []Op{
		{Kind: Mkdir, Path: "/a", Mode: 0o777, Dir: NoSlot},
		{Kind: Mkdir, Path: "/a/x", Mode: 0o777, Dir: NoSlot},
		{Kind: Open, Path: "/a/x", Dir: NoSlot},
		{Kind: List},
		{Kind: Rename, Path: "/a/x", Path2: "/x", Dir: NoSlot, Dir2: NoSlot},
		{Kind: Open, Slot: 1, Path: "/x", Dir: NoSlot},
		{Kind: List, Slot: 1},
		{Kind: Stat, Path: "..", Dir: 1},
	}},
}

// capsValue is file capabilities of a revision, with words after the first one.
func capsValue(revision byte, words int) []byte {
	return append([]byte{1, 0, 0, revision}, make([]byte, 4*words)...)
}

func TestOnceWrong(t *testing.T) {
	needRoot(t)
	needFUSE(t)
	for _, c := range oncewrong {
		t.Run(c.what, func(t *testing.T) {
			for _, flags := range []uint64{0, unix.MS_NODEV | unix.MS_NOATIME} {
				cfg := Config{Options: "size=1g,nr_inodes=100000", MountFlags: flags}
				m, err := Compare(cfg, c.ops, host, []Contender{memory, mounted}, FinePace)
				if err != nil {
					t.Fatal(err)
				}
				if m != nil {
					t.Errorf("after %s:\n%s", c.ops[m.Index].String(), m)
				}
			}
		})
	}
}
