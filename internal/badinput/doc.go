// Package badinput gives every call what it must refuse: names and paths too
// long or with a NUL, offsets and lengths beyond what there is, descriptors that
// are none, unknown flags and options, mount points that are busy or missing.
// Each has its errno, or one line that says what is wrong; nothing panics.
package badinput
