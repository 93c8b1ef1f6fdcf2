package clients

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A database that several processes use relies on POSIX locks, on what one
// process writes being what others read, and for its write-ahead log on shared
// mapped memory.

const (
	accounts = 50
	balance  = 1000 // of each account at first
)

// newBank makes a database of accounts, between which money is moved. Its sum
// stays the same.
func newBank(s *site, settings string) {
	s.Helper()
	s.sql(settings + fmt.Sprintf(`
		CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
		CREATE TABLE move(teller TEXT, n INTEGER, PRIMARY KEY (teller, n)) WITHOUT ROWID;
		WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n < %d)
			INSERT INTO account SELECT n, %d FROM i;`, accounts, balance))
}

// sql has a process of its own run statements.
func (s *site) sql(text string) string {
	s.Helper()
	return s.start(text, "sqlite3", "-batch", "-bail", "bank.db").finish()
}

// teller is a script of so many moves, each in a transaction.
func teller(name, settings string, moves int) string {
	var b strings.Builder
	b.WriteString(".timeout 120000\n" + settings)
	for n := range moves {
		from, to := (7*n+len(name))%accounts+1, (11*n+3)%accounts+1
		fmt.Fprintf(&b, `BEGIN IMMEDIATE;
			UPDATE account SET balance = balance - %d WHERE id = %d;
			UPDATE account SET balance = balance + %[1]d WHERE id = %[3]d;
			INSERT INTO move VALUES ('%[4]s', %[5]d);
			COMMIT;
			`, n%10+1, from, to, name, n)
	}
	return b.String()
}

// audit is a script that looks at the sum so many times.
func audit(settings string, times int) string {
	return ".timeout 120000\n" + settings + strings.Repeat("SELECT 'sum ' || sum(balance) FROM account;\n", times)
}

func (s *site) soundBank() {
	s.Helper()
	got := strings.Fields(s.sql("PRAGMA integrity_check; SELECT sum(balance), count(*) FROM account;"))
	if want := []string{"ok", fmt.Sprintf("%d|%d", accounts*balance, accounts)}; strings.Join(got, " ") != strings.Join(want, " ") {
		s.Fatalf("the database: %q, want %q", got, want)
	}
}

func TestSQLite(t *testing.T) {
	requirePrograms(t, "sqlite3")
	for _, c := range []struct{ name, once, each string }{
		{"delete", "PRAGMA journal_mode=DELETE;", ""},
		{"truncate", "PRAGMA journal_mode=TRUNCATE;", "PRAGMA journal_mode=TRUNCATE;"},
		{"persist", "PRAGMA journal_mode=PERSIST;", "PRAGMA journal_mode=PERSIST;"},
		{"wal", "PRAGMA journal_mode=WAL;", "PRAGMA wal_autocheckpoint=20;"},
		{"wal, mapped", "PRAGMA journal_mode=WAL;", "PRAGMA mmap_size=268435456; PRAGMA wal_autocheckpoint=50;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onSites(t, func(s *site) {
				const moves, looks = 40, 150
				newBank(s, c.once)
				names := []string{"ann", "bert", "cleo"}
				var tellers, auditors []*running
				for _, name := range names {
					tellers = append(tellers, s.start(teller(name, c.each, moves), "sqlite3", "-batch", "-bail", "bank.db"))
				}
				for range 2 {
					auditors = append(auditors, s.start(audit(c.each, looks), "sqlite3", "-batch", "-bail", "bank.db"))
				}
				for _, r := range tellers {
					r.finish()
				}
				want := strconv.Itoa(accounts * balance)
				for _, r := range auditors {
					seen := 0
					for line := range strings.Lines(r.finish()) {
						// The settings print what they are, before.
						if sum, ok := strings.CutPrefix(strings.TrimSpace(line), "sum "); ok {
							if seen++; sum != want {
								s.Errorf("a reader saw %s, want %s", sum, want)
							}
						}
					}
					if seen != looks {
						s.Errorf("a reader saw the sum %d times of %d", seen, looks)
					}
				}
				if got := strings.TrimSpace(s.sql("SELECT count(*) FROM move;")); got != strconv.Itoa(moves*len(names)) {
					s.Errorf("%s moves are in the database of %d", got, moves*len(names))
				}
				s.soundBank()
			})
		})
	}
}

// A process that is killed in a transaction leaves a journal, from which the
// next one restores the database; its locks go with it.
func TestSQLiteSurvivesKills(t *testing.T) {
	requirePrograms(t, "sqlite3")
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			onSites(t, func(s *site) {
				newBank(s, "PRAGMA journal_mode="+mode+";")
				for i := range 8 {
					name := fmt.Sprint("t", i)
					// A small cache makes it write to the database itself
					// before the end of the transaction.
					r := s.start(teller(name, "PRAGMA cache_size=1; PRAGMA cache_spill=1;", 5000), "sqlite3", "-batch", "-bail", "bank.db")
					s.eventually("it works", func() bool {
						return strings.TrimSpace(s.sql(".timeout 120000\nSELECT count(*) > 0 FROM move WHERE teller = '"+name+"';")) == "1"
					})
					time.Sleep(time.Duration(i) * 3 * time.Millisecond)
					r.kill()
					s.soundBank()
				}
			})
		})
	}
}
