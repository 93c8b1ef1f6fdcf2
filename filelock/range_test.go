package filelock

import (
	"io"
	"math"
	"syscall"
	"testing"
)

func TestRangeOfFcntl(t *testing.T) {
	const pos, size = 100, 1000
	for _, tt := range []struct {
		whence        int
		start, length int64
		first, last   int64
		err           error
	}{
		{io.SeekStart, 10, 5, 10, 14, nil},
		{io.SeekStart, 10, 1, 10, 10, nil},
		{io.SeekStart, 10, 0, 10, End, nil},
		{io.SeekStart, 0, 0, 0, End, nil},
		{io.SeekCurrent, 10, 5, 110, 114, nil},
		{io.SeekCurrent, -100, 5, 0, 4, nil},
		{io.SeekCurrent, -101, 5, 0, 0, syscall.EINVAL},
		{io.SeekEnd, 0, 0, 1000, End, nil},
		{io.SeekEnd, -1, 1, 999, 999, nil},
		{io.SeekEnd, 5000, 1, 6000, 6000, nil},
		{io.SeekStart, 10, -5, 5, 9, nil},
		{io.SeekStart, 10, -10, 0, 9, nil},
		{io.SeekStart, 10, -11, 0, 0, syscall.EINVAL},
		{io.SeekStart, 0, -1, 0, 0, syscall.EINVAL},
		{io.SeekStart, -1, 5, 0, 0, syscall.EINVAL},
		{io.SeekStart, math.MinInt64, math.MinInt64, 0, 0, syscall.EINVAL},
		{io.SeekStart, End, 1, End, End, nil},
		{io.SeekStart, End, 0, End, End, nil},
		{io.SeekStart, End, 2, 0, 0, syscall.EOVERFLOW},
		{io.SeekStart, 1, End, 1, End, nil},
		{io.SeekStart, 2, End, 0, 0, syscall.EOVERFLOW},
		{io.SeekCurrent, End - 99, 0, 0, 0, syscall.EOVERFLOW},
		{io.SeekCurrent, End - 100, 0, End, End, nil},
		{io.SeekStart, End, math.MinInt64, 0, 0, syscall.EINVAL},
		{io.SeekStart, End, -End, 0, End - 1, nil},
		{3, 0, 0, 0, 0, syscall.EINVAL},
		{-1, 0, 0, 0, 0, syscall.EINVAL},
	} {
		first, last, err := Range(tt.whence, tt.start, tt.length, pos, size)
		if first != tt.first || last != tt.last || err != tt.err {
			t.Errorf("whence %d, start %d, length %d: got [%d,%d] %v, want [%d,%d] %v",
				tt.whence, tt.start, tt.length, first, last, err, tt.first, tt.last, tt.err)
		}
	}
}

func TestLengthIsThatOfFcntl(t *testing.T) {
	for _, tt := range []struct{ start, end, want int64 }{
		{0, End, 0}, {5, End, 0}, {0, 0, 1}, {3, 9, 7}, {1, End - 1, End - 1},
	} {
		if got := (&Lock{Start: tt.start, End: tt.end}).Length(); got != tt.want {
			t.Errorf("[%d,%d]: length %d, want %d", tt.start, tt.end, got, tt.want)
		}
	}
}
