package filelock

import (
	"io"
	"syscall"
)

// Range converts a range as fcntl gives it to the first and the last byte.
// start counts from the beginning of the file, from pos or from size, as
// whence says (io.SeekStart, io.SeekCurrent, io.SeekEnd); length may be
// negative, for bytes before start, or 0, for a range without end. Errors:
// EINVAL for another whence and for a range that begins before the file,
// EOVERFLOW for one that does not fit in 63 bits.
func Range(whence int, start, length, pos, size int64) (first, last int64, err error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		first = pos
	case io.SeekEnd:
		first = size
	default:
		return 0, 0, syscall.EINVAL
	}
	if start > End-first {
		return 0, 0, syscall.EOVERFLOW
	}
	if first += start; first < 0 {
		return 0, 0, syscall.EINVAL
	}
	switch {
	case length > 0:
		if length-1 > End-first {
			return 0, 0, syscall.EOVERFLOW
		}
		return first, first + length - 1, nil
	case length < 0:
		if first+length < 0 {
			return 0, 0, syscall.EINVAL
		}
		return first + length, first - 1, nil
	}
	return first, End, nil
}
