//go:build lockdep

package quota

import (
	"github.com/govfs/govfs/lockdep"
	"github.com/govfs/govfs/lockrule"
)

// What a row says without naming a lock: where the file system is entered
// again, the generic operation takes dqio_sem for the quota file, and so the
// caller does not hold it. A hook enterGateX runs after the entry of gate X.

func enterGateWriteDquot(g *lockdep.Gate, d *Dquot)   { reenters(g, "dquot", d.sb) }
func enterGateAcquireDquot(g *lockdep.Gate, d *Dquot) { reenters(g, "dquot", d.sb) }
func enterGateReleaseDquot(g *lockdep.Gate, d *Dquot) { reenters(g, "dquot", d.sb) }

func enterGateWriteInfo(g *lockdep.Gate, s *Super, _ Type) { reenters(g, "sb", s) }

func reenters(g *lockdep.Gate, object string, s *Super) {
	g.Also("dqio_sem", object, s.DqioSem(), lockrule.No, 0)
}
