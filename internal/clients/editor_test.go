package clients

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// How programs replace a file that others look at.

func TestEditors(t *testing.T) {
	requirePrograms(t, "sed", "perl", "ed", "vi")
	onSites(t, func(s *site) {
		for _, c := range []struct{ name, edit string }{
			{"sed -i", `sed -i s/two/TWO/ f`},
			{"sed -i with a copy", `sed -i.bak s/two/TWO/ f; grep -q two f.bak`},
			{"perl -i", `perl -pi -e s/two/TWO/ f`},
			{"ed", `printf '%s\n' 2s/two/TWO/ w q | ed -s f`},
			{"vi, a new file", `vi -u NONE -es -c 'set nocompatible backupskip= backup writebackup backupcopy=no' -c '%s/two/TWO/' -c 'wq' f; grep -q two f~`},
			{"vi, the same file", `vi -u NONE -es -c 'set nocompatible backupskip= backup writebackup backupcopy=yes fsync' -c '%s/two/TWO/' -c 'wq' f; grep -q two f~`},
			{"a new file by hand", `sed s/two/TWO/ f > .f.tmp; chmod --reference=f .f.tmp; sync .f.tmp; mv -f .f.tmp f`},
			{"in place by hand", `sed s/two/TWO/ f > "$HOST/f"; cat "$HOST/f" > f`},
			{"a backup by link", `ln f f.old; sed s/two/TWO/ f > new; chmod --reference=f new; mv new f; grep -q two f.old`},
			{"a symlink that is switched", `mkdir v1 v2; mv f v1/f; sed s/two/TWO/ v1/f > v2/f; chmod --reference=v1/f v2/f
				ln -s v1 cur; ln -s cur/f f; cat f > /dev/null; ln -s v2 cur.tmp; mv -T cur.tmp cur`},
		} {
			s.shell("printf 'one\ntwo\nthree\n' > f; chmod 640 f")
			s.shell(c.edit)
			if got := s.shell("stat -Lc %a f; cat f"); got != "640\none\nTWO\nthree\n" {
				s.Errorf("%s: %q", c.name, got)
			}
			if left := s.shell("find . -name '*.sw?' -o -name '*.tmp'"); left != "" {
				s.Errorf("%s left %q", c.name, left)
			}
			s.shell("rm -rf -- * .[!.]*")
		}
		s.shell("echo old > f; mkdir g; echo new > g/in")
		must(s, unix.Renameat2(unix.AT_FDCWD, s.path("f"), unix.AT_FDCWD, s.path("g"), unix.RENAME_EXCHANGE))
		s.prints("old\nnew", "cat g f/in")
		if err := unix.Renameat2(unix.AT_FDCWD, s.path("g"), unix.AT_FDCWD, s.path("f"), unix.RENAME_NOREPLACE); err != unix.EEXIST {
			s.Errorf("renamed onto what may not be replaced: %v", err)
		}
	})
}

// Whoever opens a file that is replaced by renaming sees the old or the new
// one, whole.
func TestReplacingIsAtomic(t *testing.T) {
	onSites(t, func(s *site) {
		const versions = 300
		content := func(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), 2000+i) }
		name := s.path("f")
		must(s, os.WriteFile(name, []byte(content(0)), 0o644))
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				last := 0
				for {
					select {
					case <-stop:
						return
					default:
					}
					text, err := os.ReadFile(name)
					if err != nil {
						s.Error(err)
						return
					}
					v := 0
					fmt.Sscanf(string(text[:min(8, len(text))]), "%08d", &v)
					if string(text) != content(v) || v < last {
						s.Errorf("version %d of %d bytes after version %d", v, len(text), last)
						return
					}
					last = v
				}
			})
		}
		for i := 1; i < versions; i++ {
			tmp := s.path(".f.tmp")
			f, err := os.Create(tmp)
			must(s, err)
			_, err = f.WriteString(content(i))
			must(s, err)
			if i%10 == 0 {
				must(s, f.Sync())
			}
			must(s, f.Close())
			must(s, os.Rename(tmp, name))
		}
		close(stop)
		readers.Wait()
	})
}

// A file without a name gets one when it is complete.
func TestUnnamedFiles(t *testing.T) {
	onSites(t, func(s *site) {
		fd, err := unix.Open(s.dir, unix.O_TMPFILE|unix.O_RDWR, 0o640)
		must(s, err)
		f := os.NewFile(uintptr(fd), "unnamed")
		defer f.Close()
		_, err = f.WriteString("complete")
		must(s, err)
		if left := s.shell("ls -A"); left != "" {
			s.Errorf("it has a name: %q", left)
		}
		must(s, unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, s.path("named"), unix.AT_SYMLINK_FOLLOW))
		s.prints("complete640 1", "cat named; stat -c '%a %h' named")
		if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, s.path("named"), unix.AT_SYMLINK_FOLLOW); err != unix.EEXIST {
			s.Errorf("over a file that is there: %v", err)
		}
	})
}

// tail -F follows a name from one file to the next; inotify tells of changes.
func TestFollowing(t *testing.T) {
	requirePrograms(t, "tail")
	onSites(t, func(s *site) {
		s.write("log", "1\n")
		follower := s.start("", "sh", "-c", "exec tail -n +1 -s 0.1 -F log 2>/dev/null > "+s.host+"/followed")
		s.eventually("tail has begun", func() bool { return s.shell("cat $HOST/followed") == "1\n" })
		s.shell("echo 2 >> log")
		s.eventually("an append is followed", func() bool { return s.shell("cat $HOST/followed") == "1\n2\n" })
		s.shell("mv log log.1; echo 3 > log")
		s.eventually("a new file is followed", func() bool { return s.shell("cat $HOST/followed") == "1\n2\n3\n" })
		follower.kill()

		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		must(s, err)
		defer unix.Close(watch)
		_, err = unix.InotifyAddWatch(watch, s.dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_CLOSE_WRITE)
		must(s, err)
		s.shell("echo new > made; mv made moved; rm moved")
		var names strings.Builder
		buf := make([]byte, 4096)
		s.eventually("inotify told of everything", func() bool {
			n, _ := unix.Read(watch, buf)
			for b := buf[:max(n, 0)]; len(b) >= unix.SizeofInotifyEvent; {
				length := int(b[12]) | int(b[13])<<8
				names.WriteString(strings.TrimRight(string(b[16:16+length]), "\x00") + " ")
				b = b[16+length:]
			}
			return strings.TrimSpace(names.String()) == "made made moved moved"
		})
	})
}

// A program that runs cannot be written to, and one that was replaced goes on.
func TestRunningPrograms(t *testing.T) {
	onSites(t, func(s *site) {
		s.shell("cp $(type -P sleep) prog")
		r := s.start("", s.path("prog"), "600")
		s.eventually("it runs", func() bool {
			exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.cmd.Process.Pid))
			return err == nil && exe == s.path("prog")
		})
		if f, err := os.OpenFile(s.path("prog"), os.O_WRONLY, 0); err == nil {
			f.Close()
			s.Error("a program that runs can be opened for writing")
		}
		s.shell("cp $(type -P true) new; mv new prog; ./prog")
		time.Sleep(10 * time.Millisecond)
		if !alive(r.cmd.Process.Pid) {
			s.Error("the program that was replaced has ended")
		}
		r.kill()
		s.refuses("Permission denied", "chmod -x prog; ./prog")
		s.prints("from a script", "printf '#!/bin/sh\necho from a script\n' > script; chmod +x script; ./script")
	})
}
