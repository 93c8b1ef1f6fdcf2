// Package iofs mounts any [io/fs.FS] read-only: a zip archive, an [embed.FS],
// an [os.DirFS], a [testing/fstest.MapFS], or one's own. The type is "iofs";
// its source is the path of a zip archive, unless the mount's data bring a
// file system along (see [Config]).
//
// # What a file system has to offer
//
// [io/fs.FS] is enough. [io/fs.ReadLinkFS] makes its symbolic links readable.
// A file that is an [io.ReaderAt] is read in place, by any number of readers
// at a time. Any other file is read from front to back, and again from the
// front when somebody wants to go back further than the blocks that the mount
// still has in memory (32 MiB for all of its files). Names that no path can
// hold ("", ".", "..", one with a slash or a NUL or of more than 255 bytes,
// invalid UTF-8) are left out of listings and not found.
//
// # What it looks like
//
// Owner is who mounted, or what the options say; type, permissions, size and
// time are the file's own, without the setuid and setgid bits: a tree that
// does not record owners cannot hand out one's rights. A time that is missing
// is the epoch. Inode numbers are made of the path, the same at every mount;
// a link count is always 1, which for a directory says that its
// subdirectories were not counted. Every change fails with EROFS.
//
// # Change
//
// An [embed.FS] and a zip archive never change, and what was looked up once
// stays. Anything else may change under the mount: names and attributes are
// believed for a second (the option timeout), then looked at again.
//
// # Locks
//
//	i_mutex         of a directory that is read or looked up in
//	iofs_stream     one open file's place in its sequential reader
//	  iofs_cache    the mount's blocks; innermost
//
// The methods of the file system below are called under one of the first two
// at most. It may stand on other mounts, but on none that stands on this one.
package iofs
