package difftest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// Mounted is a memory file system that this process serves and that another one
// uses through the kernel.
type Mounted struct {
	*Remote
	ns     *vfs.Namespace
	server *fuse.Server
	dir    string
	before int // superblocks
}

// NewMounted mounts a fresh memory file system. Its Close fails if something is
// left of it.
func NewMounted(c Config) (_ *Mounted, err error) {
	m := &Mounted{before: vfs.Superblocks()}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.unmount())
		}
	}()
	// What the mount's flags forbid, the kernel forbids.
	if m.ns, err = NewNamespace(Config{Options: c.Options}); err != nil {
		return nil, err
	}
	if m.dir, err = os.MkdirTemp("", "difftest-"); err != nil {
		return nil, err
	}
	m.server, err = fuse.Mount(m.ns, m.dir, fuse.Options{Flags: vfs.SuperFlags(c.MountFlags), AllowOther: true})
	if err != nil {
		return nil, err
	}
	m.Remote, err = NewRemote(m.dir)
	return m, err
}

// Close ends the other process and unmounts.
func (m *Mounted) Close() error {
	return errors.Join(m.Remote.Close(), m.unmount())
}

func (m *Mounted) unmount() error {
	var errs []error
	if m.server != nil {
		// The other process is gone, but what the kernel still does for it may
		// take a moment.
		err := m.server.Unmount()
		for range 100 {
			if !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(10 * time.Millisecond)
			err = m.server.Unmount()
		}
		errs = append(errs, err)
	}
	if m.dir != "" {
		errs = append(errs, os.Remove(m.dir))
	}
	if m.ns != nil {
		m.ns.Close(context.Background())
		if n := vfs.Superblocks(); n > m.before {
			errs = append(errs, fmt.Errorf("%d superblocks are left", n-m.before))
		}
	}
	return errors.Join(errs...)
}
