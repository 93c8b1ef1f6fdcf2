package difftest

import "time"

// Minimize removes operations from a list that ends in a disagreement, as long
// as some disagreement is left (delta debugging). keep are the numbers of the
// operations to start from; fails runs a choice of them. It returns the
// smallest choice that it finds in the given time, with its disagreement: nil
// if there was none when all were run again.
func Minimize(keep []int, budget time.Duration, fails func(keep []int) *Mismatch) ([]int, *Mismatch) {
	end := time.Now().Add(budget)
	last := fails(keep)
	if last == nil {
		return keep, nil
	}
	keep = keep[:last.Index+1]
	for size := (len(keep) + 1) / 2; ; size = (size + 1) / 2 {
		removed := false
		for at := 0; at < len(keep); {
			if time.Now().After(end) {
				return keep, last
			}
			less := append(append([]int(nil), keep[:at]...), keep[min(at+size, len(keep)):]...)
			if m := fails(less); m != nil {
				keep, last, removed = less[:m.Index+1], m, true
			} else {
				at += size
			}
		}
		if size == 1 && !removed {
			return keep, last
		}
	}
}

// Choose picks operations by their numbers.
func Choose(ops []Op, keep []int) []Op {
	chosen := make([]Op, len(keep))
	for i, n := range keep {
		chosen[i] = ops[n]
	}
	return chosen
}

// All are the numbers below n.
func All(n int) []int {
	keep := make([]int, n)
	for i := range keep {
		keep[i] = i
	}
	return keep
}
