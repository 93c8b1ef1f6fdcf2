// Package memfs is the memory file system: what the kernel's tmpfs is.
//
// Names and inodes live in the core's cache alone: a name that exists is a
// dentry with a pin on it ([vfs.Dentry.Pin]), and the inode is kept by its
// dentries. What a directory adds is the order in which its entries are
// listed, by a cookie that is given once and never again (dirIndex). What a
// file adds is the index of its pages (pageIndex), which are frames of an
// arena outside the Go heap, shared by all files of the superblock.
//
// # Locks
//
// The i_mutex of a directory guards its dirIndex, that of a file changes of
// its pageIndex and size. Reads take no lock: they take a reference on the
// frame that they copy from, and look again whether it still is the file's.
// Inside the i_mutex nest the locks of the arena, which are innermost. Space
// and inodes are counted by atomic numbers.
//
// # Limits
//
// Space is counted in pages of 4096 bytes, inodes with the bytes of their
// extended attributes, as tmpfs counts them: the same sequence of calls meets
// ENOSPC at the same point on both.
package memfs
