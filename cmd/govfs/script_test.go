package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// Scripts of commands and what they print; "go test -args -rewrite" writes
// down anew what they print now. In the output $DIR stands for the directory
// that the script runs in.
//
//	govfs   the arguments of one call a line, as a shell would read them
//	sh      a shell script
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts: %q, %v", scripts, err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			if strings.HasPrefix(filepath.Base(script), "mount") {
				requireMount(t)
			}
			b := newBench(t)
			b.env = append(b.env, "DIR="+b.dir, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
			datadriven.RunTest(t, script, func(t *testing.T, d *datadriven.TestData) string {
				return strings.ReplaceAll(b.script(t, d), b.dir, "$DIR")
			})
		})
	}
}

func (b *bench) script(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	show := func(r result) {
		out.WriteString(r.stdout)
		out.WriteString(r.stderr)
		if r.code != 0 {
			fmt.Fprintf(&out, "exit %d\n", r.code)
		}
	}
	switch d.Cmd {
	case "govfs":
		for line := range strings.Lines(d.Input) {
			show(b.runCommand("sh", "-c", "exec govfs "+line))
		}
	case "sh":
		show(b.runCommand("sh", "-c", d.Input))
	default:
		d.Fatalf(t, "unknown directive")
	}
	if out.Len() == 0 {
		return "ok\n"
	}
	return out.String()
}
