//go:build !lockdep

package lockdep

import "github.com/govfs/govfs/lockrule"

// A Gate is one call of a method of the rule book, from Enter to Exit.
type Gate struct{}

func enterGate(*lockrule.Method, []LockArg, bool) *Gate { return nil }
func (*Gate) also(lockrule.State, Checkable)            {}
func (*Gate) alsoExit(lockrule.State, Checkable)        {}
func (*Gate) when(string, []LockArg, bool)              {}
func (*Gate) noBlock(int)                               {}
func (*Gate) exit(error, []LockArg)                     {}
func coverage() []MethodCoverage                        { return nil }
