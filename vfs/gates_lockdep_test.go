//go:build lockdep

package vfs

import (
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/internal/gatetest"
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
	"github.com/govfs/govfs/pagecache"
	"github.com/govfs/govfs/quota"
)

// gateSuper is a driver's superblock with nothing in it but locks.
type gateSuper struct {
	Superblock
	quotas *quota.Super
}

func (s *gateSuper) Quota() *quota.Super { return s.quotas }

func newGateSuper() *Superblock {
	s := &gateSuper{quotas: quota.NewSuper(quota.OpsOf(nil))}
	s.impl = s
	s.umount.Init(lockdep.SUmount)
	s.renameMutex.Init(lockdep.SVfsRenameMutex)
	for i := range s.writers {
		s.writers[i].init(i)
	}
	return &s.Superblock
}

func newGateInode(sb *Superblock, mode uint32) *Inode {
	in := &Inode{sb: sb}
	in.mutex.Init(lockdep.IMutex)
	in.lock.Init(lockdep.ILock)
	in.mode.Store(mode)
	return in
}

func newGateDentry(sb *Superblock, in *Inode) *Dentry {
	d := &Dentry{sb: sb}
	d.lock.Init(lockdep.DLock)
	d.inode.Store(in)
	return d
}

// gateVMA is an area of mapped memory with nothing in it but a lock.
type gateVMA struct {
	VMA
	sem lockdep.RWMutex
}

func (v *gateVMA) MmapSem() lockdep.Checkable { return &v.sem }

// makeGateObject makes an argument or result. All objects of a call are on one
// superblock, those that stand for other objects on another.
func makeGateObject(w *gatetest.World, name string, typ reflect.Type) any {
	key := "superblock"
	if strings.HasPrefix(name, "other ") {
		key = "other superblock"
	}
	sb := w.Memo(key, func() any { return newGateSuper() }).(*Superblock)
	mode := uint32(unix.S_IFREG)
	if strings.HasSuffix(strings.ToLower(name), "dir") {
		mode = unix.S_IFDIR
	}
	switch typ {
	case reflect.TypeFor[*Superblock]():
		return sb
	case reflect.TypeFor[*Inode]():
		return newGateInode(sb, mode)
	case reflect.TypeFor[*Dentry]():
		return newGateDentry(sb, newGateInode(sb, mode))
	case reflect.TypeFor[Path]():
		return Path{Dentry: newGateDentry(sb, nil)}
	case reflect.TypeFor[*File]():
		return &File{inode: newGateInode(sb, mode)}
	case reflect.TypeFor[*Kiocb]():
		return &Kiocb{File: &File{inode: newGateInode(sb, mode)}}
	case reflect.TypeFor[VMA]():
		v := new(gateVMA)
		v.sem.Init(lockdep.MmapSem)
		return v
	case reflect.TypeFor[*pagecache.Page]():
		return pagecache.NewPage(uint64(len(name)), new(pagecache.Frame))
	}
	return nil
}

func locksOfGateObject(obj any) map[string]any {
	switch o := obj.(type) {
	case *Superblock:
		return map[string]any{"s_umount": &o.umount, "dqio_sem": o.impl.(*gateSuper).quotas.DqioSem()}
	case *Inode:
		return map[string]any{
			"i_mutex": &o.mutex, "i_lock": &o.lock,
			"freeze_write": &o.sb.writers[freezeWrite].level, "s_vfs_rename_mutex": &o.sb.renameMutex,
		}
	case *Dentry:
		locks := map[string]any{
			"d_lock": &o.lock, "s_umount": &o.sb.umount,
			"freeze_write": &o.sb.writers[freezeWrite].level,
		}
		if in := o.Inode(); in != nil {
			locks["i_mutex"], locks["i_lock"] = &in.mutex, &in.lock
		}
		return locks
	case Path:
		return locksOfGateObject(o.Dentry)
	case *File:
		return locksOfGateObject(o.inode)
	case *Kiocb:
		return locksOfGateObject(o.File)
	case *gateVMA:
		return map[string]any{"mmap_sem": &o.sem}
	case *pagecache.Page:
		return map[string]any{"page_lock": o.PageLock()}
	}
	return nil
}

// renameVariants are the cases of vfs renames: which of the arguments are the
// same, and what they are.
func renameVariants(exchange bool) []gatetest.Variant {
	oneDir := func(w *gatetest.World) { w.Set("newDir", w.Get("oldDir")) }
	dirs := func(w *gatetest.World) {
		w.Get("oldDentry").(*Dentry).Inode().mode.Store(unix.S_IFDIR)
		w.Get("newDentry").(*Dentry).Inode().mode.Store(unix.S_IFDIR)
	}
	fresh := func(w *gatetest.World) { w.Get("newDentry").(*Dentry).inode.Store(nil) }
	swap := func(w *gatetest.World) { w.Set("flags", RenameExchange) }
	do := func(fs ...func(*gatetest.World)) func(*gatetest.World) {
		return func(w *gatetest.World) {
			for _, f := range fs {
				f(w)
			}
		}
	}
	when := func(conds ...string) []string { return conds }
	vs := []gatetest.Variant{
		{Name: "file over file", Prepare: oneDir, When: when(lockrule.WhenNotDirectory, lockrule.WhenReplaced)},
		{Name: "file to a new name", Prepare: do(oneDir, fresh), When: when(lockrule.WhenNotDirectory)},
		{Name: "directory over directory", Prepare: do(oneDir, dirs), When: when(lockrule.WhenDirectory, lockrule.WhenReplaced)},
		{Name: "file across directories", When: when(lockrule.WhenCrossDirectory, lockrule.WhenNotDirectory, lockrule.WhenReplaced)},
		{Name: "directory across directories", Prepare: do(dirs, fresh), When: when(lockrule.WhenCrossDirectory, lockrule.WhenDirectory)},
	}
	if exchange {
		vs = append(vs,
			gatetest.Variant{Name: "exchange of files", Prepare: do(oneDir, swap), When: when(lockrule.WhenNotDirectory, lockrule.WhenExchangedNotDirectory)},
			gatetest.Variant{Name: "exchange of directories across directories", Prepare: do(dirs, swap), When: when(lockrule.WhenCrossDirectory, lockrule.WhenDirectory, lockrule.WhenExchangedDirectory)},
		)
	}
	return vs
}

func TestGatesReportEveryBrokenRule(t *testing.T) {
	var mmapSem lockdep.RWMutex
	mmapSem.Init(lockdep.MmapSem)
	k := &gatetest.Kit{
		Make:   makeGateObject,
		Locks:  locksOfGateObject,
		Global: map[string]any{"rename_lock": &renameLock, "namespace_sem": &namespaceSem, "mmap_sem": &mmapSem},
		RCU: func(p gatetest.Param) any {
			switch {
			case p.Type == reflect.TypeFor[WalkFlags]():
				return WalkRCU
			case p.Type == reflect.TypeFor[Access]():
				return MayExec | MayNotBlock
			case p.Name == "rcuWalk":
				return true
			}
			return nil
		},
		Variants: map[string][]gatetest.Variant{
			"inode_operations.rename":  renameVariants(false),
			"inode_operations.rename2": renameVariants(true),
		},
	}
	gatetest.Run(t, "vfs", k, gateCalls)
}

func TestWhatHasNoSuchLockIsNotChecked(t *testing.T) {
	sb := newGateSuper()
	negative := newGateDentry(sb, nil)
	fifo := &File{inode: newGateInode(sb, unix.S_IFIFO)}
	for name, l := range map[string]lockdep.Checkable{
		"i_mutex of a negative dentry":         lockDentryIMutex(negative),
		"i_lock of a negative dentry":          lockDentryILock(negative),
		"d_lock of no dentry":                  lockDLock(nil),
		"d_lock of no path":                    lockPathDLock(Path{}),
		"i_mutex of no inode":                  lockIMutex(nil),
		"i_lock of no inode":                   lockILock(nil),
		"i_mutex of no file":                   lockFileIMutex(nil),
		"i_mutex of a request of the core's":   lockKiocbIMutex(&Kiocb{}),
		"write access of a request of no file": lockKiocbFreezeWrite(nil),
		"write access to write to a FIFO":      lockFileFreezeWrite(fifo),
		"write access of no dentry":            lockDentryFreezeWrite(nil),
		"write access of no inode":             lockFreezeWrite(nil),
		"s_umount of no superblock":            lockSUmount(nil),
		"s_umount of no dentry":                lockDentrySUmount(nil),
		"rename mutex of no inode":             lockRenameMutex(nil),
		"dqio_sem of no superblock":            lockDqioSem(nil),
		"dqio_sem without quotas":              lockDqioSem(&Superblock{}),
		"mmap_sem of an area without one":      lockMmapSem(nil),
		"page lock of no page":                 lockPageLock(nil),
	} {
		if l != nil {
			t.Errorf("%s: %v", name, l)
		}
	}
}
