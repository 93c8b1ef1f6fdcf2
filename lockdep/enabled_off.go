//go:build !lockdep

package lockdep

// Enabled says whether the checker is compiled in (build tag lockdep). It is a
// constant, so code below "if lockdep.Enabled" costs nothing without the tag.
const Enabled = false
