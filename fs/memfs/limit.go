package memfs

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// A limit is an amount that is given out in parts, exactly: it fails only where
// less is left than is asked for. It is its own lock.
type limit struct {
	total atomic.Int64 // 0: no limit, and nothing is counted
	left  atomic.Int64
}

func (l *limit) init(total int64) {
	l.total.Store(total)
	l.left.Store(total)
}

// take takes n; false if less is left.
func (l *limit) take(n int64) bool {
	if l.total.Load() == 0 {
		return true
	}
	return l.change(-n)
}

// give gives n back.
func (l *limit) give(n int64) {
	if l.total.Load() != 0 {
		l.left.Add(n)
	}
}

// change adds n to what is left, unless that would be negative.
func (l *limit) change(n int64) bool {
	for {
		left := l.left.Load()
		if left+n < 0 {
			return false
		}
		if l.left.CompareAndSwap(left, left+n) {
			return true
		}
	}
}

// resize changes the total: not below what has been given out, and to none at
// all at any time. Nothing is counted without a limit, so that there is no way
// back from there. One caller at a time.
func (l *limit) resize(total int64) bool {
	old := l.total.Load()
	if total != 0 && (old == 0 || !l.change(total-old)) {
		return false
	}
	l.total.Store(total)
	return true
}

// A resizing is a change of a limit by a mount option.
type resizing struct {
	option string
	limit  *limit
	total  int64
}

// resizeAll makes all changes, or none. Shrinking, which can fail, goes before
// the rest, so that what has to be undone is shrinking only.
func resizeAll(changes []resizing) error {
	slices.SortStableFunc(changes, func(a, b resizing) int { return cmp.Compare(a.order(), b.order()) })
	for i, c := range changes {
		old := c.limit.total.Load()
		if c.limit.resize(c.total) {
			changes[i].total = old
			continue
		}
		for _, done := range changes[:i] {
			done.limit.resize(done.total)
		}
		reason := "less than is in use"
		if old == 0 {
			reason = "there is no limit, and none can be set in a remount"
		}
		return &OptionError{c.option, reason}
	}
	return nil
}

// order is 0 for a change that can fail.
func (r *resizing) order() int {
	if old := r.limit.total.Load(); r.total != 0 && r.total <= old || r.total != 0 && old == 0 {
		return 0
	}
	return 1
}
