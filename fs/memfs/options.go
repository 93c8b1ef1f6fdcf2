package memfs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An OptionError is a mount option that memfs does not take. It is an EINVAL.
type OptionError struct {
	Option string // as it was given: name, or name=value
	Reason string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("memfs: option %q: %s", e.Option, e.Reason)
}

// Unwrap makes the error an EINVAL.
func (e *OptionError) Unwrap() error { return unix.EINVAL }

// options are the mount options, taken apart.
type options struct {
	given optionSet

	blocks   int64 // pages; 0: no limit
	inodes   int64 // 0: no limit
	mode     uint32
	uid, gid uint32
	acl      bool
}

// optionSet says which options were given: the others keep their defaults, or
// at a remount what they are.
type optionSet uint8

const (
	optBlocks optionSet = 1 << iota
	optInodes
	optMode
	optUID
	optGID
	optACL
)

const (
	defaultMode = 0o1777

	// inodeSpace is what an inode costs of the space for inodes, in bytes:
	// extended attributes are paid for from the same space, by their length.
	inodeSpace = 1024
	// maxInodes keeps the space for inodes within an int64.
	maxInodes = math.MaxInt64 / inodeSpace
	maxBlocks = math.MaxInt64 / pageSize
)

// parseOptions takes a string of options apart, names and values joined by
// "=", separated by commas; of an option given twice the last one counts.
// memory is the machine's, in pages: what a size in percent refers to. The
// error is an *[OptionError].
func parseOptions(s string, memory int64) (options, error) {
	o := options{mode: defaultMode, acl: true}
	for _, opt := range strings.Split(s, ",") {
		if opt == "" {
			continue
		}
		if err := o.parse(opt, memory); err != nil {
			return options{}, &OptionError{Option: opt, Reason: err.Error()}
		}
	}
	return o, nil
}

func (o *options) parse(opt string, memory int64) error {
	name, value, hasValue := strings.Cut(opt, "=")
	switch name {
	case "acl", "noacl":
		if hasValue {
			return errors.New("takes no value")
		}
		o.acl = name == "acl"
		o.given |= optACL
		return nil
	case "size", "nr_blocks", "nr_inodes", "mode", "uid", "gid":
	default:
		return errors.New("unknown; known are size, nr_blocks, nr_inodes, mode, uid, gid, acl, noacl")
	}
	if value == "" {
		return errors.New("needs a value")
	}
	var err error
	switch name {
	case "size":
		o.blocks, err = parseSize(value, memory)
		o.given |= optBlocks
	case "nr_blocks":
		o.blocks, err = parseCount(value, maxBlocks)
		o.given |= optBlocks
	case "nr_inodes":
		o.inodes, err = parseCount(value, maxInodes)
		o.given |= optInodes
	case "mode":
		o.mode, err = parseMode(value)
		o.given |= optMode
	case "uid":
		o.uid, err = parseID(value)
		o.given |= optUID
	case "gid":
		o.gid, err = parseID(value)
		o.given |= optGID
	}
	return err
}

// parseSize is the number of pages that a size in bytes, or in percent of the
// memory, needs.
func parseSize(s string, memory int64) (blocks int64, err error) {
	percent, ok := strings.CutSuffix(s, "%")
	if !ok {
		n, err := parseCount(s, math.MaxInt64)
		return int64((uint64(n) + pageSize - 1) / pageSize), err
	}
	n, err := parseNumber(percent)
	if err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(n, uint64(memory))
	if hi >= 100 {
		return 0, errTooLarge
	}
	pages, _ := bits.Div64(hi, lo, 100)
	if pages > maxBlocks {
		return 0, errTooLarge
	}
	return int64(pages), nil
}

var (
	errTooLarge = errors.New("the number is too large")
	errNoNumber = errors.New("not a number")
)

// units multiply a number by powers of 1024.
const units = "kmgtpe"

// parseCount reads a number with an optional unit.
func parseCount(s string, limit uint64) (int64, error) {
	shift := 0
	n, rest, err := scanNumber(s)
	if err == nil && len(rest) == 1 {
		if shift = 10 * (1 + strings.IndexByte(units, rest[0]|0x20)); shift > 0 {
			rest = ""
		}
	}
	switch {
	case err != nil:
		return 0, err
	case rest != "":
		return 0, errNoNumber
	case n<<shift>>shift != n, n<<shift > limit:
		return 0, errTooLarge
	}
	return int64(n << shift), nil
}

// parseNumber reads a number without a unit.
func parseNumber(s string) (uint64, error) {
	n, rest, err := scanNumber(s)
	if err == nil && rest != "" {
		err = errNoNumber
	}
	return n, err
}

// scanNumber reads the number that s begins with: octal after 0, hexadecimal
// after 0x.
func scanNumber(s string) (n uint64, rest string, err error) {
	base := 10
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		base, s = 16, s[2:]
	} else if len(s) > 1 && s[0] == '0' {
		base = 8
	}
	end := 0
	for end < len(s) && digit(s[end]) < base {
		end++
	}
	if end == 0 {
		return 0, s, errNoNumber
	}
	if n, err = strconv.ParseUint(s[:end], base, 64); err != nil {
		return 0, "", errTooLarge
	}
	return n, s[end:], nil
}

// digit is the value of a digit in any base up to 16, more for other bytes.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 16
}

func parseMode(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || s[0] == '+' {
		return 0, errors.New("not an octal number of 32 bits")
	}
	return uint32(n) & 0o7777, nil
}

func parseID(s string) (uint32, error) {
	n, err := parseNumber(s)
	if err != nil {
		return 0, err
	}
	if n >= math.MaxUint32 { // the highest one means "none"
		return 0, errTooLarge
	}
	return uint32(n), nil
}

// write appends the options that are not the default, for a machine with
// memory pages.
func (o *options) write(w io.Writer, memory int64) error {
	var b strings.Builder
	if o.blocks != memory/2 {
		fmt.Fprintf(&b, ",size=%dk", o.blocks*(pageSize/1024))
	}
	if o.inodes != memory/2 {
		fmt.Fprintf(&b, ",nr_inodes=%d", o.inodes)
	}
	if o.mode != defaultMode {
		fmt.Fprintf(&b, ",mode=%03o", o.mode)
	}
	if o.uid != 0 {
		fmt.Fprintf(&b, ",uid=%d", o.uid)
	}
	if o.gid != 0 {
		fmt.Fprintf(&b, ",gid=%d", o.gid)
	}
	if !o.acl {
		b.WriteString(",noacl")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// memoryPages is the machine's memory.
func memoryPages() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		panic("memfs: sysinfo: " + err.Error()) // it has no reason to fail
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit) / pageSize)
}
