package pagecache

import (
	"sync"
	"syscall"
	"testing"
)

func TestEveryObserverSeesAnErrorOnce(t *testing.T) {
	var c ErrorCursor
	a, b := c.Sample(), c.Sample()
	if err := c.CheckAndAdvance(&a); err != nil {
		t.Fatalf("no error was recorded: %v", err)
	}
	c.Record(syscall.EIO)
	if err := c.Check(a); err != syscall.EIO {
		t.Errorf("Check = %v, want EIO", err)
	}
	for name, mark := range map[string]*ErrorMark{"a": &a, "b": &b} {
		if err := c.CheckAndAdvance(mark); err != syscall.EIO {
			t.Errorf("%s: first check %v, want EIO", name, err)
		}
		if err := c.CheckAndAdvance(mark); err != nil {
			t.Errorf("%s: second check %v, want nil", name, err)
		}
	}
}

func TestLaterErrorsAreNew(t *testing.T) {
	var c ErrorCursor
	a := c.Sample()
	c.Record(syscall.EIO)
	c.CheckAndAdvance(&a)
	late := c.Sample()
	if err := c.CheckAndAdvance(&late); err != nil {
		t.Errorf("an observer that came after the error was seen: %v, want nil", err)
	}
	c.Record(syscall.EIO)
	if err := c.CheckAndAdvance(&a); err != syscall.EIO {
		t.Errorf("the same error again: %v, want EIO", err)
	}
	c.Record(syscall.ENOSPC)
	if err := c.CheckAndAdvance(&a); err != syscall.ENOSPC {
		t.Errorf("another error: %v, want ENOSPC", err)
	}
	c.Record(0)
	if err := c.CheckAndAdvance(&a); err != nil {
		t.Errorf("no error: %v", err)
	}
}

func TestUnseenErrorIsNewToWhoComesLater(t *testing.T) {
	var c ErrorCursor
	c.Record(syscall.EIO)
	mark := c.Sample()
	if err := c.CheckAndAdvance(&mark); err != syscall.EIO {
		t.Errorf("%v, want the EIO that nobody has seen", err)
	}
}

func TestErrorCursorUnderContention(t *testing.T) {
	var c ErrorCursor
	var wg sync.WaitGroup
	for range 4 {
		mark := c.Sample()
		wg.Go(func() {
			for range 1000 {
				c.Record(syscall.EIO)
				if err := c.CheckAndAdvance(&mark); err != nil && err != syscall.EIO {
					t.Error(err)
				}
			}
			c.CheckAndAdvance(&mark)
		})
	}
	wg.Wait()
	end := c.Sample()
	if err := c.Check(end); err != nil {
		t.Errorf("an error that all have seen: %v", err)
	}
}
