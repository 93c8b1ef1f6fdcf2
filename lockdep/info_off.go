//go:build !lockdep

package lockdep

// info is what a lock carries for the checker: nothing, without it. It is the
// first field of each lock, since a last field of no size would be padded.
type info struct{}

func (*info) init(*Class, Kind)                  {}
func (*info) setID(uint64)                       {}
func (*info) acquiring(Subclass, Mode, holdFlag) {}
func (*info) acquired(Subclass, Mode, holdFlag)  {}
func (*info) trying(Mode)                        {}
func (*info) releasing(Mode) Mode                { return Unheld }
func (*info) transfer()                          {}
func (*info) adopt()                             {}
func (*info) enterRead()                         {}
func (*info) exitRead()                          {}
func (*info) held() Mode                         { return Unheld }
func (*info) class() *Class                      { return nil }
func (*info) assertHeld(Mode)                    {}
func (*info) assertNotHeld()                     {}
func (*info) mightBlock()                        {}

func (*info) reading()        {}
func (*info) renest(Subclass) {}

func heldLocks() []Report { return nil }
