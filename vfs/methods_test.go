package vfs

import (
	"context"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/filelock"
)

// noted is a driver's file whose methods note that they were called.
type noted struct{ histPlain }

func (noted) note(f *File, s string) { histOf(f).note(s) }

func (n noted) Lock(ctx context.Context, f *File, cmd int, l *filelock.Lock) error {
	switch {
	case l.Flags&filelock.FlagClose != 0:
		n.note(f, "lock at close of "+l.Kind.String())
	case cmd == unix.F_GETLK:
		n.note(f, "getlk")
		return f.Inode().lockContext().TestPosix(l, l)
	default:
		n.note(f, "lock")
	}
	return f.Inode().lockContext().SetPosix(ctx, l, nil)
}

func (n noted) Flock(ctx context.Context, f *File, cmd int, l *filelock.Lock) error {
	if l.Flags&filelock.FlagClose != 0 {
		n.note(f, "flock at close")
	} else {
		n.note(f, "flock")
	}
	return f.Inode().lockContext().Flock(ctx, l)
}

func (n noted) Setlease(ctx context.Context, f *File, typ int, lease **filelock.Lock, priv *any) error {
	n.note(f, "setlease")
	return GenericSetlease(ctx, f, typ, lease, priv)
}

func (n noted) CheckFlags(_ context.Context, flags int) error {
	if flags&unix.O_APPEND != 0 {
		return unix.EXFULL
	}
	return nil
}

func (n noted) UnlockedIoctl(_ context.Context, f *File, cmd uint32, arg *IoctlArg) (int, error) {
	if cmd != 1234 {
		return 0, unix.ENOTTY
	}
	n.note(f, "ioctl")
	return int(arg.Value), nil
}

func (n noted) CompatIoctl(_ context.Context, f *File, cmd uint32, arg *IoctlArg) (int, error) {
	n.note(f, "compat ioctl")
	if cmd == 77 {
		return 7, nil
	}
	return 0, unix.ENOTTY
}

func (n noted) SpliceWrite(ctx context.Context, p *Pipe, f *File, pos int64, length int, flags uint32) (int, int64, error) {
	n.note(f, "splice_write")
	done, err := p.Drain(ctx, length, flags, func(b []byte) (int, error) {
		k, next, err := histOf(f).writeAt(b, pos)
		pos = next
		return k, err
	})
	return done, pos, err
}

func (n noted) SpliceRead(_ context.Context, f *File, pos int64, p *Pipe, length int, flags uint32) (int, int64, error) {
	n.note(f, "splice_read")
	buf := make([]byte, length)
	got, _, err := histOf(f).readAt(buf, pos)
	done := p.Fill(buf[:got])
	return done, pos + int64(done), err
}

func (n noted) Fsync(_ context.Context, f *File, start, end int64, datasync bool) error {
	if datasync {
		n.note(f, "fdatasync")
	} else {
		n.note(f, "fsync")
	}
	return nil
}

func takeCalls(h *histFile) []string {
	calls := h.calls
	h.calls = nil
	return calls
}

func wantCalls(t *testing.T, h *histFile, want ...string) {
	t.Helper()
	if got := takeCalls(h); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

func TestADriverThatHandlesLocksHearsOfAllOfThem(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "data")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	lock := func(cmd int, typ int16) {
		t.Helper()
		if err := task.FcntlLock(fd, cmd, &Flock{Type: typ}); err != nil {
			t.Errorf("lock command %d: %v", cmd, err)
		}
	}
	lock(unix.F_SETLK, unix.F_WRLCK)
	lock(unix.F_GETLK, unix.F_WRLCK)
	lock(unix.F_SETLKW, unix.F_UNLCK)
	lock(unix.F_SETLK, unix.F_RDLCK)
	wantCalls(t, f, "lock", "getlk", "lock", "lock")
	dup, _ := task.Dup(fd)
	task.Close(dup)
	wantCalls(t, f, "lock at close of POSIX")
	lock(unix.F_OFD_SETLK, unix.F_RDLCK)
	if err := task.Flock(fd, unix.LOCK_SH); err != nil {
		t.Errorf("flock: %v", err)
	}
	wantCalls(t, f, "lock", "flock")
	task.Close(fd)
	wantCalls(t, f, "lock at close of POSIX", "lock at close of OFD", "flock at close")
	if l := f.Locks(); !l.Empty() {
		t.Error("locks are left after the close")
	}
	fd = histOpen(t, task, "/f", unix.O_RDONLY)
	if err := task.Setlease(fd, unix.F_RDLCK); err != nil {
		t.Errorf("setlease: %v", err)
	}
	if typ, _ := task.Getlease(fd); typ != unix.F_RDLCK {
		t.Errorf("getlease: %d", typ)
	}
	if err := task.Setlease(fd, unix.F_UNLCK); err != nil {
		t.Errorf("setlease: %v", err)
	}
	wantCalls(t, f, "setlease", "setlease")
}

func TestAVetoOfStatusFlags(t *testing.T) {
	task, _, _ := histTask(t, noted{}, "")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	if err := task.SetFL(fd, unix.O_APPEND|unix.O_NONBLOCK); err != unix.EXFULL {
		t.Errorf("F_SETFL: %v", err)
	}
	if fl, _ := task.GetFL(fd); fl != unix.O_RDWR {
		t.Errorf("flags %#x after the veto", fl)
	}
	if err := task.SetFL(fd, unix.O_DIRECT); err != unix.EINVAL {
		t.Errorf("O_DIRECT where it is not supported: %v", err)
	}
}

func TestIoctlsGoToTheDriver(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	arg := &IoctlArg{Value: 5}
	if n, err := task.Ioctl(fd, 1234, arg); n != 5 || err != nil {
		t.Errorf("ioctl: %d, %v", n, err)
	}
	if n, err := task.CompatIoctl(fd, 77, arg); n != 7 || err != nil {
		t.Errorf("compat ioctl: %d, %v", n, err)
	}
	if n, err := task.CompatIoctl(fd, 1234, arg); n != 5 || err != nil {
		t.Errorf("compat ioctl that falls through: %d, %v", n, err)
	}
	if _, err := task.CompatIoctl(fd, 99, arg); err != unix.ENOTTY {
		t.Errorf("unknown compat ioctl: %v", err)
	}
	wantCalls(t, f, "ioctl", "compat ioctl", "compat ioctl", "ioctl", "compat ioctl")
}

func TestSpliceMethods(t *testing.T) {
	text := strings.Repeat("splice", 30000)
	task, f, g := histTask(t, noted{}, text)
	in, out := histOpen(t, task, "/f", unix.O_RDONLY), histOpen(t, task, "/g", unix.O_WRONLY)
	r, w, err := task.Pipe2(0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		n, err := task.Splice(in, nil, w, nil, 1<<20, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if k, err := task.Splice(r, nil, out, nil, n, 0); k != n || err != nil {
			t.Fatalf("splice: %d of %d, %v", k, n, err)
		}
	}
	if string(g.data) != text {
		t.Error("other bytes arrived")
	}
	if slices.Contains(f.calls, "read") || slices.Contains(g.calls, "write") {
		t.Error("the methods were not used")
	}
}

func TestFsyncSaysWhatIsNeeded(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "")
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	task.Fsync(fd)
	task.Fdatasync(fd)
	task.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	task.SyncFileRange(fd, 0, 0, 0)
	wantCalls(t, f, "fsync", "fdatasync", "fdatasync")
}

// attrMethods are the inode methods of a file whose driver keeps lists and
// attributes itself, and has the historic Truncate.
type attrMethods struct {
	xattrs map[string]string
	notes  []string
	loads  int
}

func (m *attrMethods) GetACL(_ context.Context, in *Inode, typ ACLType) (*ACL, error) {
	m.loads++
	v, ok := m.xattrs[typ.xattr()]
	if !ok {
		in.SetCachedACL(typ, nil)
		return nil, nil
	}
	acl, err := ParseACL([]byte(v))
	if err == nil {
		in.SetCachedACL(typ, acl)
	}
	return acl, err
}

func (m *attrMethods) Setxattr(_ context.Context, d *Dentry, name string, value []byte, flags int) error {
	m.xattrs[name] = string(value)
	return nil
}

func (m *attrMethods) Removexattr(_ context.Context, d *Dentry, name string) error {
	if _, ok := m.xattrs[name]; !ok {
		return unix.ENODATA
	}
	delete(m.xattrs, name)
	return nil
}

func (m *attrMethods) Getxattr(_ context.Context, d *Dentry, name string, buf []byte) (int, error) {
	v, ok := m.xattrs[name]
	switch {
	case !ok:
		return 0, unix.ENODATA
	case len(buf) == 0:
		return len(v), nil
	case len(buf) < len(v):
		return 0, unix.ERANGE
	}
	return copy(buf, v), nil
}

func (m *attrMethods) Truncate(_ context.Context, in *Inode) {
	m.notes = append(m.notes, "truncate")
	if h := in.Impl().(*histFile); in.Size() < int64(len(h.data)) {
		h.data = h.data[:in.Size()]
	}
}

func (m *attrMethods) UpdateTime(_ context.Context, in *Inode, when Timespec, which TimeFlags) error {
	m.notes = append(m.notes, "update_time")
	in.SetTimes(which, when)
	return nil
}

func TestADriverThatKeepsACLsAsXattrs(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "data")
	m := &attrMethods{xattrs: map[string]string{}}
	f.SetOps(InodeOpsOf(m), FileOpsOf(noted{}))
	f.Superblock().SetFlag(SuperPosixACL)
	acl, err := NewACL([]ACLEntry{{Tag: ACLUserObj, Perm: 7}, {Tag: ACLUser, Perm: 4, ID: 9}, {Tag: ACLGroupObj}, {Tag: ACLMask, Perm: 4}, {Tag: ACLOther}})
	if err != nil {
		t.Fatal(err)
	}
	value := acl.Append(nil)
	if err := task.Setxattr(AtCWD, "/f", aclAccessXattr, value, 0, 0); err != nil {
		t.Fatal(err)
	}
	if m.xattrs[aclAccessXattr] != string(value) || f.Mode()&0o777 != 0o740 {
		t.Errorf("stored %x, mode %o", m.xattrs[aclAccessXattr], f.Mode())
	}
	user := task.Clone(0)
	defer user.Exit()
	user.SetCred(UserCred(9, 9))
	for range 2 {
		f.ForgetACL(ACLAccess)
		m.loads = 0
		for range 3 {
			if err := user.Faccessat(AtCWD, "/f", 4, 0); err != nil {
				t.Errorf("access of the named user: %v", err)
			}
		}
		if m.loads != 1 {
			t.Errorf("the list was loaded %d times, want once", m.loads)
		}
	}
	small := (&ACL{[]ACLEntry{{Tag: ACLUserObj, Perm: 6}, {Tag: ACLGroupObj}, {Tag: ACLOther}}}).Append(nil)
	if err := task.Setxattr(AtCWD, "/f", aclAccessXattr, small, 0, 0); err != nil {
		t.Fatal(err)
	}
	if _, kept := m.xattrs[aclAccessXattr]; kept || f.Mode()&0o777 != 0o600 {
		t.Errorf("what the mode can say is stored as a list, mode %o", f.Mode())
	}
	if err := task.Removexattr(AtCWD, "/f", aclAccessXattr, 0); err != nil {
		t.Errorf("removal of no list: %v", err)
	}
}

func TestTheHistoricTruncateFollowsTheSize(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "0123456789")
	m := &attrMethods{xattrs: map[string]string{}}
	f.SetOps(InodeOpsOf(m), FileOpsOf(noted{}))
	before := f.Ctime()
	if err := task.Truncate("/f", 4); err != nil {
		t.Fatal(err)
	}
	if f.Size() != 4 || len(f.data) != 4 || !slices.Equal(m.notes, []string{"truncate"}) {
		t.Errorf("size %d, data %q, calls %q", f.Size(), f.data, m.notes)
	}
	// The default sets what it is told; truncate(2) asks for no time.
	if f.Ctime() != before {
		t.Error("the change time moved")
	}
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	if err := task.Ftruncate(fd, 4); err != nil {
		t.Fatal(err)
	}
	if len(m.notes) != 1 || f.Ctime() == before {
		t.Errorf("ftruncate to the same size: calls %q, change time moved: %v", m.notes, f.Ctime() != before)
	}
	if err := task.Ftruncate(fd, -1); err != unix.EINVAL {
		t.Errorf("ftruncate to a negative size: %v", err)
	}
}

func TestTimesGoThroughTheDriver(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "data")
	m := &attrMethods{xattrs: map[string]string{}}
	f.SetOps(InodeOpsOf(m), FileOpsOf(noted{}))
	file, err := task.OpenFile(AtCWD, "/f", OpenHow{Flags: unix.O_RDWR})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Put(task)
	f.SetTimes(TimeAtime|TimeMtime|TimeCtime, Timespec{Sec: 5})
	file.Accessed(task)
	file.Accessed(task) // relatime: not again
	f.Superblock().StartWrite(task)
	err = file.UpdateTimes(task)
	f.Superblock().EndWrite()
	if err != nil || len(m.notes) != 2 {
		t.Errorf("calls %q, %v", m.notes, err)
	}
	if a, mt, c := f.Times(); a.Sec == 5 || mt.Sec == 5 || c != mt {
		t.Errorf("times %v %v %v", a, mt, c)
	}
}

// watcher notes the events of a superblock.
type watcher struct{ events []Event }

func (w *watcher) Event(e *Event) { w.events = append(w.events, *e) }

func TestObserversHearOfDataAndAttributes(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "0123456789")
	m := &attrMethods{xattrs: map[string]string{}}
	f.SetOps(InodeOpsOf(m), FileOpsOf(noted{}))
	fd := histOpen(t, task, "/f", unix.O_RDWR)
	w := new(watcher)
	f.Superblock().AddObserver(w)
	defer f.Superblock().RemoveObserver(w)
	type told struct {
		kind   EventKind
		off, n int64
	}
	for _, c := range []struct {
		what string
		call func() error
		want []told
	}{
		{"write", func() error { _, err := task.Write(fd, []byte("abc")); return err }, []told{{DataChanged, 0, 3}}},
		{"pwrite", func() error { _, err := task.Pwrite(fd, []byte("abc"), 7); return err }, []told{{DataChanged, 7, 3}}},
		{"writev", func() error { _, err := task.Writev(fd, [][]byte{[]byte("a"), []byte("b")}, 0); return err }, []told{{DataChanged, 3, 2}}},
		{"empty write", func() error { _, err := task.Write(fd, nil); return err }, nil},
		{"read", func() error { _, err := task.Pread(fd, make([]byte, 1), 0); return err }, nil},
		{"truncate", func() error { return task.Truncate("/f", 4) }, []told{{DataChanged, 4, -1}}},
		{"ftruncate", func() error { return task.Ftruncate(fd, 2) }, []told{{DataChanged, 2, -1}}},
		{"chmod", func() error { return task.Fchmod(fd, 0o600) }, []told{{AttrChanged, 0, 0}}},
		{"utimens", func() error { return task.Futimens(fd, nil) }, []told{{AttrChanged, 0, 0}}},
		{"setxattr", func() error { return task.Fsetxattr(fd, "user.a", nil, 0) }, []told{{AttrChanged, 0, 0}}},
		{"removexattr", func() error { return task.Fremovexattr(fd, "user.a") }, []told{{AttrChanged, 0, 0}}},
		{"a change that fails", func() error { task.Fremovexattr(fd, "user.a"); return nil }, nil},
	} {
		w.events = nil
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		var got []told
		for _, e := range w.events {
			if e.Inode != &f.Inode {
				t.Errorf("%s: an event about another inode", c.what)
			}
			got = append(got, told{e.Kind, e.Off, e.Len})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// syncing is a driver whose WriteIter makes data durable when it is asked to.
type syncing struct{ noted }

func (s syncing) WriteIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error) {
	f := iocb.File.(*File)
	f.inode.Lock()
	n, err := GenericWriteChecks(ctx, iocb, iter)
	if err == nil {
		buf := make([]byte, n)
		iter.CopyIn(buf)
		_, iocb.Pos, err = histOf(f).writeAt(buf, iocb.Pos)
	}
	f.inode.Unlock()
	if err != nil {
		return 0, err
	}
	return GenericWriteSync(ctx, iocb, n)
}

// onlyIter leaves the plain methods out.
type onlyIter struct{ s syncing }

func (o onlyIter) WriteIter(ctx context.Context, iocb *Kiocb, iter *Iter) (int, error) {
	return o.s.WriteIter(ctx, iocb, iter)
}

func (o onlyIter) Fsync(ctx context.Context, f *File, start, end int64, datasync bool) error {
	if start != 0 || end != 2 {
		o.s.note(f, "another range")
	}
	return o.s.Fsync(ctx, f, start, end, datasync)
}

func TestSynchronousWrites(t *testing.T) {
	task, f, _ := histTask(t, onlyIter{}, "")
	for _, c := range []struct {
		what       string
		flags, rwf int
		inode      InodeFlags
		want       []string
	}{
		{"plain", 0, 0, 0, nil},
		{"O_DSYNC", unix.O_DSYNC, 0, 0, []string{"fdatasync"}},
		{"O_SYNC", unix.O_SYNC, 0, 0, []string{"fsync"}},
		{"RWF_DSYNC", 0, unix.RWF_DSYNC, 0, []string{"fdatasync"}},
		{"RWF_SYNC", 0, unix.RWF_SYNC, 0, []string{"fsync"}},
		{"a synchronous file", 0, 0, FlagSync, []string{"fdatasync"}},
	} {
		f.SetFlags(c.inode)
		fd := histOpen(t, task, "/f", unix.O_WRONLY|c.flags)
		if n, err := task.Pwritev(fd, [][]byte{[]byte("abc")}, 0, c.rwf); n != 3 || err != nil {
			t.Errorf("%s: %d, %v", c.what, n, err)
		}
		if got := takeCalls(f); !slices.Equal(got, c.want) {
			t.Errorf("%s: calls %q, want %q", c.what, got, c.want)
		}
		task.Close(fd)
	}
	f.SetFlags(FlagSwapfile)
	fd := histOpen(t, task, "/f", unix.O_WRONLY)
	if _, err := task.Write(fd, []byte("x")); err != unix.ETXTBSY {
		t.Errorf("write of a swap file: %v", err)
	}
	if err := task.Ftruncate(fd, 0); err != unix.ETXTBSY {
		t.Errorf("a shorter swap file: %v", err)
	}
	f.SetFlags(0)
	f.Superblock().MaxBytes = 5
	if n, err := task.Pwrite(fd, []byte("xyz"), 4); n != 1 || err != nil {
		t.Errorf("write across the largest size: %d, %v", n, err)
	}
	if _, err := task.Pwrite(fd, []byte("xyz"), 5); err != unix.EFBIG {
		t.Errorf("write at the largest size: %v", err)
	}
	if err := task.Ftruncate(fd, 6); err != unix.EFBIG {
		t.Errorf("a size beyond the largest: %v", err)
	}
}

func TestChangesThroughPathsAndFiles(t *testing.T) {
	task, f, _ := histTask(t, noted{}, "0123456789")
	file, err := task.OpenFile(AtCWD, "/f", OpenHow{Flags: unix.O_RDWR})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Put(task)
	if err := file.Path().Setattr(task, &Attr{Valid: AttrMode | AttrUID | AttrCtime, Mode: 0o640, UID: 5}); err != nil {
		t.Fatal(err)
	}
	if f.Mode() != unix.S_IFREG|0o640 || f.UID() != 5 {
		t.Errorf("mode %o, uid %d", f.Mode(), f.UID())
	}
	if err := file.Setattr(task, &Attr{Valid: AttrSize | AttrMtime | AttrCtime, Size: 3}); err != nil || f.Size() != 3 {
		t.Errorf("size %d, %v", f.Size(), err)
	}
	if err := file.Path().Setattr(task, &Attr{Valid: AttrMode | AttrKillSUID}); err != unix.EINVAL {
		t.Errorf("two ways to say the mode: %v", err)
	}
	var st Stat
	if err := file.Getattr(task, &st); err != nil || st.Size != 3 || st.MountID == 0 {
		t.Errorf("stat %+v, %v", st, err)
	}
	fd, err := task.InstallFD(file.Get(), false)
	if err != nil {
		t.Fatal(err)
	}
	st = Stat{}
	if err := task.Fstatat(AtFD(fd), "", &st, unix.AT_EMPTY_PATH); err != nil || st.Size != 3 {
		t.Errorf("stat of the descriptor %+v, %v", st, err)
	}
	if err := task.Fstatat(AtPath(file.Path()), "", &st, unix.AT_EMPTY_PATH); err != nil || st.UID != 5 {
		t.Errorf("stat of the path %+v, %v", st, err)
	}
	if err := task.Fstatat(AtFD(fd), "x", &st, 0); err != unix.ENOTDIR {
		t.Errorf("stat below a file: %v", err)
	}
	if err := task.Fstatat(AtCWD, "/f", &st, 1<<20); err != unix.EINVAL {
		t.Errorf("stat with unknown flags: %v", err)
	}
}
