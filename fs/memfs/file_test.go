package memfs

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// TestSizeLimitsLikeTmpfs compares calls at the largest size that there is.
func TestSizeLimitsLikeTmpfs(t *testing.T) {
	host, mem := world(newHostWorld(t, "size=1m")), world(newMemWorld(t, "size=1m"))
	const end = 1<<63 - 1
	for _, w := range []world{host, mem} {
		fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
		must(t, err)
		w.close(fd)
	}
	for _, step := range []struct {
		name string
		do   func(w world, fd int) (int64, error)
	}{
		{"write one byte before the end", func(w world, fd int) (int64, error) {
			n, err := w.pwrite(fd, []byte("ab"), end-1)
			return int64(n), err
		}},
		{"size after it", func(w world, fd int) (int64, error) {
			var st unix.Stat_t
			err := w.fstat(fd, &st)
			return st.Size*1000 + st.Blocks, err
		}},
		{"read it", func(w world, fd int) (int64, error) {
			var b [9]byte
			n, err := w.pread(fd, b[:], end-3)
			return int64(n)<<32 + int64(b[2]), err
		}},
		{"write at the end", func(w world, fd int) (int64, error) { n, err := w.pwrite(fd, []byte("ab"), end); return int64(n), err }},
		{"cut it off", func(w world, fd int) (int64, error) { return 0, w.ftruncate(fd, end-1) }},
		{"grow to the end", func(w world, fd int) (int64, error) { return 0, w.ftruncate(fd, end) }},
		{"seek to the end", func(w world, fd int) (int64, error) { return w.lseek(fd, 0, unix.SEEK_END) }},
		{"seek beyond", func(w world, fd int) (int64, error) { return w.lseek(fd, 1, unix.SEEK_END) }},
		{"punch all", func(w world, fd int) (int64, error) {
			return 0, w.fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, end)
		}},
		{"blocks", func(w world, fd int) (int64, error) {
			var st unix.Stat_t
			err := w.fstat(fd, &st)
			return st.Blocks, err
		}},
		{"allocate at the end", func(w world, fd int) (int64, error) { return 0, w.fallocate(fd, 0, end-1, 1) }},
		{"allocate beyond", func(w world, fd int) (int64, error) { return 0, w.fallocate(fd, 0, end-1, 2) }},
		{"allocate everything", func(w world, fd int) (int64, error) { return 0, w.fallocate(fd, 0, 0, end) }},
		{"cut to nothing", func(w world, fd int) (int64, error) { return 0, w.ftruncate(fd, 0) }},
	} {
		var got [2]string
		for i, w := range []world{host, mem} {
			fd, err := w.open("f", unix.O_RDWR, 0)
			must(t, err)
			n, err := step.do(w, fd)
			got[i] = fmt.Sprint(max(n, 0), errName(err))
			w.close(fd)
		}
		if got[0] != got[1] {
			t.Errorf("%s: host %s, memfs %s", step.name, got[0], got[1])
		}
	}
	diffWorlds(t, host, mem)
}

// TestFlagsLikeTmpfs compares what immutable and append-only files let happen.
func TestFlagsLikeTmpfs(t *testing.T) {
	host, mem := world(newHostWorld(t, "size=1m")), world(newMemWorld(t, "size=1m"))
	for _, flags := range []uint32{flagImmutable, flagAppend, flagImmutable | flagAppend, flagNoAtime, flagNoDump} {
		for _, dir := range []bool{false, true} {
			var got [2][]string
			for i, w := range []world{host, mem} {
				must(t, w.mkdir("d", 0o777))
				fd, err := w.open("d/f", unix.O_RDWR|unix.O_CREAT, 0o600)
				must(t, err)
				w.close(fd)
				on := "d/f"
				if dir {
					on = "d"
				}
				fd, err = w.open(on, unix.O_RDONLY, 0)
				must(t, err)
				fd2, err := w.open("d/f", unix.O_RDWR, 0)
				must(t, err)
				_, err = w.ioctl(fd, unix.FS_IOC_SETFLAGS, flags)
				must(t, err)
				say := func(err error) { got[i] = append(got[i], errName(err)) }
				for _, mode := range []int{unix.O_RDONLY, unix.O_RDWR, unix.O_WRONLY | unix.O_APPEND, unix.O_WRONLY | unix.O_TRUNC} {
					n, err := w.open("d/f", mode, 0)
					say(err)
					if err == nil {
						w.close(n)
					}
				}
				_, err = w.pwrite(fd2, []byte("x"), 0)
				say(err)
				say(w.ftruncate(fd2, 0))
				say(w.fallocate(fd2, 0, 0, 10))
				say(w.fallocate(fd2, unix.FALLOC_FL_KEEP_SIZE, 0, 10))
				say(w.fallocate(fd2, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, 0, 10))
				say(w.truncate("d/f", 0))
				say(w.chmod("d/f", 0o666))
				say(w.chown("d/f", 1, 1))
				say(w.chown("d/f", -1, -1))
				say(w.utimes("d/f", 1, 1))
				say(w.setxattr("d/f", "user.x", nil, 0))
				say(w.removexattr("d/f", "user.x"))
				say(w.link("d/f", "d/g"))
				say(w.unlink("d/g"))
				say(w.rename("d/f", "d/h", 0))
				say(w.rename("d/h", "d/f", 0))
				say(w.mkdir("d/e", 0o755))
				say(w.rmdir("d/e"))
				say(w.symlink("x", "d/s"))
				say(w.unlink("d/s"))
				say(w.rename("d", "d2", 0))
				say(w.rename("d2", "d", 0))
				say(w.unlink("d/f"))
				say(w.rmdir("d"))
				got[i] = append(got[i], snapshot(w)...)
				_, err = w.ioctl(fd, unix.FS_IOC_SETFLAGS, 0)
				must(t, err)
				w.close(fd)
				w.close(fd2)
				for _, p := range []string{"d/e", "d2/e", "d2", "d"} {
					for _, f := range []string{"/f", "/g", "/h", "/s"} {
						w.unlink(p + f)
					}
					w.rmdir(p)
				}
			}
			if fmt.Sprint(got[0]) != fmt.Sprint(got[1]) {
				t.Errorf("flags %#x, directory %v:\nhost  %v\nmemfs %v", flags, dir, got[0], got[1])
			}
		}
	}
}

// TestXflagsLikeTmpfs compares the ioctl form of xfs_io.
func TestXflagsLikeTmpfs(t *testing.T) {
	host, mem := newHostWorld(t, ""), newMemWorld(t, "")
	xattr := func(w world, fd int, cmd uint32, arg []byte) string {
		if w == world(mem) {
			_, err := mem.t.Ioctl(fd, cmd, &vfs.IoctlArg{In: arg, Out: arg})
			return errName(err)
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(cmd), uintptr(unsafe.Pointer(&arg[0]))); errno != 0 {
			return errName(errno)
		}
		return "ok"
	}
	var got [2][]string
	for i, w := range []world{host, mem} {
		fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
		must(t, err)
		for _, set := range [][2]byte{{xflagNoDump, 0}, {xflagNoDump | xflagNoAtime, 0}, {0x20, 0}, {0x02, 0}, {0, 4}, {0, 12}, {xflagAppend, 0}, {xflagImmutable, 0}, {0, 0}} {
			arg := make([]byte, fsxattrSize)
			arg[0], arg[set[1]] = set[0], arg[set[1]]|set[0]
			if set[1] != 0 {
				arg[set[1]] = 1
			}
			did := xattr(w, fd, ioctlFSSetXattr, arg)
			arg = bytes.Repeat([]byte{0xff}, fsxattrSize)
			got[i] = append(got[i], did, xattr(w, fd, ioctlFSGetXattr, arg), fmt.Sprintf("%x", arg))
		}
		w.close(fd)
	}
	if fmt.Sprint(got[0]) != fmt.Sprint(got[1]) {
		t.Errorf("host  %v\nmemfs %v", got[0], got[1])
	}
}

func TestFiemap(t *testing.T) {
	w := newMemWorld(t, "size=1m")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	f, err := w.t.File(fd)
	must(t, err)
	defer f.Put(w.t)
	fiemap := func(start, length uint64, room int) (extents []vfs.FiemapExtent, mapped int) {
		t.Helper()
		req := vfs.FiemapRequest{Start: start, Length: length, Extents: make([]vfs.FiemapExtent, room)}
		must(t, f.Fiemap(w.t, &req))
		return req.Extents[:min(req.Mapped, room)], req.Mapped
	}
	if list, _ := fiemap(0, 1<<62, 10); len(list) != 0 {
		t.Errorf("an empty file has extents %v", list)
	}
	_, err = w.pwrite(fd, make([]byte, 3*pageSize), 2*pageSize)
	must(t, err)
	must(t, w.fallocate(fd, 0, 5*pageSize, 4*pageSize))
	_, err = w.pwrite(fd, []byte("x"), 7*pageSize)
	must(t, err)
	_, err = w.pwrite(fd, []byte("x"), 20*pageSize)
	must(t, err)
	type piece struct {
		logical, length uint64
		flags           uint32
	}
	want := []piece{
		{2, 3, 0}, {5, 2, vfs.FiemapUnwritten}, {7, 1, 0}, {8, 1, vfs.FiemapUnwritten}, {20, 1, vfs.FiemapLast},
	}
	list, _ := fiemap(0, 1<<62, 100)
	merged := map[uint64]piece{}
	var order []uint64
	for _, e := range list { // frames need not follow each other
		if len(order) > 0 {
			last := merged[order[len(order)-1]]
			if last.logical+last.length == e.Logical/pageSize && last.flags == e.Flags && e.Flags == 0 {
				last.length += e.Length / pageSize
				merged[last.logical] = last
				continue
			}
		}
		p := piece{e.Logical / pageSize, e.Length / pageSize, e.Flags}
		merged[p.logical] = p
		order = append(order, p.logical)
	}
	var got []piece
	for _, l := range order {
		got = append(got, merged[l])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("extents %v, want %v", got, want)
	}
	if _, mapped := fiemap(0, 1<<62, 0); mapped != len(list) {
		t.Errorf("%d extents are counted, %d listed", mapped, len(list))
	}
	if part, _ := fiemap(6*pageSize+5, pageSize, 10); len(part) != 2 || part[0].Logical != 6*pageSize || part[0].Length != pageSize || part[1].Logical != 7*pageSize {
		t.Errorf("extents of a part: %v", part)
	}
	if one, _ := fiemap(0, 1<<62, 1); len(one) != 1 || one[0].Logical != 2*pageSize {
		t.Errorf("with room for one: %v", one)
	}
	for i, e := range list {
		for _, o := range list[:i] {
			if e.Flags&vfs.FiemapUnwritten == 0 && o.Flags&vfs.FiemapUnwritten == 0 &&
				e.Physical < o.Physical+o.Length && o.Physical < e.Physical+e.Length {
				t.Errorf("extents %v and %v are at the same place", o, e)
			}
		}
	}
}

// TestSizeLimitOfTheCaller is RLIMIT_FSIZE.
func TestSizeLimitOfTheCaller(t *testing.T) {
	w := newMemWorld(t, "size=1m")
	fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
	must(t, err)
	defer w.close(fd)
	signals := 0
	w.t.Limits.FileSize, w.t.Limits.OnXFSZ = 10000, func() { signals++ }
	defer func() { w.t.Limits = vfs.DefaultLimits }()
	if n, err := w.pwrite(fd, make([]byte, 20000), 0); n != 10000 || err != nil {
		t.Errorf("a write beyond the limit: %d, %v", n, err)
	}
	must(t, w.fallocate(fd, 0, 0, 10000))
	for i, call := range []func() error{
		func() error { return w.fallocate(fd, 0, 0, 10001) },
		func() error { return w.fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 9000, 2000) },
		func() error { return w.fallocate(fd, unix.FALLOC_FL_INSERT_RANGE, 0, pageSize) },
		func() error { return w.ftruncate(fd, 10001) },
	} {
		if err := call(); err != unix.EFBIG || signals != i+1 {
			t.Errorf("call %d beyond the limit: %v, %d signals", i, err, signals)
		}
	}
}

func BenchmarkReadWrite(b *testing.B) {
	for _, size := range []int{512, 4096, 65536, 1 << 20} {
		for _, op := range []string{"read", "overwrite", "write"} {
			b.Run(fmt.Sprint(op, size), func(b *testing.B) {
				w := newMemWorld(b, "size=1g")
				fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
				if err != nil {
					b.Fatal(err)
				}
				defer w.close(fd)
				buf := make([]byte, size)
				w.pwrite(fd, make([]byte, 2<<20), 0)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for off := int64(0); b.Loop(); off = (off + int64(size)) & (1<<20 - 1) {
					switch op {
					case "read":
						w.pread(fd, buf, off)
					case "write":
						if off == 0 {
							w.ftruncate(fd, 0)
						}
						fallthrough
					case "overwrite":
						w.pwrite(fd, buf, off)
					}
				}
			})
		}
	}
}
