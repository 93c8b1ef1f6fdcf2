package block

import "context"

//go:generate go run github.com/govfs/govfs/internal/gategen

// This file is the contract between the block layer and a disk's driver
// (block_device_operations), and between the buffer cache and who submits
// buffers (b_end_io), each method as an interface. A driver collects the
// methods of its disk in a value of its own, which [OpsOf] resolves once. A
// method that is not there gets the default that its comment names.
//
// A method takes a context exactly where it may block.

// EndIOer is told once for each submitted buffer that its I/O has ended, and
// whether it succeeded. The buffer is locked, and that is the only guarantee:
// it runs as a completion does, and must not block. It sets or clears the
// buffer's uptodate flag, unlocks it, and completes the page if the buffer was
// the last; after that it touches neither.
//
// Rule: buffer_head.b_end_io: bh_lock yes, may_block no.
type EndIOer interface {
	EndIO(bh *BufferHead, uptodate bool)
}

// DeviceOpener is called at each open of the whole disk, and at the first open
// of a partition. ENOMEDIUM: there is none; ENXIO, EROFS as usual. It does not
// take bd_mutex. Absent: success.
//
// Rule: block_device_operations.open: bd_mutex yes.
type DeviceOpener interface {
	Open(ctx context.Context, bdev *BlockDevice, mode Mode) error
}

// DeviceReleaser is called for each DeviceOpener that succeeded. Before the
// last one the core has written and dropped all that it had cached of the
// device. It cannot fail. Absent: nothing is done.
//
// Rule: block_device_operations.release: bd_mutex yes.
type DeviceReleaser interface {
	Release(ctx context.Context, disk *Disk, mode Mode)
}

// DeviceIoctler handles the commands of the driver; arg is passed through from
// the caller of the ioctl. The core asks it first about flushing and the
// read-only flag, and takes EINVAL and ENOTTY there for "not mine". Absent, and
// for an unknown command: ENOTTY.
//
// Rule: block_device_operations.ioctl: bd_mutex no.
type DeviceIoctler interface {
	Ioctl(ctx context.Context, bdev *BlockDevice, mode Mode, cmd uint32, arg any) (int, error)
}

// DeviceCompatIoctler handles a command of a 32-bit caller; ENOTTY makes the
// core try its own table. Absent: ENOTTY.
//
// Rule: block_device_operations.compat_ioctl: bd_mutex no.
type DeviceCompatIoctler interface {
	CompatIoctl(ctx context.Context, bdev *BlockDevice, mode Mode, cmd uint32, arg any) (int, error)
}

// DirectAccesser returns the memory that is the storage from sector on: as
// much as is contiguous, of the size bytes asked for. It stays valid while the
// device is open. ENODEV, ENOSPC. Absent: EOPNOTSUPP.
//
// Rule: block_device_operations.direct_access: bd_mutex no.
type DirectAccesser interface {
	DirectAccess(ctx context.Context, bdev *BlockDevice, sector uint64, size int64) (mem []byte, err error)
}

// MediaChecker reports whether the medium was changed since it was last asked;
// asking resets that. Absent: never.
//
// Rule: block_device_operations.media_changed: bd_mutex no.
type MediaChecker interface {
	MediaChanged(ctx context.Context, disk *Disk) bool
}

// CapacityUnlocker makes the hidden tail of a disk accessible, when a partition
// lies beyond the visible end. What came of it shows in the capacity. Absent:
// nothing is hidden.
//
// Rule: block_device_operations.unlock_native_capacity: bd_mutex no.
type CapacityUnlocker interface {
	UnlockNativeCapacity(ctx context.Context, disk *Disk)
}

// DiskRevalidator reads the capacity and properties of the disk anew. It does
// not take bd_mutex. Absent: they do not change.
//
// Rule: block_device_operations.revalidate_disk: bd_mutex no.
type DiskRevalidator interface {
	RevalidateDisk(ctx context.Context, disk *Disk) error
}

// GeometryGetter fills geo, whose Start the core has set to the partition's
// first sector. Absent: ENOTTY.
//
// Rule: block_device_operations.getgeo: bd_mutex no.
type GeometryGetter interface {
	Getgeo(ctx context.Context, bdev *BlockDevice, geo *Geometry) error
}

// SwapSlotNotifier is told that a slot of swap space on the device is free,
// so that a compressing memory disk can drop its copy. It does no I/O, does not
// call back into swap, and may run in a completion. Absent: nothing is done.
//
// Rule: block_device_operations.swap_slot_free_notify: bd_mutex no, swap_lock yes, page_lock maybe, may_block no.
type SwapSlotNotifier interface {
	SwapSlotFreeNotify(bdev *BlockDevice, slot uint64)
}

// Mode says how a device is opened.
type Mode uint32

const (
	ModeRead Mode = 1 << iota
	ModeWrite
	ModeExcl     // claimed: no other claim while it is open
	ModeNonblock // O_NONBLOCK, as it is at the time of the call
)

// Geometry is what a disk pretends to look like, for programs that ask.
type Geometry struct {
	Heads, Sectors uint8
	Cylinders      uint16
	Start          uint64 // first sector
}

// Ops is a resolved table of a disk's methods. It is immutable.
type Ops struct {
	opener           DeviceOpener
	releaser         DeviceReleaser
	ioctler          DeviceIoctler
	compatIoctler    DeviceCompatIoctler
	directAccesser   DirectAccesser
	mediaChecker     MediaChecker
	capacityUnlocker CapacityUnlocker
	diskRevalidator  DiskRevalidator
	geometryGetter   GeometryGetter
	swapSlotNotifier SwapSlotNotifier
}

// OpsOf resolves the methods that x offers; nil offers none.
func OpsOf(x any) *Ops {
	o := new(Ops)
	o.opener, _ = x.(DeviceOpener)
	o.releaser, _ = x.(DeviceReleaser)
	o.ioctler, _ = x.(DeviceIoctler)
	o.compatIoctler, _ = x.(DeviceCompatIoctler)
	o.directAccesser, _ = x.(DirectAccesser)
	o.mediaChecker, _ = x.(MediaChecker)
	o.capacityUnlocker, _ = x.(CapacityUnlocker)
	o.diskRevalidator, _ = x.(DiskRevalidator)
	o.geometryGetter, _ = x.(GeometryGetter)
	o.swapSlotNotifier, _ = x.(SwapSlotNotifier)
	return o
}
