// Package bench measures govfs beside its peers: the host's tmpfs through
// package os, gVisor's tmpfs through gVisor's own switch, and afero's MemMapFs.
//
// Every peer does the same operation through the same small interface, within
// one run of one binary, so that the ratios hold even where the absolute
// numbers do not travel:
//
//	go test -bench . -benchmem
//	go run ./cmd/table -n 5
//
// The second line repeats the run and prints a Markdown table of medians.
//
// What a peer pays for differs, and the table has to be read with that in mind:
// os pays at least one system call an operation and builds an os.FileInfo; gVisor parses
// the path and walks it under one reader-writer lock a file system, with no
// system call; afero looks the whole path up in one map, so that the depth of a
// path costs it nothing and a rename costs it a scan of all names. Of a
// directory, os and afero return a slice of entries, where gVisor hands each entry
// to a callback as getdents(2) would.
//
// The package is a module of its own, so that the peers are no dependencies of
// govfs.
package bench
