package iofs

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOptions(t *testing.T) {
	base := options{uid: 1, gid: 2, timeout: time.Second}
	for _, c := range []struct {
		list string
		want options
		err  string
	}{
		{"", base, ""},
		{",,", base, ""},
		{"uid=0,gid=4294967294", options{uid: 0, gid: 4294967294, timeout: time.Second}, ""},
		{"umask=022", options{uid: 1, gid: 2, umask: 0o22, timeout: time.Second}, ""},
		{"uid=5,uid=6", options{uid: 6, gid: 2, timeout: time.Second}, ""},
		{"timeout=0.25", options{uid: 1, gid: 2, timeout: 250 * time.Millisecond}, ""},
		{"timeout=0", options{uid: 1, gid: 2}, ""},
		{"uid=4294967295", base, `iofs: mount: option "uid=4294967295": not a number from 0 to 4294967294`},
		{"uid", base, `iofs: mount: option "uid": not a number from 0 to 4294967294`},
		{"gid=-1", base, `iofs: mount: option "gid=-1": not a number from 0 to 4294967294`},
		{"umask=8", base, `iofs: mount: option "umask=8": not an octal number from 0 to 777`},
		{"umask=1000", base, `iofs: mount: option "umask=1000": not an octal number from 0 to 777`},
		{"timeout=NaN", base, `iofs: mount: option "timeout=NaN": not a number of seconds from 0 to 1000000000`},
		{"timeout=-1", base, `iofs: mount: option "timeout=-1": not a number of seconds from 0 to 1000000000`},
		{"size=1", base, `iofs: mount: option "size=1": unknown; there are uid, gid, umask and timeout`},
	} {
		got, err := parseOptions(c.list, base)
		if c.err != "" {
			if err == nil || err.Error() != c.err || !errors.Is(err, unix.EINVAL) {
				t.Errorf("%q: error %v, want %s", c.list, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.list, got, err, c.want)
		}
	}
}

// What is shown of the options makes the same options again.
func FuzzOptions(f *testing.F) {
	for _, s := range []string{"", "uid=1,gid=2,umask=077,timeout=1.5", "uid=,", "x=y", "timeout=1e9", "timeout=0.000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		var none options
		o, err := parseOptions(list, none)
		if err != nil {
			if !errors.Is(err, unix.EINVAL) {
				t.Fatalf("%q: %v", list, err)
			}
			return
		}
		if o.umask&^0o777 != 0 || o.timeout < 0 {
			t.Fatalf("%q: %+v", list, o)
		}
		again, err := parseOptions(o.show(none), none)
		if err != nil || again != o {
			t.Fatalf("%q: %+v shows as %q, which is %+v, %v", list, o, o.show(none), again, err)
		}
	})
}
