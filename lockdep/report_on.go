//go:build lockdep

package lockdep

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// stackDepth is how many calls of a stack are kept.
const stackDepth = 16

// deliver hands r to the handler, unless that had it already. No lock of the
// checker's is held.
func deliver(r *Report) {
	key := [2]string{r.Rule, r.site()}
	reports.mu.Lock()
	h := reports.handler
	seen := reports.seen[key]
	if !seen {
		if reports.seen == nil {
			reports.seen = make(map[[2]string]bool)
		}
		reports.seen[key] = true
	}
	reports.mu.Unlock()
	switch {
	case seen:
	case h != nil:
		h(r)
	default:
		reports.count.Add(1)
		fmt.Fprint(os.Stderr, r)
	}
}

// site is the innermost two places outside the checker: a gate and its caller,
// or a lock's user and who called that.
func (r *Report) site() string {
	if len(r.Stacks) == 0 {
		return ""
	}
	var b strings.Builder
	n := 0
	for f := range r.Stacks[0].frames() {
		b.WriteString(f.File)
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(f.Line))
		b.WriteByte('\n')
		if n++; n == 2 {
			break
		}
	}
	return b.String()
}
