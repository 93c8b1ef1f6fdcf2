// Package block holds block devices: what a disk and its partitions are as
// devices that can be opened, the methods that a disk's driver provides, and
// buffer heads, the blocks of a device inside the page cache.
//
// Locks, outer to inner: a partition's bd_mutex, its whole disk's bd_mutex;
// below the page lock, a buffer's lock. Completions take neither.
package block
