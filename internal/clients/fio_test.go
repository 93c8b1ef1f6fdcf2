package clients

import (
	"fmt"
	"testing"
)

// fio writes by many ways, and reads back what it knows it has written.
func TestFio(t *testing.T) {
	requirePrograms(t, "fio")
	for _, c := range []struct{ name, options string }{
		{"psync", "--ioengine=psync --rw=randrw"},
		{"psync, direct", "--ioengine=psync --rw=randrw --direct=1"},
		{"vectors", "--ioengine=pvsync2 --rw=write --bs=64k"},
		{"mapped", "--ioengine=mmap --rw=randwrite"},
		{"asynchronous, direct", "--ioengine=libaio --iodepth=16 --rw=randrw --direct=1"},
		{"odd sizes", "--ioengine=sync --rw=randrw --bsrange=512-33k --bs_unaligned=1"},
		{"synced", "--ioengine=psync --rw=randwrite --fdatasync=8 --fallocate=posix"},
		{"several on one file", "--ioengine=psync --rw=randrw --filename=shared --numjobs=3 --offset_increment=4m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onSites(t, func(s *site) {
				s.shell(fmt.Sprintf("fio --name=job --directory=. --size=4m --bs=4k --numjobs=2 --verify=crc32c --verify_fatal=1 "+
					"--do_verify=1 --randseed=42 --group_reporting --minimal %s", c.options))
			})
		})
	}
}
