package main

import (
	"encoding/json"
	"io"
	"strings"
	"text/tabwriter"
)

// writeJSON writes a value for a program to read.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeTable writes aligned columns, the last one as wide as it likes.
func writeTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				io.WriteString(t, "\t")
			}
			io.WriteString(t, printable(cell))
		}
		io.WriteString(t, "\n")
	}
	return t.Flush()
}

// oneLine makes one line of a text of several.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// printable escapes what would break a table.
func printable(s string) string {
	return strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`, "\x1b", `\e`).Replace(s)
}
