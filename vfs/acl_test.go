package vfs_test

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

func aclOf(t *testing.T, entries ...vfs.ACLEntry) []byte {
	t.Helper()
	a, err := vfs.NewACL(entries)
	must(t, "acl", err)
	return a.Append(nil)
}

func TestACLCoding(t *testing.T) {
	entries := []vfs.ACLEntry{
		{Tag: vfs.ACLUserObj, Perm: 7}, {Tag: vfs.ACLUser, Perm: 5, ID: 1000}, {Tag: vfs.ACLGroupObj, Perm: 4},
		{Tag: vfs.ACLMask, Perm: 5}, {Tag: vfs.ACLOther, Perm: 1},
	}
	value := aclOf(t, entries...)
	a, err := vfs.ParseACL(value)
	if err != nil || !slices.Equal(a.Entries(), entries) {
		t.Errorf("%v, %v after encoding and parsing", a.Entries(), err)
	}
	for what, c := range map[string]struct {
		value []byte
		want  error
	}{
		"nothing":               {nil, unix.EINVAL},
		"half a header":         {[]byte{2, 0}, unix.EINVAL},
		"another version":       {[]byte{1, 0, 0, 0}, unix.EOPNOTSUPP},
		"no entries":            {[]byte{2, 0, 0, 0}, nil},
		"half an entry":         {append([]byte{2, 0, 0, 0}, 1, 0, 7), unix.EINVAL},
		"an unknown tag":        {append([]byte{2, 0, 0, 0}, 3, 0, 7, 0, 0, 0, 0, 0), unix.EINVAL},
		"a user without number": {append([]byte{2, 0, 0, 0}, 2, 0, 7, 0, 255, 255, 255, 255), unix.EINVAL},
	} {
		if a, err := vfs.ParseACL(c.value); err != c.want || a.Entries() != nil {
			t.Errorf("%s: %v, %v, want %v", what, a.Entries(), err, c.want)
		}
	}
	u, g, m, o := vfs.ACLEntry{Tag: vfs.ACLUserObj}, vfs.ACLEntry{Tag: vfs.ACLGroupObj}, vfs.ACLEntry{Tag: vfs.ACLMask}, vfs.ACLEntry{Tag: vfs.ACLOther}
	nu, ng := vfs.ACLEntry{Tag: vfs.ACLUser, ID: 1}, vfs.ACLEntry{Tag: vfs.ACLGroup, ID: 1}
	for _, c := range []struct {
		entries []vfs.ACLEntry
		valid   bool
	}{
		{[]vfs.ACLEntry{u, g, o}, true},
		{[]vfs.ACLEntry{u, g, m, o}, true},
		{[]vfs.ACLEntry{u, nu, nu, g, ng, m, o}, true},
		{nil, false},
		{[]vfs.ACLEntry{u, g}, false},
		{[]vfs.ACLEntry{u, o, g}, false},
		{[]vfs.ACLEntry{u, u, g, o}, false},
		{[]vfs.ACLEntry{u, nu, g, o}, false},
		{[]vfs.ACLEntry{u, g, ng, o}, false},
		{[]vfs.ACLEntry{u, g, nu, m, o}, false},
		{[]vfs.ACLEntry{u, g, o, o}, false},
		{[]vfs.ACLEntry{u, g, m, m, o}, false},
		{[]vfs.ACLEntry{{Tag: vfs.ACLUserObj, Perm: 8}, g, o}, false},
	} {
		if _, err := vfs.NewACL(c.entries); (err == nil) != c.valid {
			t.Errorf("%v: %v, valid is %v", c.entries, err, c.valid)
		}
	}
}

// TestACLPermission has each of several users ask for every right to a file
// whose access list has all kinds of entries.
func TestACLPermission(t *testing.T) {
	task := newRoot(t, "acl")
	create(t, task, "/f", "")
	must(t, "chown", task.Fchownat(vfs.AtCWD, "/f", 10, 20, 0))
	must(t, "setxattr", task.Setxattr(vfs.AtCWD, "/f", aclAccess, aclOf(t,
		vfs.ACLEntry{Tag: vfs.ACLUserObj, Perm: 2},
		vfs.ACLEntry{Tag: vfs.ACLUser, Perm: 7, ID: 11},
		vfs.ACLEntry{Tag: vfs.ACLUser, Perm: 0, ID: 12},
		vfs.ACLEntry{Tag: vfs.ACLGroupObj, Perm: 4},
		vfs.ACLEntry{Tag: vfs.ACLGroup, Perm: 2, ID: 21},
		vfs.ACLEntry{Tag: vfs.ACLGroup, Perm: 7, ID: 22},
		vfs.ACLEntry{Tag: vfs.ACLMask, Perm: 6},
		vfs.ACLEntry{Tag: vfs.ACLOther, Perm: 1},
	), 0, 0))
	if mode := stat(t, task, "/f").Mode & 0o777; mode != 0o261 {
		t.Errorf("mode %o, want 261: the mask is the group's", mode)
	}
	for _, c := range []struct {
		who     string
		cred    *vfs.Cred
		granted []uint32
	}{
		{"the owner, also in groups", vfs.UserCred(10, 22), []uint32{2}},
		{"a named user, limited by the mask", vfs.UserCred(11, 20), []uint32{2, 4, 6}},
		{"a named user with no right, in a group with all", vfs.UserCred(12, 22), nil},
		{"the group", vfs.UserCred(30, 20), []uint32{4}},
		{"a named group", vfs.UserCred(30, 21), []uint32{2}},
		{"two groups of which none has both", vfs.UserCred(30, 20, 21), []uint32{2, 4}},
		{"a named group, limited by the mask", vfs.UserCred(30, 1, 22), []uint32{2, 4, 6}},
		{"others", vfs.UserCred(30, 30), []uint32{1}},
	} {
		user := clone(t, task, c.cred, 0)
		for mask := uint32(1); mask < 8; mask++ {
			want := error(nil)
			if !slices.Contains(c.granted, mask) {
				want = unix.EACCES
			}
			if err := user.Faccessat(vfs.AtCWD, "/f", mask, 0); err != want {
				t.Errorf("%s: access(%d) is %v, want %v", c.who, mask, err, want)
			}
		}
	}
}

func TestACLsAndTheMode(t *testing.T) {
	task := newRoot(t, "acl")
	create(t, task, "/f", "")
	get := func(path, name string) []byte {
		buf := make([]byte, 200)
		n, err := task.Getxattr(vfs.AtCWD, path, name, buf, 0)
		if err == unix.ENODATA {
			return nil
		}
		must(t, "getxattr", err)
		return buf[:n]
	}
	list := func(uo, u, g, m, o uint16) []byte {
		return aclOf(t, vfs.ACLEntry{Tag: vfs.ACLUserObj, Perm: uo}, vfs.ACLEntry{Tag: vfs.ACLUser, Perm: u, ID: 5},
			vfs.ACLEntry{Tag: vfs.ACLGroupObj, Perm: g}, vfs.ACLEntry{Tag: vfs.ACLMask, Perm: m}, vfs.ACLEntry{Tag: vfs.ACLOther, Perm: o})
	}
	small := aclOf(t, vfs.ACLEntry{Tag: vfs.ACLUserObj, Perm: 6}, vfs.ACLEntry{Tag: vfs.ACLGroupObj, Perm: 5}, vfs.ACLEntry{Tag: vfs.ACLOther, Perm: 4})
	must(t, "set what the mode can say", task.Setxattr(vfs.AtCWD, "/f", aclAccess, small, 0, 0))
	if mode := stat(t, task, "/f").Mode & 0o777; mode != 0o654 || get("/f", aclAccess) != nil {
		t.Errorf("mode %o, list %x", mode, get("/f", aclAccess))
	}
	full := list(7, 6, 5, 4, 0)
	must(t, "set", task.Setxattr(vfs.AtCWD, "/f", aclAccess, full, 0, 0))
	if mode := stat(t, task, "/f").Mode & 0o777; mode != 0o740 || !slices.Equal(get("/f", aclAccess), full) {
		t.Errorf("mode %o, list %x", mode, get("/f", aclAccess))
	}
	must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/f", 0o321, 0))
	if !slices.Equal(get("/f", aclAccess), list(3, 6, 5, 2, 1)) {
		t.Errorf("list after chmod: %x", get("/f", aclAccess))
	}
	buf := make([]byte, 100)
	if n, _ := task.Listxattr(vfs.AtCWD, "/f", buf, 0); string(buf[:n]) != aclAccess+"\x00" {
		t.Errorf("names %q", buf[:n])
	}
	_, err := task.Listxattr(vfs.AtCWD, "/f", buf[:5], 0)
	wantErr(t, "listxattr with too little room", err, unix.ERANGE)
	_, err = task.Getxattr(vfs.AtCWD, "/f", aclAccess, buf[:5], 0)
	wantErr(t, "getxattr with too little room", err, unix.ERANGE)
	must(t, "remove", task.Removexattr(vfs.AtCWD, "/f", aclAccess, 0))
	must(t, "remove again", task.Removexattr(vfs.AtCWD, "/f", aclAccess, 0))
	if get("/f", aclAccess) != nil {
		t.Error("the list is still there")
	}

	user := clone(t, task, vfs.UserCred(9, 9), 0)
	must(t, "symlink", task.Symlinkat("f", vfs.AtCWD, "/l"))
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"by another user", user.Setxattr(vfs.AtCWD, "/f", aclAccess, full, 0, 0), unix.EPERM},
		{"malformed", task.Setxattr(vfs.AtCWD, "/f", aclAccess, []byte{9}, 0, 0), unix.EINVAL},
		{"in the wrong order", task.Setxattr(vfs.AtCWD, "/f", aclAccess, append(full, full[4:]...), 0, 0), unix.EINVAL},
		{"default of a file", task.Setxattr(vfs.AtCWD, "/f", aclDefault, full, 0, 0), unix.EACCES},
		{"no default of a file", task.Removexattr(vfs.AtCWD, "/f", aclDefault, 0), nil},
		{"of a symlink", task.Setxattr(vfs.AtCWD, "/l", aclAccess, full, 0, unix.AT_SYMLINK_NOFOLLOW), unix.EOPNOTSUPP},
	} {
		wantErr(t, c.what, c.err, c.want)
	}
	without := newRoot(t, "noacl")
	create(t, without, "/f", "")
	wantErr(t, "set without support", without.Setxattr(vfs.AtCWD, "/f", aclAccess, full, 0, 0), unix.EOPNOTSUPP)
	_, err = without.Getxattr(vfs.AtCWD, "/f", aclAccess, nil, 0)
	wantErr(t, "get without support", err, unix.EOPNOTSUPP)
}

func TestNewFilesInheritTheDefaultACL(t *testing.T) {
	task := newRoot(t, "acl")
	task.Umask(0o077)
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d", 0o755))
	if mode := stat(t, task, "/d").Mode & 0o777; mode != 0o700 {
		t.Errorf("mode %o without a default list: the umask applies", mode)
	}
	dflt := aclOf(t, vfs.ACLEntry{Tag: vfs.ACLUserObj, Perm: 7}, vfs.ACLEntry{Tag: vfs.ACLUser, Perm: 6, ID: 5},
		vfs.ACLEntry{Tag: vfs.ACLGroupObj, Perm: 5}, vfs.ACLEntry{Tag: vfs.ACLMask, Perm: 7}, vfs.ACLEntry{Tag: vfs.ACLOther, Perm: 4})
	must(t, "setxattr", task.Setxattr(vfs.AtCWD, "/d", aclDefault, dflt, 0, 0))
	fd, err := task.Openat(vfs.AtCWD, "/d/f", unix.O_CREAT|unix.O_RDWR, 0o666)
	must(t, "open", err)
	if mode := stat(t, task, "/d/f").Mode & 0o777; mode != 0o664 {
		t.Errorf("mode %o, want 664: the umask is not asked", mode)
	}
	buf := make([]byte, 200)
	n, err := task.Fgetxattr(fd, aclAccess, buf)
	must(t, "getxattr", err)
	want := aclOf(t, vfs.ACLEntry{Tag: vfs.ACLUserObj, Perm: 6}, vfs.ACLEntry{Tag: vfs.ACLUser, Perm: 6, ID: 5},
		vfs.ACLEntry{Tag: vfs.ACLGroupObj, Perm: 5}, vfs.ACLEntry{Tag: vfs.ACLMask, Perm: 6}, vfs.ACLEntry{Tag: vfs.ACLOther, Perm: 4})
	if !slices.Equal(buf[:n], want) {
		t.Errorf("list %x, want %x", buf[:n], want)
	}
	must(t, "mkdir", task.Mkdirat(vfs.AtCWD, "/d/sub", 0o777))
	n, err = task.Getxattr(vfs.AtCWD, "/d/sub", aclDefault, buf, 0)
	if err != nil || !slices.Equal(buf[:n], dflt) {
		t.Errorf("default list of a new directory: %x, %v", buf[:n], err)
	}
	user := clone(t, task, vfs.UserCred(5, 5), 0)
	must(t, "chmod", task.Fchmodat(vfs.AtCWD, "/d", 0o755, 0))
	must(t, "access by the named user", user.Faccessat(vfs.AtCWD, "/d/f", 6, 0))
}
