package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/govfs/govfs/internal/daemon"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The README's example is the package's, which the compiler knows.
func TestReadmeExampleIsTheTestedOne(t *testing.T) {
	example, err := os.ReadFile("../../example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, ok := strings.Cut(readme(t), "```go\n")
	code, _, ok2 := strings.Cut(code, "```")
	if !ok || !ok2 {
		t.Fatal("no example")
	}
	for line := range strings.Lines(code) {
		if !bytes.Contains(example, []byte("\t"+line)) {
			t.Errorf("not in the tested example: %s", line)
		}
	}
}

// Every option that the README tells of exists, and every command that it shows
// is there.
func TestReadmeTellsOfWhatExists(t *testing.T) {
	text := readme(t)
	_, table, _ := strings.Cut(text, "### Options")
	table, _, _ = strings.Cut(table, "### ")
	options := 0
	for line := range strings.Lines(table) {
		cell := strings.Split(line, "|")
		if len(cell) < 2 {
			continue
		}
		driver := strings.Contains(cell[1], "fs:")
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell[1], -1) {
			options++
			o, err := daemon.ParseOptions(quoted[1])
			if err != nil || (o.Driver != "") != driver {
				t.Errorf("option %s: %+v, %v", quoted[1], o, err)
			}
		}
	}
	if options < 30 {
		t.Errorf("found %d options", options)
	}
	commands := 0
	for _, call := range regexp.MustCompile("[` /]govfs ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if cmd, _, err := newRoot().Find([]string{call[1]}); err == nil && cmd.Name() == call[1] {
			commands++
		} else if call[1] != "is" {
			t.Errorf("there is no command %s", call[1])
		}
	}
	if commands < 5 {
		t.Errorf("found %d commands", commands)
	}
	for _, cmd := range newRoot().Commands() {
		if !strings.Contains(text, "`govfs "+cmd.Name()) {
			t.Errorf("the README does not tell of %s", cmd.Name())
		}
	}
}
