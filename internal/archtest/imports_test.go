package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/govfs/govfs"

// allowed says what of this module each room may import, from the bottom up.
// A room that is not named here may import anything.
var allowed = map[string][]string{
	"lockrule":            {},
	"lockdep":             {"lockrule"},
	"lockdep/lockdeptest": {"lockdep"},
	"pagecache":           {"lockrule", "lockdep"},
	"block":               {"lockrule", "lockdep", "pagecache"},
	"filelock":            {"lockrule", "lockdep"},
	"quota":               {"lockrule", "lockdep"},
	"vfs":                 {"lockrule", "lockdep", "pagecache", "block", "filelock", "quota"},
	"mm":                  {"lockrule", "lockdep", "pagecache", "vfs"},
	"fs/memfs":            {"lockrule", "lockdep", "pagecache", "filelock", "vfs"},
	"fs/iofs":             {"lockrule", "lockdep", "pagecache", "filelock", "vfs"},
	"fuse":                {"lockrule", "lockdep", "pagecache", "filelock", "vfs"},
}

// core is what uses nothing but the standard library and x/sys; the checker
// also needs to know which goroutine it runs on.
var core = []string{"lockrule", "lockdep", "pagecache", "block", "filelock", "quota", "vfs", "mm", "fs/memfs", "fs/iofs"}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func TestRoomsImportWhatTheyMay(t *testing.T) {
	for _, tags := range []string{"", "lockdep"} {
		pkgs := list(t, tags)
		for room, may := range allowed {
			p, ok := pkgs[module+"/"+room]
			if !ok {
				t.Errorf("there is no package %s", room)
				continue
			}
			for _, imp := range p.Imports {
				if rest, ours := strings.CutPrefix(imp, module+"/"); ours && !slices.Contains(may, rest) {
					t.Errorf("%s imports %s", room, rest)
				}
			}
		}
		for _, room := range core {
			for _, imp := range pkgs[module+"/"+room].Imports {
				if !coreMayImport(room, imp, pkgs) {
					t.Errorf("%s, which is of the core, imports %s", room, imp)
				}
			}
		}
	}
}

func coreMayImport(room, imp string, pkgs map[string]listed) bool {
	switch {
	case imp == module, strings.HasPrefix(imp, module+"/"), strings.HasPrefix(imp, "golang.org/x/sys/"), pkgs[imp].Standard, imp == "unsafe":
		return true
	}
	return room == "lockdep" && imp == "github.com/petermattis/goid"
}

func list(t *testing.T, tags string) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Standard", "-tags", tags, module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	pkgs := make(map[string]listed)
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
}
