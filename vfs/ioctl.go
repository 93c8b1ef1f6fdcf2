package vfs

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The ioctl commands that the core handles itself.
const (
	ioctlFIBMAP   = 0x1
	ioctlFIGETBSZ = 0x2
	ioctlFIONREAD = 0x541b
	ioctlFIONBIO  = 0x5421
	ioctlFIONCLEX = 0x5450
	ioctlFIOCLEX  = 0x5451
	ioctlFIOASYNC = 0x5452
	ioctlFIOQSIZE = 0x5460
	ioctlFIFREEZE = 0xc0045877
	ioctlFITHAW   = 0xc0045878
	ioctlFIEMAP   = 0xc020660b

	ioctlRESVSP      = 0x40305828 // the historic preallocation of regular files
	ioctlUNRESVSP    = 0x4030582b
	ioctlRESVSP64    = 0x4030582a
	ioctlUNRESVSP64  = 0x4030582d
	ioctlZERORANGE   = 0x40305839
	spaceReservation = 48 // bytes of struct space_resv
)

// IoctlArg is the argument of an ioctl: a number, or the memory that it points
// to. In is what the caller has there, Out the room for what it gets; they may
// be the same bytes. What is missing or too short is EFAULT.
type IoctlArg struct {
	Value uint64
	In    []byte
	Out   []byte
}

// Uint32 and Uint64 read the start of In, in the machine's byte order.
func (a *IoctlArg) Uint32() (uint32, error) {
	if len(a.In) < 4 {
		return 0, unix.EFAULT
	}
	return binary.NativeEndian.Uint32(a.In), nil
}

func (a *IoctlArg) Uint64() (uint64, error) {
	if len(a.In) < 8 {
		return 0, unix.EFAULT
	}
	return binary.NativeEndian.Uint64(a.In), nil
}

// PutUint32 and PutUint64 write the start of Out, in the machine's byte order.
func (a *IoctlArg) PutUint32(v uint32) error {
	if len(a.Out) < 4 {
		return unix.EFAULT
	}
	binary.NativeEndian.PutUint32(a.Out, v)
	return nil
}

func (a *IoctlArg) PutUint64(v uint64) error {
	if len(a.Out) < 8 {
		return unix.EFAULT
	}
	binary.NativeEndian.PutUint64(a.Out, v)
	return nil
}

// Ioctl does a command on a descriptor: the core's own first, then the
// driver's. EBADF; ENOTTY for a command that nobody knows; EFAULT for an
// argument that is too short.
func (t *Task) Ioctl(fd int, cmd uint32, arg *IoctlArg) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	switch cmd {
	case ioctlFIOCLEX:
		return 0, t.files.setCloexec(fd, true)
	case ioctlFIONCLEX:
		return 0, t.files.setCloexec(fd, false)
	case ioctlFIOASYNC:
		return 0, f.setAsync(t, fd, arg)
	}
	return f.Ioctl(t, cmd, arg)
}

// CompatIoctl is Ioctl of a 32-bit caller: the driver's CompatIoctl has the
// first word, and what it does not know goes the ordinary way.
func (t *Task) CompatIoctl(fd int, cmd uint32, arg *IoctlArg) (int, error) {
	f, err := t.fileFor(fd)
	if err != nil {
		return 0, err
	}
	defer f.Put(t)
	if f.ops.compatIoctl != nil {
		if n, err := gateCompatIoctl(f.ops.compatIoctl, t, f, cmd, arg); err != unix.ENOTTY {
			return n, err
		}
	}
	return t.Ioctl(fd, cmd, arg)
}

// Ioctl does a command on the open file; those about the descriptor are
// [Task.Ioctl]'s.
func (f *File) Ioctl(ctx context.Context, cmd uint32, arg *IoctlArg) (int, error) {
	in := f.inode
	switch cmd {
	case ioctlFIONBIO:
		on, err := arg.Uint32()
		if err != nil {
			return 0, err
		}
		flags := 0
		if on != 0 {
			flags = unix.O_NONBLOCK
		}
		f.changeFlags(unix.O_NONBLOCK, flags)
		return 0, nil
	case ioctlFIOQSIZE:
		switch in.Type() {
		case unix.S_IFDIR, unix.S_IFREG, unix.S_IFLNK:
			return 0, arg.PutUint64(uint64(in.Blocks()) * 512)
		}
		return 0, unix.ENOTTY
	case ioctlFIEMAP:
		return 0, f.ioctlFiemap(ctx, arg)
	case ioctlFIGETBSZ:
		return 0, arg.PutUint32(uint32(in.sb.BlockSize))
	case ioctlFIFREEZE, ioctlFITHAW:
		if !TaskFrom(ctx).cred.Has(CapSysAdmin) {
			return 0, unix.EPERM
		}
		if cmd == ioctlFITHAW {
			return 0, unix.EINVAL // not frozen
		}
		return 0, unix.EOPNOTSUPP
	}
	if in.IsRegular() {
		if n, err := f.ioctlRegular(ctx, cmd, arg); err != unix.ENOTTY {
			return n, err
		}
	}
	if f.ops.unlockedIoctl == nil {
		return 0, unix.ENOTTY
	}
	return gateUnlockedIoctl(f.ops.unlockedIoctl, ctx, f, cmd, arg)
}

// setAsync is FIOASYNC: unlike F_SETFL it says so where a file cannot signal.
func (f *File) setAsync(t *Task, fd int, arg *IoctlArg) error {
	on, err := arg.Uint32()
	if err != nil {
		return err
	}
	if (on != 0) == (f.Flags()&unix.O_ASYNC != 0) {
		return nil
	}
	if f.ops.fasync == nil {
		return unix.ENOTTY
	}
	_, err = gateFasync(f.ops.fasync, t, fd, f, on != 0)
	return err
}

// ioctlRegular are the commands of regular files. ENOTTY for others.
func (f *File) ioctlRegular(ctx context.Context, cmd uint32, arg *IoctlArg) (int, error) {
	switch cmd {
	case ioctlFIBMAP:
		if !TaskFrom(ctx).cred.Has(CapSysRawio) {
			return 0, unix.EPERM
		}
		return 0, unix.EINVAL // blocks are the page cache's matter: no mapping here has bmap
	case ioctlFIONREAD:
		return 0, arg.PutUint32(uint32(f.inode.Size() - f.Pos()))
	case ioctlRESVSP, ioctlRESVSP64:
		return 0, f.ioctlReserve(ctx, arg, unix.FALLOC_FL_KEEP_SIZE)
	case ioctlUNRESVSP, ioctlUNRESVSP64:
		return 0, f.ioctlReserve(ctx, arg, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE)
	case ioctlZERORANGE:
		return 0, f.ioctlReserve(ctx, arg, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_ZERO_RANGE)
	}
	return 0, unix.ENOTTY
}

// ioctlReserve is fallocate with a struct space_resv: a whence (s16 at 2), a
// start and a length (s64 at 8 and 16).
func (f *File) ioctlReserve(ctx context.Context, arg *IoctlArg, mode uint32) error {
	if len(arg.In) < spaceReservation {
		return unix.EFAULT
	}
	ne := binary.NativeEndian
	start, length := int64(ne.Uint64(arg.In[8:])), int64(ne.Uint64(arg.In[16:]))
	switch ne.Uint16(arg.In[2:]) {
	case unix.SEEK_SET:
	case unix.SEEK_CUR:
		start += f.Pos()
	case unix.SEEK_END:
		start += f.inode.Size()
	default:
		return unix.EINVAL
	}
	return f.Fallocate(ctx, mode, start, length)
}

// Sizes of struct fiemap and of one extent in it, in bytes.
const (
	fiemapHeader     = 32
	fiemapExtentSize = 56
)

// ioctlFiemap is Fiemap with a struct fiemap: start, length (u64), flags,
// mapped, room (u32), and the extents after 32 bytes.
func (f *File) ioctlFiemap(ctx context.Context, arg *IoctlArg) error {
	if f.inode.ops.fiemap == nil {
		return unix.EOPNOTSUPP
	}
	if len(arg.In) < fiemapHeader || len(arg.Out) < fiemapHeader {
		return unix.EFAULT
	}
	ne := binary.NativeEndian
	room := ne.Uint32(arg.In[24:])
	if room > (1<<32-1-fiemapHeader)/fiemapExtentSize {
		return unix.EINVAL
	}
	if int(room) > (len(arg.Out)-fiemapHeader)/fiemapExtentSize {
		return unix.EFAULT
	}
	req := FiemapRequest{
		Start: ne.Uint64(arg.In), Length: ne.Uint64(arg.In[8:]), Flags: ne.Uint32(arg.In[16:]),
		Extents: make([]FiemapExtent, room),
	}
	err := f.Fiemap(ctx, &req)
	if err != nil && err != unix.EBADR {
		return err
	}
	copy(arg.Out[:fiemapHeader], arg.In)
	ne.PutUint32(arg.Out[16:], req.Flags)
	ne.PutUint32(arg.Out[20:], uint32(req.Mapped))
	for i, e := range req.Extents[:min(req.Mapped, len(req.Extents))] {
		out := arg.Out[fiemapHeader+i*fiemapExtentSize:][:fiemapExtentSize]
		clear(out)
		ne.PutUint64(out, e.Logical)
		ne.PutUint64(out[8:], e.Physical)
		ne.PutUint64(out[16:], e.Length)
		ne.PutUint32(out[40:], e.Flags)
	}
	return err
}
