package fuse

import (
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// The protocol's device numbers are the 32-bit ones of stat's old form: 12 bits
// of major, 20 of minor.

func encodeDev(d vfs.Dev) uint32 {
	major, minor := unix.Major(d), unix.Minor(d)
	return minor&0xff | major<<8 | minor&^0xff<<12
}

func decodeDev(d uint32) vfs.Dev {
	return unix.Mkdev(d&0xfff00>>8, d&0xff|d>>12&0xfff00)
}

// putAttr fills an answer's attributes.
func putAttr(a *gofuse.Attr, st *vfs.Stat) {
	*a = gofuse.Attr{
		Ino: st.Ino, Size: uint64(st.Size), Blocks: uint64(st.Blocks),
		Atime: uint64(st.Atime.Sec), Atimensec: st.Atime.Nsec,
		Mtime: uint64(st.Mtime.Sec), Mtimensec: st.Mtime.Nsec,
		Ctime: uint64(st.Ctime.Sec), Ctimensec: st.Ctime.Nsec,
		Mode: st.Mode, Nlink: st.Nlink,
		Owner: gofuse.Owner{Uid: st.UID, Gid: st.GID},
		Rdev:  encodeDev(st.Rdev), Blksize: uint32(st.Blksize),
	}
}

func statxTime(t vfs.Timespec) gofuse.SxTime {
	return gofuse.SxTime{Sec: uint64(t.Sec), Nsec: t.Nsec}
}

// putStatx fills the answer to statx. The birth time is there if it is known.
func putStatx(out *gofuse.Statx, st *vfs.Stat) {
	*out = gofuse.Statx{
		Mask: unix.STATX_BASIC_STATS, Blksize: uint32(st.Blksize), Nlink: st.Nlink,
		Uid: st.UID, Gid: st.GID, Mode: uint16(st.Mode), Ino: st.Ino, Size: uint64(st.Size), Blocks: uint64(st.Blocks),
		Attributes: st.Attrs, AttributesMask: st.AttrsMask,
		Atime: statxTime(st.Atime), Btime: statxTime(st.Btime), Ctime: statxTime(st.Ctime), Mtime: statxTime(st.Mtime),
		RdevMajor: unix.Major(st.Rdev), RdevMinor: unix.Minor(st.Rdev),
		DevMajor: unix.Major(st.Dev), DevMinor: unix.Minor(st.Dev),
	}
	if st.Btime != (vfs.Timespec{}) {
		out.Mask |= unix.STATX_BTIME
	}
}

// putEntry fills the answer that names a node.
func (s *Server) putEntry(out *gofuse.EntryOut, n *node, st *vfs.Stat) {
	putAttr(&out.Attr, st)
	out.NodeId = n.id
	out.Generation = nodeGeneration
	out.SetEntryTimeout(s.opt.EntryTimeout)
	out.SetAttrTimeout(s.opt.AttrTimeout)
}

// nodeGeneration goes with every node id: as none is used twice, they need no
// further distinction.
const nodeGeneration = 1

// validTimeout is a time that the protocol can say: seconds in 64 bits, none
// below zero.
func validTimeout(d, dflt time.Duration) time.Duration {
	switch {
	case d == 0:
		return dflt
	case d < 0:
		return 0
	}
	return d
}
