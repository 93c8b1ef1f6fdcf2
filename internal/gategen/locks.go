package main

import "strings"

// lockExprs says how a gate gets from an argument to a lock of it: by package,
// lock and type of the argument, the function of the package's gatelocks.go, or
// an expression that needs no argument. A lock of which there is one has no type.
var lockExprs = map[string]map[string]string{
	"vfs": {
		"rename_lock":               "lockRenameLock",
		"namespace_sem":             "lockNamespaceSem",
		"d_lock *Dentry":            "lockDLock",
		"d_lock Path":               "lockPathDLock",
		"i_lock *Inode":             "lockILock",
		"i_lock *Dentry":            "lockDentryILock",
		"i_mutex *Inode":            "lockIMutex",
		"i_mutex *Dentry":           "lockDentryIMutex",
		"i_mutex *File":             "lockFileIMutex",
		"i_mutex *Kiocb":            "lockKiocbIMutex",
		"freeze_write *File":        "lockFileFreezeWrite",
		"freeze_write *Kiocb":       "lockKiocbFreezeWrite",
		"mmap_sem VMA":              "lockMmapSem",
		"mmap_sem":                  "lockdep.AnyOf(lockdep.MmapSem)",
		"freeze_write *Inode":       "lockFreezeWrite",
		"freeze_write *Dentry":      "lockDentryFreezeWrite",
		"s_umount *Superblock":      "lockSUmount",
		"s_umount *Dentry":          "lockDentrySUmount",
		"dqio_sem *Superblock":      "lockDqioSem",
		"page_lock *pagecache.Page": "lockPageLock",
	},
	"pagecache": {
		"page_lock *Page":    "lockPageLock",
		"page_lock *Mapping": "lockdep.AnyOf(lockdep.PageLock)",
		"i_mutex *Mapping":   "lockIMutex",
	},
	"block": {
		"bh_lock *BufferHead":   "lockBufferHead",
		"bd_mutex *BlockDevice": "lockBdMutex",
		"bd_mutex *Disk":        "lockDiskBdMutex",
		"swap_lock":             "lockSwapLock",
		"page_lock":             "lockdep.AnyOf(lockdep.PageLock)",
	},
	"quota": {
		"dqonoff_sem|dqptr_sem *Dquot": "lockOnoffOrPtr",
		"dqonoff_sem *Super":           "lockDqonoffSem",
	},
	"filelock": {
		"i_lock *Lock":      "lockFlcLock",
		"i_lock":            "lockdep.AnyOf(lockdep.FlcLock)",
		"blocked_lock_lock": "lockBlockedLockLock",
	},
	"mm": {
		"mmap_sem *VMA":          "lockMmapSem",
		"page_lock *Fault":       "lockFaultPage",
		"page_table_lock *Fault": "lockPageTable",
	},
}

// lockExpr is the Go expression for a lock of p.
func lockExpr(pkg, lock string, p param) (string, bool) {
	key := lock
	if p.typ != "" {
		key += " " + p.typ
	}
	expr, ok := lockExprs[pkg][key]
	if !strings.Contains(expr, "(") {
		expr += "(" + p.name + ")"
	}
	return expr, ok
}
