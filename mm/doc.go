// Package mm holds mapped memory: address spaces, the areas in them, and the
// faults that bring a file's pages in.
//
// Locks, outer to inner: i_mutex (never taken by a fault), mmap_sem, the page
// lock, a page table's lock.
package mm
