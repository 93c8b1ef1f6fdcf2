package fuse_test

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const someUser, someGroup, otherGroup = 12345, 12346, 12347

var scripts = []script{
	{name: "names", run: func(p *printer, dir string) {
		must := func(err error) { p.err("setup", err) }
		must(os.Mkdir(dir+"/d", 0o755))
		must(os.WriteFile(dir+"/f", []byte("f"), 0o644))
		p.err("mkdir over", unix.Mkdir(dir+"/f", 0o755))
		p.err("rmdir of a file", unix.Rmdir(dir+"/f"))
		p.err("unlink of a directory", unix.Unlink(dir+"/d"))
		must(os.WriteFile(dir+"/d/in", nil, 0o644))
		p.err("rmdir of a full one", unix.Rmdir(dir+"/d"))
		p.err("long name", unix.Mkdir(dir+"/"+strings.Repeat("n", 256), 0o755))
		p.err("longest name", unix.Mkdir(dir+"/"+strings.Repeat("n", 255), 0o755))
		p.err("below a file", unix.Mkdir(dir+"/f/x", 0o755))
		p.err("exclusive", tryOpen(dir+"/f", unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY))
		p.err("open a directory for writing", tryOpen(dir+"/d", unix.O_WRONLY))
		p.err("O_DIRECTORY on a file", tryOpen(dir+"/f", unix.O_DIRECTORY))
		p.err("link to a directory", unix.Link(dir+"/d", dir+"/e"))
		p.err("symlink", unix.Symlink("d/in", dir+"/l"))
		p.err("O_NOFOLLOW", tryOpen(dir+"/l", unix.O_NOFOLLOW))
		p.stat(dir + "/l")
		p.err("loop", unix.Symlink("loop", dir+"/loop"))
		p.err("open a loop", tryOpen(dir+"/loop", 0))
		p.err("link to a symlink", unix.Link(dir+"/l", dir+"/l2"))
		p.stat(dir + "/l2")
		p.stat(dir + "/d")
	}},
	{name: "rename", run: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/a", []byte("a"), 0o644))
		p.err("setup", os.WriteFile(dir+"/b", []byte("b"), 0o644))
		p.err("setup", os.MkdirAll(dir+"/d/e", 0o755))
		at := unix.AT_FDCWD
		p.err("NOREPLACE", unix.Renameat2(at, dir+"/a", at, dir+"/b", unix.RENAME_NOREPLACE))
		p.err("EXCHANGE", unix.Renameat2(at, dir+"/a", at, dir+"/d", unix.RENAME_EXCHANGE))
		p.stat(dir + "/d")
		p.stat(dir + "/a/e")
		p.err("EXCHANGE with nothing", unix.Renameat2(at, dir+"/a", at, dir+"/none", unix.RENAME_EXCHANGE))
		p.err("into itself", unix.Rename(dir+"/a", dir+"/a/e/x"))
		p.err("over an ancestor", unix.Rename(dir+"/a/e", dir+"/a"))
		p.err("file over directory", unix.Rename(dir+"/b", dir+"/a"))
		p.err("directory over file", unix.Rename(dir+"/a", dir+"/b"))
		p.err("WHITEOUT", unix.Renameat2(at, dir+"/b", at, dir+"/c", unix.RENAME_WHITEOUT))
		p.stat(dir + "/b")
		p.stat(dir + "/c")
		p.err("no such flag", unix.Renameat2(at, dir+"/c", at, dir+"/x", 1<<10))
	}},
	{name: "data", run: func(p *printer, dir string) {
		f, err := os.OpenFile(dir+"/f", os.O_RDWR|os.O_CREATE, 0o644)
		p.err("create", err)
		fd := int(f.Fd())
		defer f.Close()
		_, err = f.WriteAt(bytes.Repeat([]byte("x"), 5000), 3*4096)
		p.err("write", err)
		for _, off := range []int64{0, 4096, 3 * 4096, 5 * 4096} {
			for _, whence := range []int{unix.SEEK_DATA, unix.SEEK_HOLE} {
				pos, err := unix.Seek(fd, off, whence)
				p.err(fmt.Sprint("seek ", off, whence, pos), err)
			}
		}
		p.err("allocate", unix.Fallocate(fd, 0, 0, 4096))
		p.err("keep size", unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 1<<20, 4096))
		p.err("punch", unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, 3*4096, 4096))
		p.err("punch alone", unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE, 0, 4096))
		p.err("allocate nothing", unix.Fallocate(fd, 0, 0, 0))
		p.stat(dir + "/f")
		data, err := os.ReadFile(dir + "/f")
		p.say("%d bytes, %d not zero, %v", len(data), len(bytes.ReplaceAll(data, []byte{0}, nil)), err)
		g, err := os.Create(dir + "/g")
		p.err("create", err)
		defer g.Close()
		from, to := int64(4*4096), int64(100)
		n, err := unix.CopyFileRange(fd, &from, int(g.Fd()), &to, 1<<20, 0)
		p.err(fmt.Sprint("copy ", n), err)
		p.stat(dir + "/g")
		p.err("shrink", f.Truncate(10))
		p.err("grow", f.Truncate(10000))
		p.err("negative", unix.Ftruncate(fd, -1))
		p.stat(dir + "/f")
		p.err("truncate a directory", unix.Truncate(dir, 0))
		p.err("fsync", f.Sync())
		p.err("fdatasync", unix.Fdatasync(fd))
		d, err := os.Open(dir)
		p.err("open directory", err)
		defer d.Close()
		p.err("fsync of a directory", d.Sync())
		_, err = unix.Read(int(d.Fd()), make([]byte, 1))
		p.err("read a directory", err)
		ro, _ := os.Open(dir + "/f")
		defer ro.Close()
		_, err = unix.Write(int(ro.Fd()), []byte("x"))
		p.err("write to a read-only file", err)
		p.err("ftruncate of a read-only file", unix.Ftruncate(int(ro.Fd()), 0))
	}},
	{name: "append", run: func(p *printer, dir string) {
		f, err := os.OpenFile(dir+"/f", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
		p.err("create", err)
		defer f.Close()
		fd := int(f.Fd())
		write := func(s string, off int64) {
			n, err := unix.Pwrite(fd, []byte(s), off)
			p.err(fmt.Sprint("pwrite ", n), err)
		}
		write("one", 0)
		write("two", 0)
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		p.err("F_GETFL", err)
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags&^unix.O_APPEND)
		p.err("F_SETFL", err)
		write("ONE", 0)
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
		p.err("F_SETFL", err)
		write("three", 0)
		data, err := os.ReadFile(dir + "/f")
		p.say("%s %v", data, err)
	}},
	{name: "xattr", run: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", nil, 0o644))
		p.err("setup", os.Symlink("f", dir+"/l"))
		for _, name := range []string{"user.a", "trusted.b", "security.c", "strange.d", "user." + strings.Repeat("n", 250), "user." + strings.Repeat("n", 251)} {
			p.err("set "+name[:min(len(name), 12)], unix.Setxattr(dir+"/f", name, []byte("value"), 0))
		}
		p.err("create again", unix.Setxattr(dir+"/f", "user.a", nil, unix.XATTR_CREATE))
		p.err("replace nothing", unix.Setxattr(dir+"/f", "user.none", nil, unix.XATTR_REPLACE))
		p.err("user. on a symlink", unix.Lsetxattr(dir+"/l", "user.a", nil, 0))
		buf := make([]byte, 100)
		n, err := unix.Getxattr(dir+"/f", "user.a", buf)
		p.err(fmt.Sprintf("get %q", buf[:max(n, 0)]), err)
		_, err = unix.Getxattr(dir+"/f", "user.a", buf[:2])
		p.err("too small", err)
		n, err = unix.Getxattr(dir+"/f", "user.a", nil)
		p.err(fmt.Sprint("size ", n), err)
		_, err = unix.Getxattr(dir+"/f", "user.none", buf)
		p.err("missing", err)
		p.say("list %q", listXattr(dir+"/f"))
		_, err = unix.Listxattr(dir+"/f", buf[:3])
		p.err("list too small", err)
		p.err("remove", unix.Removexattr(dir+"/f", "user.a"))
		p.err("remove again", unix.Removexattr(dir+"/f", "user.a"))
		p.err("remove long", unix.Removexattr(dir+"/f", "user."+strings.Repeat("n", 250)))
		p.say("list %q", listXattr(dir+"/f"))
	}},
	{name: "xattr of others", user: someUser, setup: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", nil, 0o644))
		p.err("chmod", os.Chmod(dir+"/f", 0o666))
		p.err("set", unix.Setxattr(dir+"/f", "trusted.b", []byte("value"), 0))
		p.err("set", unix.Setxattr(dir+"/f", "user.a", []byte("value"), 0))
	}, run: func(p *printer, dir string) {
		p.say("list %q", listXattr(dir+"/f"))
		_, err := unix.Getxattr(dir+"/f", "trusted.b", make([]byte, 10))
		p.err("get", err)
		p.err("set", unix.Setxattr(dir+"/f", "trusted.b", nil, 0))
		p.err("set", unix.Setxattr(dir+"/f", "user.b", nil, 0))
	}},
	{name: "times", run: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", nil, 0o644))
		at := time.Unix(1000000000, 123456789)
		p.err("utimes", os.Chtimes(dir+"/f", at, at.Add(time.Hour)))
		p.err("omit", unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/f", []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: -5, Nsec: 7}}, 0))
		var st unix.Stat_t
		p.err("stat", unix.Stat(dir+"/f", &st))
		p.say("%d.%09d %d.%09d", st.Atim.Sec, st.Atim.Nsec, st.Mtim.Sec, st.Mtim.Nsec)
		p.err("now", unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/f", nil, 0))
		p.err("stat", unix.Stat(dir+"/f", &st))
		p.say("recent %v %v", time.Since(time.Unix(st.Atim.Unix())) < time.Minute, st.Atim == st.Mtim)
		var sx unix.Statx_t
		p.err("statx", unix.Statx(unix.AT_FDCWD, dir+"/f", 0, unix.STATX_ALL, &sx))
		p.say("btime %v %v", sx.Mask&unix.STATX_BTIME != 0, time.Since(time.Unix(sx.Btime.Sec, 0)) < time.Minute)
	}},
	{name: "times of others", user: someUser, setup: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", nil, 0o644))
		p.err("setup", os.WriteFile(dir+"/w", nil, 0o644))
		p.err("chmod", os.Chmod(dir+"/w", 0o666))
	}, run: func(p *printer, dir string) {
		for _, name := range []string{"/f", "/w"} {
			p.err("now", unix.UtimesNanoAt(unix.AT_FDCWD, dir+name, nil, 0))
			p.err("given", os.Chtimes(dir+name, time.Now(), time.Unix(5, 0)))
		}
	}},
	{name: "special files", run: func(p *printer, dir string) {
		for _, c := range []struct {
			name string
			mode uint32
			dev  uint64
		}{{"fifo", unix.S_IFIFO, 0}, {"sock", unix.S_IFSOCK, 0}, {"chr", unix.S_IFCHR, unix.Mkdev(300, 70000)}, {"blk", unix.S_IFBLK, unix.Mkdev(8, 1)}, {"reg", unix.S_IFREG, 0}} {
			p.err("mknod "+c.name, unix.Mknod(dir+"/"+c.name, c.mode|0o640, int(c.dev)))
			p.stat(dir + "/" + c.name)
		}
		fd, err := unix.Open(dir+"/fifo", unix.O_RDWR|unix.O_NONBLOCK, 0)
		p.err("open fifo", err)
		n, err := unix.Write(fd, []byte("through"))
		p.err(fmt.Sprint("write ", n), err)
		n, err = unix.Read(fd, make([]byte, 100))
		p.err(fmt.Sprint("read ", n), err)
		unix.Close(fd)
	}},
	{name: "tmpfile", run: func(p *printer, dir string) {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o640)
		p.err("O_TMPFILE", err)
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte("nameless"))
		p.err("write", err)
		p.err("link", unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, dir+"/named", unix.AT_SYMLINK_FOLLOW))
		p.stat(dir + "/named")
		data, err := os.ReadFile(dir + "/named")
		p.say("%s %v", data, err)
		fd2, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL, 0o640)
		p.err("O_EXCL", err)
		defer unix.Close(fd2)
		p.err("link", unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd2), unix.AT_FDCWD, dir+"/never", unix.AT_SYMLINK_FOLLOW))
	}},
	{name: "umask", run: func(p *printer, dir string) {
		old := unix.Umask(0o027)
		defer unix.Umask(old)
		p.err("create", tryOpenMode(dir+"/f", unix.O_CREAT|unix.O_WRONLY, 0o666))
		p.err("mkdir", unix.Mkdir(dir+"/d", 0o777))
		p.err("mkfifo", unix.Mkfifo(dir+"/p", 0o666))
		for _, name := range []string{"/f", "/d", "/p"} {
			p.stat(dir + name)
		}
	}},
	{name: "setgid directory", user: someUser, setup: func(p *printer, dir string) {
		p.err("mkdir", os.Mkdir(dir+"/d", 0o777))
		p.err("chown", os.Chown(dir+"/d", 0, otherGroup))
		p.err("chmod", unix.Chmod(dir+"/d", 0o2777))
	}, run: func(p *printer, dir string) {
		p.err("mkdir", unix.Mkdir(dir+"/d/sub", 0o755))
		p.stat(dir + "/d/sub")
		p.err("create", tryOpenMode(dir+"/d/f", unix.O_CREAT|unix.O_WRONLY, 0o2775))
		p.stat(dir + "/d/f")
	}},
	{name: "privileges lost", user: someUser, setup: func(p *printer, dir string) {
		for _, f := range privileged {
			p.err("setup", os.WriteFile(dir+"/"+f.name, []byte("data"), 0o644))
			p.err("chown", os.Chown(dir+"/"+f.name, int(f.uid), int(f.gid)))
			p.err("chmod", unix.Chmod(dir+"/"+f.name, f.mode))
		}
	}, run: func(p *printer, dir string) {
		for _, how := range []struct {
			name string
			do   func(path string) error
		}{
			{"write", func(path string) error {
				fd, err := unix.Open(path, unix.O_WRONLY, 0)
				if err == nil {
					_, err = unix.Write(fd, []byte("x"))
					unix.Close(fd)
				}
				return err
			}},
			{"truncate", func(path string) error { return unix.Truncate(path, 2) }},
			{"O_TRUNC", func(path string) error { return tryOpen(path, unix.O_WRONLY|unix.O_TRUNC) }},
		} {
			for _, f := range privileged {
				if strings.HasPrefix(f.name, how.name) {
					p.err(how.name+" "+f.name, how.do(dir+"/"+f.name))
					p.stat(dir + "/" + f.name)
				}
			}
		}
	}},
	{name: "privileges lost by root's chown", run: func(p *printer, dir string) {
		for _, f := range privileged {
			path := dir + "/" + f.name
			p.err("setup", os.WriteFile(path, []byte("data"), 0o644))
			p.err("chmod", unix.Chmod(path, f.mode))
			p.err("chown", os.Chown(path, someUser, someGroup))
			p.stat(path)
			p.err("chmod", unix.Chmod(path, f.mode))
			_, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			p.err("root's truncate", err)
			p.stat(path)
		}
		p.err("mkdir", unix.Mkdir(dir+"/d", 0o755))
		p.err("chmod", unix.Chmod(dir+"/d", 0o6755))
		p.err("chown", os.Chown(dir+"/d", someUser, someGroup))
		p.stat(dir + "/d")
	}},
	{name: "access", user: someUser, setup: func(p *printer, dir string) {
		for i, mode := range []uint32{0o000, 0o400, 0o040, 0o004, 0o777, 0o111, 0o070} {
			for j, owner := range [][2]int{{0, 0}, {someUser, 0}, {0, someGroup}, {0, otherGroup}} {
				path := fmt.Sprintf("%s/%d%d", dir, i, j)
				p.err("setup", os.WriteFile(path, nil, 0o600))
				p.err("chown", os.Chown(path, owner[0], owner[1]))
				p.err("chmod", unix.Chmod(path, mode))
				sub := path + "d"
				p.err("setup", os.Mkdir(sub, 0o700))
				p.err("setup", os.WriteFile(sub+"/f", nil, 0o666))
				p.err("chown", os.Chown(sub, owner[0], owner[1]))
				p.err("chmod", unix.Chmod(sub, mode))
				// Root has looked, and the kernel may remember.
				_, err := os.Stat(sub + "/f")
				p.err("root's stat", err)
			}
		}
	}, run: func(p *printer, dir string) {
		for i := range 7 {
			for j := range 4 {
				path := fmt.Sprintf("%s/%d%d", dir, i, j)
				p.err(path[len(dir):]+" read", tryOpen(path, unix.O_RDONLY))
				p.err("write", tryOpen(path, unix.O_WRONLY))
				p.err("execute", unix.Access(path, unix.X_OK))
				sub := path + "d"
				p.err("list", tryOpen(sub, unix.O_DIRECTORY))
				p.err("enter", unix.Chdir(sub))
				p.err("search", tryOpen(sub+"/f", unix.O_RDONLY))
				p.err("create", unix.Mkdir(sub+"/g", 0o700))
				p.err("remove", unix.Unlink(sub+"/f"))
				p.err("chmod", unix.Chmod(path, 0o777))
				p.err("chown", unix.Chown(path, someUser, someGroup))
			}
		}
	}},
	{name: "sticky", user: someUser, setup: func(p *printer, dir string) {
		p.err("mkdir", os.Mkdir(dir+"/t", 0o777))
		p.err("chmod", unix.Chmod(dir+"/t", 0o1777))
		p.err("setup", os.WriteFile(dir+"/t/roots", nil, 0o666))
		p.err("setup", os.WriteFile(dir+"/t/users", nil, 0o666))
		p.err("chown", os.Chown(dir+"/t/users", someUser, someGroup))
	}, run: func(p *printer, dir string) {
		p.err("rename root's", unix.Rename(dir+"/t/roots", dir+"/t/x"))
		p.err("unlink root's", unix.Unlink(dir+"/t/roots"))
		p.err("rename over root's", unix.Rename(dir+"/t/users", dir+"/t/roots"))
		p.err("unlink users'", unix.Unlink(dir+"/t/users"))
	}},
	{name: "flags", run: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", []byte("x"), 0o644))
		p.err("setup", os.Mkdir(dir+"/d", 0o755))
		for _, name := range []string{"/f", "/d"} {
			flags, err := getFlags(dir + name)
			p.err(fmt.Sprintf("get %x", flags), err)
			for _, f := range []uint32{fsAppend, fsImmutable, fsNoDump, 0x4} {
				p.err(fmt.Sprintf("set %x", f), setFlags(dir+name, f))
				flags, err := getFlags(dir + name)
				p.err(fmt.Sprintf("get %x", flags), err)
				p.err("write", tryOpen(dir+name, unix.O_WRONLY))
				p.err("append", tryOpen(dir+name, unix.O_WRONLY|unix.O_APPEND))
				p.err("chmod", unix.Chmod(dir+name, 0o700))
				p.err("create below", unix.Mkdir(dir+name+"/x", 0o755))
				p.err("remove below", unix.Rmdir(dir+name+"/x"))
			}
			p.err("clear", setFlags(dir+name, 0))
		}
	}},
	{name: "flags of others", user: someUser, setup: func(p *printer, dir string) {
		p.err("setup", os.WriteFile(dir+"/f", nil, 0o644))
		p.err("setup", os.WriteFile(dir+"/mine", nil, 0o644))
		p.err("chown", os.Chown(dir+"/mine", someUser, someGroup))
	}, run: func(p *printer, dir string) {
		for _, name := range []string{"/f", "/mine"} {
			_, err := getFlags(dir + name)
			p.err("get", err)
			p.err("no dump", setFlags(dir+name, fsNoDump))
			p.err("immutable", setFlags(dir+name, fsImmutable))
		}
	}},
	{name: "directories", run: func(p *printer, dir string) {
		for i := range 300 {
			if err := os.WriteFile(fmt.Sprintf("%s/%03d", dir, i), nil, 0o644); err != nil {
				p.err("setup", err)
			}
		}
		list, err := os.ReadDir(dir)
		p.err(fmt.Sprint(len(list), list[7].Name(), list[299].Name(), list[0].Type()), err)
		d, err := os.Open(dir)
		p.err("open", err)
		defer d.Close()
		first, err := d.Readdirnames(10)
		p.err(fmt.Sprint(len(first)), err)
		_, err = d.Seek(0, 0)
		p.err("rewind", err)
		all, err := d.Readdirnames(-1)
		sort.Strings(all)
		p.err(fmt.Sprint(len(all), all[:3]), err)
		sub, err := os.Open(dir)
		p.err("open", err)
		defer sub.Close()
		p.err("remove all", func() error {
			for _, name := range all {
				if err := os.Remove(dir + "/" + name); err != nil {
					return err
				}
			}
			return nil
		}())
		all, err = sub.Readdirnames(-1)
		p.err(fmt.Sprint(len(all)), err)
	}},
}

// privileged are files that a write takes privileges from.
var privileged = func() (files []struct {
	name     string
	mode     uint32
	uid, gid uint32
}) {
	for _, how := range []string{"write", "truncate", "O_TRUNC"} {
		for _, mode := range []uint32{0o4777, 0o2777, 0o2767, 0o6777, 0o0777} {
			for _, gid := range []uint32{0, someGroup, otherGroup} {
				files = append(files, struct {
					name     string
					mode     uint32
					uid, gid uint32
				}{fmt.Sprintf("%s-%o-%d", how, mode, gid), mode, 0, gid})
			}
		}
	}
	return files
}()

const (
	fsImmutable = 0x10
	fsAppend    = 0x20
	fsNoDump    = 0x40
)

func getFlags(path string) (uint32, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	return flags, err
}

func setFlags(path string, flags uint32) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.FS_IOC_SETFLAGS, uintptr(unsafe.Pointer(&flags))); e != 0 {
		return e
	}
	return nil
}

func tryOpenMode(path string, flags int, mode uint32) error {
	fd, err := unix.Open(path, flags, mode)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func listXattr(path string) []string {
	buf := make([]byte, 4096)
	n, err := unix.Listxattr(path, buf)
	if err != nil {
		return []string{err.Error()}
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	sort.Strings(names)
	return names
}
