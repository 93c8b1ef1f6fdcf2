package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// specialFileOps are the methods of an inode that is neither file nor
// directory: a FIFO is a pipe; there are no drivers behind devices, and a
// socket cannot be opened.
func specialFileOps(mode uint32) *FileOps {
	if mode&unix.S_IFMT == unix.S_IFIFO {
		return fifoFileOps
	}
	return deviceFileOps
}

var (
	deviceFileOps = FileOpsOf(deviceOps{})
	fifoFileOps   = FileOpsOf(pipeOps{})
)

type deviceOps struct{}

func (deviceOps) Open(context.Context, *Inode, *File) error { return unix.ENXIO }
