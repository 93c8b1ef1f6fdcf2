// Package difftest runs the same random operations against several file
// systems and compares what they answer: the memory file system in process,
// the same through a kernel mount, and the host's tmpfs, which is the judge.
//
// An episode is a list of operations that a seed and nothing else determines
// ([Generate]), run by tasks of several users on fresh file systems. A
// [Machine] runs operations against a [System], one for each user: system
// calls of the package vfs ([NewMemory]) or of the kernel ([NewHost],
// [Remote] for one in a process of its own). What an operation returned, what
// it left behind (stat of the objects it named) and, now and then, the whole
// tree go to a [Canon], which makes them comparable: inode numbers become
// ordinals, times become "as it was set" or "of this run". Everything else
// must agree to the bit, but for the rows of [Exceptions].
//
// A disagreement is made small ([Minimize]) and reported with its seed and the
// numbers of the operations that are needed to see it, with which it can be
// run again.
package difftest
