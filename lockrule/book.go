package lockrule

import (
	"slices"
	"strings"
)

// tables is the book in the order of the printed tables.
var tables = bind(
	dentryOperations,
	inodeOperations,
	superOperations,
	fileSystemType,
	addressSpaceOperations,
	fileLockOperations,
	lockManagerOperations,
	bufferHead,
	blockDeviceOperations,
	fileOperations,
	dquotOperations,
	vmOperations,
)

// byName finds methods by every name that Find accepts.
var byName = index(tables)

// bind gives each method the name of its table, which the data does not repeat
// in every row.
func bind(ts ...Table) []Table {
	for i := range ts {
		for j := range ts[i].Methods {
			ts[i].Methods[j].Table = ts[i].Name
		}
	}
	return ts
}

func index(ts []Table) map[string][]*Method {
	names := make(map[string][]*Method)
	add := func(name string, m *Method) {
		if !slices.Contains(names[name], m) {
			names[name] = append(names[name], m)
		}
	}
	for i := range ts {
		for j := range ts[i].Methods {
			m := &ts[i].Methods[j]
			add(m.Name, m)
			add(m.FullName(), m)
			// "vfs.Lookuper.Lookup", "Lookuper.Lookup", "Lookup".
			for name, ok := m.Go, true; ok && name != ""; {
				add(name, m)
				_, name, ok = strings.Cut(name, ".")
			}
		}
	}
	return names
}

// Tables returns the twelve tables in the order in which they are printed.
func Tables() []Table { return tables }

// Lookup returns a method by table and name.
func Lookup(table, name string) (*Method, bool) {
	ms := byName[table+"."+name]
	for _, m := range ms {
		if m.Table == table && m.Name == name {
			return m, true
		}
	}
	return nil, false
}

// MustLookup is Lookup for names that are constants of the program. It panics
// if there is no such method.
func MustLookup(table, name string) *Method {
	m, ok := Lookup(table, name)
	if !ok {
		panic("lockrule: no method " + table + "." + name)
	}
	return m
}

// Find returns the methods of a name, in the book's order: the field's name
// ("unlink"), with its table ("inode_operations.unlink"), or the Go name with or
// without package and interface ("vfs.Unlinker.Unlink", "Unlinker.Unlink",
// "Unlink"). Some names stand in several tables: "open" in three. It returns
// nil if no method has the name.
func Find(name string) []*Method { return slices.Clone(byName[name]) }
