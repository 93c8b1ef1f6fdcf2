package lockrule

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// lineWidth is where running text is broken, in columns.
const lineWidth = 100

// page lays text out for people, as plain text or as Markdown. The first write
// error sticks in the buffer, and done returns it.
type page struct {
	w        *bufio.Writer
	markdown bool
	started  bool
}

func newPage(w io.Writer, markdown bool) *page {
	return &page{w: bufio.NewWriter(w), markdown: markdown}
}

func (p *page) done() error { return p.w.Flush() }

// gap separates what follows from what came before by an empty line.
func (p *page) gap() {
	if p.started {
		p.w.WriteByte('\n')
	}
	p.started = true
}

// heading starts a section; level 1 is the highest.
func (p *page) heading(level int, text string) {
	p.gap()
	switch {
	case p.markdown:
		fmt.Fprintf(p.w, "%s %s\n", strings.Repeat("#", level), text)
	case level == 1:
		fmt.Fprintf(p.w, "%s\n%s\n", text, strings.Repeat("=", utf8.RuneCountInString(text)))
	case level == 2:
		fmt.Fprintf(p.w, "%s\n%s\n", text, strings.Repeat("-", utf8.RuneCountInString(text)))
	default:
		fmt.Fprintf(p.w, "%s\n", text)
	}
}

func (p *page) paragraph(text string) {
	p.gap()
	p.wrapped("", "", text)
}

// code shows a C declaration.
func (p *page) code(text string) {
	p.gap()
	if p.markdown {
		p.w.WriteString("```c\n")
		p.wrapped("", "        ", text)
		p.w.WriteString("```\n")
		return
	}
	p.wrapped("    ", "            ", text)
}

// list shows items, each behind its label if it has one. In plain text it
// follows its heading closely.
func (p *page) list(items []item) {
	if p.markdown {
		p.gap()
	}
	width := 0
	for _, it := range items {
		width = max(width, utf8.RuneCountInString(it.label))
	}
	for _, it := range items {
		switch {
		case p.markdown && it.label != "":
			p.wrapped("- ", "  ", "**"+it.label+"**: "+it.text)
		case it.label != "":
			p.wrapped("  "+pad(it.label, width)+"  ", strings.Repeat(" ", width+4), it.text)
		case p.markdown:
			p.wrapped("- ", "  ", it.text)
		default:
			p.wrapped("  - ", "    ", it.text)
		}
	}
}

type item struct{ label, text string }

func bullets(texts []string) []item {
	items := make([]item, len(texts))
	for i, t := range texts {
		items[i].text = t
	}
	return items
}

// proseItems returns the prose rules of the numbers.
func proseItems(numbers []int) []item {
	var items []item
	for _, n := range numbers {
		if r, ok := ProseRule(n); ok {
			items = append(items, item{fmt.Sprintf("P%d", r.Number), r.Text})
		}
	}
	return items
}

// table shows rows in aligned columns.
func (p *page) table(header []string, rows [][]string) {
	p.gap()
	if p.markdown {
		escaped := make([][]string, len(rows))
		for i, row := range rows {
			for _, cell := range row {
				escaped[i] = append(escaped[i], strings.ReplaceAll(cell, "|", `\|`))
			}
		}
		rows = escaped
	}
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	p.row(header, widths)
	if p.markdown {
		rule := make([]string, len(header))
		for i := range rule {
			rule[i] = strings.Repeat("-", max(widths[i], 3))
		}
		p.row(rule, widths)
	}
	for _, row := range rows {
		p.row(row, widths)
	}
}

func (p *page) row(cells []string, widths []int) {
	var b strings.Builder
	for i, cell := range cells {
		if p.markdown {
			b.WriteString("| " + pad(cell, widths[i]) + " ")
			continue
		}
		b.WriteString("  " + pad(cell, widths[i]))
	}
	line := b.String()
	if p.markdown {
		line += "|"
	}
	p.w.WriteString(strings.TrimRight(line, " ") + "\n")
}

// wrapped writes text in lines of at most lineWidth columns; the first begins
// with first, the others with rest. A word longer than a line stays whole.
func (p *page) wrapped(first, rest, text string) {
	line, empty := first, true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > lineWidth {
			p.w.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	p.w.WriteString(line + "\n")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
