package filelock

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/govfs/govfs/lockdep/lockdeptest"
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }

// newFile makes a context, and at the end of the test checks it and that no
// goroutine and no wait is left.
func newFile(t testing.TB) *Context {
	t.Helper()
	c := NewContext()
	t.Cleanup(func() {
		mustCheck(t, c)
		if n := c.Waiters(); n != 0 {
			t.Errorf("%d requests still wait", n)
		}
		waits.lock.Lock()
		n := len(waits.byOwner)
		waits.lock.Unlock()
		if n != 0 {
			t.Errorf("%d owners still wait in the graph", n)
		}
		goleak.VerifyNone(t)
	})
	return c
}

func mustCheck(t interface {
	Helper()
	Fatal(...any)
}, c *Context) {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
}

// abandon ends all waits on files, whatever state they are in. A random test
// defers it: one that is given up halfway must not leave its waits in the graph,
// which all tests share.
func abandon(files ...*Context) {
	for _, c := range files {
		c.lock.Lock()
		for {
			var w *waiter
			c.eachWait(func(_ *Lock, some *waiter) { w = some })
			if w == nil {
				break
			}
			c.leave(w)
		}
		for len(c.notified) > 0 {
			c.endNotice(c.notified[0])
		}
		c.lock.Unlock()
	}
}

// posix is a POSIX request of the owner with this name.
func posix(owner string, typ Type, start, end int64, flags Flags) *Lock {
	return &Lock{Owner: OwnerOf(owner), File: owner, PID: 1, Kind: POSIX, Type: typ, Start: start, End: end, Flags: flags}
}

func set(c *Context, owner string, typ Type, start, end int64) error {
	return c.SetPosix(context.Background(), posix(owner, typ, start, end, 0), nil)
}

func mustSet(t *testing.T, c *Context, owner string, typ Type, start, end int64) {
	t.Helper()
	if err := set(c, owner, typ, start, end); err != nil {
		t.Fatalf("%s %v [%d,%d]: %v", owner, typ, start, end, err)
	}
}

// show prints the locks of a file, in the order of Snapshot: "A:r0-4 B:w5-".
func show(c *Context) string {
	var all []string
	for _, h := range c.Snapshot() {
		all = append(all, h.String())
	}
	return strings.Join(all, " ")
}

func (i Info) String() string {
	end := ""
	if i.End != End {
		end = fmt.Sprint(i.End)
	}
	return fmt.Sprintf("%v:%c%d-%s", i.Owner.Value(), "rwu"[i.Type], i.Start, end)
}

// awaitWaiters waits until n requests wait on c.
func awaitWaiters(t *testing.T, c *Context, n int) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); c.Waiters() != n; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d requests wait, want %d: %v", c.Waiters(), n, show(c))
		}
	}
}

// inBackground starts f and returns where its result will be.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// result waits for what f, started in the background, returns.
func result(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting")
		return nil
	}
}
