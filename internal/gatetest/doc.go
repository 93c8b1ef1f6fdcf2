// Package gatetest tests gates by breaking rules: for every method of a
// contract it calls the gate as its row demands, which must be silent, and then
// once for every way in which a caller or a driver can break the row, each of
// which must be reported by name. What there is to break comes from package
// lockrule, so that no cell can be forgotten.
//
// A package describes its gates by a generated table ([Gate]) and its objects
// and their locks by a [Kit]. The tests run under the build tag lockdep.
package gatetest
