package lockdep

// holdFlag says how a lock was taken.
type holdFlag uint8

const (
	flagTry       holdFlag = 1 << iota // by a trylock: legal against the order
	flagOrdered                        // in ascending order of ids
	flagSpin                           // as a spin lock, whatever the class says
	flagAnonymous                      // a class is optional
	flagRead                           // an announced read sequence, no lock
)
