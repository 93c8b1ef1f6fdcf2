package main

import (
	"github.com/spf13/cobra"

	"github.com/govfs/govfs/vfs"
)

func newTypes() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:                   "types [--json]",
		DisableFlagsInUseLine: true,
		Short:                 "List the types of file systems",
		Args:                  args(noArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			type typ struct {
				Name    string `json:"name"`
				Summary string `json:"summary"`
			}
			all := []typ{}
			rows := [][]string{}
			for _, t := range vfs.Types() {
				all = append(all, typ{t.Name, t.Summary})
				rows = append(rows, []string{t.Name, t.Summary})
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			return writeTable(cmd.OutOrStdout(), rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
