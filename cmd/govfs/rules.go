package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govfs/govfs/lockrule"
)

// rulesFormats are the ways to print the rule book: all of it, and some
// methods.
var rulesFormats = []struct {
	name    string
	book    func(io.Writer) error
	methods func(io.Writer, []*lockrule.Method) error
}{
	{"text", func(w io.Writer) error { return lockrule.WriteText(w, nil) }, each(lockrule.ExplainText)},
	{"md", lockrule.WriteMarkdown, each(lockrule.ExplainMarkdown)},
	{"tsv", lockrule.WriteTSV, methodsTSV},
	{"json", lockrule.WriteJSON, methodsJSON},
}

func newRules() *cobra.Command {
	var format string
	var names []string
	for _, f := range rulesFormats {
		names = append(names, f.name)
	}
	cmd := &cobra.Command{
		Use:                   "rules [--format " + strings.Join(names, "|") + "] [METHOD]",
		DisableFlagsInUseLine: true,
		Short:                 "Print the rule book: under which locks each method is called, and whether it may block",
		Long: `Print the rule book of the twelve method tables, or all that it says about one
METHOD, by its name in the kernel ("unlink"), with its table
("inode_operations.unlink"), or in Go ("vfs.Unlinker.Unlink"). A name that
stands in several tables gives all of them.`,
		Args: args(func(_ *cobra.Command, a []string) error {
			if len(a) > 1 {
				return errors.New("rules takes one METHOD at most")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, a []string) error {
			i := slices.Index(names, format)
			if i < 0 {
				return usage(cmd, fmt.Errorf("unknown format %q, not one of %s", format, strings.Join(names, ", ")))
			}
			if len(a) == 0 {
				return rulesFormats[i].book(cmd.OutOrStdout())
			}
			methods := lockrule.Find(a[0])
			if len(methods) == 0 {
				return fmt.Errorf("rules: no method is called %q; %s", a[0], suggest(a[0]))
			}
			return rulesFormats[i].methods(cmd.OutOrStdout(), methods)
		},
	}
	cmd.Flags().StringVar(&format, "format", names[0], "output format: "+strings.Join(names, ", "))
	return cmd
}

// each prints methods one after the other.
func each(print func(io.Writer, *lockrule.Method) error) func(io.Writer, []*lockrule.Method) error {
	return func(w io.Writer, methods []*lockrule.Method) error {
		for i, m := range methods {
			if i > 0 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := print(w, m); err != nil {
				return err
			}
		}
		return nil
	}
}

// methodsTSV prints the lines of the methods, below the same header as the
// whole book has.
func methodsTSV(w io.Writer, methods []*lockrule.Method) error {
	var book bytes.Buffer
	if err := lockrule.WriteTSV(&book); err != nil {
		return err
	}
	header := true
	for line := range bytes.Lines(book.Bytes()) {
		f := strings.SplitN(string(line), "\t", 3)
		wanted := slices.ContainsFunc(methods, func(m *lockrule.Method) bool { return m.Table == f[0] && m.Name == f[1] })
		if header || wanted {
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		header = false
	}
	return nil
}

// methodsJSON prints an array, also of one method.
func methodsJSON(w io.Writer, methods []*lockrule.Method) error {
	all := []json.RawMessage{}
	for _, m := range methods {
		var b bytes.Buffer
		if err := lockrule.ExplainJSON(&b, m); err != nil {
			return err
		}
		all = append(all, b.Bytes())
	}
	return writeJSON(w, all)
}

// suggest names methods that may have been meant: their names contain the
// word, or the word theirs.
func suggest(word string) string {
	const most = 5
	word = strings.ToLower(word)
	var names []string
	for _, t := range lockrule.Tables() {
		for _, m := range t.Methods {
			name := strings.ToLower(m.FullName())
			if strings.Contains(name, word) || len(m.Name) > 3 && strings.Contains(word, strings.ToLower(m.Name)) {
				names = append(names, m.FullName())
			}
		}
	}
	if len(names) == 0 || len(names) > most {
		return "see govfs rules for all of them"
	}
	return "perhaps " + strings.Join(names, ", ")
}
