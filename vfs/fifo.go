package vfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/pagecache"
)

// pipeOps are the methods of pipes and FIFOs.
type pipeOps struct{}

// pipe is the pipe that the file is an end of, nil for other files.
func (f *File) pipe() *Pipe {
	if end, ok := f.Private.(*pipeEnd); ok && f.ops == fifoFileOps {
		return end.pipe
	}
	return nil
}

// openPipe is the pipe of a FIFO, made with its first open file, counted for a
// further one.
func (in *Inode) openPipe() *Pipe {
	fresh := newPipe()
	in.lock.Lock()
	defer in.lock.Unlock()
	p := in.pipe.Load()
	if p == nil {
		p = fresh
		in.pipe.Store(p)
	}
	p.files++
	return p
}

// closePipe gives up what openPipe counted.
func (in *Inode) closePipe(p *Pipe) {
	in.lock.Lock()
	if p.files--; p.files == 0 {
		in.pipe.Store(nil)
	}
	in.lock.Unlock()
}

// Open waits for the other end, but not with O_NONBLOCK: then a reader opens
// at once, a writer only if there is a reader (ENXIO). A file open for both
// never waits.
func (pipeOps) Open(ctx context.Context, in *Inode, f *File) error {
	p := in.openPipe()
	end := &pipeEnd{pipe: p}
	end.seenWriters.Store(neverSeen)
	p.lock.Lock()
	err := p.open(ctx, f, end)
	p.lock.Unlock()
	if err != nil {
		in.closePipe(p)
		return err
	}
	f.Private = end
	f.streamMode()
	return nil
}

// streamMode: there is no position.
func (f *File) streamMode() {
	f.mode = f.mode&^(FileLseek|FilePread|FilePwrite|FileAtomicPos) | FileNonseek
}

// open counts the new end, and waits for its partner; the lock is held.
func (p *Pipe) open(ctx context.Context, f *File, end *pipeEnd) error {
	nonblock := f.Flags()&unix.O_NONBLOCK != 0
	switch f.mode & (FileRead | FileWrite) {
	case FileRead | FileWrite:
		p.addReader()
		p.addWriter()
	case FileRead:
		p.addReader()
		if p.writers > 0 {
			return nil
		}
		if nonblock {
			end.seenWriters.Store(uint64(p.writeOpens))
			return nil
		}
		return p.waitForPartner(ctx, &p.readable, &p.writeOpens, &p.readers, &p.writable)
	case FileWrite:
		if nonblock && p.readers == 0 {
			return unix.ENXIO
		}
		p.addWriter()
		if p.readers > 0 {
			return nil
		}
		return p.waitForPartner(ctx, &p.writable, &p.readOpens, &p.writers, &p.readable)
	default:
		return unix.EINVAL
	}
	return nil
}

func (p *Pipe) addReader() {
	p.readers++
	p.readOpens++
	if p.readers == 1 {
		p.writable.Wake(0)
	}
}

func (p *Pipe) addWriter() {
	p.writers++
	p.writeOpens++
	if p.writers == 1 {
		p.readable.Wake(0)
	}
}

// waitForPartner waits on q until opens grows. If it is interrupted, the end
// that was counted in ends goes, and those who wait on others hear of it.
func (p *Pipe) waitForPartner(ctx context.Context, q *WaitQueue, opens *uint, ends *int, others *WaitQueue) error {
	for before := *opens; *opens == before; {
		err := p.wait(ctx, q)
		if err != nil && *opens == before {
			if *ends--; *ends == 0 {
				others.Wake(0)
			}
			return err
		}
	}
	return nil
}

// Release closes an end. The last reader's or writer's is what the other side
// waits for.
func (pipeOps) Release(_ context.Context, in *Inode, f *File) error {
	p := f.pipe()
	p.lock.Lock()
	if f.mode&FileRead != 0 {
		p.readers--
	}
	if f.mode&FileWrite != 0 {
		p.writers--
	}
	if (p.readers == 0) != (p.writers == 0) {
		p.readable.Wake(PollIn | PollRdnorm | PollErr | PollHup)
		p.writable.Wake(PollOut | PollWrnorm | PollErr | PollHup)
		p.readSignals.Signal()
		p.writeSignal.Signal()
	}
	p.lock.Unlock()
	in.closePipe(p)
	return nil
}

func (f *File) nonblocking(iocb *Kiocb) bool {
	return f.Flags()&unix.O_NONBLOCK != 0 || iocb.Flags&pagecache.IocbNowait != 0
}

func (pipeOps) ReadIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error) {
	f := iocb.File.(*File)
	n, err := f.pipe().read(ctx, iter, f.nonblocking(iocb))
	if n > 0 {
		f.Accessed(ctx)
	}
	return n, err
}

func (pipeOps) WriteIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error) {
	f := iocb.File.(*File)
	n, err := f.pipe().write(ctx, iter, f.nonblocking(iocb), f.Flags()&unix.O_DIRECT != 0)
	if n > 0 && f.inode.sb.tryStartWrite() {
		// The stamps are no more worth a wait than that of an access.
		_ = f.UpdateTimes(ctx)
		f.inode.sb.EndWrite()
	}
	return n, err
}

func (pipeOps) Poll(_ context.Context, f *File, table *PollTable) PollMask {
	p := f.pipe()
	if f.mode&FileRead != 0 {
		table.Wait(&p.readable)
	}
	if f.mode&FileWrite != 0 {
		table.Wait(&p.writable)
	}
	var mask PollMask
	p.lock.Lock()
	defer p.lock.Unlock()
	if f.mode&FileRead != 0 {
		if !p.empty() {
			mask |= PollIn | PollRdnorm
		}
		if p.writers == 0 && f.Private.(*pipeEnd).seenWriters.Load() != uint64(p.writeOpens) {
			mask |= PollHup
		}
	}
	if f.mode&FileWrite != 0 {
		if !p.full() {
			mask |= PollOut | PollWrnorm
		}
		if p.readers == 0 {
			mask |= PollErr
		}
	}
	return mask
}

// UnlockedIoctl knows FIONREAD: how many bytes there are to read.
func (pipeOps) UnlockedIoctl(_ context.Context, f *File, cmd uint32, arg *IoctlArg) (int, error) {
	if cmd != ioctlFIONREAD {
		return 0, unix.ENOTTY
	}
	return 0, arg.PutUint32(uint32(f.pipe().queued()))
}

func (pipeOps) Fasync(_ context.Context, fd int, f *File, on bool) (bool, error) {
	p := f.pipe()
	changed := false
	if f.mode&FileRead != 0 {
		changed, _ = f.FasyncHelper(fd, on, &p.readSignals)
	}
	if f.mode&FileWrite != 0 {
		c, _ := f.FasyncHelper(fd, on, &p.writeSignal)
		changed = changed || c
	}
	return changed, nil
}
