package lockrule_test

import (
	"fmt"
	"os"

	"github.com/govfs/govfs/lockrule"
)

func ExampleMethod_RuleLine() {
	m := lockrule.MustLookup("inode_operations", "unlink")
	fmt.Println(m.RuleLine())
	// Output:
	// Rule: inode_operations.unlink: i_mutex both, may_block yes, i_mutex_victim yes.
}

func ExampleFind() {
	for _, m := range lockrule.Find("release") {
		fmt.Println(m.FullName(), m.Go)
	}
	// Output:
	// block_device_operations.release block.DeviceReleaser.Release
	// file_operations.release vfs.Releaser.Release
}

func ExampleWriteText() {
	lockrule.WriteText(os.Stdout, lockrule.Find("kill_sb"))
	// Output:
	// File system type methods (file_system_type)
	// -------------------------------------------
	//
	//   method   may_block  s_umount
	//   kill_sb  yes        write-unlocks
	//
	// Notes
	//   - These two begin and end the life of a superblock, and hand its s_umount over to and back from
	//     the core.
	//
	// Rules in prose
	//   P8  kill_sb takes a write-locked superblock, does all the shutdown work, unlocks it and drops the
	//       reference.
}
