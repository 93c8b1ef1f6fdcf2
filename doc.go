// Package govfs gives a program a file system of its own, with the API of
// package os.
//
//	fsys, err := govfs.Open(ctx, "mem")
//	if err != nil {
//		return err
//	}
//	defer fsys.Close()
//	err = fsys.WriteFile("/greeting", []byte("hello\n"), 0o644)
//
// An [FS] has the functions of package os as methods, a [File] the methods of
// os.File, with the behaviour and the errors that they have on Linux:
// *fs.PathError and *os.LinkError around a [syscall.Errno], so that errors.Is
// with fs.ErrNotExist and the like works. [FS.IO] is the same tree as an
// [io/fs.FS].
//
// Below is Linux's VFS: permissions are checked for the identity that the FS
// acts for (the process's own, unless [WithCred] or [FS.As] says otherwise),
// hard links, devices, FIFOs and extended attributes are what they are in the
// kernel. [FS.Task] gives access to the system calls themselves.
//
// # Paths
//
// Paths are slash-separated bytes. A relative path starts at the root of the
// file system, as there is no current directory.
//
// # Concurrency
//
// All methods of FS and File may be called by any number of goroutines at a
// time; what they do is ordered as it is among threads on Linux.
package govfs
