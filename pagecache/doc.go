// Package pagecache holds the pages of files: what a page and its states are,
// the mapping of one file with its methods, and the requests that move data in
// and out of it.
//
// It knows nothing of names and open files: the inode that a mapping belongs
// to is a [Host], and a file handle passes through as an opaque value.
//
// Locks, outer to inner: the host's i_mutex, the page lock (several pages of a
// mapping in ascending order), tree_lock. A completion takes tree_lock at most.
package pagecache
