package govfs_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"testing/fstest"

	"github.com/govfs/govfs"
	"github.com/govfs/govfs/vfs"
)

// A file system in memory, in a few lines.
func Example() {
	fsys, err := govfs.Open(context.Background(), "mem")
	if err != nil {
		log.Fatal(err)
	}
	defer fsys.Close()
	fsys.MkdirAll("/etc/app", 0o755)
	fsys.WriteFile("/etc/app/greeting", []byte("hello\n"), 0o644)

	data, err := fsys.ReadFile("/etc/app/greeting")
	fmt.Printf("%s%v\n", data, err)
	// Output:
	// hello
	// <nil>
}

// Any io/fs.FS can be mounted, and any FS is one.
func ExampleOpenFS() {
	tree := fstest.MapFS{"docs/a.txt": {Data: []byte("text"), Mode: 0o644}}
	fsys, err := govfs.OpenFS(context.Background(), tree)
	if err != nil {
		log.Fatal(err)
	}
	defer fsys.Close()
	fs.WalkDir(fsys.IO(), ".", func(name string, d fs.DirEntry, err error) error {
		fmt.Println(name, d.Type(), err)
		return err
	})
	fmt.Println(fsys.Mkdir("/new", 0o755))
	// Output:
	// . d--------- <nil>
	// docs d--------- <nil>
	// docs/a.txt ---------- <nil>
	// mkdir /new: read-only file system
}

// A view acts for another identity.
func ExampleFS_As() {
	fsys, err := govfs.Open(context.Background(), "mem", govfs.WithCred(vfs.RootCred()))
	if err != nil {
		log.Fatal(err)
	}
	defer fsys.Close()
	fsys.WriteFile("/secret", []byte("x"), 0o600)

	_, err = fsys.As(vfs.UserCred(1000, 1000)).ReadFile("/secret")
	fmt.Println(err)
	// Output:
	// open /secret: permission denied
}

// A task makes the system calls that package os does not have.
func ExampleFS_Task() {
	fsys, err := govfs.Open(context.Background(), "mem", govfs.WithCred(vfs.RootCred()))
	if err != nil {
		log.Fatal(err)
	}
	defer fsys.Close()
	task, err := fsys.Task(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer task.Exit()
	fsys.WriteFile("/a", []byte("from a"), 0o644)
	fsys.WriteFile("/b", []byte("from b"), 0o644)
	err = task.Renameat2(vfs.AtCWD, "/a", vfs.AtCWD, "/b", vfs.RenameExchange)
	data, _ := fsys.ReadFile("/a")
	fmt.Printf("%s %v\n", data, err)
	// Output:
	// from b <nil>
}
