package lockrule

import (
	"io"
	"slices"
	"strconv"
)

// ExplainText writes all that is known about a method as plain text. The error
// is that of w.
func ExplainText(w io.Writer, m *Method) error {
	p := newPage(w, false)
	explain(p, m)
	return p.done()
}

// ExplainMarkdown is ExplainText in Markdown.
func ExplainMarkdown(w io.Writer, m *Method) error {
	p := newPage(w, true)
	explain(p, m)
	return p.done()
}

// ExplainJSON writes all that is known about a method as one JSON object. The
// error is that of w.
func ExplainJSON(w io.Writer, m *Method) error {
	type rule struct {
		Number int    `json:"number"`
		Text   string `json:"text"`
	}
	v := struct {
		*Method
		Rule       string   `json:"rule"`
		ProseRules []rule   `json:"proseRules,omitempty"`
		TableNotes []string `json:"tableNotes,omitempty"`
	}{Method: m, Rule: m.RuleLine(), TableNotes: tableOf(m).Notes}
	for _, n := range m.Prose {
		if r, ok := ProseRule(n); ok {
			v.ProseRules = append(v.ProseRules, rule{r.Number, r.Text})
		}
	}
	return writeJSON(w, v)
}

// tableOf returns the table that a method stands in. The zero table stands for
// that of a method from elsewhere.
func tableOf(m *Method) *Table {
	for i := range tables {
		if tables[i].Name == m.Table {
			return &tables[i]
		}
	}
	return &Table{}
}

func explain(p *page, m *Method) {
	p.heading(2, m.FullName())
	p.paragraph(m.Summary)
	p.paragraph("In Go: " + m.Go)
	if m.Prototype != "" {
		p.code(m.Prototype)
	}
	p.paragraph(m.RuleLine())

	p.heading(3, "Locks")
	if len(m.States) == 0 {
		p.list(bullets([]string{"No lock is promised, and none is forbidden."}))
	} else {
		explainStates(p, m.States)
	}

	p.heading(3, "Context")
	p.list(contextItems(m))
	p.heading(3, "Notes")
	p.list(bullets(m.Notes))
	if len(m.Prose) > 0 {
		p.heading(3, "Rules in prose")
		p.list(proseItems(m.Prose))
	}
	if t := tableOf(m); len(t.Notes) > 0 {
		p.heading(3, "All of "+t.Name)
		p.list(bullets(t.Notes))
	}
}

func explainStates(p *page, states []State) {
	var rows [][]string
	var remarks []item
	seen := make(map[Hold]bool)
	for _, s := range states {
		rows = append(rows, []string{s.describe(), s.Entry.String(), s.Success.String(), s.Failure.String(), s.Source()})
		if s.Reading != "" {
			remarks = append(remarks, item{s.Lock, s.Reading})
		}
	}
	if slices.ContainsFunc(states, func(s State) bool { return s.Prose == Derived }) {
		remarks = append(remarks, item{"derived", "follows from what the method does, or from what its callers do"})
	}
	for _, s := range states {
		for _, h := range []Hold{s.Entry, s.Success, s.Failure} {
			if holds[h].meaning != "" && !seen[h] {
				remarks = append(remarks, item{h.String(), holds[h].meaning})
			}
			seen[h] = true
		}
	}
	p.table([]string{"lock", "on entry", "after success", "after an error", "from"}, rows)
	if len(remarks) > 0 {
		if !p.markdown {
			p.gap()
		}
		p.list(remarks)
	}
}

// describe names the lock and its object, and the condition if there is one.
func (s State) describe() string {
	d := s.Lock
	if s.Object != "" {
		d += " of " + s.Object
	}
	if s.When != "" {
		d += ", if " + s.When
	}
	return d
}

// Source says where a state comes from: "cell", a prose rule such as "P12", or
// "derived".
func (s State) Source() string {
	switch s.Prose {
	case 0:
		return "cell"
	case Derived:
		return "derived"
	}
	return "P" + strconv.Itoa(s.Prose)
}

func contextItems(m *Method) []item {
	items := []item{
		{"may block", m.Blocking.String()},
		{"runs in", m.Context.String() + " context"},
		{"rcu-walk", "never"},
	}
	if m.RCUWalk {
		items[2].text = "possible; then it must not block"
	}
	if m.FSRecursion {
		items = append(items, item{"recursion", "enters the file system again"})
	}
	return items
}
