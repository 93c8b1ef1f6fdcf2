package clients

import (
	"os"
	"testing"
)

// What users do who are not root, on a mount that root made for all.
func TestOrdinaryUser(t *testing.T) {
	requirePrograms(t, "git", "tar", "setfattr")
	onSites(t, func(s *site) {
		must(s, os.Chmod(s.dir, 0o755))
		s.shell(`
			mkdir -m 1777 tmp; echo root > tmp/of-root; chmod 644 tmp/of-root
			mkdir -m 700 private; echo x > private/x; mkdir -m 2770 shared; chgrp 1000 shared
			install -m 4755 "$(command -v id)" id`)
		u := s.as(1000)
		u.gitIdentity()
		u.shell(`
			git init -q -b main repo; cd repo; seq 100 | xargs touch; echo text > text; chmod 600 text; git add .; git commit -qm first
			git status --porcelain; git gc -q; git fsck --no-progress; cd ..
			tar -cf - repo | (mkdir copy; cd copy; tar -xf -); diff -r repo copy/repo`)
		u.prints("1000 1000 600", "stat -c '%u %g %a' copy/repo/text")
		u.prints("done", "echo mine > ../tmp/mine; echo more >> ../tmp/mine; rm ../tmp/mine; echo done")
		u.prints("1000 770\n1000 2755", "umask 022; touch ../shared/f; mkdir ../shared/d; chmod 770 ../shared/f; stat -c '%g %a' ../shared/f ../shared/d")
		u.prints("0", "../id -u")
		u.shell("touch given")
		for _, c := range []struct{ complaint, script string }{
			{"../private/x: Permission denied", "cat ../private/x"},
			{"'../private': Permission denied", "ls ../private"},
			{"of-root: Permission denied", "echo x > ../tmp/of-root"},
			{"'../tmp/of-root': Operation not permitted", "rm -f ../tmp/of-root"},
			{"moved': Operation not permitted", "mv -f ../tmp/of-root ../tmp/moved"},
			{"'../new': Permission denied", "touch ../new"},
			{"changing ownership of 'given': Operation not permitted", "chown 0 given"},
			{"changing permissions of '../tmp': Operation not permitted", "chmod 777 ../tmp"},
			{"dev: Operation not permitted", "mknod dev c 1 3"},
			{"../tmp/of-root: Permission denied", "setfattr -n user.x -v x ../tmp/of-root"},
			{"given: Operation not permitted", "setfattr -n trusted.x -v x given"},
		} {
			u.refuses(c.complaint, c.script)
		}
	})
}
