package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
)

const noSample = "–"

// writeMarkdown writes one table of times and one of allocations, a row for a
// benchmark and a column for a peer, base first. A time other than base's is
// followed by its ratio to base's.
func writeMarkdown(w io.Writer, rs *results, base string) error {
	peers := slices.Clone(rs.peers)
	haveBase := false
	if i := slices.Index(peers, base); i >= 0 {
		haveBase = true
		peers = slices.Insert(slices.Delete(peers, i, i+1), 0, base)
	}

	complete := true
	for _, bench := range rs.benchmarks {
		for _, peer := range peers {
			complete = complete && len(rs.samples[cell{bench, peer}]) > 0
		}
	}

	var out bytes.Buffer
	fmt.Fprintf(&out, "Time per operation, median of %d runs (%s; %s)", rs.runs, runtime.Version(), strings.Join(rs.config, ", "))
	if haveBase {
		fmt.Fprintf(&out, ", and how many times that of %s", base)
	}
	out.WriteString(":\n\n")
	writeTable(&out, rs, peers, func(bench, peer string, s sample) string {
		baseline, ok := rs.median(cell{bench, base})
		if !ok || peer == base {
			return formatTime(s.ns)
		}
		return fmt.Sprintf("%s (%s)", formatTime(s.ns), formatRatio(s.ns/baseline.ns))
	})

	out.WriteString("\nAllocations and bytes allocated per operation:\n\n")
	writeTable(&out, rs, peers, func(_, _ string, s sample) string {
		return fmt.Sprintf("%.0f, %.0f B", s.allocs, s.bytes)
	})

	out.WriteByte('\n')
	if !haveBase {
		fmt.Fprintf(&out, "No ratios: %s was not among the peers of the run.\n", base)
	}
	if !complete {
		fmt.Fprintf(&out, "%s: not measured; go test -v -bench says why.\n", noSample)
	}
	if worst, ok := rs.widest(); ok {
		fmt.Fprintf(&out, "Widest spread between runs: %.0f%% of the median (%s/%s).\n",
			100*rs.spread(worst), worst.benchmark, worst.peer)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func writeTable(out *bytes.Buffer, rs *results, peers []string, format func(bench, peer string, s sample) string) {
	fmt.Fprintf(out, "| | %s |\n", strings.Join(peers, " | "))
	fmt.Fprintf(out, "| --- |%s\n", strings.Repeat(" ---: |", len(peers)))
	for _, bench := range rs.benchmarks {
		fmt.Fprintf(out, "| %s |", bench)
		for _, peer := range peers {
			text := noSample
			if s, ok := rs.median(cell{bench, peer}); ok {
				text = format(bench, peer, s)
			}
			fmt.Fprintf(out, " %s |", text)
		}
		out.WriteByte('\n')
	}
}

// formatTime prints ns nanoseconds with three digits that count.
func formatTime(ns float64) string {
	switch {
	case ns < 999.5:
		return significant(ns) + " ns"
	case ns < 999.5e3:
		return significant(ns/1e3) + " µs"
	case ns < 999.5e6:
		return significant(ns/1e6) + " ms"
	}
	return significant(ns/1e9) + " s"
}

func formatRatio(r float64) string { return significant(r) + "×" }

// significant prints x, which is positive, with three significant digits, or as
// a whole number from 1000 on.
func significant(x float64) string {
	switch {
	case x < 9.995:
		return fmt.Sprintf("%.2f", x)
	case x < 99.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
