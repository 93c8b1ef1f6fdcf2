package vfs

import (
	"context"

	"golang.org/x/sys/unix"
)

// Flags that open knows; openat ignores others, openat2 refuses them.
const validOpenFlags = unix.O_ACCMODE | unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_TRUNC | unix.O_APPEND |
	unix.O_NONBLOCK | unix.O_SYNC | unix.O_DSYNC | unix.O_ASYNC | unix.O_DIRECT | unix.O_LARGEFILE | unix.O_DIRECTORY |
	unix.O_NOFOLLOW | unix.O_NOATIME | unix.O_CLOEXEC | unix.O_PATH | unix.O_TMPFILE

// resolveCached is RESOLVE_CACHED, which x/sys does not name.
const resolveCached = 0x20

const validResolve = unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH |
	unix.RESOLVE_IN_ROOT | resolveCached

// openArgs is an open, its flags taken apart.
type openArgs struct {
	flags  int
	mode   uint32
	dir    dirOwner // where the last component is
	access Access
	walk   WalkFlags
}

// Openat opens a file and returns the lowest free descriptor. mode counts
// only where a file is created. Unknown flags are ignored.
func (t *Task) Openat(at At, path string, flags int, mode uint32) (int, error) {
	return t.openFD(at, path, openHow(flags, mode))
}

// openHow is the openat2 form of the arguments of openat.
func openHow(flags int, mode uint32) OpenHow {
	how := OpenHow{Flags: flags & validOpenFlags, Mode: mode & 0o7777}
	if how.Flags&unix.O_PATH != 0 {
		how.Flags &= unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_PATH | unix.O_CLOEXEC
	}
	if how.Flags&unix.O_CREAT == 0 && how.Flags&oTmpfileBit == 0 {
		how.Mode = 0
	}
	return how
}

// Openat2 is Openat that refuses unknown flags and takes RESOLVE_ flags.
func (t *Task) Openat2(at At, path string, how OpenHow) (int, error) {
	return t.openFD(at, path, how)
}

func (t *Task) openFD(at At, path string, how OpenHow) (int, error) {
	args, err := how.parse()
	if err != nil {
		return -1, err
	}
	fd, err := t.files.reserve(0, t.Limits.Files)
	if err != nil {
		return -1, err
	}
	f, err := t.open(at, path, args)
	if err != nil {
		t.files.release(fd)
		return -1, err
	}
	t.files.install(fd, f, how.Flags&unix.O_CLOEXEC != 0)
	return fd, nil
}

// OpenFile is Openat2 without a descriptor: the caller puts the file. An empty
// path with [AtPath] opens what stands there, whatever its name is by now.
func (t *Task) OpenFile(at At, path string, how OpenHow) (*File, error) {
	args, err := how.parse()
	if err != nil {
		return nil, err
	}
	return t.open(at, path, args)
}

// parse checks an open's arguments and takes them apart.
func (how OpenHow) parse() (openArgs, error) {
	flags := how.Flags
	if flags&^validOpenFlags != 0 || how.Resolve&^validResolve != 0 {
		return openArgs{}, unix.EINVAL
	}
	if how.Resolve&unix.RESOLVE_BENEATH != 0 && how.Resolve&unix.RESOLVE_IN_ROOT != 0 {
		return openArgs{}, unix.EINVAL
	}
	creates := flags&(unix.O_CREAT|oTmpfileBit) != 0
	if !creates && how.Mode != 0 || how.Mode&^0o7777 != 0 {
		return openArgs{}, unix.EINVAL
	}
	if flags&(unix.O_DIRECTORY|unix.O_CREAT) == unix.O_DIRECTORY|unix.O_CREAT {
		return openArgs{}, unix.EINVAL
	}
	access := Access(0)
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		access = MayRead
	case unix.O_WRONLY:
		access = MayWrite
	default: // O_RDWR, and 3, which checks both and allows neither
		access = MayRead | MayWrite
	}
	if flags&oTmpfileBit != 0 && (flags&unix.O_DIRECTORY == 0 || access&MayWrite == 0) {
		return openArgs{}, unix.EINVAL
	}
	if flags&unix.O_PATH != 0 {
		if flags&^(unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_PATH|unix.O_CLOEXEC) != 0 {
			return openArgs{}, unix.EINVAL
		}
		access = 0
	}
	if flags&unix.O_SYNC&^unix.O_DSYNC != 0 {
		flags |= unix.O_DSYNC
	}
	a := openArgs{flags: flags, mode: how.Mode, access: access}
	if flags&unix.O_TRUNC != 0 {
		a.access |= MayWrite
		if how.Resolve&resolveCached != 0 {
			return openArgs{}, unix.EAGAIN
		}
	}
	if flags&unix.O_APPEND != 0 {
		a.access |= MayAppend
	}
	a.walk = a.walkFlags(how.Resolve)
	return a, nil
}

func (a *openArgs) walkFlags(resolve uint64) WalkFlags {
	var w WalkFlags
	if a.flags&unix.O_PATH == 0 {
		w |= WalkOpen
	}
	if a.flags&unix.O_CREAT != 0 {
		w |= WalkCreate
		if a.flags&unix.O_EXCL != 0 {
			w |= WalkExcl
		}
	}
	if a.flags&unix.O_DIRECTORY != 0 {
		w |= WalkDirectory
	}
	if a.flags&unix.O_NOFOLLOW == 0 && w&WalkExcl == 0 {
		w |= WalkFollow
	}
	for _, r := range [...]struct {
		resolve uint64
		flag    WalkFlags
	}{
		{unix.RESOLVE_NO_XDEV, WalkNoXdev}, {unix.RESOLVE_NO_MAGICLINKS, WalkNoMagiclinks},
		{unix.RESOLVE_NO_SYMLINKS, WalkNoSymlinks | WalkNoMagiclinks}, {unix.RESOLVE_BENEATH, WalkBeneath},
		{unix.RESOLVE_IN_ROOT, WalkInRoot}, {resolveCached, WalkCached},
	} {
		if resolve&r.resolve != 0 {
			w |= r.flag
		}
	}
	return w
}

// open does what openat2 does, up to the descriptor.
func (t *Task) open(at At, path string, a openArgs) (*File, error) {
	if path == "" && at.path.Dentry != nil {
		return t.reopen(at.path, a)
	}
	try := func(flags WalkFlags) (*File, error) {
		var w walk
		args := a
		f, err := w.open(t, at, path, &args, flags)
		w.end()
		return f, err
	}
	f, err := try(a.walk | WalkRCU)
	if err == unix.ECHILD {
		f, err = try(a.walk)
	}
	if err == unix.ESTALE {
		f, err = try(a.walk | WalkReval)
	}
	return f, err
}

// reopen opens what stands at p, as following a magic link to it would.
func (t *Task) reopen(p Path, a openArgs) (*File, error) {
	if p.Inode() == nil {
		return nil, unix.ENOENT
	}
	p.Get()
	w := walk{t: t, ctx: t, path: p, inode: p.Inode(), flags: a.walk}
	defer w.end()
	if a.flags&oTmpfileBit != 0 {
		return w.openTmpfile("", &a)
	}
	return w.openHere(&a, false)
}

// open does one attempt.
func (w *walk) open(t *Task, at At, name string, a *openArgs, flags WalkFlags) (*File, error) {
	if err := w.start(t, at, name, flags|WalkParent); err != nil {
		return nil, err
	}
	if a.flags&oTmpfileBit != 0 {
		return w.openTmpfile(name, a)
	}
	if a.flags&unix.O_PATH != 0 {
		if err := w.toEnd(name); err != nil {
			return nil, err
		}
		if err := w.finish(); err != nil {
			return nil, err
		}
		return w.t.openDentry(w.path, a.flags, w.t.cred)
	}
	for {
		if err := w.toLast(name); err != nil {
			return nil, err
		}
		f, body, isLink, err := w.openLast(a)
		if err != nil || !isLink {
			return f, err
		}
		w.flags |= WalkParent
		if name = skipSlashes(body); name == "" {
			return w.openHere(a, false)
		}
	}
}

// openLast opens the last component, or returns the body of the symlink that
// it is.
func (w *walk) openLast(a *openArgs) (f *File, body string, isLink bool, err error) {
	w.flags &^= WalkParent
	if w.lastKind != lastNorm {
		if _, _, err := w.component(true); err != nil {
			return nil, "", false, err
		}
		f, err := w.openHere(a, false)
		return f, "", false, err
	}
	if w.lastSlash {
		if a.flags&unix.O_CREAT != 0 {
			return nil, "", false, w.inRef(unix.EISDIR)
		}
		w.flags |= WalkFollow | WalkDirectory
	}
	a.dir = dirOwner{w.inode.Mode(), w.inode.UID()}
	created := false
	if a.flags&unix.O_CREAT == 0 && w.inode.ops.atomicOpen == nil {
		body, isLink, err = w.component(true)
	} else {
		f, body, isLink, created, err = w.openCreate(a)
	}
	if err != nil || isLink || f != nil {
		return f, body, isLink, err
	}
	f, err = w.openHere(a, created)
	return f, "", false, err
}

// inRef leaves rcu-walk for the sake of a final answer.
func (w *walk) inRef(err error) error {
	if w.rcu() {
		if e := w.unlazy(); e != nil {
			return e
		}
	}
	return err
}

// openCreate looks the last component up under the directory's i_mutex, and
// creates it if it is missing. It ends with the walk standing on it, with an
// open file (atomic_open), or with a link's body.
func (w *walk) openCreate(a *openArgs) (f *File, body string, isLink, created bool, err error) {
	if w.rcu() {
		if err := w.unlazy(); err != nil {
			return nil, "", false, false, err
		}
	}
	parent := w.path.Dentry
	mnt := w.path.Mount
	// Something that is cached need not wait for the directory's lock.
	if d := parent.sb.dcache.lookup(parent, w.last, w.lastHash); d != nil {
		if d.Negative() || d.Has(dentryOpRevalidate) || a.flags&unix.O_EXCL != 0 {
			d.Put(w.t)
		} else {
			body, isLink, err = w.openStep(d, a)
			return nil, body, isLink, false, err
		}
	}
	if w.flags&WalkCached != 0 {
		return nil, "", false, false, unix.EAGAIN
	}
	var writeErr error
	wantsWrite := a.flags&(unix.O_CREAT|unix.O_TRUNC) != 0 || a.access&MayWrite != 0
	if wantsWrite {
		writeErr = mnt.WantWrite(w.t)
	}
	dir := parent.Inode()
	if a.flags&unix.O_CREAT != 0 {
		dir.mutex.LockNested(lockParent)
	} else {
		dir.mutex.Lock()
	}
	d, f, created, err := w.lookupOpen(parent, a, writeErr)
	dir.mutex.Unlock()
	if wantsWrite && writeErr == nil {
		mnt.DropWrite()
	}
	if err != nil {
		return nil, "", false, false, err
	}
	if created {
		notifyEntry(w.t, EntryCreated, dir, d)
	}
	if f != nil {
		d.Put(w.t)
		return f, "", false, created, nil
	}
	if created {
		w.setPath(Path{mnt.Get(), d})
		return nil, "", false, true, nil
	}
	body, isLink, err = w.openStep(d, a)
	return nil, body, isLink, false, err
}

// openStep steps to what was found under the last name. With O_EXCL anything
// there is EEXIST, also a dangling link or a mountpoint.
func (w *walk) openStep(d *Dentry, a *openArgs) (body string, isLink bool, err error) {
	if a.flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL && !d.Negative() {
		d.Put(w.t)
		return "", false, unix.EEXIST
	}
	return w.stepInto(d, true)
}

// lookupOpen finds the last component in the locked directory, or makes it.
// The dentry comes back referenced, f only from atomic_open.
func (w *walk) lookupOpen(parent *Dentry, a *openArgs, writeErr error) (d *Dentry, f *File, created bool, err error) {
	t, dir := w.t, parent.Inode()
	if dir.Dead() {
		return nil, nil, false, unix.ENOENT
	}
	d = parent.sb.dcache.lookup(parent, w.last, w.lastHash)
	if d != nil && d.Has(dentryOpRevalidate) {
		if d, err = d.revalidate(t, w.flags); err != nil {
			return nil, nil, false, err
		}
	}
	if d != nil && !d.Negative() {
		return d, nil, false, nil
	}
	flags, createErr := a.flags, error(nil)
	mode := a.mode
	if flags&unix.O_CREAT != 0 {
		mode = t.createMode(dir, a.mode&0o7777|unix.S_IFREG)
		if createErr = writeErr; createErr == nil {
			createErr = InodePermission(t, dir, MayWrite|MayExec)
		}
		if createErr != nil {
			flags &^= unix.O_CREAT
		}
	}
	if dir.ops.atomicOpen != nil {
		return w.atomicOpen(parent, d, a, flags, mode, createErr)
	}
	if d == nil {
		if d, err = lookupReal(t, parent, w.last, w.lastHash, w.flags); err != nil {
			return nil, nil, false, err
		}
	}
	if !d.Negative() {
		return d, nil, false, nil
	}
	if createErr != nil {
		d.Put(t)
		return nil, nil, false, createErr
	}
	if flags&unix.O_CREAT == 0 {
		return d, nil, false, nil // negative: stepInto says ENOENT
	}
	if dir.ops.create == nil {
		d.Put(t)
		return nil, nil, false, unix.EACCES
	}
	if err := gateCreate(dir.ops.create, t, dir, d, mode, flags&unix.O_EXCL != 0); err != nil {
		d.Put(t)
		return nil, nil, false, err
	}
	return d, nil, true, nil
}

// openHere opens where the walk stands.
func (w *walk) openHere(a *openArgs, created bool) (*File, error) {
	if err := w.finish(); err != nil {
		return nil, err
	}
	in := w.inode
	if a.flags&unix.O_CREAT != 0 {
		if a.flags&unix.O_EXCL != 0 && !created {
			return nil, unix.EEXIST
		}
		if in.IsDir() {
			return nil, unix.EISDIR
		}
		if !created {
			if err := w.t.mayCreateIn(a.dir, in); err != nil {
				return nil, err
			}
		}
	}
	access, truncate := a.access, false
	if created {
		a.flags &^= unix.O_TRUNC
		access = 0
	} else if in.IsRegular() && a.flags&unix.O_TRUNC != 0 {
		if err := w.path.Mount.WantWrite(w.t); err != nil {
			return nil, err
		}
		defer w.path.Mount.DropWrite()
		truncate = true
	}
	if err := mayOpen(w.t, w.path, access, a.flags); err != nil {
		return nil, err
	}
	f, err := w.t.openDentry(w.path, a.flags, w.t.cred)
	if err != nil {
		return nil, err
	}
	if truncate {
		if err := f.truncateOpen(w.t); err != nil {
			f.Put(w.t)
			return nil, err
		}
	}
	return f, nil
}

// mayOpen checks that what stands at p may be opened so.
func mayOpen(ctx context.Context, p Path, access Access, flags int) error {
	in := p.Inode()
	switch in.Type() {
	case unix.S_IFLNK:
		return unix.ELOOP
	case unix.S_IFDIR:
		if access&MayWrite != 0 {
			return unix.EISDIR
		}
	case unix.S_IFBLK, unix.S_IFCHR:
		if p.Mount.has(MountNoDev) {
			return unix.EACCES
		}
		flags &^= unix.O_TRUNC
	case unix.S_IFIFO, unix.S_IFSOCK:
		flags &^= unix.O_TRUNC
	}
	if err := InodePermission(ctx, in, MayOpen|access); err != nil {
		return err
	}
	if in.hasFlag(FlagAppend) {
		if flags&unix.O_ACCMODE != unix.O_RDONLY && flags&unix.O_APPEND == 0 || flags&unix.O_TRUNC != 0 {
			return unix.EPERM
		}
	}
	if flags&unix.O_NOATIME != 0 && !TaskFrom(ctx).cred.ownerOrCapable(in) {
		return unix.EPERM
	}
	return nil
}

// openDentry makes the open file of what stands at p, permission checked: write
// access, leases, the driver's Open.
func (t *Task) openDentry(p Path, flags int, cred *Cred) (*File, error) {
	in := p.Inode()
	drop := unix.O_CREAT | unix.O_EXCL | unix.O_NOCTTY | unix.O_CLOEXEC
	if in.ops.dentryOpen != nil || flags&unix.O_PATH != 0 {
		drop |= unix.O_TRUNC // else it goes once leases know of it
	}
	f := newFile(p, in, flags&^drop, cred)
	if in.ops.dentryOpen != nil && flags&unix.O_PATH == 0 {
		if err := gateDentryOpen(in.ops.dentryOpen, t, p.Dentry, f, cred); err != nil {
			f.Put(t)
			return nil, err
		}
		f.mode |= fileOpened
		in.opens.Add(1)
		return f, nil
	}
	if err := f.open(t); err != nil {
		f.Put(t)
		return nil, err
	}
	return f, nil
}

// open is the generic open of a new file.
func (f *File) open(ctx context.Context) error {
	flags, in := f.Flags(), f.inode
	if flags&unix.O_PATH != 0 {
		f.mode = FilePath
		return nil
	}
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		f.mode = FileRead
	case unix.O_WRONLY:
		f.mode = FileWrite
	case unix.O_RDWR:
		f.mode = FileRead | FileWrite
	}
	f.mode |= FileLseek | FilePread | FilePwrite
	if f.mode&FileWrite != 0 && isDataFile(in) {
		if err := in.getWriteAccess(); err != nil {
			return err
		}
		f.mode |= fileInodeWrite
		if err := f.path.Mount.wantWriteMount(); err != nil {
			return err
		}
		f.mode |= fileWriter
	}
	if t := in.Type(); t == unix.S_IFREG || t == unix.S_IFDIR {
		f.mode |= FileAtomicPos
	}
	// Who opens counts itself before it looks for leases: a lease that is being
	// taken meanwhile either sees the count or is seen.
	in.opens.Add(1)
	err := f.breakLease(ctx)
	f.flags.And(^uint32(unix.O_TRUNC)) // it comes after the driver's Open
	if err != nil {
		in.opens.Add(-1)
		return err
	}
	if f.ops.open != nil {
		if err := gateOpen(f.ops.open, ctx, in, f); err != nil {
			in.opens.Add(-1)
			return err
		}
	}
	f.mode |= fileOpened
	if f.ops.llseek == nil {
		f.mode &^= FileLseek
	}
	if flags&unix.O_DIRECT != 0 && f.mode&FileDirect == 0 {
		return unix.EINVAL
	}
	return nil
}

// isDataFile: devices, FIFOs and sockets stay writable on a read-only mount.
func isDataFile(in *Inode) bool {
	switch in.Type() {
	case unix.S_IFBLK, unix.S_IFCHR, unix.S_IFIFO, unix.S_IFSOCK:
		return false
	}
	return true
}

// getWriteAccess counts a writer of the inode's data; ETXTBSY while it is
// being executed.
func (in *Inode) getWriteAccess() error {
	for {
		n := in.writes.Load()
		if n < 0 {
			return unix.ETXTBSY
		}
		if in.writes.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

// DenyWrite keeps writers out while the inode is executed; ETXTBSY if it has
// any. It is ended by AllowWrite.
func (in *Inode) DenyWrite() error {
	for {
		n := in.writes.Load()
		if n > 0 {
			return unix.ETXTBSY
		}
		if in.writes.CompareAndSwap(n, n-1) {
			return nil
		}
	}
}

// AllowWrite ends what DenyWrite began.
func (in *Inode) AllowWrite() { in.writes.Add(1) }
