// Package fuse mounts the tree of a vfs namespace in the kernel.
//
// [Mount] shows the superblock at the root of a [vfs.Namespace] at a directory
// of the host. What is mounted on top inside the namespace is not shown: the
// kernel tells files apart by node ids, and those are one superblock's.
//
// # Nodes
//
// A node id stands for an inode, never for a name, so hard links are one file.
// Each successful lookup that is answered adds one to the node's count, each
// forget of the kernel takes some off; at zero the node goes, and with it the
// references on its dentry and inode. Ids are not used twice: a stale or forged
// one is ESTALE, a stale or forged file handle EBADF.
//
// # Caching
//
// The kernel caches names, attributes, listings and data without a time limit,
// because it is told of every change that is made beside the mount: the server
// observes the superblock ([vfs.Observer]). Its own changes it does not echo.
// A change through the Go API returns once the kernel has been told; a change
// through another mount of the same superblock is told soon after, since the
// kernel may be holding a lock for that other request that the telling needs.
//
// # Permission
//
// With [PermissionsKernel] the kernel, which knows the caller's groups and
// capabilities, has decided before a request arrives, and the request runs with
// all capabilities. With [PermissionsCore] the tree decides, by the caller's
// identity out of /proc; names are then not cached, so that every step of every
// caller is checked.
//
// # Interrupts
//
// A request that waits for a file lock ends with EINTR upon any signal of its
// caller, as fcntl does. Other requests stand for calls that Linux programs
// know to be uninterruptible: they are cancelled when the caller is being
// killed, or when the connection ends.
//
// # Using a mount from its own process
//
// A process may use its own mount: no request is answered under a lock that
// another request needs. Three things of the Go runtime still stop it for good,
// since they stop the goroutines that would answer: touching mapped memory of a
// file of the mount, as a fault keeps its processor; starting a program that
// lies on the mount, or in a directory on it, as the runtime waits for the exec
// in the child; and, with [Options.Poll], opening files of the mount with
// package os, whose poller waits for the answer of poll. Other processes may do
// all that.
//
// # Locks
//
// The locks of this package are leaves: none is held while the tree is called.
// Two are exceptions, and are taken before anything of the tree: the one that
// orders listings through an open directory, and the one under which a node's
// shared file is opened ([Options.Stateless]).
package fuse
