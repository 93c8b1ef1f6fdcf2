package fuse_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/fuse"
)

func init() {
	helpers["zz"] = func(args []string) error {
		if err := become(someUser, someUser, someGroup); err != nil {
			return err
		}
		fd, err := unix.Open(args[0], unix.O_WRONLY, 0)
		if err == nil {
			_, err = unix.Write(fd, []byte("x"))
		}
		fmt.Println(err)
		return nil
	}
}

func TestZZ(t *testing.T) {
	s := mountAt(t, newMem(t, ""), fuse.Options{AllowOther: true, Permissions: fuse.PermissionsCore})
	must(t, os.WriteFile(s.Dir()+"/f", []byte("data"), 0o644))
	must(t, unix.Chmod(s.Dir()+"/f", 0o4777))
	t.Log(s.Stats().Requests)
	t.Log(run(t, "zz", s.Dir()+"/f"))
	t.Log(s.Stats().Requests)
}
