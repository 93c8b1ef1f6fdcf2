package main

import (
	"slices"
	"strings"
	"testing"
)

const twoPeers = `goos: linux
goarch: amd64
pkg: example.org/bench
cpu: A Processor @ 3GHz
BenchmarkStat4/govfs-8         	 1000000	       100.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkStat4/os-8            	  100000	       700 ns/op	     240 B/op	       2 allocs/op
BenchmarkRename/govfs-8        	 1000000	      1500 ns/op	      16 B/op	       1 allocs/op
--- SKIP: BenchmarkRename/os
    fsys_test.go:1: os: not available
PASS
ok  	example.org/bench	7.5s
`

func parsed(t *testing.T, runs ...string) *results {
	t.Helper()
	var rs results
	for _, run := range runs {
		if err := rs.parse(strings.NewReader(run)); err != nil {
			t.Fatal(err)
		}
	}
	return &rs
}

func TestParseReadsEachResult(t *testing.T) {
	rs := parsed(t, twoPeers)
	if want := []string{"Stat4", "Rename"}; !slices.Equal(rs.benchmarks, want) {
		t.Errorf("benchmarks %q, want %q", rs.benchmarks, want)
	}
	if want := []string{"govfs", "os"}; !slices.Equal(rs.peers, want) {
		t.Errorf("peers %q, want %q", rs.peers, want)
	}
	if want := []string{"goos: linux", "goarch: amd64", "cpu: A Processor @ 3GHz"}; !slices.Equal(rs.config, want) {
		t.Errorf("configuration %q, want %q", rs.config, want)
	}
	if got, want := rs.samples[cell{"Stat4", "os"}], (sample{ns: 700, bytes: 240, allocs: 2}); !slices.Equal(got, []sample{want}) {
		t.Errorf("samples of Stat4/os: %v, want one %v", got, want)
	}
	if got := rs.samples[cell{"Rename", "os"}]; len(got) != 0 {
		t.Errorf("a skipped benchmark has samples: %v", got)
	}
}

func TestParseAcceptsNamesWithoutGOMAXPROCS(t *testing.T) {
	rs := parsed(t, "BenchmarkStat4/os 10 7.5 ns/op 0 B/op 0 allocs/op\n")
	if got, ok := rs.median(cell{"Stat4", "os"}); !ok || got.ns != 7.5 {
		t.Errorf("median %v, %v", got, ok)
	}
}

func TestParseRefusesDamagedResults(t *testing.T) {
	for _, line := range []string{
		"BenchmarkStat4/os-8 10 x ns/op\n",
		"BenchmarkStat4/os-8 10 12 B/op\n",
	} {
		var rs results
		if err := rs.parse(strings.NewReader(line)); err == nil {
			t.Errorf("no error for %q", line)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{3, 1}, 2},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 100, 2}, 3},
	} {
		in := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", in, got, c.want)
		}
	}
}

func TestSpreadIsAShareOfTheMedian(t *testing.T) {
	c := cell{"Stat4", "os"}
	rs := results{samples: map[cell][]sample{c: {{ns: 90}, {ns: 100}, {ns: 140}}}}
	if got := rs.spread(c); got != 0.5 {
		t.Errorf("spread %v, want 0.5", got)
	}
}
