package lockdep

// The classes of the seed's locks and of those around them. Their names are the
// kernel's, and their order is Order.
var (
	// Names, inodes, superblocks, mounts.

	IMutex          = coreClass("i_mutex", Sleep)            // an inode: directory content, size and attributes
	DLock           = coreClass("d_lock", Spin)              // a dentry: its flags, name, parent, children, count
	DSeq            = coreClass("d_seq", Seq)                // a dentry: snapshot of name, parent, inode
	ILock           = coreClass("i_lock", Spin)              // an inode: state, hash membership, aliases
	SVfsRenameMutex = coreClass("s_vfs_rename_mutex", Sleep) // a superblock: cross-directory renames (seed: s_vfs_rename_sem)
	SUmount         = coreClass("s_umount", RW)              // a superblock: shutdown, remount, sync, freeze state
	NamespaceSem    = coreClass("namespace_sem", RW)         // the mount tree
	MountLock       = coreClass("mount_lock", Seq)           // the mount hash
	RenameLock      = coreClass("rename_lock", Seq)          // any dentry's name or parent
	SBLock          = coreClass("sb_lock", Spin)             // the superblock lists
	InodeHashLock   = coreClass("inode_hash_lock", Spin)     // the inode hash
	SInodesLock     = coreClass("s_inodes_lock", Spin)       // a superblock: its list of inodes
	InodeLRU        = coreClass("inode_lru_lock", Spin)      // a superblock: unused inodes
	DcacheBucket    = coreClass("dcache_bucket_lock", Spin)  // a chain of the dentry hash
	DcacheLRU       = coreClass("dcache_lru_lock", Spin)     // a superblock: unused dentries
	FreezeWrite     = coreClass("freeze_write", Level)       // a superblock: writers (level 1)
	FreezePagefault = coreClass("freeze_pagefault", Level)   // a superblock: page faults (level 2)
	FreezeInternal  = coreClass("freeze_internal", Level)    // a superblock: the file system's own threads (level 3)

	// Files and file locks.

	FLock           = coreClass("f_lock", Spin)            // a file: f_flags
	FPosLock        = coreClass("f_pos_lock", Sleep)       // a file: its position
	FdTableLock     = coreClass("fd_table_lock", Spin)     // a task group: its descriptors
	FasyncLock      = coreClass("fasync_lock", Spin)       // a file: who wants SIGIO
	PipeLock        = coreClass("pipe_lock", Sleep)        // a pipe: its buffers
	FlcLock         = coreClass("flc_lock", Spin)          // an inode: its file locks (seed: inode->i_lock)
	BlockedLockLock = coreClass("blocked_lock_lock", Spin) // who waits for whom among file locks

	// Page cache, buffers, block devices.

	PageLock    = coreClass("page_lock", Bit).OrderedByID() // a page, ordered by index in its mapping
	BufferLock  = coreClass("bh_lock", Bit)                 // a buffer head: its I/O
	IMmapRwsem  = coreClass("i_mmap_rwsem", RW)             // a mapping: the areas that map it
	TreeLock    = coreClass("tree_lock", Spin)              // a mapping: its pages, tags and counts
	PrivateLock = coreClass("private_lock", Spin)           // a mapping: the buffers of its pages
	LRULock     = coreClass("lru_lock", Spin)               // the lists of pages
	WBListLock  = coreClass("wb_list_lock", Spin)           // a flusher: its dirty inodes
	BdMutex     = coreClass("bd_mutex", Sleep)              // a block device: open, close, size
	BdevLock    = coreClass("bdev_lock", Spin)              // claims on block devices
	QueueLock   = coreClass("queue_lock", Spin)             // a request queue
	SwapLock    = coreClass("swap_lock", Spin)              // the map of swap slots

	// Mapped memory.

	MmapSem       = coreClass("mmap_sem", RW)          // an address space: its areas
	PageTableLock = coreClass("page_table_lock", Spin) // a page table

	// Quota.

	DqonoffSem  = coreClass("dqonoff_sem", Sleep)  // quota on, quota off
	DqptrSem    = coreClass("dqptr_sem", RW)       // an inode's pointers to its dquots
	DqLock      = coreClass("dq_lock", Sleep)      // a dquot: read, write, release
	DqioSem     = coreClass("dqio_sem", Sleep)     // all I/O on a quota file
	DqListLock  = coreClass("dq_list_lock", Spin)  // the lists of dquots
	DqDataLock  = coreClass("dq_data_lock", Spin)  // usage, limits, grace
	DqStateLock = coreClass("dq_state_lock", Spin) // which quotas are on

	// Unclassified is the class of a lock that nobody gave one by Init. The
	// first use of such a lock is reported.
	Unclassified = coreClass("unclassified", Sleep)
)

func coreClass(name string, kind Kind) *Class {
	c := &Class{name: name, kind: kind, core: true}
	registerClass(c)
	return c
}
