package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sample is what one run measured of one benchmark of one peer.
type sample struct {
	ns     float64 // per operation
	bytes  float64 // allocated per operation
	allocs float64 // per operation
}

// results are the samples of all runs. The orders are those of first sight.
type results struct {
	config     []string // the lines "goos: linux", "cpu: …"
	benchmarks []string
	peers      []string
	samples    map[cell][]sample
	runs       int
}

type cell struct{ benchmark, peer string }

// benchmarkName splits BenchmarkStat4/os-2 into Stat4 and os. The number at the
// end is GOMAXPROCS, left out by go test where it is 1.
var benchmarkName = regexp.MustCompile(`^Benchmark(.+)/([^/]+?)(?:-\d+)?$`)

// parse adds the output of one run of go test -bench -benchmem to rs. Lines
// that are none of a result and none of the configuration are passed over.
func (rs *results) parse(r io.Reader) error {
	if rs.samples == nil {
		rs.samples = make(map[cell][]sample)
	}
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		line := sc.Text()
		key, _, found := strings.Cut(line, ": ")
		if found && slices.Contains([]string{"goos", "goarch", "cpu"}, key) {
			if rs.runs == 0 {
				rs.config = append(rs.config, line)
			}
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || len(fields)%2 != 0 { // name, iterations, pairs of value and unit
			continue
		}
		name := benchmarkName.FindStringSubmatch(fields[0])
		if name == nil {
			continue
		}
		s, err := parseSample(fields[2:])
		if err != nil {
			return fmt.Errorf("%s: %w", fields[0], err)
		}
		rs.add(cell{benchmark: name[1], peer: name[2]}, s)
	}
	rs.runs++
	return sc.Err()
}

func parseSample(pairs []string) (sample, error) {
	var s sample
	for i := 0; i < len(pairs); i += 2 {
		value, err := strconv.ParseFloat(pairs[i], 64)
		if err != nil {
			return sample{}, err
		}
		switch pairs[i+1] {
		case "ns/op":
			s.ns = value
		case "B/op":
			s.bytes = value
		case "allocs/op":
			s.allocs = value
		}
	}
	if s.ns <= 0 {
		return sample{}, fmt.Errorf("no time per operation in %q", pairs)
	}
	return s, nil
}

func (rs *results) add(c cell, s sample) {
	if !slices.Contains(rs.benchmarks, c.benchmark) {
		rs.benchmarks = append(rs.benchmarks, c.benchmark)
	}
	if !slices.Contains(rs.peers, c.peer) {
		rs.peers = append(rs.peers, c.peer)
	}
	rs.samples[c] = append(rs.samples[c], s)
}

// median returns the medians of c, each of its own; false if c has no samples.
func (rs *results) median(c cell) (sample, bool) {
	ss := rs.samples[c]
	if len(ss) == 0 {
		return sample{}, false
	}
	of := func(field func(sample) float64) float64 {
		values := make([]float64, len(ss))
		for i, s := range ss {
			values[i] = field(s)
		}
		return median(values)
	}
	return sample{
		ns:     of(func(s sample) float64 { return s.ns }),
		bytes:  of(func(s sample) float64 { return s.bytes }),
		allocs: of(func(s sample) float64 { return s.allocs }),
	}, true
}

// median sorts values, of which there is at least one, and returns the middle,
// or the mean of the two middles.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// spread returns how far the fastest and the slowest run of c lie apart, as a
// share of the median; 0 if c has no samples.
func (rs *results) spread(c cell) float64 {
	mid, ok := rs.median(c)
	if !ok {
		return 0
	}
	byTime := func(a, b sample) int {
		switch {
		case a.ns < b.ns:
			return -1
		case a.ns > b.ns:
			return 1
		}
		return 0
	}
	ss := rs.samples[c]
	return (slices.MaxFunc(ss, byTime).ns - slices.MinFunc(ss, byTime).ns) / mid.ns
}

// widest returns the cell of the widest spread, the first in the table's order
// of those with the same; false if no cell has two samples.
func (rs *results) widest() (cell, bool) {
	var worst cell
	found := false
	for _, bench := range rs.benchmarks {
		for _, peer := range rs.peers {
			c := cell{bench, peer}
			if len(rs.samples[c]) < 2 {
				continue
			}
			if !found || rs.spread(c) > rs.spread(worst) {
				worst, found = c, true
			}
		}
	}
	return worst, found
}
