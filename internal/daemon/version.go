package daemon

import (
	"runtime/debug"
	"sync"
)

// version is set by the linker for a release (see the Makefile).
var version string

var buildInfo = sync.OnceValue(func() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return info
})

// Version is the version of this program: what it was released as, else its
// module's, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	if v := buildInfo().Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel"
}

// Revision is the commit that the program was built from, with a "+" if there
// were changes; empty if the build did not record it.
func Revision() string {
	var revision, modified string
	for _, s := range buildInfo().Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}
