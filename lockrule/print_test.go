package lockrule

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files of the printed forms")

// printed runs a function that writes, and returns what it wrote.
func printed(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintedFormsMatchTheirGoldenFiles(t *testing.T) {
	table := func(name string) []*Method {
		var ms []*Method
		for _, m := range allMethods() {
			if m.Table == name {
				ms = append(ms, m)
			}
		}
		return ms
	}
	for name, write := range map[string]func(io.Writer) error{
		"dentry_operations.txt": func(w io.Writer) error { return WriteText(w, table("dentry_operations")) },
		"book.md":               WriteMarkdown,
		"inode_operations.rename2.txt": func(w io.Writer) error {
			return ExplainText(w, MustLookup("inode_operations", "rename2"))
		},
		"address_space_operations.writepage.md": func(w io.Writer) error {
			return ExplainMarkdown(w, MustLookup("address_space_operations", "writepage"))
		},
		"vm_operations_struct.fault.json": func(w io.Writer) error {
			return ExplainJSON(w, MustLookup("vm_operations_struct", "fault"))
		},
	} {
		got := printed(t, write)
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if line, g, w := firstDifference(got, string(want)); line > 0 {
			t.Errorf("%s:%d: got %q, want %q (-update rewrites it)", path, line, g, w)
		}
	}
}

func TestTextFitsTheLine(t *testing.T) {
	texts := map[string]string{"book": printed(t, func(w io.Writer) error { return WriteText(w, nil) })}
	for _, m := range allMethods() {
		texts[m.FullName()] = printed(t, func(w io.Writer) error { return ExplainText(w, m) })
	}
	for name, text := range texts {
		for i, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > lineWidth {
				t.Errorf("%s:%d has %d columns: %s", name, i+1, n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s:%d ends with blanks: %q", name, i+1, line)
			}
		}
		if strings.Contains(text, "\n\n\n") || !strings.HasSuffix(text, "\n") || strings.HasPrefix(text, "\n") {
			t.Errorf("%s has stray empty lines", name)
		}
	}
}

func TestTextOfSomeMethodsHasOnlyThem(t *testing.T) {
	ms := []*Method{MustLookup("vm_operations_struct", "open"), MustLookup("inode_operations", "unlink")}
	text := printed(t, func(w io.Writer) error { return WriteText(w, ms) })
	for _, want := range []string{"(inode_operations)", "  unlink", "  P1  ", "(vm_operations_struct)", "  open"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, other := range []string{"rmdir  ", "dentry_operations", "  P2  ", "page_mkwrite"} {
		if strings.Contains(text, other) {
			t.Errorf("%q in\n%s", other, text)
		}
	}
	if got := printed(t, func(w io.Writer) error { return WriteText(w, []*Method{}) }); got != "" {
		t.Errorf("no methods print as %q", got)
	}
}

// Every printed form of a method tells all that is known about it.
func TestExplainLeavesNothingOut(t *testing.T) {
	for _, m := range allMethods() {
		for form, write := range map[string]func(io.Writer, *Method) error{
			"text": ExplainText, "markdown": ExplainMarkdown, "json": ExplainJSON,
		} {
			raw := printed(t, func(w io.Writer) error { return write(w, m) })
			// Text may be broken anywhere, and is escaped in JSON.
			flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
			got := flat(strings.NewReplacer(`\"`, `"`, `\|`, `|`).Replace(raw))
			want := append([]string{m.Name, m.Go, m.Prototype, m.Summary, m.RuleLine(), m.Blocking.String()}, m.Notes...)
			for _, n := range m.Prose {
				r, _ := ProseRule(n)
				want = append(want, r.Text)
			}
			for _, s := range m.States {
				want = append(want, s.Lock, s.Object, s.When, s.Reading, s.Entry.String(), s.Success.String(), s.Failure.String(), s.Source())
			}
			want = append(want, tableOf(m).Notes...)
			for _, w := range want {
				if !strings.Contains(got, flat(w)) {
					t.Errorf("%s as %s lacks %q", m.FullName(), form, w)
				}
			}
		}
	}
}

func TestJSONHasTheWholeBook(t *testing.T) {
	var book struct {
		Tables []struct {
			Table   string
			Methods []struct {
				Table, Method, Go string
				Cells             []struct{ Column, Value string }
				States            []struct{ Lock, Entry, Source string }
			}
		}
		Prose []struct{ Number int }
	}
	if err := json.Unmarshal([]byte(printed(t, WriteJSON)), &book); err != nil {
		t.Fatal(err)
	}
	var cells, states int
	var tsv strings.Builder
	tsv.WriteString("table\tmethod\tcolumn\tvalue\n")
	for _, table := range book.Tables {
		for _, m := range table.Methods {
			for _, c := range m.Cells {
				fmt.Fprintf(&tsv, "%s\t%s\t%s\t%s\n", m.Table, m.Method, c.Column, c.Value)
				cells++
			}
			for _, s := range m.States {
				if s.Lock == "" || s.Entry == "" || s.Source == "" {
					t.Errorf("%s.%s has the state %+v", m.Table, m.Method, s)
				}
				states++
			}
		}
	}
	if line, got, want := firstDifference(tsv.String(), printed(t, WriteTSV)); line > 0 {
		t.Errorf("cell %d: got %q, want %q", line, got, want)
	}
	if cells != 299 || len(book.Prose) != 41 {
		t.Errorf("%d cells, %d prose rules", cells, len(book.Prose))
	}
	want := 0
	for _, m := range allMethods() {
		want += len(m.States)
	}
	if states != want {
		t.Errorf("%d states, want %d", states, want)
	}
}

// Each row of a Markdown table has as many cells as its header.
func TestMarkdownTablesAreRectangular(t *testing.T) {
	columns, rows := 0, 0
	for i, line := range strings.Split(printed(t, WriteMarkdown), "\n") {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns != 0 && n != columns {
			t.Errorf("line %d has %d bars, its table %d: %s", i+1, n, columns, line)
		}
		columns = n
		rows++
	}
	if want := 135 + 2*12; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
}

var errFull = errors.New("no space")

// fullAfter is a writer that fails once it has taken some bytes.
type fullAfter int

func (f *fullAfter) Write(p []byte) (int, error) {
	n := min(len(p), int(*f))
	*f -= fullAfter(n)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	m := MustLookup("inode_operations", "rename")
	for name, write := range map[string]func(io.Writer) error{
		"tsv":              WriteTSV,
		"text":             func(w io.Writer) error { return WriteText(w, nil) },
		"markdown":         WriteMarkdown,
		"json":             WriteJSON,
		"explain text":     func(w io.Writer) error { return ExplainText(w, m) },
		"explain markdown": func(w io.Writer) error { return ExplainMarkdown(w, m) },
		"explain json":     func(w io.Writer) error { return ExplainJSON(w, m) },
	} {
		size := len(printed(t, write))
		for _, room := range []int{0, 1, size / 2, size - 1} {
			full := fullAfter(room)
			if err := write(&full); !errors.Is(err, errFull) {
				t.Errorf("%s into %d of %d bytes: %v", name, room, size, err)
			}
		}
	}
}
