package difftest

import "golang.org/x/sys/unix"

// MountExceptions are what the kernel does itself, or does not pass on, between
// a client of a mount and the file system behind it.
var MountExceptions = []Exception{
	{
		What: "statfs: the type",
		Why:  "the kernel gives that of FUSE, whatever is behind it",
		Example: []Op{
			{Kind: Statfs, Path: "/"},
		},
		FS: func(want, got *FSInfo) { got.Type = want.Type },
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
		Example: []Op{
			{Kind: Open, Path: "/f", Flags: unix.O_CREAT, Mode: 0o644, Dir: NoSlot},
			{Kind: Setflags, Flags: flagNoDump},
			{Kind: Fstat},
		},
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
		Example: []Op{
			{Kind: Open, Path: "/f", Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o644, Dir: NoSlot},
			{Kind: Futimens, Times: [2]TimeArg{{Sec: 1}, {Sec: 2}}},
			{Kind: Read, Len: 1}, // at the end, which the kernel knows
		},
		Info: func(want, got *Info) {
			if want.Atime.Sec == nearby {
				got.Atime = want.Atime
			}
		},
	},
	{
		What: "access time of a file: the present one where there should be one that was set",
		Why:  "what the kernel reads ahead, it may read after the caller has set the time",
		Info: func(want, got *Info) {
			if want.Mode&unix.S_IFMT == unix.S_IFREG && got.Atime.Sec == nearby {
				got.Atime = want.Atime
			}
		},
	},
	{
		What: "a FIFO's times",
		Why:  "reading and writing one is the kernel's alone",
		Example: []Op{
			{Kind: Mknod, Path: "/f", Mode: unix.S_IFIFO | 0o644, Dir: NoSlot},
			{Kind: Open, Path: "/f", Flags: unix.O_RDWR | unix.O_NONBLOCK, Dir: NoSlot},
			{Kind: Write, Len: 1},
		},
		Info: func(want, got *Info) {
			if want.Mode&unix.S_IFMT == unix.S_IFIFO && want.Mtime.Sec == nearby {
				got.Mtime, got.Ctime = want.Mtime, want.Ctime
			}
		},
	},
	{
		What: "chown of another's setuid file that changes no owner: no error, and no change",
		Why:  "the kernel asks in the same words when a writer, who may be anybody, makes the setuid bit go",
		Example: []Op{
			{Kind: Open, Path: "/f", Flags: unix.O_CREAT, Mode: 0o4755, Dir: NoSlot},
			{Kind: Fchown, User: 1, UID: ^uint32(0), GID: ^uint32(0)},
		},
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
		Example: []Op{
			{Kind: Mknod, Path: "/f", Mode: unix.S_IFIFO | 0o644, Dir: NoSlot},
			{Kind: Open, Path: "/f", Flags: unix.O_RDONLY | unix.O_NONBLOCK, Dir: NoSlot},
			{Kind: Setflags, User: 1},
		},
		Result: func(op *Op, want, got *Result) {
			if op.Kind == Setflags && want.Err == unix.ENOTTY && got.Err == unix.EPERM {
				got.Err = want.Err
			}
		},
	},
	{
		What: "lseek in a directory, and which error a read at such a position gets",
		Why:  "the kernel's fuse seeks alone; it knows an end, data and holes in a directory",
		Example: []Op{
			{Kind: Open, Path: "/", Flags: unix.O_RDONLY, Dir: NoSlot},
			{Kind: Lseek, Flags: unix.SEEK_END},
		},
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
// everything, as a mount gives room back later than others do.
func ForMount(c Config) Config {
	c.Options = "size=1g,nr_inodes=100000"
	c.Mounted = true
	return c
}

// forMount changes what would end differently on a mount for reasons that are
// the kernel's, and have consequences. It does not know of files that are
// immutable or append-only when it looks for a reason to refuse something. And
// it takes setuid from a file before it asks for the space that there is not.
func (o *Op) forMount() {
	const room = 1 << 20
	switch o.Kind {
	case Setflags:
		o.Flags &^= flagImmutable | flagAppend
	case Fallocate:
		o.Off2 = min(o.Off2, room)
	}
}
