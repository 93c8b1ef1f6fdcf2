package lockrule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goMethod is a method of an interface as its source declares it.
type goMethod struct {
	doc    string   // of the interface
	names  []string // of parameters and results
	params int      // how many parameters; all of them have names here
}

// declaredMethods parses the packages and returns their interfaces' methods by
// full name, such as "vfs.Lookuper.Lookup".
func declaredMethods(t *testing.T, packages []string) map[string]goMethod {
	t.Helper()
	methods := make(map[string]goMethod)
	for _, pkg := range packages {
		files, err := filepath.Glob("../" + pkg + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s: %v, %d files", pkg, err, len(files))
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range parsed.Decls {
				gen, ok := decl.(*ast.GenDecl)
				if !ok || gen.Tok != token.TYPE {
					continue
				}
				for _, spec := range gen.Specs {
					addMethods(methods, pkg, gen, spec.(*ast.TypeSpec))
				}
			}
		}
	}
	return methods
}

func addMethods(methods map[string]goMethod, pkg string, gen *ast.GenDecl, spec *ast.TypeSpec) {
	iface, ok := spec.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	doc := spec.Doc.Text()
	if doc == "" {
		doc = gen.Doc.Text()
	}
	for _, field := range iface.Methods.List {
		signature, ok := field.Type.(*ast.FuncType)
		if !ok || len(field.Names) == 0 {
			continue // an embedded interface
		}
		m := goMethod{doc: doc}
		lists := []*ast.FieldList{signature.Params, signature.Results}
		for i, list := range lists {
			if list == nil {
				continue
			}
			for _, p := range list.List {
				for _, name := range p.Names {
					m.names = append(m.names, name.Name)
				}
			}
			if i == 0 {
				m.params = len(m.names)
			}
		}
		methods[pkg+"."+spec.Name.Name+"."+field.Names[0].Name] = m
	}
}

// Each method of the book is declared as an interface under its Go name. Its
// comment ends with its rule; it takes a context exactly if it may block; and
// the objects of its states are its parameters or results.
func TestTheInterfacesAreThoseOfTheBook(t *testing.T) {
	declared := declaredMethods(t, []string{"vfs", "pagecache", "block", "filelock", "quota", "mm"})
	for _, m := range allMethods() {
		d, ok := declared[m.Go]
		if !ok {
			t.Errorf("%s: there is no %s", m.FullName(), m.Go)
			continue
		}
		if doc := strings.Join(strings.Fields(d.doc), " "); !strings.HasSuffix(doc, m.RuleLine()) {
			t.Errorf("%s: its comment does not end with\n%s\nbut with\n%s", m.Go, m.RuleLine(), doc[max(0, len(doc)-120):])
		}
		if hasCtx := d.params > 0 && d.names[0] == "ctx"; hasCtx != (m.Blocking != BlockNo) {
			t.Errorf("%s: a context is %v, it may block: %v", m.Go, hasCtx, m.Blocking)
		}
		for _, s := range m.States {
			if s.Object != "" && !slices.Contains(d.names, s.Object) {
				t.Errorf("%s: %s is none of %v", m.Go, s.describe(), d.names)
			}
		}
	}
}
