package daemon

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Error is a failure as the user should see it, in one line: what was
// attempted and on what, why it failed, and what to do about it.
type Error struct {
	Op    string // "mount mem on /mnt"
	Err   error
	Do    string // advice; may be empty
	Usage bool   // the call was wrong, not the world
}

func (e *Error) Error() string {
	s := e.Op + ": " + e.Err.Error()
	if e.Do != "" {
		s += "; " + e.Do
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// message is an [Error] as it travels between processes.
type message struct {
	Op    string        `json:"op"`
	Text  string        `json:"error"`
	Errno syscall.Errno `json:"errno,omitempty"`
	Do    string        `json:"do,omitempty"`
	Usage bool          `json:"usage,omitempty"`
}

// messageOf takes an error apart; op stands for what an error that is not an
// [Error] was about.
func messageOf(op string, err error) message {
	e := &Error{Op: op, Err: err}
	errors.As(err, &e)
	m := message{Op: e.Op, Text: e.Err.Error(), Do: e.Do, Usage: e.Usage}
	errors.As(err, &m.Errno)
	return m
}

// asError is the error that messageOf took apart.
func (m message) asError() *Error {
	return &Error{Op: m.Op, Err: &textError{m.Text, m.Errno}, Do: m.Do, Usage: m.Usage}
}

// shorten is err without what its text begins with, since the line that it
// becomes part of says that already.
func shorten(err error, prefix string) error {
	if err == nil {
		return nil
	}
	text, ok := strings.CutPrefix(err.Error(), prefix)
	if !ok {
		return err
	}
	short := &textError{text: text}
	errors.As(err, &short.errno)
	return short
}

// textError is an error of which there are only the text, and the number if it
// had one.
type textError struct {
	text  string
	errno syscall.Errno
}

func (e *textError) Error() string { return e.text }

func (e *textError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// cause is the part of an error that is not its operation and path, which the
// line names already.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var sys *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &sys):
		return sys.Err
	}
	return err
}

// isDead reports whether an error is that of a mount whose daemon is gone: its
// connection has ended ("transport endpoint is not connected"), or was ended by
// force.
func isDead(err error) bool {
	return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
}
