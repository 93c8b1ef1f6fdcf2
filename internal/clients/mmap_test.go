package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	helpers["poke"] = pokeMapped
}

// pokeMapped FILE N: adds one to N bytes of the file, by way of mapped memory.
func pokeMapped(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var n int
	if _, err := fmt.Sscan(args[1], &n); err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := range m {
		m[i]++
	}
	return unix.Munmap(m)
}

// mapFile maps the first n bytes of a file until the end of the test.
func mapFile(s *site, f *os.File, n, flags int) []byte {
	s.Helper()
	m, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, flags)
	must(s, err)
	s.Cleanup(func() { unix.Munmap(m) })
	return m
}

func TestMappedMemory(t *testing.T) {
	onSites(t, func(s *site) {
		const size = 300_000 // does not end with a page
		f, err := os.Create(s.path("mapped"))
		must(s, err)
		s.Cleanup(func() { f.Close() })
		_, err = f.Write(bytes.Repeat([]byte{'0'}, size))
		must(s, err)
		check := func(what string, want []byte) {
			s.Helper()
			got, err := os.ReadFile(f.Name())
			if err != nil || !bytes.Equal(got, want) {
				s.Errorf("%s: the file reads otherwise, %v", what, err)
			}
		}

		shared := mapFile(s, f, size, unix.MAP_SHARED)
		private := mapFile(s, f, size, unix.MAP_PRIVATE)
		if !bytes.Equal(shared, bytes.Repeat([]byte{'0'}, size)) {
			s.Error("the mapping is not what was written")
		}
		shared[0], shared[100_000], shared[size-1] = 'a', 'b', 'c'
		private[5] = 'p'
		want := bytes.Repeat([]byte{'0'}, size)
		want[0], want[100_000], want[size-1] = 'a', 'b', 'c'
		check("written by mapping", want)
		must(s, unix.Msync(shared, unix.MS_SYNC))
		check("synced", want)
		if private[0] != 'a' || private[5] != 'p' || shared[5] != '0' {
			s.Errorf("private mapping: %q, %q; shared: %q", private[0], private[5], shared[5])
		}
		_, err = f.WriteAt([]byte("written"), 200_000)
		must(s, err)
		copy(want[200_000:], "written")
		if got := shared[200_000:200_007]; string(got) != "written" {
			s.Errorf("a write shows as %q in the mapping", got)
		}
		s.startHelper("poke", f.Name(), "4000").finish()
		for i := range 4000 {
			want[i]++
		}
		if !bytes.Equal(shared, want) {
			s.Error("what another process stores in its mapping is not in this one")
		}
		check("stored by another process", want)

		// An error of the kernel's reading would come as a signal.
		must(s, f.Truncate(10_000))
		must(s, faults(func() { sink = shared[9_999] }))
		if err := faults(func() { sink = shared[20_000] }); err == nil {
			s.Error("beyond the end of the file there is memory")
		}
		must(s, f.Truncate(size))
		if shared[9_999] != want[9_999] || shared[20_000] != 0 {
			s.Errorf("cut off and grown again: %q, %q", shared[9_999], shared[20_000])
		}
		if shared[10_001] != 0 {
			s.Errorf("the rest of the last page has %q", shared[10_001])
		}

		// A file that has lost its name stays until it is unmapped; a hole
		// gets space when it is stored to.
		must(s, os.Remove(f.Name()))
		must(s, f.Close())
		shared[250_000] = 'x'
		must(s, unix.Msync(shared, unix.MS_SYNC))
	})
}

var sink byte // what is put here is read for certain

// faults calls f, and returns the error of an access to memory that is not
// there.
func faults(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	f()
	return nil
}

// A mapping and writes meet on a file that is also truncated; the file is as
// long as said in the end, and everything in it was stored by somebody.
func TestMappedWhileTruncated(t *testing.T) {
	onSites(t, func(s *site) {
		const size = 1 << 20
		f, err := os.Create(s.path("f"))
		must(s, err)
		defer f.Close()
		must(s, f.Truncate(size))
		m := mapFile(s, f, size, unix.MAP_SHARED)
		done := make(chan error, 2)
		go func() {
			for i := range 200 {
				// Where the file is cut off there is no memory: that is as it
				// should be, as long as it is nothing else.
				_ = faults(func() { m[i*5000%size] = 'm' })
			}
			done <- nil
		}()
		go func() {
			for i := range 200 {
				if err := errorOf(f.Truncate(int64(i*7919%size)), f.Truncate(size)); err != nil {
					done <- err
					return
				}
				if _, err := f.WriteAt([]byte("w"), int64(i*4099%size)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		must(s, errors.Join(<-done, <-done))
		got, err := io.ReadAll(io.NewSectionReader(f, 0, 2*size))
		must(s, err)
		if len(got) != size {
			s.Fatalf("%d bytes can be read of %d", len(got), size)
		}
		if bytes.ContainsFunc(got, func(r rune) bool { return r != 0 && r != 'm' && r != 'w' }) {
			s.Error("the file has bytes that nobody wrote")
		}
		if !bytes.Equal(got, m) {
			s.Error("the mapping differs from the file")
		}
	})
}
