package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/pagecache"
)

// ReadActor takes size bytes of a page, from offset on, and returns how many
// it has used; fewer end the transfer.
type ReadActor func(page *pagecache.Page, offset, size int) (int, error)

// Flags of Splice and Tee (SPLICE_F_*).
const (
	spliceNonblock = unix.SPLICE_F_NONBLOCK
	spliceMore     = unix.SPLICE_F_MORE
	spliceKnown    = unix.SPLICE_F_MOVE | spliceNonblock | spliceMore | unix.SPLICE_F_GIFT
)

// Splice moves up to n bytes between a pipe and another file, or two pipes.
// offIn and offOut are positions of what is no pipe, moved on; nil is the
// file's own position. It returns how many bytes were moved; 0 means the end.
// EBADF; EINVAL for unknown flags, if neither is a pipe, if both are the same,
// for a file open with O_APPEND; ESPIPE for a position of a pipe; EAGAIN with
// SPLICE_F_NONBLOCK or O_NONBLOCK; EINTR.
func (t *Task) Splice(fdIn int, offIn *int64, fdOut int, offOut *int64, n int, flags uint32) (int, error) {
	if n == 0 {
		return 0, nil
	}
	if flags&^spliceKnown != 0 || n < 0 {
		return 0, unix.EINVAL
	}
	in, err := t.fileFor(fdIn)
	if err != nil {
		return 0, err
	}
	defer in.Put(t)
	out, err := t.fileFor(fdOut)
	if err != nil {
		return 0, err
	}
	defer out.Put(t)
	if in.mode&FileRead == 0 || out.mode&FileWrite == 0 {
		return 0, unix.EBADF
	}
	n = min(n, maxRWCount)
	from, to := in.pipe(), out.pipe()
	switch {
	case from != nil && to != nil:
		if offIn != nil || offOut != nil {
			return 0, unix.ESPIPE
		}
		nonblock := flags&spliceNonblock != 0 || (in.Flags()|out.Flags())&unix.O_NONBLOCK != 0
		return pipeToPipe(t, from, to, n, nonblock, true)
	case from != nil:
		if offIn != nil {
			return 0, unix.ESPIPE
		}
		if in.Flags()&unix.O_NONBLOCK != 0 {
			flags |= spliceNonblock
		}
		return out.spliceFrom(t, from, offOut, n, flags)
	case to != nil:
		if offOut != nil {
			return 0, unix.ESPIPE
		}
		if out.Flags()&unix.O_NONBLOCK != 0 {
			flags |= spliceNonblock
		}
		return in.spliceTo(t, to, offIn, n, flags)
	}
	return 0, unix.EINVAL
}

// spliceFrom moves data from a pipe into the file.
func (f *File) spliceFrom(ctx context.Context, p *Pipe, off *int64, n int, flags uint32) (int, error) {
	if off != nil && f.mode&FilePwrite == 0 {
		return 0, unix.EINVAL
	}
	if f.Flags()&unix.O_APPEND != 0 {
		return 0, unix.EINVAL
	}
	pos := f.startOf(off)
	if err := f.verifyArea(ctx, filelock.Write, pos, n); err != nil {
		return 0, err
	}
	if f.ops.spliceWrite == nil {
		if err := f.mayWrite(); err != nil {
			return 0, err
		}
	}
	var done int
	var err error
	f.startWrite(ctx) // before the lock of the pipe
	if f.ops.spliceWrite != nil {
		done, pos, err = gateSpliceWrite(f.ops.spliceWrite, ctx, p, f, pos, n, flags)
	} else {
		done, pos, err = f.writeFromPipe(ctx, p, pos, n, flags)
	}
	f.endWrite()
	f.endAt(off, pos, done)
	f.wrote(ctx, done, pos)
	return done, err
}

// writeFromPipe is the splice_write of a file without one, by ordinary writes.
func (f *File) writeFromPipe(ctx context.Context, p *Pipe, pos int64, n int, flags uint32) (int, int64, error) {
	done, err := p.Drain(ctx, n, flags, func(b []byte) (int, error) {
		k, next, err := f.writeMethod(ctx, b, pos)
		if err == nil {
			pos = next
		}
		return k, err
	})
	return done, pos, err
}

// spliceTo moves data from the file into a pipe.
func (f *File) spliceTo(ctx context.Context, p *Pipe, off *int64, n int, flags uint32) (int, error) {
	if off != nil && f.mode&FilePread == 0 {
		return 0, unix.EINVAL
	}
	pos := f.startOf(off)
	if err := f.verifyArea(ctx, filelock.Read, pos, n); err != nil {
		return 0, err
	}
	if f.ops.spliceRead == nil {
		if err := f.mayRead(); err != nil {
			return 0, err
		}
		if f.inode.IsDir() {
			return 0, unix.EINVAL
		}
	}
	room, err := p.lockWithRoom(ctx, flags&spliceNonblock != 0)
	if err != nil {
		return 0, err
	}
	var done int
	if f.ops.spliceRead != nil {
		p.lock.Unlock()
		done, pos, err = gateSpliceRead(f.ops.spliceRead, ctx, f, pos, p, min(n, room), flags)
	} else {
		done, pos, err = f.readToPipe(ctx, p, pos, min(n, room))
		p.lock.Unlock()
		if done > 0 {
			p.wakeReaders()
		}
	}
	f.endAt(off, pos, done)
	return done, err
}

// readToPipe is the splice_read of a file without one: an ordinary read. The
// pipe is locked and has room for n bytes.
func (f *File) readToPipe(ctx context.Context, p *Pipe, pos int64, n int) (int, int64, error) {
	buf := make([]byte, n)
	n, pos, err := f.readAt(ctx, buf, pos)
	p.fill(buf[:max(n, 0)])
	return n, pos, err
}

// startOf is where a transfer begins: at *off, or at the file's position.
func (f *File) startOf(off *int64) int64 {
	switch {
	case off != nil:
		return *off
	case f.mode&FileNonseek != 0:
		return 0
	}
	return f.Pos()
}

// endAt moves on what startOf has looked at.
func (f *File) endAt(off *int64, pos int64, n int) {
	switch {
	case n <= 0:
	case off != nil:
		*off = pos
	case f.mode&FileNonseek == 0:
		f.pos.Store(pos)
	}
}

// Drain is how a SpliceWrite takes data out of the pipe: sink gets them piece
// by piece, at most n bytes, and returns how many it has used; fewer end it. It
// waits for the first byte, unless flags has SPLICE_F_NONBLOCK (EAGAIN), and
// returns how many bytes have gone; 0 if there are no writers any more. The
// pipe is locked meanwhile: sink may take an i_mutex.
func (p *Pipe) Drain(ctx context.Context, n int, flags uint32, sink func([]byte) (int, error)) (done int, err error) {
	p.lock.Lock()
	for p.empty() {
		if p.writers == 0 {
			break
		}
		if flags&spliceNonblock != 0 {
			err = unix.EAGAIN
			break
		}
		if err = p.wait(ctx, &p.readable); err != nil {
			break
		}
	}
	for err == nil && done < n && !p.empty() {
		b := p.slot(p.tail)
		piece := b.bytes()[:min(b.n, n-done)]
		var k int
		k, err = sink(piece)
		done += k
		b.off += k
		b.n -= k
		if b.n == 0 {
			p.drop()
		}
		if k < len(piece) {
			break
		}
	}
	p.lock.Unlock()
	if done > 0 {
		p.wakeWriters()
		err = nil
	}
	return done, err
}

// Fill is how a SpliceRead puts data into the pipe: it copies what fits, and
// returns how much that is. It does not wait for room.
func (p *Pipe) Fill(data []byte) int {
	p.lock.Lock()
	n := p.fill(data)
	p.lock.Unlock()
	if n > 0 {
		p.wakeReaders()
	}
	return n
}

// fill is Fill with the lock held.
func (p *Pipe) fill(data []byte) (n int) {
	for n < len(data) && !p.full() {
		b := pipePage{page: p.newPage()}
		b.n = copy(b.page, data[n:])
		p.push(b)
		n += b.n
	}
	return n
}

// lockWithRoom waits until there is room, says for how many bytes, and leaves
// the pipe locked. After an error it is not: EPIPE without readers, EAGAIN where
// it is not to wait, EINTR.
func (p *Pipe) lockWithRoom(ctx context.Context, nonblock bool) (int, error) {
	p.lock.Lock()
	var err error
	for p.readers > 0 && p.full() && err == nil {
		if err = unix.EAGAIN; !nonblock {
			err = p.wait(ctx, &p.writable)
		}
	}
	if p.readers == 0 {
		err = unix.EPIPE
	}
	if err != nil {
		p.lock.Unlock()
		if hook := TaskFrom(ctx).Limits.OnPipe; err == unix.EPIPE && hook != nil {
			hook()
		}
		return 0, err
	}
	return (len(p.ring) - int(p.used())) * pagecache.PageSize, nil
}

// Tee copies up to n bytes from one pipe to another, and leaves them in the
// first. EBADF; EINVAL for unknown flags, for what is no pipe, and if both are
// the same; EAGAIN; EINTR.
func (t *Task) Tee(fdIn, fdOut, n int, flags uint32) (int, error) {
	if flags&^spliceKnown != 0 || n < 0 {
		return 0, unix.EINVAL
	}
	if n == 0 {
		return 0, nil
	}
	in, err := t.fileFor(fdIn)
	if err != nil {
		return 0, err
	}
	defer in.Put(t)
	out, err := t.fileFor(fdOut)
	if err != nil {
		return 0, err
	}
	defer out.Put(t)
	if in.mode&FileRead == 0 || out.mode&FileWrite == 0 {
		return 0, unix.EBADF
	}
	from, to := in.pipe(), out.pipe()
	if from == nil || to == nil {
		return 0, unix.EINVAL
	}
	nonblock := flags&spliceNonblock != 0 || (in.Flags()|out.Flags())&unix.O_NONBLOCK != 0
	return pipeToPipe(t, from, to, min(n, maxRWCount), nonblock, false)
}

// pipeToPipe moves or copies slots from one pipe to another, once there are
// data in the one and room in the other.
func pipeToPipe(ctx context.Context, from, to *Pipe, n int, nonblock, move bool) (done int, err error) {
	if from == to {
		return 0, unix.EINVAL
	}
	for {
		if err := from.waitForData(ctx, nonblock); err != nil {
			return 0, err
		}
		if _, err := to.lockWithRoom(ctx, nonblock); err != nil {
			return 0, err
		}
		to.lock.Unlock()
		unlock := lockPipes(from, to)
		done = copySlots(from, to, n, move)
		ended := from.empty() && from.writers == 0
		unlock()
		if done > 0 {
			to.wakeReaders()
			if move {
				from.wakeWriters()
			}
			return done, nil
		}
		if ended {
			return 0, nil
		}
		if nonblock {
			return 0, unix.EAGAIN // somebody else was faster
		}
	}
}

// waitForData waits until there is something to read, or never will be.
func (p *Pipe) waitForData(ctx context.Context, nonblock bool) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	for p.empty() && p.writers > 0 {
		if nonblock {
			return unix.EAGAIN
		}
		if err := p.wait(ctx, &p.readable); err != nil {
			return err
		}
	}
	return nil
}

// lockPipes locks two pipes, the older one first.
func lockPipes(a, b *Pipe) (unlock func()) {
	if a.id > b.id {
		a, b = b, a
	}
	a.lock.LockNested(lockParent)
	b.lock.LockNested(lockdep.Child)
	return func() {
		b.lock.Unlock()
		a.lock.Unlock()
	}
}

// copySlots puts up to n bytes of from into free slots of to; both are locked.
func copySlots(from, to *Pipe, n int, move bool) (done int) {
	for i := from.tail; i != from.head && done < n && !to.full(); i++ {
		b := from.slot(i)
		c := pipePage{page: to.newPage(), packet: b.packet}
		c.n = copy(c.page, b.bytes()[:min(b.n, n-done)])
		to.push(c)
		done += c.n
		if !move {
			continue
		}
		b.off += c.n
		b.n -= c.n
		if b.n > 0 {
			break
		}
		from.drop()
	}
	return done
}
