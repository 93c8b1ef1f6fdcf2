package clients

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFlock(t *testing.T) {
	requirePrograms(t, "flock")
	onSites(t, func(s *site) {
		s.write("counter", "0\n")
		// What is read and written under the lock loses no step.
		const processes, steps = 6, 15
		var all []*running
		for range processes {
			all = append(all, s.start("", "bash", "-euc",
				`for i in $(seq `+strconv.Itoa(steps)+`); do flock lock bash -c 'read n < counter; echo $((n+1)) > counter'; done`))
		}
		for _, r := range all {
			r.finish()
		}
		if got := strings.TrimSpace(s.read("counter")); got != strconv.Itoa(processes*steps) {
			s.Errorf("counted to %s, want %d", got, processes*steps)
		}

		holder := s.start("", "flock", "lock", "sh", "-c", "touch held; exec sleep 600")
		s.eventually("the lock is held", func() bool { return s.shell("ls") != "" && strings.Contains(s.shell("ls"), "held") })
		s.prints("busy", "flock -n lock true || echo busy")
		s.prints("busy", "flock -n -s lock true || echo busy")
		start := time.Now()
		s.prints("busy", "flock -w 0.3 lock true || echo busy")
		if took := time.Since(start); took < 300*time.Millisecond {
			s.Errorf("flock -w 0.3 gave up after %v", took)
		}
		waiter := s.start("", "flock", "lock", "echo", "mine")
		time.Sleep(50 * time.Millisecond)
		holder.kill()
		if got := waiter.finish(); got != "mine\n" {
			s.Errorf("who waited printed %q", got)
		}
		// Readers share, and keep a writer out.
		s.prints("shared\nbusy", `flock -s lock sh -c 'flock -n -s lock echo shared; flock -n lock true || echo busy'`)
		// A descriptor that is passed on has the lock, too.
		s.prints("busy\nfree", `exec 9>lock; flock 9; (flock -n lock true || echo busy); exec 9>&-; flock -n lock echo free`)
	})
}
