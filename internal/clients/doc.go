// Package clients has programs that people use work on a mount of govfs: tar,
// git, the Go toolchain, make, sqlite3, fio, rsync, editors, and what comes with
// a system to set attributes and take locks. It consists of tests.
//
// Every test runs on each of a number of sites: a mount of the memory file
// system made by the command, as users make it; the same with permissions
// checked by the switch; and the host's tmpfs. What fails on tmpfs too is a
// mistake of the test. After each test on a mount everything is removed: the
// file system has to have all its space back, the daemon to end, and to have
// written nothing in its log, where the race detector and the lock checker
// report.
//
// The long form works with all of Go's sources, builds this project on the
// mount, and says how long each step took:
//
//	go test ./internal/clients -run Workshop -v -clients.full
//
// It can be pointed at directories of other file systems, to compare:
//
//	go test ./internal/clients -run Workshop -v -clients.full -clients.at ext4=/var/tmp/x
package clients
