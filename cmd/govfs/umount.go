package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/govfs/govfs/internal/daemon"
)

func newUmount() *cobra.Command {
	var lazy, force bool
	cmd := &cobra.Command{
		Use:                   "umount [-l | -f] DIR",
		DisableFlagsInUseLine: true,
		Short:                 "Write everything out and unmount",
		Long: `Unmount what is mounted on DIR. Exit status 0 means that everything is on stable
storage and the process that served the mount has ended.

A mount that is in use stays, and the message says who uses it. A mount whose
process is dead is cleared away; that succeeds, with a line on standard error,
since what had not been written then is lost already.`,
		Args: args(func(_ *cobra.Command, a []string) error {
			if len(a) != 1 {
				return errors.New("umount takes one DIR")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, a []string) error {
			return umount(a[0], unmountMode(lazy, force), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().BoolVarP(&lazy, "lazy", "l", false, "take it out of sight now, and end it when nobody uses it any more")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "end it now: whoever uses it gets errors")
	return cmd
}

// unmountMode is what the flags say; together they are force, which is lazy
// also.
func unmountMode(lazy, force bool) daemon.Mode {
	switch {
	case force:
		return daemon.Force
	case lazy:
		return daemon.Lazy
	}
	return daemon.Plain
}

func umount(dir string, mode daemon.Mode, stderr io.Writer) error {
	note, err := daemon.Umount(dir, mode)
	if note != "" {
		fmt.Fprintln(stderr, "govfs:", oneLine(note))
	}
	return err
}
