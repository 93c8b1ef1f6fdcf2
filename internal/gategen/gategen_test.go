package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govfs/govfs/lockrule"
)

// packages have a contract.
var packages = []string{"vfs", "pagecache", "block", "filelock", "quota", "mm"}

func packageDir(pkg string) string { return filepath.Join("..", "..", pkg) }

func contracts(t *testing.T) map[string]*contract {
	t.Helper()
	all := map[string]*contract{}
	for _, pkg := range packages {
		c, err := parseContract(packageDir(pkg))
		if err != nil {
			t.Fatal(err)
		}
		all[pkg] = c
	}
	return all
}

func TestEveryMethodHasOneInterface(t *testing.T) {
	found := map[string]string{}
	n := 0
	for pkg, c := range contracts(t) {
		names := map[string]bool{}
		for _, g := range c.gates {
			n++
			here := pkg + "." + g.iface
			if old := found[g.rule.FullName()]; old != "" {
				t.Errorf("%s stands for %s as %s does", here, g.rule.FullName(), old)
			}
			found[g.rule.FullName()] = here
			if names[g.name] {
				t.Errorf("%s: two gates are named gate%s", pkg, g.name)
			}
			names[g.name] = true
		}
	}
	for _, table := range lockrule.Tables() {
		for i := range table.Methods {
			if m := &table.Methods[i]; found[m.FullName()] == "" {
				t.Errorf("no interface stands for %s (%s)", m.FullName(), m.Go)
			}
		}
	}
	if n != 135 {
		t.Errorf("%d interfaces with rules, want 135", n)
	}
}

func TestCommentsEndWithTheRule(t *testing.T) {
	for pkg, c := range contracts(t) {
		for _, g := range c.gates {
			if want := "// " + g.rule.RuleLine(); g.doc != want {
				t.Errorf("%s.%s: the comment ends\n\t%s\nthe rule book says\n\t%s", pkg, g.iface, g.doc, want)
			}
			if !g.apart {
				t.Errorf("%s.%s: no empty line before the rule", pkg, g.iface)
			}
		}
	}
}

func TestContextComesFirstWhereAMethodMayBlock(t *testing.T) {
	for pkg, c := range contracts(t) {
		for _, g := range c.gates {
			may := g.rule.Blocking != lockrule.BlockNo
			if g.blocking() != may {
				t.Errorf("%s.%s.%s: context first: %v, but may block: %v", pkg, g.iface, g.method, g.blocking(), g.rule.Blocking)
			}
			for i, p := range g.params {
				if i > 0 && p.typ == "context.Context" {
					t.Errorf("%s.%s.%s: a context is not the first parameter", pkg, g.iface, g.method)
				}
			}
		}
	}
}

func TestObjectsOfTheRulesAreParameters(t *testing.T) {
	for pkg, c := range contracts(t) {
		for _, g := range c.gates {
			for _, s := range g.rule.States {
				if _, _, ok := g.lookup(s.Object); !ok && s.Object != "" {
					t.Errorf("%s.%s.%s: the rule book speaks of %s of %q, which is no parameter", pkg, g.iface, g.method, s.Lock, s.Object)
				}
			}
		}
	}
}

// TestConditionsHaveHooks asserts that what holds under a condition only is
// checked by somebody.
func TestConditionsHaveHooks(t *testing.T) {
	for pkg, c := range contracts(t) {
		for _, g := range c.gates {
			hooked := c.funcs["enterGate"+g.name] || c.funcs["exitGate"+g.name]
			for _, s := range g.rule.States {
				byResult := s.Success == lockrule.ByResult || s.Failure == lockrule.ByResult
				if (s.When != "" || byResult) && !hooked {
					t.Errorf("%s: %s of %s depends (%s), and no hook of gate%s looks at it", pkg, s.Lock, s.Object, s.When, g.name)
				}
			}
			if g.rule.Blocking == lockrule.BlockNotForLeases && !hooked {
				t.Errorf("%s: gate%s has no hook for leases", pkg, g.name)
			}
		}
		for fn := range c.funcs {
			name, ok := strings.CutPrefix(fn, "enterGate")
			if !ok {
				name, ok = strings.CutPrefix(fn, "exitGate")
			}
			if ok && !c.has(name) {
				t.Errorf("%s: hook %s belongs to no gate", pkg, fn)
			}
		}
	}
}

func (c *contract) has(name string) bool {
	for _, g := range c.gates {
		if g.name == name {
			return true
		}
	}
	return false
}

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for _, pkg := range packages {
		files, err := generate(packageDir(pkg))
		if err != nil {
			t.Errorf("%s: %v", pkg, err)
			continue
		}
		for _, name := range []string{plainFile, checkedFile, testFile} {
			have, err := os.ReadFile(filepath.Join(packageDir(pkg), name))
			if err != nil {
				t.Error(err)
			} else if !bytes.Equal(have, files[name]) {
				t.Errorf("%s/%s is not what ops.go and the rule book say: run go generate ./%s", pkg, name, pkg)
			}
		}
	}
}

// TestPlainGatesInline asks the compiler: without the checker a gate costs
// nothing.
func TestPlainGatesInline(t *testing.T) {
	for pkg, c := range contracts(t) {
		out, err := exec.Command("go", "build", "-gcflags=-m=1", "./"+packageDir(pkg)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", pkg, err, lastLines(out, 10))
			continue
		}
		inlines := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			if _, fn, ok := strings.Cut(line, ": can inline "); ok {
				fn, _, _ = strings.Cut(strings.TrimSpace(fn), " ")
				inlines[fn] = true
			}
		}
		for _, g := range c.gates {
			if !inlines["gate"+g.name] {
				t.Errorf("%s: gate%s does not inline", pkg, g.name)
			}
		}
	}
}

func lastLines(b []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func TestContractErrorsAreFound(t *testing.T) {
	const rule = "// Rule: inode_operations.lookup: i_mutex yes, may_block yes.\n"
	for _, tc := range []struct{ name, src, want string }{
		{"unknown rule", "// X.\n//\n// Rule: inode_operations.nothing: i_mutex yes.\ntype X interface{ Do(a int) }", "no rule inode_operations.nothing"},
		{"rule without a table", "// X.\n//\n// Rule: lookup\ntype X interface{ Do(a int) }", "rule without a table"},
		{"two methods", "// X.\n//\n" + rule + "type X interface { Lookup(a int); Do(a int) }", "has one method"},
		{"another interface", "// X.\n//\n" + rule + "type X interface{ Lookup(a int) }", "the rule book has vfs.Lookuper.Lookup"},
		{"parameter without a name", "// Lookuper.\n//\n" + rule + "type Lookuper interface{ Lookup(int) }", "parameter 0 has no name"},
		{"object missing", "// Lookuper.\n//\n" + rule + "type Lookuper interface{ Lookup(a int) }", `no parameter "dir"`},
		{"object without the lock", "// Lookuper.\n//\n" + rule + "type Lookuper interface{ Lookup(dir int) }", `no way from "dir" (int) to its i_mutex`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ops.go"), []byte("package vfs\n\n"+tc.src+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := generate(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
