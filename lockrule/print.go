package lockrule

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
)

// WriteTSV writes all cells as tab-separated values below a header line: table,
// method, column, value. The error is that of w.
func WriteTSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("table\tmethod\tcolumn\tvalue\n")
	for i := range tables {
		for j := range tables[i].Methods {
			m := &tables[i].Methods[j]
			for _, c := range m.Cells {
				b.WriteString(m.Table + "\t" + m.Name + "\t" + c.Column + "\t" + c.Value + "\n")
			}
		}
	}
	return b.Flush()
}

// WriteText writes the rows of the methods, table by table in the book's order,
// with the notes and prose rules that go with them. A nil slice stands for all
// methods. The error is that of w.
func WriteText(w io.Writer, methods []*Method) error {
	p := newPage(w, false)
	writeTables(p, methods)
	return p.done()
}

// WriteMarkdown writes the whole book as a Markdown document. The error is that
// of w.
func WriteMarkdown(w io.Writer) error {
	p := newPage(w, true)
	p.heading(1, "The rule book")
	p.paragraph("Under which locks each method is called, and whether it may block. " +
		"An empty cell, or \"-\", promises nothing. " +
		"Rules that do not fit into a row stand below its table, with their numbers.")
	writeTables(p, nil)
	return p.done()
}

// WriteJSON writes the whole book, all that is known about each method
// included, as one JSON object. The error is that of w.
func WriteJSON(w io.Writer) error {
	return writeJSON(w, struct {
		Tables []Table `json:"tables"`
		Prose  []Rule  `json:"prose"`
	}{tables, prose})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func writeTables(p *page, methods []*Method) {
	for i := range tables {
		t := &tables[i]
		var rows []*Method
		for j := range t.Methods {
			if m := &t.Methods[j]; methods == nil || slices.Contains(methods, m) {
				rows = append(rows, m)
			}
		}
		if len(rows) > 0 {
			writeTable(p, t, rows)
		}
	}
}

// writeTable writes some rows of a table, and what stands below them.
func writeTable(p *page, t *Table, methods []*Method) {
	columns := t.Columns()
	header := append([]string{"method"}, columns...)
	if p.markdown {
		header = append(header, "in Go")
	}
	var rows [][]string
	var cited []int
	for _, m := range methods {
		row := []string{m.Name}
		for _, c := range columns {
			value, _ := m.Cell(c)
			row = append(row, value)
		}
		if p.markdown {
			row = append(row, "`"+m.Go+"`")
		}
		rows = append(rows, row)
		cited = append(cited, m.Prose...)
	}
	slices.Sort(cited)

	p.heading(2, t.Title+" ("+t.Name+")")
	p.table(header, rows)
	if len(t.Notes) > 0 {
		p.heading(3, "Notes")
		p.list(bullets(t.Notes))
	}
	if len(cited) > 0 {
		p.heading(3, "Rules in prose")
		p.list(proseItems(slices.Compact(cited)))
	}
}
