package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/govfs/govfs/internal/daemon"
	"github.com/govfs/govfs/lockdep"
)

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:                   "version [--json]",
		DisableFlagsInUseLine: true,
		Short:                 "Print the version",
		Args:                  args(noArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Version  string `json:"version"`
				Revision string `json:"revision,omitempty"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
				Lockdep  bool   `json:"lockdep"`
			}{daemon.Version(), daemon.Revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, lockdep.Enabled}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), v)
			}
			line := "govfs " + v.Version
			if v.Revision != "" {
				line += " (" + v.Revision + ")"
			}
			line += ", " + v.Go + ", " + v.Platform
			if v.Lockdep {
				line += ", lock checker on"
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), line)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
