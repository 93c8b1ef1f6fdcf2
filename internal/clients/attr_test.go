package clients

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAttributePrograms(t *testing.T) {
	requirePrograms(t, "setfattr", "getfattr")
	onSites(t, func(s *site) {
		s.prints(`# file: f
trusted.deep="for root"
user.a="one"
user.b=0sAP8A
user.empty=""
`, `
			echo data > f
			setfattr -n user.a -v one f
			setfattr -n user.b -v 0x00ff00 f
			setfattr -n user.empty f
			setfattr -n trusted.deep -v 'for root' f
			setfattr -n user.gone -v x f; setfattr -x user.gone f
			getfattr -d -m - f`)
		s.refuses("Operation not permitted", "ln -s f link; setfattr -h -n user.a -v x link")
		s.refuses("No such attribute", "getfattr -n user.none --only-values f")
		s.refuses("Operation not supported", "setfattr -n wrong.space -v x f")
		s.prints("same", `
			getfattr -dhR -m - --absolute-names "$PWD" > "$HOST/dump"
			setfattr -x user.a f; setfattr -n user.b -v other f
			setfattr --restore="$HOST/dump"
			getfattr -dhR -m - --absolute-names "$PWD" | cmp - "$HOST/dump"; echo same`)
		s.prints("one", `ln f second; mv f third; getfattr -n user.a --only-values second`)
	})
}

func TestACLPrograms(t *testing.T) {
	requirePrograms(t, "setfacl", "getfacl")
	onSites(t, func(s *site) {
		s.write("f", "text")
		if unix.Setxattr(s.path("f"), "system.posix_acl_access", nil, 0) == unix.EOPNOTSUPP {
			if s.kind == tmpfsSite {
				s.Skip("the host's tmpfs was built without ACLs")
			}
			s.Fatal("no ACLs")
		}
		s.prints(`# file: f
# owner: root
# group: root
user::rw-
user:1000:rwx			#effective:r--
group::r--
group:50:r--
mask::r--
other::---
`, `
			chmod 640 f; setfacl -n -m u:1000:rwx,g:50:r,m::r f
			getfacl -nt f > /dev/null; getfacl -n f | sed 's/ 0$/ root/; s/\t*#eff/\t\t\t#eff/'`)
		s.prints("640+\n660", `ls -l f | sed 's/ .*//; s/-rw-r-----/640/'; chmod g+w f; stat -c %a f`)
		s.prints("default:user:7:rwx\nuser:7:rwx\nother::---", `
			mkdir d; setfacl -d -m u:7:rwx,o::- d
			getfacl -cn d | grep default:user:7
			mkdir d/sub; touch d/sub/file
			getfacl -cn d/sub | grep ^user:7
			getfacl -cn d/sub/file | grep ^other`)
		s.prints("same", `
			getfacl -Rn . > "$HOST/acls"; setfacl -Rb .; test -z "$(getfacl -s f)"
			setfacl --restore="$HOST/acls"; getfacl -Rn . | cmp - "$HOST/acls"; echo same`)
	})
}

func TestFileFlags(t *testing.T) {
	requirePrograms(t, "chattr", "lsattr")
	onSites(t, func(s *site) {
		if s.kind == tmpfsSite {
			if _, err := s.output(s.prepare("sh", "-c", "touch probe && lsattr probe && rm probe")); err != nil {
				s.Skip("the host's tmpfs has no flags")
			}
		}
		s.refuses("Operation not permitted", "echo x > fixed; chattr +i fixed; echo y > fixed")
		s.refuses("Operation not permitted", "rm -f fixed")
		s.refuses("Operation not permitted", "mv fixed moved")
		s.prints("----i---------------", "lsattr fixed | cut -c1-20")
		s.refuses("Operation not permitted", "echo x > log; chattr +a log; echo y > log")
		s.prints("x\ny", "echo y >> log; cat log")
		s.prints("gone", "chattr -i fixed; chattr -a log; rm fixed log; echo gone")
	})
}
