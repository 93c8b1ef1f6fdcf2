package difftest

// MountExceptions are what the kernel does itself, or does not pass on, between
// a client of a mount and the file system behind it.
var MountExceptions = []Exception{}
