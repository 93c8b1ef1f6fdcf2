package vfs

import "github.com/govfs/govfs/quota"

// QuotaSuperblock is a driver's superblock ([SuperblockImpl]) that keeps disk
// quotas: the core finds their state, and the lock under which quota files are
// read and written, through it.
type QuotaSuperblock interface {
	SuperblockImpl

	// Quota is the same for the superblock's whole life. It does not block.
	Quota() *quota.Super
}
