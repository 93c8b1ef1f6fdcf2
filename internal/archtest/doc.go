// Package archtest holds tests about the tree as a whole: which package may
// import which.
package archtest
