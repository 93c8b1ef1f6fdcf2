package iofs

import (
	"context"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/vfs"
)

// blockSize is the unit in which files without ReaderAt are read and cached,
// in bytes.
const blockSize = 64 << 10

// keepAhead is how many blocks before the one that is wanted go into the cache
// when they have to be read anyway; what lies before them is passed over, so
// that a far jump does not flush the cache.
const keepAhead = cacheLimit / blockSize / 4

var streamClass = lockdep.NewClass("iofs_stream", lockdep.Sleep)

// A stream reads one open file from front to back, block by block, through
// the mount's cache. For a block that lies behind it and is cached no more, it
// begins again.
type stream struct {
	inode   *inode
	version uint32    // of the content, as part of the cache's key
	size    int64     // what the file said when it was opened
	mtime   time.Time // likewise

	mu   lockdep.Mutex // what follows
	src  fs.File       // nil: to be opened when needed
	next int64         // the block that src comes to next
}

func newStream(in *inode, src fs.File, info fs.FileInfo) *stream {
	s := &stream{inode: in, version: in.version.Load(), size: info.Size(), mtime: info.ModTime(), src: src}
	s.mu.Init(streamClass)
	return s
}

// close ends the stream; nobody uses it any more.
func (s *stream) close() {
	s.mu.Lock()
	s.drop()
	s.mu.Unlock()
}

func (s *stream) drop() {
	if s.src != nil {
		s.inode.close(s.src)
		s.src = nil
	}
}

// read reads at iocb.Pos.
func (s *stream) read(ctx context.Context, iocb *vfs.Kiocb, iter *vfs.Iter) (int, error) {
	done := 0
	for iter.Len() > 0 {
		data, err := s.block(ctx, iocb.Pos/blockSize)
		if err != nil {
			if done > 0 {
				break
			}
			return 0, err
		}
		off := iocb.Pos % blockSize
		if off >= int64(len(data)) {
			break // the end of the file
		}
		n := iter.CopyOut(data[off:])
		iocb.Pos += int64(n)
		done += n
	}
	return done, nil
}

// block returns a block of the file: shorter than blockSize where the file
// ends, empty after that. The bytes are not to be changed. An error is that of
// the whole block: what comes before the place that cannot be read may be what
// the error is about, as with a checksum.
func (s *stream) block(ctx context.Context, index int64) ([]byte, error) {
	key := blockKey{s.inode.ID(), s.version, index}
	cache := &s.inode.super().blocks
	if data, ok := cache.get(key); ok {
		return data, nil
	}
	if err := s.mu.LockContext(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if data, ok := cache.get(key); ok {
		return data, nil // another reader of this stream was here
	}
	if err := s.moveTo(index); err != nil {
		return nil, err
	}
	var passed []byte
	for {
		if ctx.Err() != nil {
			return nil, unix.EINTR
		}
		at, keep := s.next, index-s.next <= keepAhead
		buf := passed
		if keep {
			buf = nil
		} else if buf == nil {
			passed = make([]byte, blockSize)
			buf = passed
		}
		data, err := s.readBlock(buf)
		if err != nil {
			s.drop() // its place is lost
			return nil, err
		}
		if keep {
			cache.put(blockKey{key.inode, key.version, at}, data)
		}
		switch {
		case at == index:
			return data, nil
		case len(data) < blockSize:
			s.drop() // at its end; a later block is after that
			return nil, nil
		}
	}
}

// moveTo makes the stream stand at or before a block.
func (s *stream) moveTo(index int64) error {
	if s.src != nil && s.next != index {
		if seeker, ok := s.src.(io.Seeker); ok {
			if _, err := seeker.Seek(index*blockSize, io.SeekStart); err == nil {
				s.next = index
				return nil
			}
			s.drop()
		}
	}
	if s.src != nil && s.next <= index {
		return nil
	}
	s.drop()
	src, info, err := s.inode.open()
	if err != nil {
		return err
	}
	if info.Size() != s.size || !info.ModTime().Equal(s.mtime) {
		s.inode.close(src)
		return unix.ESTALE // another file, or another content
	}
	s.src, s.next = src, 0
	return nil
}

// readBlock reads the next block, into buf if there is one. Without one the
// block's buffer is as large as the file's size makes sense.
func (s *stream) readBlock(buf []byte) ([]byte, error) {
	if buf == nil {
		// One byte more than there should be shows the end without another
		// read.
		rest := max(s.size-s.next*blockSize, 0) + 1
		buf = make([]byte, min(rest, blockSize))
	}
	n, err := readFull(s.src, buf)
	if n == len(buf) && n < blockSize && err == nil {
		// The file is longer than it said.
		whole := make([]byte, blockSize)
		copy(whole, buf)
		var more int
		more, err = readFull(s.src, whole[n:])
		buf, n = whole, n+more
	}
	s.next++
	if err != nil && err != io.EOF {
		return nil, errnoOf(err)
	}
	return buf[:n], nil
}

// readFull reads until buf is full: io.EOF if the file ends before, and an
// error for a reader that makes no progress or breaks io.Reader's contract.
func readFull(r io.Reader, buf []byte) (int, error) {
	done, idle := 0, 0
	for done < len(buf) {
		n, err := r.Read(buf[done:])
		if n < 0 || n > len(buf)-done {
			return done, unix.EIO
		}
		done += n
		if err != nil {
			if done == len(buf) && err == io.EOF {
				return done, nil
			}
			return done, err
		}
		if n > 0 {
			idle = 0
		} else if idle++; idle == 100 {
			return done, io.ErrNoProgress
		}
	}
	return done, nil
}
