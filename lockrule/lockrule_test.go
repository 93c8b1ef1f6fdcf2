package lockrule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func allMethods() []*Method {
	var ms []*Method
	for i := range tables {
		for j := range tables[i].Methods {
			ms = append(ms, &tables[i].Methods[j])
		}
	}
	return ms
}

func TestBookIsComplete(t *testing.T) {
	cells := 0
	for _, m := range allMethods() {
		cells += len(m.Cells)
	}
	if got := [3]int{len(Tables()), len(allMethods()), cells}; got != [3]int{12, 135, 299} {
		t.Errorf("tables, methods, cells = %v, want 12, 135, 299", got)
	}
}

// cellsSum is the SHA-256 of the book's cells as tab-separated values. It
// changes only if the contract itself does.
const cellsSum = "60855a1261dd1d32bccd8740cc1a034c17145c9634ac4b469deb122e9d9857b7"

func TestTSVIsTheContract(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTSV(&b); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	if got := hex.EncodeToString(sum[:]); got != cellsSum {
		t.Errorf("sha256 of the cells = %s, want %s", got, cellsSum)
	}
	for _, name := range []string{"testdata/rules.tsv", "../../shared/reference/rules.tsv"} {
		want, err := os.ReadFile(name)
		if os.IsNotExist(err) && name != "testdata/rules.tsv" {
			t.Logf("%s is not at hand; the copy in testdata stands for it", name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, got, want := firstDifference(b.String(), string(want)); line > 0 {
			t.Errorf("%s:%d: got %q, want %q", name, line, got, want)
		}
	}
}

// firstDifference returns the number and the two forms of the first line in
// which two texts differ, 0 if they are the same.
func firstDifference(got, want string) (line int, g, w string) {
	if got == want {
		return 0, "", ""
	}
	gs, ws := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gs), len(ws)) {
		g, w = "(end)", "(end)"
		if i < len(gs) {
			g = gs[i]
		}
		if i < len(ws) {
			w = ws[i]
		}
		if g != w {
			return i + 1, g, w
		}
	}
	return 0, "", ""
}

func TestNamesAreUnique(t *testing.T) {
	goName := regexp.MustCompile(`^(vfs|pagecache|filelock|block|quota|mm)\.[A-Z][A-Za-z0-9]+\.[A-Z][A-Za-z0-9]+$`)
	seen := make(map[string]string)
	for _, m := range allMethods() {
		if !goName.MatchString(m.Go) {
			t.Errorf("%s: Go name %q", m.FullName(), m.Go)
		}
		for _, name := range []string{m.FullName(), m.Go, m.Go[:strings.LastIndex(m.Go, ".")]} {
			if other, ok := seen[name]; ok {
				t.Errorf("%s and %s are both %s", other, m.FullName(), name)
			}
			seen[name] = m.FullName()
		}
	}
}

func TestEveryMethodIsDescribed(t *testing.T) {
	for i := range tables {
		tab := &tables[i]
		if tab.Title == "" || len(tab.Notes) == 0 {
			t.Errorf("table %s has no title or no notes", tab.Name)
		}
		for j := range tab.Methods {
			m := &tab.Methods[j]
			name := m.FullName()
			if m.Table != tab.Name {
				t.Errorf("%s stands in table %s", name, tab.Name)
			}
			if m.Summary == "" || len(m.Summary) > 80 || strings.Contains(m.Summary, "\n") {
				t.Errorf("%s: summary %q is not one line", name, m.Summary)
			}
			if n := len(m.Notes); n < 2 || n > 6 {
				t.Errorf("%s has %d notes, want 2 to 6", name, n)
			}
			for _, text := range append([]string{m.Summary}, m.Notes...) {
				if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
					t.Errorf("%s: %q is not a sentence", name, text)
				}
			}
			if !strings.Contains(m.Prototype, "(*"+m.Name+")") && m.Name != "d_prune" && m.Name != "map_pages" {
				t.Errorf("%s: prototype %q", name, m.Prototype)
			}
			if m.SeedLine == 0 {
				t.Errorf("%s has no line", name)
			}
		}
	}
}

func TestProseRulesAreNumberedAndCited(t *testing.T) {
	if len(Prose()) != 41 {
		t.Errorf("%d prose rules, want 41", len(Prose()))
	}
	cited := make(map[int]bool)
	for _, m := range allMethods() {
		if !slices.IsSorted(m.Prose) || len(slices.Compact(slices.Clone(m.Prose))) != len(m.Prose) {
			t.Errorf("%s cites %v, want ascending numbers", m.FullName(), m.Prose)
		}
		for _, n := range m.Prose {
			if _, ok := ProseRule(n); !ok {
				t.Errorf("%s cites P%d, which does not exist", m.FullName(), n)
			}
			cited[n] = true
		}
	}
	for i, r := range Prose() {
		if r.Number != i+1 || r.Text == "" || r.Topic == "" {
			t.Errorf("rule %d is %+v", i+1, r)
		}
		if !cited[r.Number] {
			t.Errorf("no method cites P%d", r.Number)
		}
	}
	for _, n := range []int{-1, 0, 42} {
		if r, ok := ProseRule(n); ok {
			t.Errorf("ProseRule(%d) = %v", n, r)
		}
	}
}

// The methods that a prose rule names cite it.
func TestProseRulesAreCitedByTheMethodsTheyName(t *testing.T) {
	word := regexp.MustCompile(`[a-zA-Z_]+`)
	for _, r := range Prose() {
		for _, name := range word.FindAllString(r.Text, -1) {
			ms := byName[name]
			// Names in several tables are words too ("release", "lock"), and the
			// first method named is the subject of the rule.
			if len(ms) != 1 || ms[0].Name != name || !strings.HasPrefix(r.Text, name) {
				continue
			}
			if !slices.Contains(ms[0].Prose, r.Number) {
				t.Errorf("P%d is about %s, which does not cite it", r.Number, name)
			}
		}
	}
}

func TestLookupAndFind(t *testing.T) {
	m, ok := Lookup("inode_operations", "unlink")
	if !ok || m.Name != "unlink" || m.Table != "inode_operations" {
		t.Fatalf("Lookup = %+v, %v", m, ok)
	}
	if MustLookup("inode_operations", "unlink") != m {
		t.Error("MustLookup finds another one")
	}
	for _, bad := range [][2]string{{"inode_operations", "d_hash"}, {"", "unlink"}, {"vfs", "Unlinker.Unlink"}, {"vfs.Unlinker", "Unlink"}} {
		if m, ok := Lookup(bad[0], bad[1]); ok {
			t.Errorf("Lookup(%q, %q) = %s", bad[0], bad[1], m.FullName())
		}
	}
	for _, name := range []string{"unlink", "inode_operations.unlink", "vfs.Unlinker.Unlink", "Unlinker.Unlink", "Unlink"} {
		if ms := Find(name); !slices.Equal(ms, []*Method{m}) {
			t.Errorf("Find(%q) has %d methods", name, len(ms))
		}
	}
	var open []string
	for _, m := range Find("open") {
		open = append(open, m.Table)
	}
	if want := []string{"block_device_operations", "file_operations", "vm_operations_struct"}; !slices.Equal(open, want) {
		t.Errorf("open stands in %v, want %v", open, want)
	}
	if ms := Find("no such method"); ms != nil {
		t.Errorf("Find of nothing = %v", ms)
	}
	for _, m := range allMethods() {
		if got, ok := Lookup(m.Table, m.Name); !ok || got != m {
			t.Errorf("Lookup does not find %s", m.FullName())
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("MustLookup of nothing does not panic")
		}
	}()
	MustLookup("inode_operations", "nothing")
}

func TestFindReturnsACopy(t *testing.T) {
	Find("open")[0] = nil
	if Find("open")[0] == nil {
		t.Error("a caller can change the index")
	}
}

func TestRuleLine(t *testing.T) {
	for _, tc := range []struct{ table, name, want string }{
		{"inode_operations", "unlink", "Rule: inode_operations.unlink: i_mutex both, may_block yes, i_mutex_victim yes."},
		{"file_operations", "llseek", "Rule: file_operations.llseek: may_block yes."},
		{"dquot_operations", "write_dquot", "Rule: dquot_operations.write_dquot: fs_recursion yes, held dqonoff_sem|dqptr_sem."},
	} {
		if got := MustLookup(tc.table, tc.name).RuleLine(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestNamesOfEnumerations(t *testing.T) {
	var all []fmt.Stringer
	for h := range numHolds {
		all = append(all, h)
	}
	for b := range numBlockings {
		all = append(all, b)
	}
	for c := range numContexts {
		all = append(all, c)
	}
	for _, v := range all {
		if s := v.String(); s == "" || s == "invalid" {
			t.Errorf("%T %d has no name", v, v)
		}
	}
	for _, v := range []fmt.Stringer{numHolds, numBlockings, numContexts} {
		if v.String() != "invalid" {
			t.Errorf("%T %d is %q", v, v, v)
		}
	}
}

// The seed is the text that the tables come from: prototypes and rules.
func TestTheSeedHasTheSameMethods(t *testing.T) {
	const name = "../../shared/seed/vfs-locking-rules.txt"
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		t.Logf("%s is not at hand; TestTSVIsTheContract covers the cells", name)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	prototypes, lines := parseSeed(string(text))
	if len(prototypes) != 133 {
		t.Errorf("%d prototypes in the seed, want 133", len(prototypes))
	}
	for _, m := range allMethods() {
		want := strings.Replace(prototypes[m.FullName()], "((struct", "(struct", 1)
		if m.Prototype != want {
			t.Errorf("%s: prototype\n got %q\nwant %q", m.FullName(), m.Prototype, want)
		}
		delete(prototypes, m.FullName())
		if line, ok := lines[m.FullName()]; ok && line != m.SeedLine {
			t.Errorf("%s: line %d, want %d", m.FullName(), m.SeedLine, line)
		}
		delete(lines, m.FullName())
	}
	for name := range prototypes {
		t.Errorf("the seed's method %s is missing", name)
	}
	for name, line := range lines {
		t.Errorf("the seed's rule %s in line %d is missing", name, line)
	}
}

// parseSeed returns the prototypes and the lines of the rules by full name. Its
// lines begin with their number.
func parseSeed(text string) (prototypes map[string]string, lines map[string]int) {
	var (
		section   = regexp.MustCompile(`^-{10,}\s*(\w+)\s*-{10,}\s*$`)
		prototype = regexp.MustCompile(`^.*\(\s*\*\s*(\w+)\s*\)\s*\(.*;`)
		rule      = regexp.MustCompile(`^(\w+)(:|\t| {4})`)
	)
	prototypes, lines = make(map[string]string), make(map[string]int)
	table, pending, inRules := "", "", false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimPrefix(line, strconv.Itoa(i+1))
		if m := section.FindStringSubmatch(line); m != nil {
			table, pending, inRules = m[1], "", false
			continue
		}
		switch {
		case table == "":
		case strings.HasPrefix(line, "locking rules:"), strings.Contains(line, "FS recursion\tHeld"):
			inRules = true
		case !inRules:
			pending = strings.Join(strings.Fields(pending+" "+line), " ")
			if m := prototype.FindStringSubmatch(pending); m != nil {
				prototypes[table+"."+m[1]] = strings.TrimPrefix(m[0], "prototypes: ")
				pending = ""
			}
		default:
			if m := rule.FindStringSubmatch(line); m != nil && m[1] != "Note" {
				lines[table+"."+m[1]] = i + 1
			}
		}
	}
	return prototypes, lines
}
