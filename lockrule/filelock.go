package lockrule

var fileLockOperations = Table{
	Name:  "file_lock_operations",
	Title: "File lock methods",
	Notes: []string{
		"They belong to the private part of a lock record, which a file system sets in its lock method.",
		"The column i_lock is the lock of the inode's lock lists (flc_lock); it nests as i_lock does.",
	},
	Methods: []Method{
		{
			Name:      "fl_copy_lock",
			Go:        "filelock.LockCopier.CopyLock",
			SeedLine:  348,
			Prototype: "void (*fl_copy_lock)(struct file_lock *, struct file_lock *);",
			Summary:   "Copy the private part of a record that the core has duplicated.",
			Cells:     []Cell{{"i_lock", "yes"}, {"may_block", "no"}},
			States:    []State{held("i_lock", "old", Yes)},
			Blocking:  BlockNo,
			Context:   ContextAtomic,
			Notes: []string{
				"Called when a granted request is inserted and when a range is split: copy, or take a reference.",
				"Not called for a copy that only reports a conflict: such a copy has no private part.",
				"Trap: no allocation that sleeps. Absent: the private part is not copied.",
			},
		},
		{
			Name:      "fl_release_private",
			Go:        "filelock.PrivateReleaser.ReleasePrivate",
			SeedLine:  349,
			Prototype: "void (*fl_release_private)(struct file_lock *);",
			Summary:   "Release the private part of a record that is going away.",
			Cells:     []Cell{{"i_lock", "maybe"}, {"may_block", "not-for-leases"}},
			States:    []State{held("i_lock", "lock", Maybe)},
			Blocking:  BlockNotForLeases,
			Prose:     []int{27},
			Notes: []string{
				"Called once for each record that has these methods, requests on the stack included.",
				"POSIX and flock records are disposed of after the list lock is dropped; leases may go under it.",
				"Trap: a method used for leases too must never block. Absent: nothing to release.",
			},
		},
	},
}
