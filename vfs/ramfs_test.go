package vfs

import (
	"context"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// ramfs is the smallest file system that the core's own tests can stand on:
// names live in the dentries, files have no data.
type ramfs struct{}

var ramType = FileSystemTypeOf("ramtest", "for the core's tests", ramfs{})

var ramIno atomic.Uint64

func (ramfs) Mount(ctx context.Context, typ *FileSystemType, flags SuperFlags, source string, data any) (*Dentry, error) {
	return MountNodev(ctx, typ, flags, new(Superblock), func(sb *Superblock) error {
		if ops, ok := data.(*DentryOps); ok {
			sb.SetDentryOps(ops)
		}
		in, err := ramInode(ctx, sb, nil, unix.S_IFDIR|0o755)
		if err != nil {
			return err
		}
		sb.SetRoot(MakeRoot(in))
		return nil
	})
}

func (ramfs) KillSB(ctx context.Context, sb *Superblock) { KillLitterSuper(ctx, sb) }

var (
	ramDirOps  = InodeOpsOf(ramDir{})
	ramFileOps = FileOpsOf(ramFile{})
)

type (
	ramDir  struct{}
	ramFile struct{}
)

func ramInode(ctx context.Context, sb *Superblock, dir *Inode, mode uint32) (*Inode, error) {
	in, err := NewInode(ctx, sb)
	if err != nil {
		return nil, err
	}
	in.SetIno(ramIno.Add(1))
	in.InitOwner(ctx, dir, mode)
	in.InitTimes()
	if in.IsDir() {
		in.SetNlink(2)
		in.SetOps(ramDirOps, nil)
	} else {
		in.SetOps(nil, ramFileOps)
	}
	return in, nil
}

func ramAdd(ctx context.Context, dir *Inode, d *Dentry, mode uint32, link string) error {
	in, err := ramInode(ctx, dir.Superblock(), dir, mode)
	if err != nil {
		return err
	}
	if link != "" {
		in.SetLink(link)
	}
	if in.IsDir() {
		dir.IncNlink()
	}
	dir.Touch(Now())
	d.Instantiate(in)
	d.Pin()
	return nil
}

func (ramDir) Lookup(ctx context.Context, dir *Inode, d *Dentry, flags WalkFlags) (*Dentry, error) {
	if err := CheckName(d.Name()); err != nil {
		return nil, err
	}
	d.Add(nil)
	return nil, nil
}

func (ramDir) Create(ctx context.Context, dir *Inode, d *Dentry, mode uint32, excl bool) error {
	return ramAdd(ctx, dir, d, mode, "")
}

func (ramDir) Mkdir(ctx context.Context, dir *Inode, d *Dentry, mode uint32) error {
	return ramAdd(ctx, dir, d, mode, "")
}

func (ramDir) Symlink(ctx context.Context, dir *Inode, d *Dentry, target string) error {
	return ramAdd(ctx, dir, d, unix.S_IFLNK|0o777, target)
}

func (ramDir) Link(ctx context.Context, old *Dentry, dir *Inode, d *Dentry) error {
	in := old.Inode().Get()
	in.IncNlink()
	d.Instantiate(in)
	d.Pin()
	return nil
}

func (ramDir) Unlink(ctx context.Context, dir *Inode, d *Dentry) error {
	d.Inode().DropNlink()
	d.Unpin(ctx)
	return nil
}

func (ramDir) Rmdir(ctx context.Context, dir *Inode, d *Dentry) error {
	if ramHasNames(d) {
		return unix.ENOTEMPTY
	}
	d.Inode().ClearNlink()
	dir.DropNlink()
	d.Unpin(ctx)
	return nil
}

func ramHasNames(d *Dentry) bool {
	d.lock.Lock()
	defer d.lock.Unlock()
	for c := d.child; c != nil; c = c.sibNext {
		if !c.Negative() && c.Hashed() {
			return true
		}
	}
	return false
}

func (ramDir) Rename2(ctx context.Context, oldDir *Inode, old *Dentry, newDir *Inode, new *Dentry, flags RenameFlags) error {
	in, target := old.Inode(), new.Inode()
	if flags&RenameExchange != 0 {
		if in.IsDir() != target.IsDir() && oldDir != newDir {
			from, to := oldDir, newDir
			if target.IsDir() {
				from, to = to, from
			}
			from.DropNlink()
			to.IncNlink()
		}
		return nil
	}
	if target != nil {
		if target.IsDir() {
			if ramHasNames(new) {
				return unix.ENOTEMPTY
			}
			target.ClearNlink()
			newDir.DropNlink()
		} else {
			target.DropNlink()
		}
		new.Unpin(ctx)
	}
	if in.IsDir() && oldDir != newDir {
		oldDir.DropNlink()
		newDir.IncNlink()
	}
	return nil
}

func (ramDir) Tmpfile(ctx context.Context, dir *Inode, d *Dentry, mode uint32) error {
	in, err := ramInode(ctx, dir.Superblock(), dir, mode)
	if err != nil {
		return err
	}
	in.SetNlink(0)
	d.Tmpfile(in)
	return nil
}

func (ramFile) Llseek(ctx context.Context, f *File, off int64, whence int) (int64, error) {
	return off, nil
}

// newRAM is a task of root's in a namespace of its own, which ends, with all
// counts back at zero, with the test.
func newRAM(t testing.TB, data any) *Task {
	t.Helper()
	before := Superblocks()
	ns, err := NewNamespaceOf(nil, ramType, "none", 0, data)
	if err != nil {
		t.Fatal(err)
	}
	task := ns.NewTask(RootCred())
	t.Cleanup(func() {
		task.Exit()
		ns.Close(nil)
		if n := Superblocks(); n != before {
			t.Errorf("%d superblocks are left", n-before)
		}
	})
	return task
}

// touch makes an empty file.
func touch(t testing.TB, task *Task, name string) {
	t.Helper()
	fd, err := task.Openat(AtCWD, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	if err := task.Close(fd); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, task *Task, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := task.Mkdirat(AtCWD, n, 0o755); err != nil {
			t.Fatalf("mkdir %s: %v", n, err)
		}
	}
}

func symlink(t testing.TB, task *Task, target, name string) {
	t.Helper()
	if err := task.Symlinkat(target, AtCWD, name); err != nil {
		t.Fatalf("symlink %s: %v", name, err)
	}
}
