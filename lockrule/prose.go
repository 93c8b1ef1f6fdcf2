package lockrule

// Rule is one of the rules that stand in sentences rather than in a row.
type Rule struct {
	// Number is what the rule is cited by: 12 is "P12".
	Number int    `json:"number"`
	Text   string `json:"text"`
	Topic  string `json:"topic"`
}

// Topics of the prose rules.
const (
	topicNamespace = "Name space and superblock"
	topicPageCache = "Page cache and writeback"
	topicFileLocks = "File locks"
	topicBlock     = "Block layer"
	topicFiles     = "Files and quota"
	topicMappings  = "Memory mappings"
)

// prose is indexed by number - 1.
var prose = []Rule{
	{1, "rmdir, unlink, rename and rename2 hold i_mutex of the victim as well as of the parent(s).", topicNamespace},
	{2, "A cross-directory rename or rename2 holds the per-superblock s_vfs_rename_mutex.", topicNamespace},
	{3, "permission must not block in rcu-walk; d_revalidate and d_manage likewise; they answer \"retry in ref-walk\" instead.", topicNamespace},
	{4, "statfs: s_umount is held shared only when reached by device number (ustat); by path, the path pins the superblock.", topicNamespace},
	{5, "quota_read and quota_write are the only ones operating on the quota file (dqio_sem held), unless an administrator bypasses quotas.", topicNamespace},
	{6, "bdev_try_to_free_page is called from the releasepage handler of the block device inode, nowhere else.", topicNamespace},
	{7, "mount returns the root dentry (or an error) with its superblock locked (s_umount, exclusive).", topicNamespace},
	{8, "kill_sb takes a write-locked superblock, does all the shutdown work, unlocks it and drops the reference.", topicNamespace},

	{9, "sync_page, write_begin, write_end and readpage may be called from the loop device's request handler.", topicPageCache},
	{10, "readpage unlocks the page, synchronously or through I/O completion.", topicPageCache},
	{11, "readpages populates the cache with the pages it is passed and starts I/O; they come unlocked on completion.", topicPageCache},
	{12, "writepage for sync (sync_mode other than none) must start I/O, even if it has to block on I/O in progress; it waits for I/O in progress, then starts new I/O.", topicPageCache},
	{13, "writepage for cleansing avoids blocking on I/O in progress; where it would have to block, it redirties the page (redirty_page_for_writepage), unlocks it and returns success.", topicPageCache},
	{14, "writepage unlocks the page before it returns, unless it returns WRITEPAGE_ACTIVATE (the page stays locked, and goes to the head of the active list).", topicPageCache},
	{15, "Unless it redirties, writepage runs set_page_writeback, then unlocks; the completion runs end_page_writeback; if no I/O was submitted, end_page_writeback runs before writepage returns.", topicPageCache},
	{16, "A page left with neither redirty nor set/end writeback (clean, but tagged dirty) is an error that is detected.", topicPageCache},
	{17, "Pages under writeout need not be locked, and may be unlocked at any point between set_page_writeback and end_page_writeback.", topicPageCache},
	{18, "writepages starts I/O against about nr_to_write pages, decrements it for each page written, stays reasonably close to it; with no nr_to_write it writes all dirty pages.", topicPageCache},
	{19, "writepages writes only pages that are present on the mapping's list of pages for I/O.", topicPageCache},
	{20, "set_page_dirty may be called under a spinlock (so it cannot block), and with the page not locked.", topicPageCache},
	{21, "bmap has two callers: the FIBMAP ioctl and the swapper.", topicPageCache},
	{22, "invalidatepage drops some or all buffers when a page is truncated; without one, the core uses block_invalidatepage.", topicPageCache},
	{23, "releasepage returns zero when the buffers are not (all) freeable (the printed tables say that zero means they may be; here the code of their time is followed); without one, the core assumes the file system has no private interest in them.", topicPageCache},
	{24, "freepage is called when the core is done dropping the page from the cache; it cannot block.", topicPageCache},
	{25, "launder_page cleans a dirty page before release, with the page locked throughout, so it cannot be mapped back and redirtied; zero means cleaned.", topicPageCache},
	{26, "swap_activate's success makes a file swap backing: swap I/O is proxied to its address space; swap_deactivate follows a successful swap_activate, at swapoff.", topicPageCache},

	{27, "fl_release_private may block for flock and POSIX locks; leases can be freed under i_lock, so for a lease it must not.", topicFileLocks},
	{28, "lm_compare_owner runs with an inode's i_lock held, not always that of the inodes concerned; during deadlock detection blocked_lock_lock is held too, and what is looked at cannot vanish meanwhile.", topicFileLocks},

	{29, "b_end_io is called from interrupt context: the buffer is locked, and that is the only guarantee.", topicBlock},
	{30, "media_changed, unlock_native_capacity and revalidate_disk are called from check_disk_change only.", topicBlock},
	{31, "swap_slot_free_notify runs with swap_lock, and sometimes the page lock, held.", topicBlock},

	{32, "llseek implementations do their own locking (i_mutex or a safe size read); f_pos itself is the caller's concern.", topicFiles},
	{33, "fasync maintains the FASYNC bit in the file's flags, through the common helper.", topicFiles},
	{34, "read on a directory is EISDIR, from the core, for every file system.", topicFiles},
	{35, "setlease calls the generic setlease, before or after recording it in the file system.", topicFiles},
	{36, "A dquot method wraps the generic quota operation of the same name, and gives the locking around it.", topicFiles},

	{37, "fault finds the page at the offset; if it can be truncated or invalidated, it locks it, checks it was not truncated meanwhile, and returns LOCKED with the page locked; the core unlocks it.", topicMappings},
	{38, "map_pages maps what is easily reachable in the offset range, under the page-table lock: it must not block, and skips what it could not reach without blocking.", topicMappings},
	{39, "page_mkwrite rules out truncate/invalidate races and returns with the page locked; on a truncated page it returns NOPAGE (the fault is retried) and looks up no new page.", topicMappings},
	{40, "pfn_mkwrite is the same for page-less mappings (NOPAGE or an error); without one, the mapping becomes read-write.", topicMappings},
	{41, "access is called when user pages cannot be had (debugger access to I/O and PFN mappings), for those mappings only.", topicMappings},
}

// Prose returns the prose rules by ascending number.
func Prose() []Rule { return prose }

// ProseRule returns the prose rule of a number.
func ProseRule(n int) (Rule, bool) {
	if n < 1 || n > len(prose) {
		return Rule{}, false
	}
	return prose[n-1], true
}
