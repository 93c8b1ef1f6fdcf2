// Gategen writes the gates of a package: one function for each method of its
// contract (ops.go), through which every call of that method goes. The rule of
// a method is the last line of its interface's comment, in the words of package
// lockrule.
//
// It writes gates.go, where a gate is the bare call and inlines, and
// gates_lockdep.go, which is compiled under the build tag lockdep: there the
// gate has the lock checker verify the row before and after the call. A third
// file, gates_calls_test.go, lets package gatetest call every gate. What a row
// cannot say is added by hand: functions enterGateX and exitGateX in the
// package's gatehooks.go are called after the entry and before the exit of gate
// X, with the gate, the method's arguments but the context, and (at the exit)
// its results.
//
// Usage: gategen [-o DIR] [DIR]
//
// DIR is the package's folder, the current one by default; -o writes elsewhere.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("o", "", "write the files to `DIR` instead of the package's folder")
	flag.Parse()
	dir := "."
	switch flag.NArg() {
	case 0:
	case 1:
		dir = flag.Arg(0)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if *out == "" {
		*out = dir
	}
	if err := run(dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gategen:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	files, err := generate(dir)
	for name, src := range files {
		if werr := os.WriteFile(filepath.Join(out, name), src, 0o644); werr != nil {
			return werr
		}
	}
	return err
}

// generate returns the files of the package in dir, by name.
func generate(dir string) (map[string][]byte, error) {
	c, err := parseContract(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	if files[plainFile], err = c.plain(); err != nil {
		return nil, err
	}
	checked, err := c.checked()
	if err != nil {
		return files, err
	}
	files[checkedFile] = checked
	files[testFile], err = c.calls()
	return files, err
}
