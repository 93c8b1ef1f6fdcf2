package clients

import (
	"strconv"
	"testing"
)

// Several git processes in one repository keep apart by lock files. A commit
// that is made can still end in failure, when another process has the index by
// then: so what counts is that the file is committed.
func TestGitTogether(t *testing.T) {
	requirePrograms(t, "git")
	onSites(t, func(s *site) {
		s.gitIdentity()
		s.shell("git init -q -b main repo; cd repo; seq 200 | xargs touch; git add .; git commit -qm first")
		const processes, commits = 3, 8
		var all []*running
		for p := range processes {
			all = append(all, s.start("", "bash", "-euc", `cd repo
				for i in $(seq `+strconv.Itoa(commits)+`); do
					echo $i > file`+strconv.Itoa(p)+`
					until git add file`+strconv.Itoa(p)+` 2>/dev/null; do sleep 0.02; done
					until git commit -qm "commit $i of `+strconv.Itoa(p)+`" file`+strconv.Itoa(p)+` 2>/dev/null || git diff --quiet HEAD -- file`+strconv.Itoa(p)+`; do sleep 0.02; done
				done`))
		}
		tidy := s.start("", "bash", "-euc", "cd repo; for i in 1 2 3; do git repack -qad; git pack-refs --all; git status > /dev/null; done")
		for _, r := range append(all, tidy) {
			r.finish()
		}
		s.prints(strconv.Itoa(1+processes*commits), "cd repo; git rev-list --count HEAD")
		s.shell("cd repo; git fsck --full --strict --no-progress; git gc -q; git fsck --full --no-progress")
		s.clean("repo")
	})
}

// What git keeps in a repository is shared between work trees and clones.
func TestGitWorktrees(t *testing.T) {
	requirePrograms(t, "git")
	onSites(t, func(s *site) {
		s.gitIdentity()
		s.shell(`
			git init -q -b main repo; cd repo
			seq 1000 > long; mkdir sub; echo x > sub/x; ln -s sub link; echo '#!/bin/sh' > run; chmod +x run
			git add .; git commit -qm first
			git worktree add -q ../tree -b side; cd ../tree
			sed -i 5d long; git commit -qam 'less'; cd ../repo
			echo 1001 >> long; git commit -qam 'more'
			git rebase -q side; git stash list
			echo unfinished >> long; git stash -q; git diff --exit-code; git stash pop -q
			test "$(tail -1 long)" = unfinished; git checkout -q long
			git merge -q --ff-only main; git worktree remove ../tree
			git clone -q --local . ../clone; test "$(stat -c %h $(find ../clone/.git/objects -type f | head -n 1))" -ge 2
			git clone -q --no-local --bare . ../bare.git; cd ../clone; git fetch -q ../bare.git main
			git archive HEAD | tar -tf - | sort | tr '\n' ' ' > $HOST/list`)
		s.prints("link long run sub/ sub/x", "cat $HOST/list")
		s.clean("repo")
		s.clean("clone")
		s.prints("M run", "cd clone; chmod -x run; git status --porcelain | tr -s ' ' | sed 's/^ //'")
	})
}
