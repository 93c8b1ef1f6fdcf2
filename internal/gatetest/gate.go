package gatetest

import (
	"context"
	"fmt"
	"reflect"
	"syscall"

	"github.com/govfs/govfs/lockrule"
)

// A Param is a parameter or a result of a method, but for contexts and errors.
type Param struct {
	Name string
	Type reflect.Type
}

// P is the parameter with that name and type.
func P[T any](name string) Param { return Param{name, reflect.TypeFor[T]()} }

// A Gate is one gate of the package under test, with a driver behind it that
// does what the [World] says.
type Gate struct {
	Rule    string // "table.method"
	Params  []Param
	Results []Param
	Fails   bool // has an error among its results
	Call    func(*World)
}

// A Kit is what a package tells of its objects.
type Kit struct {
	// Make makes an object for an argument or a result; nil for a type that
	// has no locks, whose zero value is used then.
	Make func(w *World, name string, typ reflect.Type) any
	// Locks are an object's locks, by their names in the rule book.
	Locks func(obj any) map[string]any
	// Global are the locks of which there is one, and those that stand for
	// any lock of a class.
	Global map[string]any
	// RCU is the value of an argument that says that the call is made in
	// rcu-walk; nil if the argument says no such thing.
	RCU func(p Param) any
	// Failure is a result by which a method fails that returns no error; nil
	// for other types. It can be nil itself.
	Failure func(typ reflect.Type) any
	// Variants are the cases of methods whose rows depend on arguments or
	// results. A method that has none is tested once, as its row is.
	Variants map[string][]Variant
}

// A Variant is one case of a method.
type Variant struct {
	Name string
	// When are the conditions that hold in this case.
	When []string
	// States stand in for those of the row that are about the same locks.
	States []lockrule.State
	// NoBlock is the prose rule by which the method must not block in this
	// case; 0 if it may, or the row says so itself.
	NoBlock int
	// Prepare changes the world before the call.
	Prepare func(w *World)
}

// A World is what one call of a gate is made in.
type World struct {
	kit     *Kit
	args    map[string]any
	results map[string]any
	memo    map[string]any
	body    func()
	fail    bool
	ran     bool
}

// errDriver is the error of a driver that fails.
const errDriver = syscall.ENOTRECOVERABLE

func newWorld(k *Kit, g *Gate, v *Variant) *World {
	w := &World{kit: k, args: map[string]any{}, results: map[string]any{}, memo: map[string]any{}}
	for _, p := range g.Params {
		w.args[p.Name] = k.Make(w, p.Name, p.Type)
	}
	for _, p := range g.Results {
		w.results[p.Name] = k.Make(w, p.Name, p.Type)
	}
	if v != nil && v.Prepare != nil {
		v.Prepare(w)
	}
	return w
}

// Context is the context of the call.
func (w *World) Context() context.Context { return context.Background() }

// Set gives an argument or a result another value.
func (w *World) Set(name string, v any) {
	if _, ok := w.results[name]; ok {
		w.results[name] = v
		return
	}
	w.args[name] = v
}

// Get is the value of an argument or a result.
func (w *World) Get(name string) any {
	if v, ok := w.results[name]; ok {
		return v
	}
	return w.args[name]
}

// Memo makes something once for each world.
func (w *World) Memo(name string, mk func() any) any {
	v, ok := w.memo[name]
	if !ok {
		v = mk()
		w.memo[name] = v
	}
	return v
}

// Arg is an argument of the call, the zero value if it is no object.
func Arg[T any](w *World, name string) T {
	v, _ := w.args[name].(T)
	return v
}

// Result is what the driver returns: if it fails, the zero value or the kit's.
func Result[T any](w *World, name string) T {
	if w.fail {
		if w.kit.Failure != nil {
			if v, ok := w.kit.Failure(reflect.TypeFor[T]()).(T); ok {
				return v
			}
		}
		return *new(T)
	}
	v, _ := w.results[name].(T)
	return v
}

// Run is what each driver's method does.
func (w *World) Run() error {
	w.ran = true
	if w.body != nil {
		w.body()
	}
	if w.fail {
		return errDriver
	}
	return nil
}

// object is the argument or result with a name.
func (w *World) object(name string) any { return w.Get(name) }

// lock is the lock that a state speaks of; nil if it is not there.
func (w *World) lock(s *lockrule.State) any {
	if s.Object == "" {
		return w.kit.Global[s.Lock]
	}
	obj := w.object(s.Object)
	if obj == nil {
		return nil
	}
	return w.kit.Locks(obj)[s.Lock]
}

// otherLock is the same lock of another object; nil if there is no other.
func (w *World) otherLock(g *Gate, s *lockrule.State) any {
	for _, p := range append(g.Params[:len(g.Params):len(g.Params)], g.Results...) {
		if p.Name != s.Object {
			continue
		}
		obj := w.Memo(fmt.Sprintf("other %s", p.Name), func() any { return w.kit.Make(w, "other "+p.Name, p.Type) })
		if obj == nil {
			return nil
		}
		l := w.kit.Locks(obj)[s.Lock]
		if l == w.lock(s) {
			return nil
		}
		return l
	}
	return nil
}
