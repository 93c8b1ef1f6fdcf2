package vfs

import (
	"context"
	"math"

	"golang.org/x/sys/unix"
)

// Flags of a fiemap request and of an extent (FIEMAP_FLAG_*, FIEMAP_EXTENT_*).
const (
	FiemapSync  uint32 = 0x1 // write the file out first
	FiemapXattr uint32 = 0x2 // map the extended attributes
	FiemapCache uint32 = 0x4 // ask for caching of the extents

	FiemapLast          uint32 = 0x1 // the last extent of the file
	FiemapUnknown       uint32 = 0x2 // its place is unknown
	FiemapDelalloc      uint32 = 0x4 // not allocated yet; with FiemapUnknown
	FiemapEncoded       uint32 = 0x8
	FiemapDataEncrypted uint32 = 0x80
	FiemapNotAligned    uint32 = 0x100
	FiemapDataInline    uint32 = 0x200
	FiemapDataTail      uint32 = 0x400
	FiemapUnwritten     uint32 = 0x800 // allocated, reads as zeros
	FiemapMerged        uint32 = 0x1000
	FiemapShared        uint32 = 0x2000
)

// A FiemapExtent is one piece of a file: bytes from Logical on, at Physical of
// the device.
type FiemapExtent struct {
	Logical, Physical, Length uint64 // bytes
	Flags                     uint32
}

// FiemapInfo is what a Fiemap method fills.
type FiemapInfo struct {
	// Flags of the request; those that CheckFlags refused, after EBADR.
	Flags uint32
	// Mapped is the number of extents reported so far.
	Mapped  int
	extents []FiemapExtent // room; none if only the number is asked for
}

// CheckFlags is EBADR if the request has flags beyond FiemapSync that are not
// in supported: they are left in Flags for the caller to see.
func (i *FiemapInfo) CheckFlags(supported uint32) error {
	if bad := i.Flags &^ (supported | FiemapSync); bad != 0 {
		i.Flags = bad
		return unix.EBADR
	}
	return nil
}

// Extent reports one extent, in the order of the file. False tells the method
// to stop, with success: there is no more room, or it was the last one.
func (i *FiemapInfo) Extent(logical, physical, length uint64, flags uint32) (more bool) {
	if flags&FiemapDelalloc != 0 {
		flags |= FiemapUnknown
	}
	if flags&FiemapDataEncrypted != 0 {
		flags |= FiemapEncoded
	}
	if flags&(FiemapDataTail|FiemapDataInline) != 0 {
		flags |= FiemapNotAligned
	}
	if len(i.extents) > 0 {
		if i.Mapped >= len(i.extents) {
			return false
		}
		i.extents[i.Mapped] = FiemapExtent{logical, physical, length, flags}
	}
	i.Mapped++
	return flags&FiemapLast == 0 && (len(i.extents) == 0 || i.Mapped < len(i.extents))
}

// A FiemapRequest asks for the extents of a file in [Start, Start+Length),
// bytes. With no room in Extents only their number is asked for.
type FiemapRequest struct {
	Start, Length uint64
	Flags         uint32 // FIEMAP_FLAG_*; those that are not supported after EBADR
	Extents       []FiemapExtent
	Mapped        int // answer: how many of Extents are filled, or would be
}

// Fiemap reports where the file's data are. EOPNOTSUPP without the method;
// EINVAL for a length of 0; EFBIG for a start beyond the largest file; EBADR for
// flags that are not supported.
func (f *File) Fiemap(ctx context.Context, req *FiemapRequest) error {
	in := f.inode
	if in.ops.fiemap == nil {
		return unix.EOPNOTSUPP
	}
	limit := uint64(in.sb.MaxBytes)
	if req.Length == 0 {
		return unix.EINVAL
	}
	if req.Start > limit {
		return unix.EFBIG
	}
	length := req.Length
	if length > limit || limit-length < req.Start {
		length = limit - req.Start
	}
	if req.Flags&FiemapSync != 0 && f.ops.fsync != nil {
		if err := f.Fsync(ctx, 0, math.MaxInt64, true); err != nil {
			return err
		}
	}
	info := FiemapInfo{Flags: req.Flags, extents: req.Extents}
	err := gateFiemap(in.ops.fiemap, ctx, in, &info, req.Start, length)
	req.Flags, req.Mapped = info.Flags, info.Mapped
	return err
}

// Fiemap does [File.Fiemap] on a descriptor. EBADF.
func (t *Task) Fiemap(fd int, req *FiemapRequest) error {
	return t.withFile(fd, func(f *File) error { return f.Fiemap(t, req) })
}
