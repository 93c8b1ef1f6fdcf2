package difftest

import "golang.org/x/sys/unix"

// MountExceptions are what the kernel does itself, or does not pass on, between
// a client of a mount and the file system behind it.
var MountExceptions = []Exception{
	{
		What: "statfs: the type",
		Why:  "the kernel gives that of FUSE, whatever is behind it",
		FS:   func(want, got *FSInfo) { got.Type = want.Type },
	},
	{
		What: "statfs: less is free",
		Why:  "a file that is removed goes when the kernel releases and forgets it, which it does later and by itself",
		FS: func(want, got *FSInfo) {
			if got.Bfree < want.Bfree && got.Bavail == got.Bfree {
				got.Bfree, got.Bavail = want.Bfree, want.Bavail
			}
			if got.Ffree < want.Ffree {
				got.Ffree = want.Ffree
			}
		},
	},
	{
		What: "statx: attributes",
		Why:  "the kernel's fuse passes none of them on",
		Info: func(want, got *Info) { got.Attributes = want.Attributes },
	},
	{
		What: `the inode of ".." in a listing`,
		Why:  "the kernel goes on with its cached listing of an open directory for a moment after it was moved",
		Result: func(op *Op, want, got *Result) {
			for i := range min(len(want.Names), len(got.Names)) {
				if want.Names[i].Name == ".." {
					got.Names[i].Ino = want.Names[i].Ino
				}
			}
		},
	},
	{
		What: "access time: an old one where there should be the present one",
		Why:  "what the kernel reads from its cache the server does not see",
		Info: func(want, got *Info) {
			if want.Atime.Sec == nearby {
				got.Atime = want.Atime
			}
		},
	},
	{
		What: "a FIFO's times",
		Why:  "reading and writing one is the kernel's alone",
		Info: func(want, got *Info) {
			if want.Mode&unix.S_IFMT == unix.S_IFIFO && want.Mtime.Sec == nearby {
				got.Mtime, got.Ctime = want.Mtime, want.Ctime
			}
		},
	},
	{
		What: "chown of another's setuid file that changes no owner: no error, and no change",
		Why:  "the kernel asks in the same words when a writer, who may be anybody, makes the setuid bit go",
		Result: func(op *Op, want, got *Result) {
			isChown := op.Kind == Chown || op.Kind == Fchown
			if isChown && op.UID == ^uint32(0) && op.GID == ^uint32(0) && want.Err == unix.EPERM && got.Err == 0 {
				got.Err = want.Err
			}
		},
	},
	{
		What: "FS_IOC_SETFLAGS on a FIFO, device or socket: EPERM for who does not own it",
		Why:  "the kernel's fuse has the method for files of every type, and looks at the owner before the type",
		Result: func(op *Op, want, got *Result) {
			if op.Kind == Setflags && want.Err == unix.ENOTTY && got.Err == unix.EPERM {
				got.Err = want.Err
			}
		},
	},
	{
		What: "lseek in a directory, and which error a read at such a position gets",
		Why:  "the kernel's fuse seeks alone; it knows an end, data and holes in a directory",
		Result: func(op *Op, want, got *Result) {
			if want.After[0].Info.Mode&unix.S_IFMT != unix.S_IFDIR {
				return
			}
			seeks := op.Kind == Lseek && op.Flags != unix.SEEK_SET
			reads := (op.Kind == Read || op.Kind == Readv) && want.Err == unix.EINVAL && got.Err == unix.EISDIR
			if seeks || reads {
				got.Err, got.N = want.Err, want.N
			}
		},
	},
}

// ForMount is the configuration for a comparison with a mount: with room for
// everything, as a mount gives room back later than others do, and without
// files that are immutable or append-only, of which the kernel does not know
// when it looks for a reason to refuse something.
func ForMount(c Config) Config {
	c.Options = "size=1g,nr_inodes=100000"
	c.NoFlags = true
	return c
}
