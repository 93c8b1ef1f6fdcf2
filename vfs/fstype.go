package vfs

import (
	"context"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/lockdep"
)

// A FileSystemType is a kind of file system, by name.
type FileSystemType struct {
	Name string // without a dot
	// Summary is one line for listings.
	Summary string
	ops     fsTypeOps
}

type fsTypeOps struct {
	mount  Mounter
	killSB SuperKiller
}

// FileSystemTypeOf makes a type of the methods of x, which has Mount and
// KillSB.
func FileSystemTypeOf(name, summary string, x interface {
	Mounter
	SuperKiller
}) *FileSystemType {
	return &FileSystemType{Name: name, Summary: summary, ops: fsTypeOps{x, x}}
}

var fsTypes struct {
	lock   lockdep.SpinLock
	byName map[string]*FileSystemType
}

func init() {
	fsTypes.lock.Init(lockdep.NewClass("file_systems_lock", lockdep.Spin))
	fsTypes.byName = make(map[string]*FileSystemType)
}

// Register makes a type known by its name. EBUSY if there is one of that name,
// EINVAL if the name is empty or contains a dot.
func Register(typ *FileSystemType) error {
	if typ.Name == "" || strings.Contains(typ.Name, ".") {
		return unix.EINVAL
	}
	fsTypes.lock.Lock()
	defer fsTypes.lock.Unlock()
	if fsTypes.byName[typ.Name] != nil {
		return unix.EBUSY
	}
	fsTypes.byName[typ.Name] = typ
	return nil
}

// Unregister forgets a type; its superblocks live on. EINVAL if it is not
// registered.
func Unregister(typ *FileSystemType) error {
	fsTypes.lock.Lock()
	defer fsTypes.lock.Unlock()
	if fsTypes.byName[typ.Name] != typ {
		return unix.EINVAL
	}
	delete(fsTypes.byName, typ.Name)
	return nil
}

// LookupType finds a registered type; ENODEV if there is none. Of a name with
// a dot ("fuse.x") the part before it counts.
func LookupType(name string) (*FileSystemType, error) {
	base, _, _ := strings.Cut(name, ".")
	fsTypes.lock.Lock()
	defer fsTypes.lock.Unlock()
	if t := fsTypes.byName[base]; t != nil {
		return t, nil
	}
	return nil, unix.ENODEV
}

// Types are the registered types by name.
func Types() []*FileSystemType {
	fsTypes.lock.Lock()
	defer fsTypes.lock.Unlock()
	var all []*FileSystemType
	for _, t := range fsTypes.byName {
		all = append(all, t)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// MountNodev is the Mount of a file system without a device: always a new
// superblock, filled by fill. On an error the superblock is shut down.
func MountNodev(ctx context.Context, typ *FileSystemType, flags SuperFlags, impl SuperblockImpl, fill func(*Superblock) error) (*Dentry, error) {
	sb, _ := GetSuper(typ, flags, impl, nil)
	return FinishMount(ctx, sb, true, fill)
}

// MountSingle is the Mount of a file system of which there is one instance
// for each test; a further mount shares it.
func MountSingle(ctx context.Context, typ *FileSystemType, flags SuperFlags, impl SuperblockImpl, test func(*Superblock) bool, fill func(*Superblock) error) (*Dentry, error) {
	sb, isNew := GetSuper(typ, flags, impl, test)
	return FinishMount(ctx, sb, isNew, fill)
}

// FinishMount fills a new superblock and returns its root for a Mount method:
// referenced, s_umount held. On an error it is shut down and unlocked.
func FinishMount(ctx context.Context, sb *Superblock, isNew bool, fill func(*Superblock) error) (*Dentry, error) {
	if isNew {
		err := fill(sb)
		if err == nil && sb.root == nil {
			err = unix.EINVAL
		}
		if err != nil {
			sb.DeactivateLocked(ctx)
			return nil, err
		}
	}
	return sb.root.Get(), nil
}

// mountType calls the type's Mount and makes the superblock visible to
// iterations. The root comes back referenced, with one active reference on its
// superblock, unlocked.
func mountType(ctx context.Context, typ *FileSystemType, flags SuperFlags, source string, data any) (*Dentry, error) {
	root, err := gateMount(typ.ops.mount, ctx, typ, flags, source, data)
	if err != nil {
		return nil, err
	}
	if root.sb.Source == "" {
		root.sb.Source = source
	}
	root.sb.born.Store(true)
	root.sb.umount.Unlock()
	return root, nil
}
