package iofs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// defaultTimeout is how long names and attributes of a file system that may
// change are believed: as long as the kernel's FUSE does by default.
const defaultTimeout = time.Second

// options are those of one mount.
type options struct {
	uid, gid uint32
	umask    uint32 // permissions that nothing has
	timeout  time.Duration
}

// parseOptions reads a comma-separated list; what it does not name stays as in
// o. Empty elements are nothing, and of an option given twice the last counts.
// Errors are of type [*Error], for EINVAL.
func parseOptions(list string, o options) (options, error) {
	for opt := range strings.SplitSeq(list, ",") {
		if opt == "" {
			continue
		}
		key, value, _ := strings.Cut(opt, "=")
		var err error
		switch key {
		case "uid":
			o.uid, err = parseID(value)
		case "gid":
			o.gid, err = parseID(value)
		case "umask":
			o.umask, err = parseUmask(value)
		case "timeout":
			o.timeout, err = parseTimeout(value)
		default:
			err = fmt.Errorf("unknown; there are uid, gid, umask and timeout")
		}
		if err != nil {
			return o, &Error{Op: "mount", Reason: fmt.Sprintf("option %q: %v", opt, err), Errno: unix.EINVAL}
		}
	}
	return o, nil
}

// parseID reads a user or group number; the highest stands for "no change" in
// chown, and is nobody's.
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == math.MaxUint32 {
		return 0, fmt.Errorf("not a number from 0 to %d", uint32(math.MaxUint32-1))
	}
	return uint32(n), nil
}

func parseUmask(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("not an octal number from 0 to 777")
	}
	return uint32(n), nil
}

// parseTimeout reads seconds, with decimals.
func parseTimeout(s string) (time.Duration, error) {
	const most = 1e9 // 31 years
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("not a number of seconds from 0 to %.0f", float64(most))
	}
	return time.Duration(n * float64(time.Second)), nil
}

// show is the list that would make o out of the defaults, each with a comma
// before it.
func (o options) show(defaults options) string {
	var b strings.Builder
	if o.uid != defaults.uid {
		fmt.Fprintf(&b, ",uid=%d", o.uid)
	}
	if o.gid != defaults.gid {
		fmt.Fprintf(&b, ",gid=%d", o.gid)
	}
	if o.umask != defaults.umask {
		fmt.Fprintf(&b, ",umask=%03o", o.umask)
	}
	if o.timeout != defaults.timeout {
		b.WriteString(",timeout=" + strconv.FormatFloat(o.timeout.Seconds(), 'f', -1, 64))
	}
	return b.String()
}
