package fuse

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// newView makes a namespace with one mount of the superblock at the root of ns,
// and nothing mounted on top of it: where the server's walks never leave the
// superblock, and a mount flag of the kernel's is one of the tree's.
func newView(ns *vfs.Namespace, flags vfs.SuperFlags) (*vfs.Namespace, error) {
	root := ns.Root()
	defer root.Put(context.Background())
	for _, f := range [...]struct {
		mount vfs.MountFlags
		super vfs.SuperFlags
	}{
		{vfs.MountReadOnly, vfs.SuperReadOnly}, {vfs.MountNoAtime, vfs.SuperNoAtime}, {vfs.MountNoDirAtime, vfs.SuperNoDirAtime},
	} {
		if root.Mount.Flags()&f.mount != 0 {
			flags |= f.super
		}
	}
	// What may be executed, opened as a device or run with the owner's rights
	// the kernel decides, by its own mount's flags.
	flags &^= vfs.SuperNoSUID | vfs.SuperNoDev | vfs.SuperNoExec
	typ := vfs.FileSystemTypeOf("view", "", view{root.Mount.Superblock()})
	return vfs.NewNamespaceOf(context.Background(), typ, "", flags, nil)
}

// A view is the file system type that mounts one superblock which is there
// already. It is not registered, and no superblock is ever of it.
type view struct{ sb *vfs.Superblock }

// Mount returns the superblock's root as a further mount of it does.
func (v view) Mount(ctx context.Context, _ *vfs.FileSystemType, flags vfs.SuperFlags, _ string, _ any) (*vfs.Dentry, error) {
	same := func(sb *vfs.Superblock) bool { return sb == v.sb }
	none := func(*vfs.Superblock) error { return unix.ESTALE }
	// The caller keeps the superblock, so it is found.
	return vfs.MountSingle(ctx, v.sb.Type(), flags, new(vfs.Superblock), same, none)
}

// KillSB is never called: a superblock is shut down by its own type.
func (v view) KillSB(context.Context, *vfs.Superblock) { panic("fuse: a view has no superblock") }
