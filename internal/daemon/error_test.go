package daemon

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorsSurviveTheWayBetweenProcesses(t *testing.T) {
	for _, c := range []struct {
		err  error
		text string
	}{
		{&Error{Op: "mount a on b", Err: unix.EBUSY, Do: "wait"}, "mount a on b: device or resource busy; wait"},
		{fmt.Errorf("wrapped: %w", &Error{Op: "mount a on b", Err: fmt.Errorf("why: %w", unix.EPERM), Usage: true}), "mount a on b: why: operation not permitted"},
		{fmt.Errorf("plain: %w", unix.EIO), "op: plain: input/output error"},
		{errors.New("no number"), "op: no number"},
	} {
		got := messageOf("op", c.err).asError()
		if got.Error() != c.text {
			t.Errorf("%v became %v", c.err, got)
		}
		var want, errno unix.Errno
		if errors.As(c.err, &want) != errors.As(got, &errno) || want != errno {
			t.Errorf("%v: number %v became %v", c.err, want, errno)
		}
		var e *Error
		if errors.As(c.err, &e) && e.Usage != got.Usage {
			t.Errorf("%v: usage %v", c.err, got.Usage)
		}
	}
}

func TestShorten(t *testing.T) {
	if err := shorten(nil, "x"); err != nil {
		t.Error(err)
	}
	long := fmt.Errorf("fuse: mount on /a: no: %w", unix.EPERM)
	if err := shorten(long, "fuse: mount on /a: "); err.Error() != "no: operation not permitted" || !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
	if err := shorten(long, "other"); err != long {
		t.Error(err)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/mnt/a-b_c.d": "/mnt/a-b_c.d", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "ä": "'ä'", "a\nb": "'a\nb'",
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
