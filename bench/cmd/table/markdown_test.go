package main

import (
	"strings"
	"testing"
)

func markdown(t *testing.T, rs *results, base string) string {
	t.Helper()
	var b strings.Builder
	if err := writeMarkdown(&b, rs, base); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func expectLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, text)
		}
	}
}

func TestTableShowsMediansAndRatiosToTheBase(t *testing.T) {
	run := func(os string) string { return strings.Replace(twoPeers, " 700 ns", " "+os+" ns", 1) }
	text := markdown(t, parsed(t, run("700"), run("900"), run("720")), "govfs")
	expectLines(t, text,
		"| | govfs | os |",
		"| --- | ---: | ---: |",
		"| Stat4 | 100 ns | 720 ns (7.20×) |",
		"| Rename | 1.50 µs | – |",
		"| Stat4 | 0, 0 B | 2, 240 B |",
		"| Rename | 1, 16 B | – |",
		"–: not measured; go test -v -bench says why.",
		"Widest spread between runs: 28% of the median (Stat4/os).",
	)
	if !strings.HasPrefix(text, "Time per operation, median of 3 runs (") {
		t.Errorf("unexpected first line of:\n%s", text)
	}
}

func TestTablePutsTheBaseFirst(t *testing.T) {
	text := markdown(t, parsed(t, twoPeers), "os")
	expectLines(t, text,
		"| | os | govfs |",
		"| Stat4 | 700 ns | 100 ns (0.14×) |",
		"| Rename | – | 1.50 µs |",
	)
}

func TestTableWithoutTheBaseSaysSo(t *testing.T) {
	text := markdown(t, parsed(t, twoPeers), "zfs")
	expectLines(t, text,
		"| Stat4 | 100 ns | 700 ns |",
		"No ratios: zfs was not among the peers of the run.",
	)
}

func TestTableOfOneRunShowsNoSpread(t *testing.T) {
	if text := markdown(t, parsed(t, twoPeers), "govfs"); strings.Contains(text, "spread") {
		t.Errorf("a spread of one run in:\n%s", text)
	}
}

func TestTimesHaveThreeDigits(t *testing.T) {
	for ns, want := range map[float64]string{
		0.5:    "0.50 ns",
		9.994:  "9.99 ns",
		9.996:  "10.0 ns",
		99.96:  "100 ns",
		999.4:  "999 ns",
		999.6:  "1.00 µs",
		323693: "324 µs",
		1.5e6:  "1.50 ms",
		2e9:    "2.00 s",
	} {
		if got := formatTime(ns); got != want {
			t.Errorf("formatTime(%v) = %q, want %q", ns, got, want)
		}
	}
}
