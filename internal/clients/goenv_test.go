package clients

import (
	"os/exec"
	"strings"
	"testing"
)

// goEnv is a setting of the go command that runs the tests.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
