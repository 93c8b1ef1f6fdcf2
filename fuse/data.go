package fuse

import (
	"math"
	"unsafe"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Requests about the data of open files.

// inPlace is the result of a read into the buffer that the decoder gave, which
// is where the answer goes as a rule: then nothing is left to be copied.
type inPlace struct{ data []byte }

func (r *inPlace) Size() int { return len(r.data) }
func (r *inPlace) Done()     {}

func (r *inPlace) Bytes([]byte) ([]byte, gofuse.Status) { return r.data, gofuse.OK }

// Readv is how the decoder takes the result to where the answer goes.
func (r *inPlace) Readv(dst [][]byte) (int, gofuse.Status) {
	if len(dst) == 1 && unsafe.SliceData(dst[0]) == unsafe.SliceData(r.data) {
		return len(r.data), gofuse.OK
	}
	n := 0
	for _, d := range dst {
		n += copy(d, r.data[n:])
	}
	return n, gofuse.OK
}

func (fs *rawFS) Read(cancel <-chan struct{}, in *gofuse.ReadIn, buf []byte) (gofuse.ReadResult, gofuse.Status) {
	n := 0
	st := fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) (err error) {
		followNoAtime(h.file, in)
		n, err = h.file.Pread(t, buf, int64(in.Offset))
		return err
	})
	if st != gofuse.OK {
		return nil, st
	}
	fs.counters.read.Add(uint64(n))
	return &inPlace{buf[:n]}, gofuse.OK
}

// followNoAtime gives an open file the O_NOATIME that it has over there: the
// kernel changes it without telling, but it comes with each read.
func followNoAtime(f *vfs.File, in *gofuse.ReadIn) {
	if flags := int(in.Flags); (flags^f.Flags())&unix.O_NOATIME != 0 {
		f.ReplaceFlags(unix.O_NOATIME, flags)
	}
}

func (fs *rawFS) Write(cancel <-chan struct{}, in *gofuse.WriteIn, data []byte) (uint32, gofuse.Status) {
	return fs.Writev(cancel, in, [][]byte{data})
}

func (fs *rawFS) Writev(cancel <-chan struct{}, in *gofuse.WriteIn, data [][]byte) (written uint32, st gofuse.Status) {
	st = fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		if in.WriteFlags&gofuse.WRITE_KILL_SUIDGID != 0 {
			fs.dropPrivileges(t, &in.Caller, h.node.inode)
		}
		n, err := h.file.Pwritev(t, data, int64(in.Offset), appendMode(h.file, in))
		if n > 0 && appends(in) {
			fs.checkAppended(h.node, int64(in.Offset)+int64(n))
		}
		written = uint32(n)
		return err
	})
	if st == gofuse.OK {
		fs.counters.written.Add(uint64(written))
	}
	return written, st
}

// appends reports whether a write goes to the end of the file: the flags are
// those that the open file has now. What comes out of the kernel's cache has its
// place, whatever file it is sent by.
func appends(in *gofuse.WriteIn) bool {
	return in.Flags&unix.O_APPEND != 0 && in.WriteFlags&gofuse.WRITE_CACHE == 0
}

// appendMode is what makes a write through f one that appends or does not, in
// flags of pwritev2.
func appendMode(f *vfs.File, in *gofuse.WriteIn) int {
	switch has, wants := f.Flags()&unix.O_APPEND != 0, appends(in); {
	case has && !wants:
		return unix.RWF_NOAPPEND
	case wants && !has:
		return unix.RWF_APPEND
	}
	return 0
}

// checkAppended looks whether an append came to lie where the kernel put it: at
// what it took for the end of the file. If the file had become longer beside
// the mount, the kernel's copy of the data is at the wrong place.
func (s *Server) checkAppended(n *node, end int64) {
	if n.inode.Size() != end {
		s.notifier.add(notice{kind: noticeInode, node: n.id, off: 0, end: toEnd}, nil)
	}
}

// Lseek finds data and holes; other seeks the kernel does alone.
func (fs *rawFS) Lseek(cancel <-chan struct{}, in *gofuse.LseekIn, out *gofuse.LseekOut) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		if in.Whence != unix.SEEK_DATA && in.Whence != unix.SEEK_HOLE {
			return unix.EINVAL
		}
		off, err := h.file.Seek(t, int64(in.Offset), int(in.Whence))
		out.Offset = uint64(off)
		return err
	})
}

func (fs *rawFS) CopyFileRange(cancel <-chan struct{}, in *gofuse.CopyFileRangeIn) (uint32, gofuse.Status) {
	// The answer has 32 bits.
	in.Len = min(in.Len, math.MaxInt32)
	n, st := fs.copyFileRange(cancel, in)
	return uint32(n), st
}

func (s *Server) copyFileRange(cancel <-chan struct{}, in *gofuse.CopyFileRangeIn) (n int, st gofuse.Status) {
	fs := rawFS{s}
	st = fs.open(cancel, &in.InHeader, in.FhIn, func(t *vfs.Task, from *handle) error {
		to, err := fs.openFile(t, in.NodeIdOut, in.FhOut)
		if err != nil {
			return err
		}
		defer to.release(t)
		if in.OffIn > math.MaxInt64 || in.OffOut > math.MaxInt64 {
			return unix.EINVAL
		}
		// Whether the target appends, the kernel knows and has looked at.
		to.file.ReplaceFlags(unix.O_APPEND, 0)
		fs.dropIfUnfit(t, &in.Caller, to.node.inode)
		n, err = from.file.CopyRange(t, int64(in.OffIn), to.file, int64(in.OffOut), int(min(in.Len, math.MaxInt64)), int(in.Flags))
		return err
	})
	return n, st
}

func (fs *rawFS) Fallocate(cancel <-chan struct{}, in *gofuse.FallocateIn) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		fs.dropIfUnfit(t, &in.Caller, h.node.inode)
		return h.file.Fallocate(t, in.Mode, int64(in.Offset), int64(in.Length))
	})
}

// fsyncDataOnly is the flag of a request for fdatasync.
const fsyncDataOnly = 1

func (fs *rawFS) Fsync(cancel <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		return h.file.Fsync(t, 0, math.MaxInt64, in.FsyncFlags&fsyncDataOnly != 0)
	})
}

func (fs *rawFS) FsyncDir(cancel <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	return fs.Fsync(cancel, in)
}
