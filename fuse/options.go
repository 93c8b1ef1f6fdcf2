package fuse

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Options say how a tree is mounted. The zero value is what most want.
type Options struct {
	// Source is what listings of mounts show first (fsname). Empty: what the
	// superblock was mounted from, or its type.
	Source string
	// Subtype is the part of the type that listings show behind "fuse.".
	// Empty: "govfs".
	Subtype string
	// Flags are those of mount(2): SuperReadOnly, SuperNoSUID, SuperNoDev,
	// SuperNoExec, SuperNoAtime, SuperNoDirAtime, SuperSynchronous,
	// SuperDirSync, and MS_STRICTATIME; EINVAL for others. Access times are
	// relative to changes unless they say otherwise. An ordinary user's
	// mount always is nosuid and nodev.
	Flags vfs.SuperFlags
	// AllowOther lets other users than the mounting one in. An ordinary user
	// needs user_allow_other in /etc/fuse.conf for it.
	AllowOther bool
	// Permissions says who decides about access.
	Permissions Permissions
	// MaxRead and MaxWrite bound the data of one request, in bytes. Zero is
	// 1 MiB; the kernel's own limit is below that, if it is old, or has been
	// set otherwise (fs.fuse.max_pages_limit).
	MaxRead, MaxWrite int
	// MaxBackground bounds the requests that the kernel makes without a
	// caller waiting, such as readahead. Zero: 64.
	MaxBackground int
	// EntryTimeout is for how long the kernel may use a name that it was told
	// of, NegativeTimeout for how long it may believe that one is missing,
	// AttrTimeout for how long it may use attributes. Zero: for ever, as it
	// hears of changes; for a tree that also changes by itself that is too
	// long. Negative: not at all. With PermissionsCore the first two are not
	// at all.
	EntryTimeout, NegativeTimeout, AttrTimeout time.Duration
	// DirectIO keeps the data of files out of the kernel's cache: every read
	// and write is a request.
	DirectIO bool
	// Poll asks the driver what a file is ready for (poll, select, epoll).
	// Without it the kernel takes every file to be ready. See the package
	// comment for what it means to the server's own process.
	Poll bool
	// Stateless keeps the opening of files from being requests, which pays
	// where many are opened for short; the driver then sees one open of each
	// file, for reading, from the first read to the last forget. File locks
	// are local to the mount. It takes effect on a read-only mount with
	// PermissionsKernel only.
	Stateless bool
}

const (
	defaultSubtype    = "govfs"
	defaultBackground = 64
	// forever is a time that no kernel outlives; it fits in jiffies.
	forever = 10 * 365 * 24 * time.Hour
)

const validFlags = vfs.SuperReadOnly | vfs.SuperNoSUID | vfs.SuperNoDev | vfs.SuperNoExec | vfs.SuperNoAtime |
	vfs.SuperNoDirAtime | vfs.SuperSynchronous | vfs.SuperDirSync | unix.MS_STRICTATIME

// complete checks the options and fills in the defaults.
func (o *Options) complete(sb *vfs.Superblock) error {
	if bad := o.Flags &^ validFlags; bad != 0 {
		return fmt.Errorf("fuse: mount flags %#x are not known: %w", uint64(bad), unix.EINVAL)
	}
	if o.Permissions > PermissionsCore {
		return fmt.Errorf("fuse: permissions %d are not known: %w", o.Permissions, unix.EINVAL)
	}
	if o.MaxRead < 0 || o.MaxWrite < 0 || o.MaxBackground < 0 || o.MaxBackground > 1<<16-1 {
		return fmt.Errorf("fuse: a limit is negative or too large: %w", unix.EINVAL)
	}
	if sb.ReadOnly() {
		o.Flags |= vfs.SuperReadOnly
	}
	if os.Geteuid() != 0 {
		o.Flags |= vfs.SuperNoSUID | vfs.SuperNoDev
	}
	if o.Source == "" {
		if o.Source = sb.Source; o.Source == "" {
			o.Source = sb.Type().Name
		}
	}
	if o.Subtype == "" {
		o.Subtype = defaultSubtype
	}
	limit := maxRequest()
	o.MaxRead, o.MaxWrite = clampRequest(o.MaxRead, limit), clampRequest(o.MaxWrite, limit)
	if o.MaxBackground == 0 {
		o.MaxBackground = defaultBackground
	}
	o.EntryTimeout = validTimeout(o.EntryTimeout, forever)
	o.NegativeTimeout = validTimeout(o.NegativeTimeout, forever)
	o.AttrTimeout = validTimeout(o.AttrTimeout, forever)
	if o.Permissions == PermissionsCore {
		// A cached name would be found by callers who may not search its
		// directory.
		o.EntryTimeout, o.NegativeTimeout = 0, 0
	}
	if o.Flags&vfs.SuperReadOnly == 0 || o.Permissions != PermissionsKernel {
		o.Stateless = false
	}
	return nil
}

const (
	minRequest     = 4096 // the least that the kernel takes as a limit
	defaultRequest = 1 << 20
)

func clampRequest(n, limit int) int {
	if n == 0 {
		n = defaultRequest
	}
	return max(min(n, limit), minRequest)
}

// maxRequest is the most data that the kernel puts in one request, in bytes.
func maxRequest() int {
	const dflt = 256 // pages
	pages := readNumber("/proc/sys/fs/fuse/max_pages_limit", dflt)
	return min(max(pages, 1), 1<<16-1) * os.Getpagesize()
}

// readNumber is the decimal number in a file, or dflt.
func readNumber(file string, dflt int) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return dflt
	}
	var n int
	if _, err := fmt.Sscan(string(data), &n); err != nil {
		return dflt
	}
	return n
}
