// Command govfs mounts file systems that the switch serves, and prints the
// rule book. See "govfs --help".
//
// It exits with 0 when all was done, 1 when something failed, with one line on
// standard error that says what, where, and what to do, and 2 when it was
// called wrongly.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	_ "github.com/govfs/govfs/fs/iofs"
	_ "github.com/govfs/govfs/fs/memfs"
	"github.com/govfs/govfs/internal/daemon"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the whole command; args[0] is the name it was called by.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args, stdout, stderr)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	}
	fmt.Fprintln(stderr, "govfs:", oneLine(err.Error()))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// errReported is an error that somebody else has told the user about.
var errReported = errors.New("reported")

func dispatch(args []string, stdout, stderr io.Writer) error {
	if help, ok := helperOf(args); ok {
		return help(stdout)
	}
	root := newRoot()
	root.SetArgs(args[1:])
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.Execute()
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "govfs",
		Short: "Linux's virtual file system switch in userspace",
		Long: `govfs mounts file systems that are written against Linux's virtual file system
switch, rebuilt in Go as a library and a daemon, and prints its rule book.

Exit status: 0 done; 1 failed, with one line on standard error; 2 wrong usage.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(cmd, fmt.Errorf("unknown command %q", args[0]))
			}
			return usage(cmd, errors.New("which command?"))
		},
	}
	root.SetFlagErrorFunc(usage)
	root.AddCommand(newMount(), newUmount(), newRules(), newTypes(), newVersion())
	return root
}

// usageError is a wrong call.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage makes an error one of usage, and says where the right usage stands.
func usage(cmd *cobra.Command, err error) error {
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

func isUsage(err error) bool {
	var u usageError
	var d *daemon.Error
	return errors.As(err, &u) || errors.As(err, &d) && d.Usage
}

func noArgs(cmd *cobra.Command, a []string) error {
	if len(a) > 0 {
		return fmt.Errorf("%s takes no arguments", cmd.Name())
	}
	return nil
}

// args makes what a check of the arguments finds an error of usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}
