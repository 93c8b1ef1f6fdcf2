package lockrule

var fileSystemType = Table{
	Name:  "file_system_type",
	Title: "File system type methods",
	Notes: []string{
		"These two begin and end the life of a superblock, and hand its s_umount over to and back from the core.",
	},
	Methods: []Method{
		{
			Name:      "mount",
			Go:        "vfs.Mounter.Mount",
			SeedLine:  172,
			Prototype: "struct dentry *(*mount) (struct file_system_type *, int, const char *, void *);",
			Summary:   "Find or make the superblock for a source, and return a root.",
			Cells:     []Cell{{"may_block", "yes"}, {"s_umount", "returns-write-locked"}},
			States:    []State{across("s_umount", "root", No, Exclusive, No)},
			Blocking:  BlockYes,
			Prose:     []int{7},
			Notes: []string{
				"Returns a referenced dentry whose superblock carries one active reference for the caller; it may be a subtree, or the root of a superblock that exists.",
				"Filling sets methods, block size, largest file, time granularity, magic, flags, and the root inode and dentry.",
				"The same device twice is the same superblock; another wish about read-only, or a frozen device, is EBUSY.",
				"Trap: a failure drops the active reference, which runs kill_sb on a superblock that is half built.",
				"The core then makes the superblock visible, unlocks it and builds a mount.",
			},
		},
		{
			Name:      "kill_sb",
			Go:        "vfs.SuperKiller.KillSB",
			SeedLine:  173,
			Prototype: "void (*kill_sb) (struct super_block *);",
			Summary:   "Shut a superblock down after its last active reference.",
			Cells:     []Cell{{"may_block", "yes"}, {"s_umount", "write-unlocks"}},
			States:    []State{across("s_umount", "sb", Exclusive, No, No)},
			Blocking:  BlockYes,
			Prose:     []int{8},
			Notes: []string{
				"Called with s_umount held exclusively, and returns without it; the core drops the passive reference.",
				"Pick up private pointers before the generic shutdown, free them after it.",
				"A tree that lives in memory drops the extra references that pin it first; a device is flushed and closed last.",
				"It must cope with a superblock whose mount failed half way.",
			},
		},
	},
}
