package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/govfs/govfs/lockrule"
)

// A contract is what one package's ops.go says.
type contract struct {
	pkg     string
	imports map[string]string // package name -> import path, of ops.go
	gates   []gate
	funcs   map[string]bool // functions of the package's hand-written files
}

// A gate is one method of the contract with its rule.
type gate struct {
	iface, method string
	name          string // of the function, without "gate"
	params        []param
	results       []param
	rule          *lockrule.Method
	doc           string // the rule line as it stands in the comment
	apart         bool   // an empty line stands before it
}

// A param is a parameter or result of a method: its name and its type as
// written.
type param struct{ name, typ string }

// blocking reports whether the first parameter is a context.
func (g *gate) blocking() bool {
	return len(g.params) > 0 && g.params[0].typ == "context.Context"
}

// lookup returns the parameter or result with a name.
func (g *gate) lookup(name string) (p param, result, ok bool) {
	if name == "" {
		return param{}, false, false
	}
	for _, p := range g.params {
		if p.name == name {
			return p, false, true
		}
	}
	for _, p := range g.results {
		if p.name == name {
			return p, true, true
		}
	}
	return param{}, false, false
}

// parseContract reads the interfaces of dir/ops.go and the names of the
// functions written beside it.
func parseContract(dir string) (*contract, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Join(dir, "ops.go"), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	c := &contract{pkg: file.Name.Name, imports: map[string]string{}, funcs: map[string]bool{}}
	for _, imp := range file.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return nil, err
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if imp.Name != nil {
			name = imp.Name.Name
		}
		c.imports[name] = path
	}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.TypeSpec)
			iface, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				continue
			}
			doc := gen.Doc
			if spec.Doc != nil {
				doc = spec.Doc
			}
			g, ok, err := parseGate(fset, c.pkg, spec.Name.Name, iface, doc)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fset.Position(spec.Pos()), err)
			}
			if ok {
				c.gates = append(c.gates, g)
			}
		}
	}
	c.nameGates()
	return c, c.readFuncs(dir)
}

// parseGate reads an interface. It is none of the contract if its comment
// states no rule.
func parseGate(fset *token.FileSet, pkg, name string, iface *ast.InterfaceType, doc *ast.CommentGroup) (gate, bool, error) {
	if doc == nil {
		return gate{}, false, nil
	}
	last := doc.List[len(doc.List)-1].Text
	line, ok := strings.CutPrefix(last, "// Rule: ")
	if !ok {
		return gate{}, false, nil
	}
	full, _, _ := strings.Cut(line, ": ")
	table, method, ok := strings.Cut(strings.TrimSuffix(full, "."), ".")
	if !ok {
		return gate{}, false, fmt.Errorf("%s: rule without a table: %q", name, line)
	}
	rule, ok := lockrule.Lookup(table, method)
	if !ok {
		return gate{}, false, fmt.Errorf("%s: no rule %s.%s in the rule book", name, table, method)
	}
	if len(iface.Methods.List) != 1 || len(iface.Methods.List[0].Names) != 1 {
		return gate{}, false, fmt.Errorf("%s: an interface of the contract has one method", name)
	}
	m := iface.Methods.List[0]
	fn := m.Type.(*ast.FuncType)
	g := gate{iface: name, method: m.Names[0].Name, rule: rule, doc: last}
	g.apart = len(doc.List) > 1 && doc.List[len(doc.List)-2].Text == "//"
	if want := pkg + "." + g.iface + "." + g.method; rule.Go != want {
		return gate{}, false, fmt.Errorf("%s: the rule book has %s for %s, not %s", name, rule.Go, rule.FullName(), want)
	}
	g.params = fields(fset, fn.Params)
	g.results = fields(fset, fn.Results)
	for i, p := range g.params {
		if p.name == "" || p.name == "_" {
			return gate{}, false, fmt.Errorf("%s.%s: parameter %d has no name", name, g.method, i)
		}
	}
	return g, true, nil
}

func fields(fset *token.FileSet, list *ast.FieldList) []param {
	if list == nil {
		return nil
	}
	var ps []param
	for _, f := range list.List {
		var typ bytes.Buffer
		if err := printer.Fprint(&typ, fset, f.Type); err != nil {
			panic(err) // a type that was just parsed
		}
		if len(f.Names) == 0 {
			ps = append(ps, param{typ: typ.String()})
		}
		for _, n := range f.Names {
			ps = append(ps, param{n.Name, typ.String()})
		}
	}
	return ps
}

// nameGates names each gate after its method. Where two interfaces of a
// package share a method, the one whose interface has that method's plain name
// (Releaser.Release) keeps it, and the others get their interface's family in
// front (DentryReleaser.Release: DentryRelease).
func (c *contract) nameGates() {
	count := map[string]int{}
	for _, g := range c.gates {
		count[g.method]++
	}
	for i := range c.gates {
		g := &c.gates[i]
		g.name = g.method
		if count[g.method] > 1 {
			g.name = familyOf(g.iface, g.method) + g.method
		}
	}
}

// familyOf is what stands before the method's own word in an interface's name:
// "Dentry" in DentryReleaser for Release, "" in Releaser.
func familyOf(iface, method string) string {
	for n := len(method); n > 1; n-- {
		if i := strings.Index(iface, method[:n]); i >= 0 {
			return iface[:i]
		}
	}
	return iface
}

// readFuncs notes the functions that the package declares by hand: lock
// accessors and hooks among them.
func (c *contract) readFuncs(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "gate*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		base := filepath.Base(name)
		if strings.HasSuffix(base, "_test.go") || base == plainFile || base == checkedFile {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				c.funcs[fn.Name.Name] = true
			}
		}
	}
	return nil
}

// importsOf returns the import paths that the types of the gates need, sorted.
func (c *contract) importsOf(gates []gate) []string {
	need := map[string]bool{}
	for _, g := range gates {
		for _, p := range append(slices.Clone(g.params), g.results...) {
			expr, err := parser.ParseExpr(p.typ)
			if err != nil {
				panic(err) // printed from a parsed type
			}
			ast.Inspect(expr, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if id, ok := sel.X.(*ast.Ident); ok {
						need[c.imports[id.Name]] = true
					}
				}
				return true
			})
		}
	}
	return slices.Sorted(maps.Keys(need))
}
