package govfs

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// A File is an open file. Its methods may be called by several goroutines at a
// time; those that use the file's position then take turns. One that is not
// closed is closed some time after nobody refers to it any more.
//
// Errors are of type *fs.PathError, around fs.ErrClosed after Close; end of
// file is io.EOF itself. The methods of a nil File return fs.ErrInvalid.
type File struct {
	name       string
	appendMode bool
	handle     *handle
	cleanup    runtime.Cleanup
}

// handle is what a File holds, apart from it so that it outlives a File that
// is forgotten.
type handle struct {
	fs   *FS
	file *vfs.File
	uses atomic.Int64 // calls in progress, with handleClosed added by Close
}

// handleClosed in handle.uses: no further calls begin. The call that leaves it
// alone there was the last one, and puts the file.
const handleClosed = 1 << 62

// Open opens a file for reading.
func (f *FS) Open(name string) (*File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// Create opens a file for reading and writing, empty: it is made, with
// permissions 0666 before umask, or truncated.
func (f *FS) Create(name string) (*File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile opens a file, with the flags of open(2), to which those of package
// os belong. One that is made has permissions perm before umask.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (*File, error) {
	var file *vfs.File
	err := f.call("open", name, func(t *vfs.Task) (err error) {
		if !f.tree.acquire() {
			return fs.ErrClosed
		}
		if file, err = t.OpenFile(vfs.AtCWD, name, openHow(flag, perm)); err != nil {
			f.tree.release()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	of := &File{name: name, appendMode: flag&os.O_APPEND != 0, handle: &handle{fs: f, file: file}}
	of.cleanup = runtime.AddCleanup(of, func(h *handle) { _ = h.close() }, of.handle)
	return of, nil
}

// openHow is the form of openat2 of the arguments of open, which ignores what
// has no meaning together.
func openHow(flag int, perm fs.FileMode) vfs.OpenHow {
	how := vfs.OpenHow{Flags: flag | unix.O_CLOEXEC}
	if flag&unix.O_PATH != 0 {
		how.Flags &= unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	}
	if how.Flags&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 {
		how.Mode = permOf(perm)
	}
	return how
}

// begin keeps the file open for a call and lends a task for it; end undoes
// both.
func (h *handle) begin() (*vfs.Task, error) {
	for {
		n := h.uses.Load()
		if n >= handleClosed {
			return nil, fs.ErrClosed
		}
		if h.uses.CompareAndSwap(n, n+1) {
			break
		}
	}
	t, err := h.fs.tree.pool.get(h.fs.cred)
	if err != nil {
		panic("govfs: task pool closed under an open file")
	}
	return t, nil
}

func (h *handle) end(t *vfs.Task) {
	if h.uses.Add(-1) == handleClosed {
		h.put(t)
		return
	}
	h.fs.tree.pool.put(t)
}

// put gives up the file and the task.
func (h *handle) put(t *vfs.Task) {
	h.file.Put(t)
	h.fs.tree.pool.put(t)
	h.fs.tree.release()
}

// close lets no further calls begin; those in progress end as they would have.
func (h *handle) close() error {
	t, err := h.begin()
	if err != nil {
		return err
	}
	for {
		n := h.uses.Load()
		if n >= handleClosed {
			h.end(t)
			return fs.ErrClosed
		}
		if h.uses.CompareAndSwap(n, n+handleClosed) {
			break
		}
	}
	err = h.file.Flush(t, t.LockOwner())
	h.end(t)
	return err
}

// call makes a system call on the file, and wraps its error: EBADF for a file
// that was opened with O_PATH.
func (f *File) call(op string, do func(*vfs.Task, *vfs.File) error) error {
	return f.callAny(op, func(t *vfs.Task, file *vfs.File) error {
		if file.Mode()&vfs.FilePath != 0 {
			return unix.EBADF
		}
		return do(t, file)
	})
}

// callAny is call for O_PATH files too.
func (f *File) callAny(op string, do func(*vfs.Task, *vfs.File) error) error {
	if f == nil {
		return fs.ErrInvalid
	}
	t, err := f.handle.begin()
	if err == nil {
		err = do(t, f.handle.file)
		f.handle.end(t)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return nil
}

// Name is the name that the file was opened by.
func (f *File) Name() string { return f.name }

// Close closes the file. Its error may be that of a write.
func (f *File) Close() error {
	if f == nil {
		return fs.ErrInvalid
	}
	f.cleanup.Stop()
	if err := f.handle.close(); err != nil {
		return &fs.PathError{Op: "close", Path: f.name, Err: err}
	}
	return nil
}

// Read reads up to len(b) bytes, at least one if there are any, from the
// file's position on.
func (f *File) Read(b []byte) (n int, err error) {
	err = f.call("read", func(t *vfs.Task, file *vfs.File) (err error) {
		n, err = file.Read(t, b)
		return err
	})
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}

// errNegative is the reason for an offset that no call takes.
var errNegative = errors.New("negative offset")

// ReadAt reads len(b) bytes from offset off on; fewer only with an error.
func (f *File) ReadAt(b []byte, off int64) (n int, err error) {
	if f != nil && off < 0 {
		return 0, &fs.PathError{Op: "readat", Path: f.name, Err: errNegative}
	}
	eof := false
	err = f.call("read", func(t *vfs.Task, file *vfs.File) error {
		for n < len(b) {
			m, err := file.Pread(t, b[n:], off+int64(n))
			if err != nil {
				return err
			}
			if m == 0 {
				eof = true
				break
			}
			n += m
		}
		return nil
	})
	if err == nil && eof {
		err = io.EOF
	}
	return n, err
}

// Write writes b at the file's position, at the end with os.O_APPEND; less of
// it only with an error.
func (f *File) Write(b []byte) (n int, err error) {
	err = f.call("write", func(t *vfs.Task, file *vfs.File) error {
		for {
			m, err := file.Write(t, b[n:])
			n += m
			if err != nil || n == len(b) {
				return err
			}
			if m == 0 {
				return io.ErrUnexpectedEOF
			}
		}
	})
	return n, err
}

// WriteString is Write of the bytes of s.
func (f *File) WriteString(s string) (n int, err error) {
	return f.Write(unsafe.Slice(unsafe.StringData(s), len(s))) // Write only reads them
}

var errWriteAtAppend = errors.New("govfs: invalid use of WriteAt on file opened with O_APPEND")

// WriteAt writes b at offset off; less of it only with an error. It is an
// error on a file that was opened with os.O_APPEND.
func (f *File) WriteAt(b []byte, off int64) (n int, err error) {
	if f != nil && f.appendMode {
		return 0, errWriteAtAppend
	}
	if f != nil && off < 0 {
		return 0, &fs.PathError{Op: "writeat", Path: f.name, Err: errNegative}
	}
	err = f.call("write", func(t *vfs.Task, file *vfs.File) error {
		for n < len(b) {
			m, err := file.Pwrite(t, b[n:], off+int64(n))
			n += m
			if err != nil {
				return err
			}
			if m == 0 {
				return io.ErrUnexpectedEOF
			}
		}
		return nil
	})
	return n, err
}

// Seek moves the file's position, and returns the new one; whence is
// io.SeekStart, io.SeekCurrent, io.SeekEnd, or unix.SEEK_DATA or SEEK_HOLE. Of
// a directory only the start, and positions that Seek returned, have a
// meaning.
func (f *File) Seek(offset int64, whence int) (pos int64, err error) {
	err = f.call("seek", func(t *vfs.Task, file *vfs.File) (err error) {
		pos, err = file.Seek(t, offset, whence)
		return err
	})
	if err != nil {
		return 0, err
	}
	return pos, nil
}

// Stat describes the file.
func (f *File) Stat() (fs.FileInfo, error) {
	if f == nil {
		return nil, fs.ErrInvalid
	}
	info := &fileInfo{name: path.Base(f.name)}
	err := f.callAny("stat", func(t *vfs.Task, file *vfs.File) error { return file.Getattr(t, &info.st) })
	if err != nil {
		return nil, err
	}
	return info, nil
}

// Sync makes what was written to the file durable.
func (f *File) Sync() error {
	return f.call("sync", func(t *vfs.Task, file *vfs.File) error { return file.Fsync(t, 0, math.MaxInt64, false) })
}

// Truncate changes the size of the file, in bytes, but not its position.
func (f *File) Truncate(size int64) error {
	return f.call("truncate", func(t *vfs.Task, file *vfs.File) error { return file.Truncate(t, size) })
}

// Chmod changes the permissions of the file, with setuid, setgid and sticky
// bit.
func (f *File) Chmod(mode fs.FileMode) error {
	return f.call("chmod", func(t *vfs.Task, file *vfs.File) error { return file.Path().Chmod(t, permOf(mode)) })
}

// Chown changes owner and group of the file; -1 leaves one of them as it is.
func (f *File) Chown(uid, gid int) error {
	return f.call("chown", func(t *vfs.Task, file *vfs.File) error {
		return file.Path().Chown(t, uint32(uid), uint32(gid))
	})
}

// Chtimes changes access and modification time of the file; a zero time leaves
// the file's as it is.
func (f *File) Chtimes(atime, mtime time.Time) error {
	times := [2]vfs.Utime{utimeOf(atime), utimeOf(mtime)}
	return f.call("chtimes", func(t *vfs.Task, file *vfs.File) error { return file.Path().Utimes(t, &times) })
}
