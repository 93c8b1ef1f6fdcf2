package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// fsIocFsSetXattr is FS_IOC_FSSETXATTR.
const fsIocFsSetXattr = 0x401c5820

// Ioctl passes a command on, with the memory that its number says it reads and
// writes. The kernel forwards commands without a look at who asks, so this
// request has the caller's own identity. FS_IOC_FIEMAP never comes here: the
// kernel asks a file system's method for it, which its fuse has not.
func (fs *rawFS) Ioctl(cancel <-chan struct{}, in *gofuse.IoctlIn, input []byte, out *gofuse.IoctlOut, output []byte) gofuse.Status {
	if in.Flags&gofuse.IOCTL_UNRESTRICTED != 0 {
		return gofuse.Status(unix.ENOSYS)
	}
	return fs.open(cancel, &in.InHeader, in.Fh, func(t *vfs.Task, h *handle) error {
		t.SetCred(ofCaller(&in.Caller))
		result, err := h.file.Ioctl(t, in.Cmd, &vfs.IoctlArg{Value: in.Arg, In: input, Out: output})
		out.Result = int32(result)
		if err == nil && (in.Cmd == unix.FS_IOC_SETFLAGS || in.Cmd == fsIocFsSetXattr) {
			// The kernel does not know that attributes have changed.
			fs.notifier.attrsNow(h.node.id)
		}
		return err
	})
}
