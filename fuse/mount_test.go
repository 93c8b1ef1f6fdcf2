package fuse_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFirst(t *testing.T) {
	dir := mount(t)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "a"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if got := names(t, dir); got != "a" {
		t.Errorf("got %q", got)
	}
}
