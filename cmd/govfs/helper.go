package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/govfs/govfs/internal/daemon"
)

// mount(8) hands a type that it does not know over to a program that is named
// for it: mount.fuse.govfs SOURCE DIR [-sfnv] [-o OPTIONS]. Without one it runs
// mount.fuse3, and that runs govfs SOURCE DIR -o OPTIONS. So a line in
// /etc/fstab works in either way. (umount(8) as root asks for the helper of all
// FUSE mounts, umount.fuse, which is not ours to be.)

// helperOf recognises a call in one of these forms.
func helperOf(args []string) (run func(stdout io.Writer) error, ok bool) {
	if len(args) == 0 {
		return func(io.Writer) error { return usageError{errors.New("called without a name")} }, true
	}
	name, rest := filepath.Base(args[0]), args[1:]
	switch {
	case name == "mount.fuse.govfs", name == "mount.govfs", isMountFUSE(rest):
		return func(stdout io.Writer) error { return helpMount(name, rest, stdout) }, true
	}
	return nil, false
}

// isMountFUSE reports whether arguments are as mount.fuse3 gives them, and not
// a command's.
func isMountFUSE(args []string) bool {
	if len(args) != 4 || args[2] != "-o" || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[1], "-") {
		return false
	}
	for _, cmd := range newRoot().Commands() {
		if args[0] == cmd.Name() || args[0] == "help" {
			return false
		}
	}
	return true
}

// helperCall is the command line of a helper.
type helperCall struct {
	flags   map[byte]bool
	options []string
	typ     string
	args    []string
}

// parseHelper reads a helper's command line: flags and arguments in any order,
// flags in groups; "--" ends the flags. flags are those without a value.
func parseHelper(args []string, flags string) (helperCall, error) {
	call := helperCall{flags: make(map[byte]bool)}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			call.args = append(call.args, args...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			call.args = append(call.args, arg)
			continue
		}
		for i := 1; i < len(arg); i++ {
			c := arg[i]
			if strings.IndexByte(flags, c) >= 0 {
				call.flags[c] = true
				continue
			}
			if c != 'o' && c != 't' {
				return call, fmt.Errorf("unknown flag -%c", c)
			}
			value := arg[i+1:]
			if value == "" {
				if len(args) == 0 {
					return call, fmt.Errorf("flag -%c needs a value", c)
				}
				value, args = args[0], args[1:]
			}
			if c == 'o' {
				call.options = append(call.options, value)
			} else {
				call.typ = value
			}
			break
		}
	}
	return call, nil
}

// helpMount is mount.fuse.govfs. The flags: -s tolerates unknown options, which
// only the type knows about, so it has no effect; -f does everything but mount;
// -n writes no mtab, which nobody does; -v tells.
func helpMount(name string, args []string, stdout io.Writer) error {
	call, err := parseHelper(args, "sfnv")
	if err == nil && len(call.args) != 2 {
		err = errors.New("usage: " + name + " SOURCE DIR [-sfnv] [-o OPTION,...]")
	}
	var c daemon.Config
	if err == nil {
		c, err = mountConfig(subtype(call.typ), call.options, call.args[0], call.args[1])
	}
	if err != nil {
		return usageError{err}
	}
	if call.flags['f'] {
		return c.Resolve()
	}
	if err := daemon.Start(c); err != nil {
		return err
	}
	if call.flags['v'] {
		fmt.Fprintf(stdout, "%s: %s mounted on %s.\n", name, c.Source, c.Dir)
	}
	return nil
}

// subtype is our type in a type of mount(8): that of "govfs.memfs" is memfs,
// those of "govfs" and "fuse.govfs" are not given.
func subtype(typ string) string {
	typ = strings.TrimPrefix(typ, "fuse.")
	_, sub, _ := strings.Cut(typ, ".")
	return sub
}
