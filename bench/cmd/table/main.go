// Command table runs the benchmarks of govfs and its peers several times and
// prints what they took as a Markdown table: medians, and their ratios to one
// of the peers.
//
//	go run ./cmd/table [-n RUNS] [-bench REGEXP] [-benchtime TIME] [-base PEER]
//
// It is run from within the bench module. The runs follow each other rather
// than repeating each benchmark on the spot (which is what -count does), so
// that a busy minute of the host falls on all peers. Progress goes to standard
// error. Exit codes: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
)

const benchPackage = "github.com/govfs/govfs/bench"

func main() {
	runs := flag.Int("n", 5, "how many `runs` to take the medians of")
	bench := flag.String("bench", ".", "run the benchmarks that match `regexp`, as go test does")
	benchtime := flag.String("benchtime", "1s", "measure each benchmark for `time`, as go test does")
	base := flag.String("base", "govfs", "show ratios to the medians of `peer`")
	flag.Parse()
	if flag.NArg() > 0 || *runs < 1 {
		flag.Usage()
		os.Exit(2)
	}

	var rs results
	for i := range *runs {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", i+1, *runs)
		if err := runOnce(&rs, *bench, *benchtime); err != nil {
			fmt.Fprintf(os.Stderr, "table: %v\n", err)
			os.Exit(1)
		}
		if len(rs.benchmarks) == 0 {
			fmt.Fprintf(os.Stderr, "table: no benchmark matches -bench %q\n", *bench)
			os.Exit(1)
		}
	}
	if err := writeMarkdown(os.Stdout, &rs, *base); err != nil {
		fmt.Fprintf(os.Stderr, "table: write the table: %v\n", err)
		os.Exit(1)
	}
}

// runOnce runs the benchmarks once and adds the samples to rs. The output of
// go test is shown only where the run failed.
func runOnce(rs *results, bench, benchtime string) error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", bench, "-benchmem",
		"-benchtime", benchtime, "-count", "1", "-timeout", "0", benchPackage)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		_, _ = io.Copy(os.Stderr, &out) // best effort: err tells of the failure itself
		return fmt.Errorf("go test: %w", err)
	}
	if err := rs.parse(&out); err != nil {
		return fmt.Errorf("read the output of go test: %w", err)
	}
	return nil
}
