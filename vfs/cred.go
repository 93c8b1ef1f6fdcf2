package vfs

import "golang.org/x/sys/unix"

// Cap is a capability (capabilities(7)).
type Cap uint

const (
	CapChown         Cap = unix.CAP_CHOWN
	CapDACOverride   Cap = unix.CAP_DAC_OVERRIDE
	CapDACReadSearch Cap = unix.CAP_DAC_READ_SEARCH
	CapFowner        Cap = unix.CAP_FOWNER
	CapFsetid        Cap = unix.CAP_FSETID
	CapSetfcap       Cap = unix.CAP_SETFCAP
	CapSysAdmin      Cap = unix.CAP_SYS_ADMIN
	CapSysChroot     Cap = unix.CAP_SYS_CHROOT
	CapSysRawio      Cap = unix.CAP_SYS_RAWIO
	CapSysResource   Cap = unix.CAP_SYS_RESOURCE
	CapMknod         Cap = unix.CAP_MKNOD
	CapLease         Cap = unix.CAP_LEASE
	CapLinuxImm      Cap = unix.CAP_LINUX_IMMUTABLE
)

// CapSet is a set of capabilities.
type CapSet uint64

// AllCaps is what root has.
const AllCaps CapSet = 1<<(unix.CAP_LAST_CAP+1) - 1

// Has reports whether c is in the set.
func (s CapSet) Has(c Cap) bool { return s&(1<<c) != 0 }

// With and Without add and remove one capability.
func (s CapSet) With(c Cap) CapSet    { return s | 1<<c }
func (s CapSet) Without(c Cap) CapSet { return s &^ (1 << c) }

// A Cred is an identity. It is immutable once a task has it.
type Cred struct {
	UID, GID     uint32 // real
	EUID, EGID   uint32 // effective
	FSUID, FSGID uint32 // for access to files: normally the effective ones
	Groups       []uint32
	Caps         CapSet // effective
}

// RootCred is uid 0 with all capabilities.
func RootCred() *Cred { return &Cred{Caps: AllCaps} }

// UserCred is an ordinary user without capabilities.
func UserCred(uid, gid uint32, groups ...uint32) *Cred {
	return &Cred{UID: uid, EUID: uid, FSUID: uid, GID: gid, EGID: gid, FSGID: gid, Groups: groups}
}

// Has reports whether the identity has the capability.
func (c *Cred) Has(cp Cap) bool { return c.Caps.Has(cp) }

// InGroup reports whether gid is fsgid or one of the supplementary groups.
func (c *Cred) InGroup(gid uint32) bool {
	if c.FSGID == gid {
		return true
	}
	for _, g := range c.Groups {
		if g == gid {
			return true
		}
	}
	return false
}

// real is the identity that access(2) tests with: real ids, and capabilities
// only for root.
func (c *Cred) real() *Cred {
	r := *c
	r.FSUID, r.FSGID = c.UID, c.GID
	if c.UID != 0 {
		r.Caps = 0
	} else if c.EUID != 0 {
		r.Caps = AllCaps
	}
	return &r
}

// ownerOrCapable reports whether the caller may act as the inode's owner.
func (c *Cred) ownerOrCapable(in *Inode) bool {
	return c.FSUID == in.UID() || c.Has(CapFowner)
}
