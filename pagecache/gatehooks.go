//go:build lockdep

package pagecache

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// What a row cannot say about a method, because it depends on the result. A
// hook exitGateX runs before the exit of gate X.

// exitGateWritepage: the page is unlocked, unless the method answers that it
// could not write it (P14).
func exitGateWritepage(g *lockdep.Gate, page *Page, _ *WritebackControl, result AOP, err error) {
	cond := lockrule.WhenNotActivate
	if err == nil && result == AOPWritepageActivate {
		cond = lockrule.WhenActivate
	}
	g.WhenExit(cond, lockdep.LockArg{Lock: "page_lock", Object: "page", L: lockPageLock(page)})
}
