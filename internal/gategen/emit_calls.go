package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// calls returns gates_calls_test.go: for each gate a driver that does as a
// test's world says, and an entry in the table gateCalls that calls it.
func (c *contract) calls() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header + "//go:build lockdep\n\n")
	fmt.Fprintf(&b, "package %s\n\n", c.pkg)
	writeImports(&b, append(c.importsOf(c.gates), module+"/internal/gatetest"))
	b.WriteString("// gateCalls has every gate of the package.\nvar gateCalls = []gatetest.Gate{\n")
	for i := range c.gates {
		c.gates[i].writeCall(&b)
	}
	b.WriteString("}\n")
	for i := range c.gates {
		c.gates[i].writeDriver(&b)
	}
	src, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w in\n%s", err, b.String())
	}
	return src, nil
}

func (g *gate) writeCall(b *bytes.Buffer) {
	fmt.Fprintf(b, "{\nRule: %q,\n", g.rule.FullName())
	writeParams(b, "Params", g.params, nil)
	writeParams(b, "Results", g.results, g.resultNames())
	if g.errResult() != "nil" {
		b.WriteString("Fails: true,\n")
	}
	fmt.Fprintf(b, "Call: func(w *gatetest.World) {\n")
	args := []string{"driver" + g.iface + "{w}"}
	for _, p := range g.params {
		if p.typ == "context.Context" {
			args = append(args, "w.Context()")
		} else {
			args = append(args, fmt.Sprintf("gatetest.Arg[%s](w, %q)", p.typ, p.name))
		}
	}
	fmt.Fprintf(b, "gate%s(%s)\n},\n},\n", g.name, strings.Join(args, ", "))
}

// writeParams writes the parameters that are neither a context nor an error.
func writeParams(b *bytes.Buffer, field string, ps []param, names []string) {
	var list []string
	for i, p := range ps {
		name := p.name
		if names != nil {
			name = names[i]
		}
		if p.typ != "context.Context" && p.typ != "error" {
			list = append(list, fmt.Sprintf("gatetest.P[%s](%q)", p.typ, name))
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(b, "%s: []gatetest.Param{%s},\n", field, strings.Join(list, ", "))
	}
}

func (g *gate) writeDriver(b *bytes.Buffer) {
	fmt.Fprintf(b, "\ntype driver%s struct{ w *gatetest.World }\n\n", g.iface)
	var types []string
	for _, p := range g.params {
		types = append(types, p.typ)
	}
	var results, values []string
	failed := false
	for i, r := range g.results {
		results = append(results, r.typ)
		switch {
		case r.typ == "error":
			values = append(values, "err")
			failed = true
		default:
			values = append(values, fmt.Sprintf("gatetest.Result[%s](d.w, %q)", r.typ, g.resultNames()[i]))
		}
	}
	fmt.Fprintf(b, "func (d driver%s) %s(%s)", g.iface, g.method, strings.Join(types, ", "))
	switch len(results) {
	case 0:
	case 1:
		b.WriteString(" " + results[0])
	default:
		b.WriteString(" (" + strings.Join(results, ", ") + ")")
	}
	b.WriteString(" {\n")
	if failed {
		b.WriteString("err := ")
	}
	b.WriteString("d.w.Run()\n")
	if len(values) > 0 {
		fmt.Fprintf(b, "return %s\n", strings.Join(values, ", "))
	}
	b.WriteString("}\n")
}
