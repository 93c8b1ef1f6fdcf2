package govfs

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/govfs/govfs/vfs"
)

// defaultUmask is the file mode creation mask of a process that does not tell.
const defaultUmask = 0o022

// identity is who this process is for the host's file systems: its effective
// ids, groups and capabilities, and its umask.
type identity struct {
	cred  *vfs.Cred
	umask uint32
}

// processIdentity is the identity of this process when it was first asked for.
var processIdentity = sync.OnceValue(func() identity {
	id := identity{cred: idsOnly(), umask: defaultUmask}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return id // no /proc here: ids say enough
	}
	return parseStatus(string(status), id)
})

// idsOnly is the identity as far as Go itself knows it: user 0 has all
// capabilities, nobody else any.
func idsOnly() *vfs.Cred {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	var groups []uint32
	if list, err := os.Getgroups(); err == nil {
		for _, g := range list {
			groups = append(groups, uint32(g))
		}
	}
	cred := vfs.UserCred(uid, gid, groups...)
	cred.UID, cred.GID = uint32(os.Getuid()), uint32(os.Getgid())
	if uid == 0 {
		cred.Caps = vfs.AllCaps
	}
	return cred
}

// parseStatus reads what /proc/PID/status says about umask, ids for file
// systems and capabilities (proc_pid_status(5)); what it does not say stays
// as in id.
func parseStatus(status string, id identity) identity {
	cred := *id.cred
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case key == "Umask" && len(fields) == 1:
			if n, err := strconv.ParseUint(fields[0], 8, 32); err == nil {
				id.umask = uint32(n)
			}
		case key == "CapEff" && len(fields) == 1:
			if n, err := strconv.ParseUint(fields[0], 16, 64); err == nil {
				cred.Caps = vfs.CapSet(n)
			}
		case key == "Uid" && len(fields) == 4: // real, effective, saved, file system
			setIDs(fields, &cred.UID, &cred.EUID, &cred.FSUID)
		case key == "Gid" && len(fields) == 4:
			setIDs(fields, &cred.GID, &cred.EGID, &cred.FSGID)
		}
	}
	id.cred = &cred
	return id
}

func setIDs(fields []string, real, effective, fsid *uint32) {
	var ids [4]uint32
	for i := range ids {
		n, err := strconv.ParseUint(fields[i], 10, 32)
		if err != nil {
			return
		}
		ids[i] = uint32(n)
	}
	*real, *effective, *fsid = ids[0], ids[1], ids[3]
}
