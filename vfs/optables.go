package vfs

// What a driver offers is found out once, when it gives its table, and kept
// as one field a method: a call looks at a nil field, never at a type.

// DentryOps is the resolved table of methods of dentries.
type DentryOps struct {
	flags DentryFlag

	revalidate     DentryRevalidator
	weakRevalidate DentryWeakRevalidator
	hash           DentryHasher
	compare        DentryComparer
	delete         DentryDeleter
	release        DentryReleaser
	prune          DentryPruner
	iput           DentryIputter
	dname          DentryNamer
	automount      DentryAutomounter
	manage         DentryManager
}

// DentryOpsOf resolves the methods that x has.
func DentryOpsOf(x any) *DentryOps {
	o := &DentryOps{}
	o.revalidate, _ = x.(DentryRevalidator)
	o.weakRevalidate, _ = x.(DentryWeakRevalidator)
	o.hash, _ = x.(DentryHasher)
	o.compare, _ = x.(DentryComparer)
	o.delete, _ = x.(DentryDeleter)
	o.release, _ = x.(DentryReleaser)
	o.prune, _ = x.(DentryPruner)
	o.iput, _ = x.(DentryIputter)
	o.dname, _ = x.(DentryNamer)
	o.automount, _ = x.(DentryAutomounter)
	o.manage, _ = x.(DentryManager)
	if o.hash != nil {
		o.flags |= dentryOpHash
	}
	if o.compare != nil {
		o.flags |= dentryOpCompare
	}
	if o.revalidate != nil {
		o.flags |= dentryOpRevalidate
	}
	if o.weakRevalidate != nil {
		o.flags |= dentryOpWeakRevalidate
	}
	if o.delete != nil {
		o.flags |= dentryOpDelete
	}
	if o.prune != nil {
		o.flags |= dentryOpPrune
	}
	return o
}

// InodeOps is the resolved table of methods of inodes.
type InodeOps struct {
	lookup      Lookuper
	create      Creater
	link        Linker
	mknod       Mknoder
	symlink     Symlinker
	mkdir       Mkdirer
	unlink      Unlinker
	rmdir       Rmdirer
	rename      Renamer
	rename2     Renamer2
	readlink    Readlinker
	followLink  LinkFollower
	putLink     LinkPutter
	truncate    Truncater
	permission  Permissioner
	getACL      ACLGetter
	setattr     AttrSetter
	getattr     AttrGetter
	setxattr    XattrSetter
	getxattr    XattrGetter
	listxattr   XattrLister
	removexattr XattrRemover
	fiemap      Fiemapper
	updateTime  TimeUpdater
	atomicOpen  AtomicOpener
	tmpfile     Tmpfiler
	dentryOpen  DentryOpener
}

// InodeOpsOf resolves the methods that x has.
func InodeOpsOf(x any) *InodeOps {
	o := &InodeOps{}
	o.lookup, _ = x.(Lookuper)
	o.create, _ = x.(Creater)
	o.link, _ = x.(Linker)
	o.mknod, _ = x.(Mknoder)
	o.symlink, _ = x.(Symlinker)
	o.mkdir, _ = x.(Mkdirer)
	o.unlink, _ = x.(Unlinker)
	o.rmdir, _ = x.(Rmdirer)
	o.rename, _ = x.(Renamer)
	o.rename2, _ = x.(Renamer2)
	o.readlink, _ = x.(Readlinker)
	o.followLink, _ = x.(LinkFollower)
	o.putLink, _ = x.(LinkPutter)
	o.truncate, _ = x.(Truncater)
	o.permission, _ = x.(Permissioner)
	o.getACL, _ = x.(ACLGetter)
	o.setattr, _ = x.(AttrSetter)
	o.getattr, _ = x.(AttrGetter)
	o.setxattr, _ = x.(XattrSetter)
	o.getxattr, _ = x.(XattrGetter)
	o.listxattr, _ = x.(XattrLister)
	o.removexattr, _ = x.(XattrRemover)
	o.fiemap, _ = x.(Fiemapper)
	o.updateTime, _ = x.(TimeUpdater)
	o.atomicOpen, _ = x.(AtomicOpener)
	o.tmpfile, _ = x.(Tmpfiler)
	o.dentryOpen, _ = x.(DentryOpener)
	return o
}

// SuperOps is the resolved table of methods of superblocks.
type SuperOps struct {
	allocInode        InodeAllocer
	destroyInode      InodeDestroyer
	dirtyInode        InodeDirtier
	writeInode        InodeWriter
	dropInode         InodeDropper
	evictInode        InodeEvicter
	putSuper          SuperPutter
	syncFS            FSSyncer
	freezeFS          FSFreezer
	unfreezeFS        FSUnfreezer
	statFS            StatFSer
	remountFS         Remounter
	umountBegin       UmountBeginner
	showOptions       OptionShower
	quotaRead         QuotaReader
	quotaWrite        QuotaWriter
	bdevTryToFreePage BdevPageFreer
}

// SuperOpsOf resolves the methods that x has.
func SuperOpsOf(x any) *SuperOps {
	o := &SuperOps{}
	o.allocInode, _ = x.(InodeAllocer)
	o.destroyInode, _ = x.(InodeDestroyer)
	o.dirtyInode, _ = x.(InodeDirtier)
	o.writeInode, _ = x.(InodeWriter)
	o.dropInode, _ = x.(InodeDropper)
	o.evictInode, _ = x.(InodeEvicter)
	o.putSuper, _ = x.(SuperPutter)
	o.syncFS, _ = x.(FSSyncer)
	o.freezeFS, _ = x.(FSFreezer)
	o.unfreezeFS, _ = x.(FSUnfreezer)
	o.statFS, _ = x.(StatFSer)
	o.remountFS, _ = x.(Remounter)
	o.umountBegin, _ = x.(UmountBeginner)
	o.showOptions, _ = x.(OptionShower)
	o.quotaRead, _ = x.(QuotaReader)
	o.quotaWrite, _ = x.(QuotaWriter)
	o.bdevTryToFreePage, _ = x.(BdevPageFreer)
	return o
}

// FileOps is the resolved table of methods of open files.
type FileOps struct {
	llseek          Llseeker
	read            Reader
	write           Writer
	readIter        IterReader
	writeIter       IterWriter
	iterate         Iterater
	poll            Poller
	unlockedIoctl   Ioctler
	compatIoctl     CompatIoctler
	mmap            Mmapper
	open            Opener
	flush           Flusher
	release         Releaser
	fsync           Fsyncer
	aioFsync        AioFsyncer
	fasync          Fasyncer
	lock            FileLocker
	readv           VectorReader
	writev          VectorWriter
	sendfile        FileSender
	sendpage        PageSender
	getUnmappedArea UnmappedAreaGetter
	checkFlags      FlagChecker
	flock           Flocker
	spliceWrite     SpliceWriter
	spliceRead      SpliceReader
	setlease        LeaseSetter
	fallocate       Fallocater

	allocFile FileAllocer
}

// FileOpsOf resolves the methods that x has.
func FileOpsOf(x any) *FileOps {
	o := &FileOps{}
	o.llseek, _ = x.(Llseeker)
	o.read, _ = x.(Reader)
	o.write, _ = x.(Writer)
	o.readIter, _ = x.(IterReader)
	o.writeIter, _ = x.(IterWriter)
	o.iterate, _ = x.(Iterater)
	o.poll, _ = x.(Poller)
	o.unlockedIoctl, _ = x.(Ioctler)
	o.compatIoctl, _ = x.(CompatIoctler)
	o.mmap, _ = x.(Mmapper)
	o.open, _ = x.(Opener)
	o.flush, _ = x.(Flusher)
	o.release, _ = x.(Releaser)
	o.fsync, _ = x.(Fsyncer)
	o.aioFsync, _ = x.(AioFsyncer)
	o.fasync, _ = x.(Fasyncer)
	o.lock, _ = x.(FileLocker)
	o.readv, _ = x.(VectorReader)
	o.writev, _ = x.(VectorWriter)
	o.sendfile, _ = x.(FileSender)
	o.sendpage, _ = x.(PageSender)
	o.getUnmappedArea, _ = x.(UnmappedAreaGetter)
	o.checkFlags, _ = x.(FlagChecker)
	o.flock, _ = x.(Flocker)
	o.spliceWrite, _ = x.(SpliceWriter)
	o.spliceRead, _ = x.(SpliceReader)
	o.setlease, _ = x.(LeaseSetter)
	o.fallocate, _ = x.(Fallocater)
	o.allocFile, _ = x.(FileAllocer)
	return o
}

// Tables of objects whose driver gave none.
var (
	noInodeOps InodeOps
	noSuperOps SuperOps
	noFileOps  FileOps
)
