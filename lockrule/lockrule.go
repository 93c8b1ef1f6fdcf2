// Package lockrule is the rule book: the twelve method tables of the virtual
// file system switch as Go values. For each of the 135 methods it says under
// which locks it is called, what it must leave held or released, whether it
// may block, and what else its caller and its implementer owe each other.
//
// The book has two layers. A [Cell] is one entry of the printed tables, word
// for word; there are 299. A [State] is what the cells, the prose rules and
// the semantics of the method come to for one lock of one argument: what is
// held on entry, after success and after an error. The lock checker and the
// gates are built from states; people read the cells.
//
// The cells are those of the document that describes the locking rules of
// Linux's VFS methods, as of 4.3; "the printed tables" means that document.
// Where it and the code of its time disagree, a state carries a reading and a
// note says which of the two holds here.
//
// The package holds data and prints it. It has no state that changes, takes no
// locks, and imports nothing but the standard library. Everything it returns
// is shared: callers must not modify it.
package lockrule

import (
	"slices"
	"strings"
)

// Cell is one entry of a method's row: the column and what stands in it.
type Cell struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Method is the row of one method and all that is known about it.
type Method struct {
	// Table and Name are the names the field knows the method by.
	Table string `json:"table"`
	Name  string `json:"method"`
	// Go is the package, interface and method that stand for it here, such as
	// "vfs.Lookuper.Lookup".
	Go string `json:"go"`
	// Prototype is the C prototype; "" where the tables give a rule but no
	// prototype (d_prune, map_pages).
	Prototype string `json:"prototype,omitempty"`
	// Summary says in one line what the method is for.
	Summary string `json:"summary"`
	// Cells are the entries of the row in the order of the printed tables.
	Cells []Cell `json:"cells"`
	// States are what the checker verifies before and after a call.
	States []State `json:"states"`
	// Blocking says whether the method may block. Where the row has no
	// may_block cell, it follows from what the method does.
	Blocking Blocking `json:"blocking"`
	// RCUWalk is set if the method may be called during an rcu-walk.
	RCUWalk bool `json:"rcuWalk"`
	// FSRecursion is set if the method may enter the file system again,
	// through quota_read and quota_write.
	FSRecursion bool `json:"fsRecursion,omitempty"`
	// Context is where the method runs, other than in rcu-walk: not
	// [ContextTask] exactly for the methods that must never block.
	Context Context `json:"context"`
	// Prose lists the numbers of the prose rules that bear on the method,
	// ascending.
	Prose []int `json:"prose,omitempty"`
	// Notes say when it is called, what it returns, what happens if it is
	// absent, and which traps are known.
	Notes []string `json:"notes"`
	// SeedLine is the line of the rule in the printed tables; where a table
	// rules all its methods in one sentence, the line of that sentence.
	SeedLine int `json:"line"`
}

// Table is one group of methods.
type Table struct {
	Name    string   `json:"table"`
	Title   string   `json:"title"`
	Methods []Method `json:"methods"`
	// Notes hold for all methods of the table.
	Notes []string `json:"notes,omitempty"`
}

// Columns returns the columns of the table's cells by first appearance.
func (t *Table) Columns() []string {
	var cols []string
	for i := range t.Methods {
		for _, c := range t.Methods[i].Cells {
			if !slices.Contains(cols, c.Column) {
				cols = append(cols, c.Column)
			}
		}
	}
	return cols
}

// RuleLine returns the row in one line, the form in which doc comments of the
// interfaces end: "Rule: inode_operations.create: i_mutex yes, may_block yes."
func (m *Method) RuleLine() string {
	var b strings.Builder
	b.WriteString("Rule: ")
	b.WriteString(m.Table)
	b.WriteByte('.')
	b.WriteString(m.Name)
	for i, c := range m.Cells {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(c.Column)
		b.WriteByte(' ')
		b.WriteString(c.Value)
	}
	b.WriteByte('.')
	return b.String()
}

// Cell returns the value of a column, and whether the row has that column.
func (m *Method) Cell(column string) (string, bool) {
	for _, c := range m.Cells {
		if c.Column == column {
			return c.Value, true
		}
	}
	return "", false
}

// FullName returns "table.name".
func (m *Method) FullName() string { return m.Table + "." + m.Name }
