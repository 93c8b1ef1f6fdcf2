package block

import (
	"context"
	"sync/atomic"
	"syscall"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// SectorSize is the unit of addresses on a disk, in bytes, whatever its
// physical sectors are.
const SectorSize = 512

// A Disk (the kernel's gendisk) is a piece of storage with the methods of its
// driver. Its whole is a block device, and so is each of its partitions.
type Disk struct {
	// Name is the name that the device is listed under.
	Name string
	// Private belongs to the driver.
	Private any

	ops      *Ops
	whole    *BlockDevice
	capacity atomic.Uint64 // sectors
	readOnly atomic.Bool
}

// NewDisk makes a disk of capacity sectors with the methods ops, and the block
// device that stands for the whole of it.
func NewDisk(name string, dev uint64, capacity uint64, ops *Ops) *Disk {
	d := &Disk{Name: name, ops: ops}
	d.capacity.Store(capacity)
	d.whole = newBlockDevice(d, dev, 0, capacity)
	d.whole.whole = d.whole
	return d
}

// Ops is the table of the driver's methods.
func (d *Disk) Ops() *Ops { return d.ops }

// Whole is the device of the whole disk.
func (d *Disk) Whole() *BlockDevice { return d.whole }

// Capacity is the disk's size in sectors.
func (d *Disk) Capacity() uint64 { return d.capacity.Load() }

// SetCapacity changes the disk's size in sectors, as RevalidateDisk and
// UnlockNativeCapacity do. It takes no lock: the core compares the size with
// the device's afterwards.
func (d *Disk) SetCapacity(sectors uint64) { d.capacity.Store(sectors) }

// ReadOnly reports whether the disk refuses to be opened for writing.
func (d *Disk) ReadOnly() bool { return d.readOnly.Load() }

// SetReadOnly makes the disk refuse later opens for writing, or accept them.
func (d *Disk) SetReadOnly(on bool) { d.readOnly.Store(on) }

// A BlockDevice is a disk, or a part of one, as something that can be opened:
// it has a number and a page cache.
type BlockDevice struct {
	mutex   lockdep.Mutex // bd_mutex: openers, size, partitions; a part's before its whole's
	openers int           // under mutex; an open partition counts once as its disk's opener

	dev    uint64
	disk   *Disk
	whole  *BlockDevice // itself for a whole disk
	start  uint64       // first sector on the disk
	length atomic.Uint64

	// Mapping is the device's page cache.
	Mapping pagecache.Mapping
}

func newBlockDevice(d *Disk, dev, start, length uint64) *BlockDevice {
	b := &BlockDevice{dev: dev, disk: d, start: start}
	b.mutex.Init(lockdep.BdMutex)
	b.length.Store(length)
	return b
}

// NewPartition makes the block device of length sectors from start on of the
// disk; ok is false if they do not lie inside it.
func (d *Disk) NewPartition(dev, start, length uint64) (b *BlockDevice, ok bool) {
	if c := d.Capacity(); start > c || length > c-start {
		return nil, false
	}
	b = newBlockDevice(d, dev, start, length)
	b.whole = d.whole
	return b, true
}

// Dev is the device's number.
func (b *BlockDevice) Dev() uint64 { return b.dev }

// Disk is the disk that the device is, or is a part of.
func (b *BlockDevice) Disk() *Disk { return b.disk }

// Whole is the device of the whole disk.
func (b *BlockDevice) Whole() *BlockDevice { return b.whole }

// Start is the device's first sector on the disk.
func (b *BlockDevice) Start() uint64 { return b.start }

// Sectors is the device's size.
func (b *BlockDevice) Sectors() uint64 { return b.length.Load() }

// Openers is how often the device is open; a partition that is counts as one
// opener of its whole disk. It takes bd_mutex, and may block.
func (b *BlockDevice) Openers() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.openers
}

// Open opens the device, and with the first open of a partition the whole disk.
// Each success is ended by Close. EROFS for a write to a disk that is read-only;
// EINTR if ctx is done before bd_mutex is free; else what the driver says. It
// takes bd_mutex, and may block.
func (b *BlockDevice) Open(ctx context.Context, mode Mode) error {
	if mode&ModeWrite != 0 && b.disk.ReadOnly() {
		return syscall.EROFS
	}
	if err := b.mutex.LockContext(ctx); err != nil {
		return err
	}
	defer b.mutex.Unlock()
	switch {
	case b.whole == b:
		return b.openWhole(ctx, mode)
	case b.openers == 0:
		b.whole.mutex.LockNested(lockdep.Parent)
		err := b.whole.openWhole(ctx, mode)
		b.whole.mutex.Unlock()
		if err != nil {
			return err
		}
	}
	b.openers++
	return nil
}

// openWhole asks the driver and counts; bd_mutex is held.
func (b *BlockDevice) openWhole(ctx context.Context, mode Mode) error {
	if op := b.disk.ops.opener; op != nil {
		if err := gateOpen(op, ctx, b, mode); err != nil {
			return err
		}
	}
	b.openers++
	return nil
}

// Close ends one Open of the mode; the last one of a partition closes the whole
// disk once. It takes bd_mutex, and may block. It panics if the device is not
// open.
func (b *BlockDevice) Close(ctx context.Context, mode Mode) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.openers == 0 {
		panic("block: close of a device that is not open")
	}
	if b.whole == b {
		b.closeWhole(ctx, mode)
		return
	}
	if b.openers--; b.openers == 0 {
		b.whole.mutex.LockNested(lockdep.Parent)
		b.whole.closeWhole(ctx, mode)
		b.whole.mutex.Unlock()
	}
}

// closeWhole uncounts and tells the driver; bd_mutex is held.
func (b *BlockDevice) closeWhole(ctx context.Context, mode Mode) {
	b.openers--
	if op := b.disk.ops.releaser; op != nil {
		gateRelease(op, ctx, b.disk, mode)
	}
}
