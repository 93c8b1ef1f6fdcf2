package vfs

import (
	"context"
	"math"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/pagecache"
)

// A transfer is what one read or write through an iterator needs in memory. A
// task has one; a transfer within a transfer, as of a stacked file system, and
// one of no task take theirs from a pool: none is allocated for each call.
type transfer struct {
	iocb   Kiocb
	iter   Iter
	busy   bool
	pooled bool
}

var transfers = sync.Pool{New: func() any { return &transfer{pooled: true} }}

// beginTransfer is a transfer for the caller's use until its end.
func beginTransfer(ctx context.Context) *transfer {
	if t, ok := ctx.(*Task); ok && t != kernelTask && !t.io.busy {
		t.io.busy = true
		return &t.io
	}
	return transfers.Get().(*transfer)
}

func (x *transfer) end() {
	x.iocb = Kiocb{}
	x.iter.ResetOne(nil)
	x.busy = false
	if x.pooled {
		transfers.Put(x)
	}
}

// GenericWriteChecks is what a WriteIter does first, with i_mutex held: it sets
// the position of an appending write to the end of the file, and shortens iter
// to what the caller's limit and the file system allow. It returns how many
// bytes are to be written, 0 being no error. ETXTBSY for a swap file; EFBIG at
// or beyond a limit; EINVAL for a write that is not to wait but is not direct,
// unless the file heeds that.
func GenericWriteChecks(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error) {
	f := iocb.File.(*File)
	if f.inode.hasFlag(FlagSwapfile) {
		return 0, unix.ETXTBSY
	}
	if iter.Len() == 0 {
		return 0, nil
	}
	if iocb.Flags&pagecache.IocbAppend != 0 {
		iocb.Pos = f.inode.Size()
	}
	if iocb.Flags&(pagecache.IocbNowait|pagecache.IocbDirect) == pagecache.IocbNowait && f.mode&FileNowait == 0 {
		return 0, unix.EINVAL
	}
	n, err := CheckWriteLimits(ctx, f.inode, iocb.Pos, iter.Len())
	if err != nil {
		return 0, err
	}
	iter.Truncate(n)
	return n, nil
}

// CheckWriteLimits shortens a write of n bytes at pos to what the caller's
// limit and the file system allow. EFBIG at or beyond a limit: of the caller's
// it is told as well, by its SIGXFSZ.
func CheckWriteLimits(ctx context.Context, in *Inode, pos int64, n int) (int, error) {
	t := TaskFrom(ctx)
	if limit := t.Limits.FileSize; limit != math.MaxInt64 {
		if pos >= limit {
			t.exceedFileSize()
			return 0, unix.EFBIG
		}
		n = int(min(int64(n), limit-pos))
	}
	limit := in.sb.MaxBytes
	if pos >= limit {
		return 0, unix.EFBIG
	}
	return int(min(int64(n), limit-pos)), nil
}

// GenericWriteSync is what a WriteIter does last, after it has released
// i_mutex, with the n bytes that it wrote: with O_SYNC, O_DSYNC or a
// synchronous mount they are made durable, and an error of that replaces n.
func GenericWriteSync(ctx context.Context, iocb *Kiocb, n int) (int, error) {
	if n <= 0 || iocb.Flags&pagecache.IocbDsync == 0 {
		return n, nil
	}
	f := iocb.File.(*File)
	if err := f.Fsync(ctx, iocb.Pos-int64(n), iocb.Pos-1, iocb.Flags&pagecache.IocbSync == 0); err != nil {
		return 0, err
	}
	return n, nil
}
