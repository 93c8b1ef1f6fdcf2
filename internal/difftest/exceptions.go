package difftest

// MountExceptions are what the kernel does itself, or does not pass on, between
// a client of a mount and the file system behind it.
var MountExceptions = []Exception{
	{
		What: "statfs: the type",
		Why:  "the kernel gives that of FUSE, whatever is behind it",
		FS:   func(want, got *FSInfo) { got.Type = want.Type },
	},
}
