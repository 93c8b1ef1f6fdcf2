package iofs

import (
	"context"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// file is an open regular file. One of at and stream is set.
type file struct {
	vfs.File
	src    fs.File     // behind at
	at     io.ReaderAt // reads at any place
	stream *stream     // reads from front to back
}

// fileOps are the methods of open regular files.
type fileOps struct{}

var fileTable = vfs.FileOpsOf(fileOps{})

// AllocFile allocates an open file.
func (fileOps) AllocFile() vfs.FileImpl { return new(file) }

// Open opens the file. ESTALE, which makes the walk ask again, if its name
// stands for nothing now or for something else.
func (fileOps) Open(_ context.Context, core *vfs.Inode, f *vfs.File) error {
	in, of := inodeOf(core), f.Impl().(*file)
	src, info, err := in.open()
	if err != nil {
		return err
	}
	if in.super().live {
		in.setInfo(info)
	}
	if at, ok := src.(io.ReaderAt); ok {
		of.src, of.at = src, at
	} else {
		of.stream = newStream(in, src, info)
	}
	return nil
}

// open opens the file in fsys, which must still be a regular one.
func (in *inode) open() (fs.File, fs.FileInfo, error) {
	sb := in.super()
	src, err := sb.fsys.Open(in.path)
	if err != nil {
		no := errnoOf(err)
		if no == unix.ENOENT {
			no = unix.ESTALE
		}
		return nil, nil, no
	}
	sb.opens.Add(1)
	info, err := src.Stat()
	if err == nil && modeOf(info.Mode())&unix.S_IFMT == unix.S_IFREG {
		return src, info, nil
	}
	in.close(src)
	if err != nil {
		return nil, nil, errnoOf(err)
	}
	return nil, nil, unix.ESTALE
}

// close closes a file that was only read: its error has no meaning.
func (in *inode) close(src fs.File) {
	_ = src.Close()
	in.super().opens.Add(-1)
}

// Release closes the file.
func (fileOps) Release(_ context.Context, core *vfs.Inode, f *vfs.File) error {
	of := f.Impl().(*file)
	if of.stream != nil {
		of.stream.close()
	} else {
		inodeOf(core).close(of.src)
	}
	return nil
}

// ReadIter reads at iocb.Pos: short at the end of file and before an error.
func (fileOps) ReadIter(ctx context.Context, iocb *vfs.Kiocb, iter *vfs.Iter) (int, error) {
	f := iocb.File.(*vfs.File).Impl().(*file)
	if f.stream != nil {
		return f.stream.read(ctx, iocb, iter)
	}
	done := 0
	for iter.Len() > 0 {
		seg := iter.Peek()
		n, err := f.at.ReadAt(seg, iocb.Pos)
		if n < 0 || n > len(seg) {
			n, err = 0, unix.EIO // a broken reader must not break its readers
		}
		iter.Advance(n)
		iocb.Pos += int64(n)
		done += n
		if err == io.EOF || n < len(seg) && err == nil {
			break
		}
		if n < len(seg) {
			if done > 0 {
				break
			}
			return 0, errnoOf(err)
		}
	}
	return done, nil
}

// Llseek moves the position; see [vfs.GenericLlseek].
func (fileOps) Llseek(ctx context.Context, f *vfs.File, offset int64, whence int) (int64, error) {
	return vfs.GenericLlseek(ctx, f, offset, whence)
}

// Fsync has nothing to write.
func (fileOps) Fsync(context.Context, *vfs.File, int64, int64, bool) error { return nil }
