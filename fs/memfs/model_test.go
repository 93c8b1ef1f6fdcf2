package memfs

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// A byteModel is a file as a slice of bytes, and for each page whether it is
// paid for: obviously right, and slow.
type byteModel struct {
	data []byte // up to the size
	paid map[int64]bool
}

func (m *byteModel) resize(n int64) {
	if n <= int64(len(m.data)) {
		m.data = m.data[:n:n]
	} else {
		m.data = append(m.data, make([]byte, n-int64(len(m.data)))...)
	}
}

// pay pays for the pages that [from, to) touches; false if the limit, in
// pages, is not enough.
func (m *byteModel) pay(from, to int64, limit int) bool {
	need := 0
	for i := from / pageSize; i*pageSize < to; i++ {
		if !m.paid[i] {
			need++
		}
	}
	if len(m.paid)+need > limit {
		return false
	}
	for i := from / pageSize; i*pageSize < to; i++ {
		m.paid[i] = true
	}
	return true
}

// unpay makes holes of the whole pages in [from, to).
func (m *byteModel) unpay(from, to int64) {
	for i := range m.paid {
		if i*pageSize >= from && (i+1)*pageSize <= to {
			delete(m.paid, i)
		}
	}
}

func (m *byteModel) zero(from, to int64) {
	if size := int64(len(m.data)); from < size {
		clear(m.data[from:min(to, size)])
	}
}

// shift moves what is paid for from page first on by n pages.
func (m *byteModel) shift(first, n int64) {
	moved := map[int64]bool{}
	for i := range m.paid {
		if i >= first {
			moved[i+n] = true
		} else {
			moved[i] = true
		}
	}
	m.paid = moved
}

func (m *byteModel) write(p []byte, off int64, limit int) int {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		n := min(len(p)-done, int(pageSize-at%pageSize))
		if !m.pay(at, at+int64(n), limit) {
			break
		}
		if end := at + int64(n); end > int64(len(m.data)) {
			m.resize(end)
		}
		copy(m.data[at:], p[done:done+n])
		done += n
	}
	return done
}

// fallocate is what ext4 does, with blocks of a page.
func (m *byteModel) fallocate(mode uint32, off, n int64, limit int) error {
	end, size := off+n, int64(len(m.data))
	switch mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case 0, unix.FALLOC_FL_ZERO_RANGE:
		if !m.pay(off, end, limit) {
			return unix.ENOSPC
		}
		if mode&unix.FALLOC_FL_ZERO_RANGE != 0 {
			m.zero(off, end)
		}
		if mode&unix.FALLOC_FL_KEEP_SIZE == 0 && end > size {
			m.resize(end)
		}
	case unix.FALLOC_FL_PUNCH_HOLE:
		m.zero(off, end)
		m.unpay(off, end)
	case unix.FALLOC_FL_COLLAPSE_RANGE:
		if off%pageSize != 0 || n%pageSize != 0 || end >= size {
			return unix.EINVAL
		}
		m.data = append(m.data[:off], m.data[end:]...)
		m.unpay(off, end)
		m.shift(end/pageSize, -n/pageSize)
	case unix.FALLOC_FL_INSERT_RANGE:
		if off%pageSize != 0 || n%pageSize != 0 || off >= size {
			return unix.EINVAL
		}
		m.data = append(m.data[:off:off], append(make([]byte, n), m.data[off:]...)...)
		m.shift(off/pageSize, n/pageSize)
	}
	return nil
}

// TestFileIsABytesSlice compares a file with a slice of bytes under random
// writes, truncations and all forms of fallocate, with little space.
func TestFileIsABytesSlice(t *testing.T) {
	const limit = 40
	rapid.Check(t, func(t *rapid.T) {
		w, unmount, err := mountMemWorld("nr_blocks=40")
		if err != nil {
			t.Fatal(err)
		}
		fd, err := w.open("f", unix.O_RDWR|unix.O_CREAT, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			w.close(fd)
			if err := unmount(); err != nil {
				t.Fatal(err)
			}
		}()
		m := byteModel{paid: map[int64]bool{}}
		offset := rapid.Custom(func(t *rapid.T) int64 {
			return max(0, pageSize*rapid.Int64Range(0, 90).Draw(t, "page")+rapid.SampledFrom([]int64{0, 0, 0, 1, -1, 77}).Draw(t, "byte"))
		})
		length := rapid.Custom(func(t *rapid.T) int64 {
			return max(1, pageSize*rapid.Int64Range(0, 12).Draw(t, "pages")+rapid.SampledFrom([]int64{0, 0, 0, 1, -1, 77}).Draw(t, "bytes"))
		})
		modes := rapid.SampledFrom([]uint32{
			0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE,
			unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_COLLAPSE_RANGE, unix.FALLOC_FL_INSERT_RANGE,
		})
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				p := bytes.Repeat([]byte{rapid.ByteRange(1, 255).Draw(t, "byte")}, int(length.Draw(t, "length")))
				off := offset.Draw(t, "offset")
				want := m.write(p, off, limit)
				n, err := w.pwrite(fd, p, off)
				if max(n, 0) != want || (want == 0) != (err == unix.ENOSPC) {
					t.Fatalf("write of %d at %d: %d, %v; want %d", len(p), off, n, err, want)
				}
			},
			"truncate": func(t *rapid.T) {
				n := offset.Draw(t, "size")
				if n <= int64(len(m.data)) {
					m.unpay((n+pageSize-1)/pageSize*pageSize, 1<<40)
				}
				m.resize(n)
				if err := w.ftruncate(fd, n); err != nil {
					t.Fatal(err)
				}
			},
			"fallocate": func(t *rapid.T) {
				mode, off, n := modes.Draw(t, "mode"), offset.Draw(t, "offset"), length.Draw(t, "length")
				want := m.fallocate(mode, off, n, limit)
				if err := w.fallocate(fd, mode, off, n); errName(err) != errName(want) {
					t.Fatalf("fallocate(%#x, %d, %d): %v, want %v", mode, off, n, err, want)
				}
			},
			"": func(t *rapid.T) {
				var st unix.Stat_t
				if err := w.fstat(fd, &st); err != nil {
					t.Fatal(err)
				}
				if st.Size != int64(len(m.data)) || st.Blocks != int64(len(m.paid))*8 {
					t.Fatalf("size %d, blocks %d; want %d, %d", st.Size, st.Blocks, len(m.data), len(m.paid)*8)
				}
				if left := w.sb.blocks.left.Load(); left != int64(limit-len(m.paid)) {
					t.Fatalf("%d blocks are left, want %d", left, limit-len(m.paid))
				}
				got := make([]byte, len(m.data)+10)
				n, err := w.pread(fd, got, 0)
				if err != nil || !bytes.Equal(got[:n], m.data) {
					t.Fatalf("the data differ (%d bytes, %v)", n, err)
				}
			},
		})
	})
}
