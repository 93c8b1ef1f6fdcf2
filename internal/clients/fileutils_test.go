package clients

import "testing"

// The small programs that come with every system.

func TestSmallPrograms(t *testing.T) {
	requirePrograms(t, "fallocate", "dd", "truncate", "install", "split", "sort")
	onSites(t, func(s *site) {
		s.prints("ok", `
			seq 200000 > seq
			split -n l/7 seq part.; cat part.* | cmp - seq; rm part.*
			sort -R seq | sort -n -T . -S 1M | cmp - seq
			dd if=seq of=copy bs=77777 status=none; cmp seq copy
			dd if=seq of=copy bs=4k skip=3 seek=3 count=5 conv=notrunc,fdatasync status=none; cmp seq copy
			dd if=seq of=direct bs=4k oflag=direct conv=notrunc count=20 status=none; cmp -n 81920 seq direct
			dd if=direct iflag=direct bs=64k status=none | cmp - direct
			gzip -k seq; gunzip -c seq.gz | cmp - seq
			tac seq | tac | cmp - seq
			install -D -m 750 -o 5 -g 6 seq a/b/c; test "$(stat -c '%a %u %g' a/b/c)" = "750 5 6"
			cp --reflink=auto seq clone; cmp seq clone
			mv clone a/; mv -T a aa; cmp aa/clone seq
			ln aa/clone hard; test "$(stat -c %h hard)" = 2; test hard -ef aa/clone
			echo ok`)
		s.prints("ok", `
			truncate -s 10M f; test "$(stat -c '%s %b' f)" = "10485760 0"
			fallocate -l 4M f; test "$(stat -c '%s %b' f)" = "10485760 8192"
			dd if=/dev/zero bs=1M count=4 status=none | tr '\0' y | dd of=f bs=1M conv=notrunc iflag=fullblock status=none
			fallocate -p -o 1M -l 1M f; test "$(stat -c '%s %b' f)" = "10485760 6144"
			test "$(tail -c +1048577 f | head -c 1048576 | tr -d '\0' | wc -c)" = 0
			test "$(tail -c +2097153 f | head -c 2097152 | tr -d y | wc -c)" = 0
			fallocate -n -o 10M -l 1M f; test "$(stat -c '%s %b' f)" = "10485760 8192"
			truncate -s 1M f; test "$(stat -c '%s %b' f)" = "1048576 2048"
			dd if=/dev/zero of=z bs=1M count=3 status=none; fallocate -d z; test "$(stat -c '%s %b' z)" = "3145728 0"
			echo ok`)
		s.prints("ok", `
			mkdir many; cd many; seq -f 'f%05g' 3000 | xargs touch; test "$(ls | wc -l)" = 3000
			find . -name '*7' -delete; test "$(find . -type f | wc -l)" = 2700
			seq -f 'f%05g' 3000 | grep -v '7$' | cmp - <(ls)
			chmod -R g+w .; chown -R 9:9 .; test "$(find . -perm 664 -user 9 -group 9 -type f | wc -l)" = 2700
			cd ..; rm -r many; test ! -e many; echo ok`)
		s.prints("ok", `
			echo a > old; sleep 0.05; echo b > new; test new -nt old
			touch -r old same; test ! same -nt old; test ! old -nt same
			touch -d '1999-12-31 23:59:59.123456789' x; test "$(stat -c %y x)" = "1999-12-31 23:59:59.123456789 +0000"
			test "$(stat -c %w x)" != -; echo ok`)
		s.refuses("Directory not empty", "mkdir full; touch full/x; rmdir full")
		s.refuses("cannot move", "mkdir -p p/q; mv p p/q/")
		s.refuses("hard link not allowed", "mkdir h; ln h h2")
		s.refuses("File name too long", "touch "+nameOf(256))
	})
}

func nameOf(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}
