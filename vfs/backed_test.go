package vfs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// backed is a file system for tests whose objects live in a store of their
// own, as on a disk or a server: what the caches have can be dropped and is
// found again, and the store can change behind the VFS's back.
type backed struct {
	mu    sync.Mutex
	nodes map[uint64]*backedNode
	next  uint64
	log   []string

	// What the methods of dentries answer.
	valid     func(d *Dentry, flags WalkFlags) (bool, error)
	weak      func() (bool, error)
	automount func(p Path) (*Mount, error)
	manage    func(rcu bool) error
	jump      func() Path // where "magic" links lead
}

type backedNode struct {
	ino    uint64
	mode   uint32
	nlink  uint32
	names  map[string]uint64
	target string
}

type backedInode struct {
	Inode
	node *backedNode
}

type backedSuper struct {
	Superblock
	b *backed
}

func newBacked() *backed {
	b := &backed{nodes: make(map[uint64]*backedNode), next: 1}
	b.add(unix.S_IFDIR | 0o755)
	return b
}

func (b *backed) add(mode uint32) *backedNode {
	n := &backedNode{ino: b.next, mode: mode, nlink: 1}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		n.nlink, n.names = 2, make(map[string]uint64)
	}
	b.nodes[n.ino] = n
	b.next++
	return n
}

// put makes a name in the store alone.
func (b *backed) put(dir uint64, name string, mode uint32) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.add(mode)
	b.nodes[dir].names[name] = n.ino
	return n.ino
}

func (b *backed) note(format string, args ...any) {
	b.mu.Lock()
	b.log = append(b.log, fmt.Sprintf(format, args...))
	b.mu.Unlock()
}

// taken is the log, which is empty afterwards.
func (b *backed) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.log
	b.log = nil
	return l
}

func (b *backed) count(entry string) (n int) {
	for _, e := range b.taken() {
		if e == entry {
			n++
		}
	}
	return n
}

var (
	backedType      = FileSystemTypeOf("backed", "", backedFS{})
	backedSuperOps  = SuperOpsOf(backedSuperMethods{})
	backedDirOps    = InodeOpsOf(backedDir{})
	backedAtomicOps = InodeOpsOf(backedAtomic{})
	backedLinkOps   = InodeOpsOf(backedLink{})
	backedNoOps     = InodeOpsOf(struct{}{})
)

type (
	backedFS           struct{}
	backedSuperMethods struct{}
	backedDir          struct{}
	backedAtomic       struct{ backedDir }
	backedLink         struct{}
)

func (backedFS) Mount(ctx context.Context, typ *FileSystemType, flags SuperFlags, _ string, data any) (*Dentry, error) {
	b := data.(*backed)
	return MountNodev(ctx, typ, flags, &backedSuper{b: b}, func(sb *Superblock) error {
		sb.SetOps(backedSuperOps)
		sb.SetDentryOps(DentryOpsOf(b))
		in, err := b.inode(ctx, sb, 1)
		if err != nil {
			return err
		}
		sb.SetRoot(MakeRoot(in))
		return nil
	})
}

func (backedFS) KillSB(ctx context.Context, sb *Superblock) { KillAnonSuper(ctx, sb) }

// inode is the inode with a number, from the cache or the store.
func (b *backed) inode(ctx context.Context, sb *Superblock, ino uint64) (*Inode, error) {
	in, isNew, err := sb.Iget(ctx, ino)
	if err != nil || !isNew {
		return in, err
	}
	b.mu.Lock()
	n := b.nodes[ino]
	b.mu.Unlock()
	if n == nil {
		in.Fail(ctx)
		return nil, unix.ESTALE
	}
	b.note("load %d", ino)
	b.fill(in, n)
	in.UnlockNew()
	return in, nil
}

func (b *backed) fill(in *Inode, n *backedNode) {
	in.Impl().(*backedInode).node = n
	in.SetMode(n.mode)
	in.SetNlink(n.nlink)
	in.InitTimes()
	switch n.mode & unix.S_IFMT {
	case unix.S_IFDIR:
		in.SetOps(backedDirOps, nil)
		if n.mode&unix.S_ISVTX != 0 {
			in.SetOps(backedAtomicOps, nil)
		}
	case unix.S_IFLNK:
		in.SetOps(backedLinkOps, nil)
	default:
		in.SetOps(backedNoOps, ramFileOps)
	}
}

func storeOf(sb *Superblock) *backed { return sb.Impl().(*backedSuper).b }
func nodeOf(in *Inode) *backedNode   { return in.Impl().(*backedInode).node }

func (backedSuperMethods) AllocInode(_ context.Context, sb *Superblock) InodeImpl {
	return &backedInode{}
}
func (backedSuperMethods) DestroyInode(_ context.Context, in *Inode) {
	storeOf(in.Superblock()).note("destroy %d", in.Ino())
}
func (backedSuperMethods) DirtyInode(_ context.Context, in *Inode, _ InodeState) {
	storeOf(in.Superblock()).note("dirty %d", in.Ino())
}
func (backedSuperMethods) WriteInode(_ context.Context, in *Inode, wbc *WritebackControl) error {
	b := storeOf(in.Superblock())
	b.note("write %d", in.Ino())
	b.mu.Lock()
	defer b.mu.Unlock()
	n := nodeOf(in)
	n.mode, n.nlink = in.Mode(), in.Nlink()
	return nil
}
func (backedSuperMethods) EvictInode(_ context.Context, in *Inode) {
	b := storeOf(in.Superblock())
	b.note("evict %d", in.Ino())
	if in.Nlink() == 0 {
		b.mu.Lock()
		delete(b.nodes, in.Ino())
		b.mu.Unlock()
	}
	in.Clear()
}

func (backedDir) Lookup(ctx context.Context, dir *Inode, d *Dentry, _ WalkFlags) (*Dentry, error) {
	b := storeOf(dir.Superblock())
	b.mu.Lock()
	ino, ok := nodeOf(dir).names[d.Name()]
	b.mu.Unlock()
	if !ok {
		d.Add(nil)
		return nil, nil
	}
	in, err := b.inode(ctx, dir.Superblock(), ino)
	if err != nil {
		return nil, err
	}
	return SpliceAlias(ctx, in, d)
}

func (backedDir) make(ctx context.Context, dir *Inode, d *Dentry, mode uint32) error {
	b := storeOf(dir.Superblock())
	in, err := NewInode(ctx, dir.Superblock())
	if err != nil {
		return err
	}
	b.mu.Lock()
	n := b.add(mode)
	nodeOf(dir).names[d.Name()] = n.ino
	b.mu.Unlock()
	in.SetIno(n.ino)
	if err := in.InsertNew(); err != nil {
		in.Put(ctx)
		return err
	}
	b.fill(in, n)
	in.MarkDirty(ctx, InodeDirtySync)
	d.Instantiate(in)
	in.UnlockNew()
	return nil
}

func (m backedDir) Create(ctx context.Context, dir *Inode, d *Dentry, mode uint32, _ bool) error {
	return m.make(ctx, dir, d, mode)
}
func (m backedDir) Mkdir(ctx context.Context, dir *Inode, d *Dentry, mode uint32) error {
	return m.make(ctx, dir, d, mode)
}
func (backedDir) Unlink(ctx context.Context, dir *Inode, d *Dentry) error {
	b := storeOf(dir.Superblock())
	b.mu.Lock()
	delete(nodeOf(dir).names, d.Name())
	b.mu.Unlock()
	d.Inode().DropNlink()
	return nil
}

// AtomicOpen opens regular files and leaves the rest to the core.
func (m backedAtomic) AtomicOpen(ctx context.Context, dir *Inode, d *Dentry, f *File, flags int, mode uint32) (AtomicResult, error) {
	b := storeOf(dir.Superblock())
	b.note("atomic_open %s", d.Name())
	b.mu.Lock()
	ino, ok := nodeOf(dir).names[d.Name()]
	b.mu.Unlock()
	switch {
	case !ok && flags&unix.O_CREAT == 0:
		if !d.Hashed() {
			d.Add(nil)
		}
		return f.FinishNoOpen(nil), nil
	case !ok:
		if err := m.make(ctx, dir, d, mode); err != nil {
			return 0, err
		}
		if !d.Hashed() {
			d.lock.Lock()
			d.rehash()
			d.lock.Unlock()
		}
		_, err := f.FinishOpen(ctx, d)
		return AtomicCreated, err
	}
	in, err := b.inode(ctx, dir.Superblock(), ino)
	if err != nil {
		return 0, err
	}
	if d.Hashed() {
		d.Drop()
	}
	d.Add(in)
	if !in.IsRegular() {
		return f.FinishNoOpen(nil), nil
	}
	_, err = f.FinishOpen(ctx, d)
	return AtomicOpened, err
}

func (backedLink) FollowLink(_ context.Context, d *Dentry) (Link, error) {
	b := storeOf(d.Superblock())
	b.note("follow")
	n := nodeOf(d.Inode())
	if n.target == "magic" {
		return Link{Jump: b.jump(), Cookie: n}, nil
	}
	return Link{Body: n.target, Cookie: n}, nil
}
func (backedLink) PutLink(_ context.Context, in *Inode, cookie any) {
	storeOf(in.Superblock()).note("put")
	if cookie.(*backedNode) != nodeOf(in) {
		panic("another link's cookie")
	}
}

func (b *backed) Revalidate(_ context.Context, d *Dentry, flags WalkFlags) (bool, error) {
	if b.valid == nil {
		return true, nil
	}
	return b.valid(d, flags)
}
func (b *backed) WeakRevalidate(context.Context, *Dentry, WalkFlags) (bool, error) {
	if b.weak == nil {
		return true, nil
	}
	return b.weak()
}
func (b *backed) Automount(_ context.Context, p Path) (*Mount, error) { return b.automount(p) }
func (b *backed) Manage(_ context.Context, _ *Dentry, rcu bool) error { return b.manage(rcu) }
func (b *backed) Prune(d *Dentry)                                     { b.note("prune %s", d.Name()) }
func (b *backed) Release(_ context.Context, d *Dentry)                { b.note("release %s", d.Name()) }
func (b *backed) Iput(ctx context.Context, d *Dentry, in *Inode) {
	b.note("iput %s", d.Name())
	in.Put(ctx)
}

// mountBacked is a task on a mount of b, which ends with the test.
func mountBacked(t *testing.T, b *backed) *Task {
	t.Helper()
	ns, err := NewNamespaceOf(context.Background(), backedType, "", 0, b)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(RootCred())
	t.Cleanup(func() {
		task.Exit()
		ns.Close(context.Background())
	})
	return task
}

// dropCaches forgets every name and inode that nobody uses.
func dropCaches(task *Task) {
	sb := task.Namespace().Superblock()
	sb.root.pruneChildren(task, false)
	sb.shrinkInodes(task, 0)
}

func TestInodesComeBackFromTheStore(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	sb := task.Namespace().Superblock()
	touch(t, task, "/f")
	if err := sb.Sync(task); err != nil {
		t.Fatal(err)
	}
	b.taken()
	if err := task.Fchmodat(AtCWD, "/f", 0o600, 0); err != nil {
		t.Fatal(err)
	}
	if l := b.taken(); !slices.Contains(l, "dirty 2") {
		t.Errorf("chmod: %q", l)
	}
	sb.root.pruneChildren(task, false)
	if n := sb.InodeCount(); n != 2 {
		t.Errorf("%d inodes are in memory, want the dirty one and the root", n)
	}
	sb.shrinkInodes(task, 0)
	if b.count("evict 2") != 0 {
		t.Error("a dirty inode was evicted")
	}
	if err := sb.Sync(task); err != nil {
		t.Fatal(err)
	}
	if n := b.count("write 2"); n != 1 {
		t.Errorf("written %d times", n)
	}
	if err := sb.Sync(task); err != nil || b.count("write 2") != 0 {
		t.Errorf("a clean inode was written: %v", err)
	}
	dropCaches(task)
	if l := b.taken(); !slices.Equal(l, []string{"evict 2", "destroy 2"}) {
		t.Errorf("drop: %q", l)
	}
	var st Stat
	if err := task.Stat("/f", &st); err != nil || st.Mode != unix.S_IFREG|0o600 {
		t.Errorf("after it came back: %o, %v", st.Mode, err)
	}
	if n := b.count("load 2"); n != 1 {
		t.Errorf("loaded %d times", n)
	}
}

func TestUnlinkedInodesLeaveTheStore(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	fd, err := task.Openat(AtCWD, "/f", unix.O_CREAT|unix.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Unlinkat(AtCWD, "/f", 0); err != nil {
		t.Fatal(err)
	}
	if b.nodes[2] == nil {
		t.Error("an open file is gone")
	}
	task.Close(fd)
	if b.nodes[2] != nil {
		t.Error("an unlinked file is still there")
	}
}

func TestUnmountWritesDirtyInodes(t *testing.T) {
	b := newBacked()
	ns, err := NewNamespaceOf(context.Background(), backedType, "", 0, b)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(RootCred())
	touch(t, task, "/f")
	task.Fchmodat(AtCWD, "/f", 0o640, 0)
	task.Exit()
	ns.Close(context.Background())
	if m := b.nodes[2].mode; m != unix.S_IFREG|0o640 {
		t.Errorf("the mode in the store is %o", m)
	}
}

func TestOneInodeForEachNumber(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	for i := range 100 {
		ino := b.put(1, fmt.Sprint(i), unix.S_IFREG|0o600)
		var wg sync.WaitGroup
		var got [8]*Inode
		for g := range got {
			wg.Add(1)
			go func() {
				defer wg.Done()
				got[g], _ = b.inode(context.Background(), task.Namespace().Superblock(), ino)
			}()
		}
		wg.Wait()
		for _, in := range got {
			if in == nil || in != got[0] {
				t.Fatalf("inode %d: %v", ino, got)
			}
			in.Put(task)
		}
	}
	if _, err := b.inode(context.Background(), task.Namespace().Superblock(), 9999); err != unix.ESTALE {
		t.Errorf("an inode that is not in the store: %v", err)
	}
}

func TestDentryEndsInOrder(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	touch(t, task, "/f")
	task.Stat("/missing", new(Stat))
	task.Namespace().Superblock().Sync(task)
	b.taken()
	task.Namespace().Superblock().root.pruneChildren(task, false)
	got := b.taken()
	for _, want := range [][]string{{"prune f", "iput f", "release f"}, {"prune missing", "release missing"}} {
		at := -1
		for _, w := range want {
			i := slices.Index(got, w)
			if i <= at {
				t.Errorf("%q is not in order in %q", want, got)
			}
			at = i
		}
	}
}

func TestRevalidate(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	mkdir(t, task, "/d")
	touch(t, task, "/d/f")
	var st Stat
	rcu, ref := 0, 0
	b.valid = func(d *Dentry, flags WalkFlags) (bool, error) {
		if flags&WalkRCU != 0 {
			rcu++
			return false, unix.ECHILD
		}
		ref++
		return true, nil
	}
	if err := task.Stat("/d/f", &st); err != nil || rcu == 0 || ref == 0 {
		t.Errorf("ECHILD in rcu-walk: %v, asked %d times, then %d times", err, rcu, ref)
	}
	b.valid = func(d *Dentry, _ WalkFlags) (bool, error) { return d.Name() != "f", nil }
	if err := task.Stat("/d/f", &st); err != nil {
		t.Errorf("an invalid name that exists: %v", err)
	}
	b.mu.Lock()
	delete(b.nodes[2].names, "f")
	b.mu.Unlock()
	if err := task.Stat("/d/f", &st); err != unix.ENOENT {
		t.Errorf("an invalid name that is gone: %v", err)
	}
	b.valid = func(*Dentry, WalkFlags) (bool, error) { return false, unix.EIO }
	if err := task.Stat("/d/f", &st); err != unix.EIO {
		t.Errorf("an error: %v", err)
	}
	b.valid = nil
	b.weak = func() (bool, error) { return false, nil }
	if err := task.Stat(".", &st); err != unix.ESTALE {
		t.Errorf("a start that is not usable: %v", err)
	}
	if err := task.Stat("/d/.", &st); err != nil {
		t.Errorf("a name, then a dot: %v", err)
	}
	b.weak = nil
}

func TestDirectoryMovedBehindTheBack(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	mkdir(t, task, "/a", "/b", "/a/moving", "/a/moving/sub")
	fd, err := task.Openat(AtCWD, "/a/moving", unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close(fd)
	f, _ := task.File(fd)
	defer f.Put(task)
	b.mu.Lock()
	ino := b.nodes[2].names["moving"]
	delete(b.nodes[2].names, "moving")
	b.nodes[3].names["moved"] = ino
	b.mu.Unlock()
	p, err := task.Lookup(AtCWD, "/b/moved/sub", 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Put(task)
	if s, err := task.PathString(f.Path()); s != "/b/moved" || err != nil {
		t.Errorf("the open directory is at %s, %v", s, err)
	}
	// A directory that turns up below itself is a loop.
	b.mu.Lock()
	b.nodes[5].names["loop"] = b.nodes[3].ino
	b.mu.Unlock()
	if _, err := task.Lookup(AtCWD, "/b/moved/sub/loop", 0); err != unix.ELOOP {
		t.Errorf("a loop: %v", err)
	}
}

func TestLinksAreFollowedAndPut(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	mkdir(t, task, "/d", "/d/e")
	touch(t, task, "/d/e/f")
	for name, target := range map[string]string{"rel": "d/e", "abs": "/d", "two": "rel/../e/f", "magic": "magic", "broken": "none/x"} {
		b.nodes[b.put(1, name, unix.S_IFLNK|0o777)].target = target
	}
	helper := task.Clone(CloneFS)
	defer helper.Exit()
	b.jump = func() Path {
		p, err := helper.Lookup(AtCWD, "/d/e", 0)
		if err != nil {
			t.Error(err)
		}
		return p
	}
	b.taken()
	for name, want := range map[string]error{
		"/rel/f": nil, "/abs/e/f": nil, "/two": nil, "/magic/f": nil, "/magic": nil, "/magic/../e/f": nil, "/broken": unix.ENOENT,
		"/rel/none": unix.ENOENT, "/two/x": unix.ENOTDIR,
	} {
		if err := task.Stat(name, new(Stat)); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	l := b.taken()
	follows, puts := 0, 0
	for _, e := range l {
		switch e {
		case "follow":
			follows++
		case "put":
			puts++
		}
	}
	if follows == 0 || follows != puts {
		t.Errorf("%d links followed, %d put", follows, puts)
	}
	if _, err := task.Openat2(AtCWD, "/magic", OpenHow{Flags: unix.O_PATH, Resolve: unix.RESOLVE_NO_MAGICLINKS}); err != unix.ELOOP {
		t.Errorf("a magic link that is not to be followed: %v", err)
	}
}

func TestAutomountAndTransit(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	mkdir(t, task, "/trap", "/held")
	trap, err := task.Lookup(AtCWD, "/trap", 0)
	if err != nil {
		t.Fatal(err)
	}
	trap.Dentry.SetFlags(DentryNeedAutomount)
	calls := 0
	b.automount = func(p Path) (*Mount, error) {
		calls++
		root, err := mountType(task, ramType, 0, "auto", nil)
		if err != nil {
			return nil, err
		}
		return newMount(root, 0).Get(), nil
	}
	var st, below Stat
	if err := task.Stat("/trap", &st); err != nil || calls != 0 {
		t.Errorf("stat triggered %d automounts: %v", calls, err)
	}
	if err := task.Mkdirat(AtCWD, "/trap/in", 0o755); err != nil || calls != 1 {
		t.Errorf("a name below triggered %d automounts: %v", calls, err)
	}
	if err := task.Stat("/trap", &below); err != nil || below.Dev == st.Dev {
		t.Errorf("nothing is mounted: %v", err)
	}
	if err := task.Stat("/trap/in/../..", &below); err != nil || below.Ino != 1 || below.Dev != st.Dev {
		t.Errorf("out of the automount: %+v, %v", below, err)
	}
	if err := task.Umount("/trap", 0); err != nil {
		t.Error(err)
	}
	b.automount = func(Path) (*Mount, error) { return nil, unix.EISDIR }
	if err := task.Stat("/trap/in", &st); err != unix.EREMOTE {
		t.Errorf("EISDIR on the way: %v", err)
	}
	trap.Dentry.ClearFlags(DentryNeedAutomount)
	trap.Put(task)

	held, err := task.Lookup(AtCWD, "/held", 0)
	if err != nil {
		t.Fatal(err)
	}
	held.Dentry.SetFlags(DentryManageTransit)
	var modes []bool
	b.manage = func(rcu bool) error {
		modes = append(modes, rcu)
		if rcu {
			return unix.ECHILD
		}
		return nil
	}
	if err := task.Stat("/held", &st); err != nil || !slices.Equal(modes, []bool{true, false}) {
		t.Errorf("a managed dentry: %v, asked in rcu-walk: %v", err, modes)
	}
	b.manage = func(bool) error { return unix.EACCES }
	if err := task.Stat("/held/x", &st); err != unix.EACCES {
		t.Errorf("a refusal: %v", err)
	}
	held.Dentry.ClearFlags(DentryManageTransit)
	held.Put(task)
}

func TestAtomicOpen(t *testing.T) {
	b := newBacked()
	task := mountBacked(t, b)
	dir := b.put(1, "d", unix.S_IFDIR|unix.S_ISVTX|0o755)
	b.put(dir, "there", unix.S_IFREG|0o644)
	b.put(dir, "sub", unix.S_IFDIR|0o755)
	for _, c := range []struct {
		name  string
		flags int
		calls int
		want  error
	}{
		{"/d/there", unix.O_RDONLY, 1, nil},
		{"/d/there", unix.O_RDONLY, 0, nil}, // cached and positive: opened as usual
		{"/d/there", unix.O_CREAT | unix.O_EXCL, 0, unix.EEXIST},
		{"/d/none", unix.O_RDONLY, 1, unix.ENOENT},
		{"/d/new", unix.O_CREAT | unix.O_EXCL | unix.O_RDWR, 1, nil},
		{"/d/new2", unix.O_CREAT | unix.O_WRONLY, 1, nil},
		{"/d/sub", unix.O_DIRECTORY, 1, nil},
	} {
		b.taken()
		err := openErr(task, c.name, c.flags)
		calls := 0
		for _, e := range b.taken() {
			if len(e) > 11 && e[:11] == "atomic_open" {
				calls++
			}
		}
		if err != c.want || calls != c.calls {
			t.Errorf("open of %s with %#x: %v after %d calls, want %v after %d", c.name, c.flags, err, calls, c.want, c.calls)
		}
	}
}
