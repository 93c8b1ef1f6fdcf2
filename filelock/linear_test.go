package filelock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// lockModel is one file to porcupine: an array of bytes, of which each request
// takes what it asks for at one moment between its call and its return. A
// request that is interrupted, or refused as a deadlock, changes nothing.
var lockModel = porcupine.Model{
	Init: func() any { return emptySoak() },
	Step: func(state, input, output any) (bool, any) {
		s, r := state.(soakState), input.(soakRequest)
		switch err, _ := output.(error); err {
		case nil:
			if s.conflict(r) {
				return false, s
			}
			if !r.test {
				s.apply(r)
			}
			return true, s
		case syscall.EAGAIN, syscall.EDEADLK:
			return s.conflict(r), s
		default:
			return err == syscall.EINTR, s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %v", input, output) },
}

func TestModelRefusesWhatIsWrong(t *testing.T) {
	op := func(owner int, typ Type, start, end int, err error, call, ret int64) porcupine.Operation {
		return porcupine.Operation{ClientId: owner, Input: soakRequest{owner: owner, typ: typ, start: start, end: end}, Output: err, Call: call, Return: ret}
	}
	for name, c := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"side by side":             {[]porcupine.Operation{op(0, Write, 0, 3, nil, 0, 1), op(1, Write, 4, 5, nil, 2, 3)}, true},
		"both hold a byte":         {[]porcupine.Operation{op(0, Write, 0, 3, nil, 0, 1), op(1, Read, 3, 5, nil, 2, 3)}, false},
		"refused without a reason": {[]porcupine.Operation{op(0, Read, 0, 3, nil, 0, 1), op(1, Read, 3, 5, syscall.EAGAIN, 2, 3)}, false},
		"waits for an unlock":      {[]porcupine.Operation{op(0, Write, 0, 3, nil, 0, 1), op(1, Write, 3, 5, nil, 2, 7), op(0, Unlock, 3, 3, nil, 4, 5)}, true},
		"goes on before the unlock": {[]porcupine.Operation{op(0, Write, 0, 3, nil, 0, 1), op(1, Write, 3, 5, nil, 2, 3),
			op(0, Unlock, 3, 3, nil, 4, 5)}, false},
		"an error of its own": {[]porcupine.Operation{op(0, Write, 0, 3, syscall.EIO, 0, 1)}, false},
	} {
		if got := porcupine.CheckOperations(lockModel, c.ops); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// testSeed is that of the flag, or a random one, and is printed.
func testSeed(t *testing.T) uint64 {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-filelock.seed %d", seed)
	return seed
}

// TestConcurrentLocksAreLinearizable: goroutines lock, wait, are interrupted
// and close as they like; what they saw has an order in which each request
// happens at once.
func TestConcurrentLocksAreLinearizable(t *testing.T) {
	const goroutines, requests = 5, 30
	seed := testSeed(t)
	histories := max(20, *soakSteps/2000)
	outcomes := map[error]int{}
	for h := range histories {
		c := newFile(t)
		var clock atomic.Int64
		var mu sync.Mutex
		var ops []porcupine.Operation
		var wg sync.WaitGroup
		for o := range goroutines {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(h*goroutines+o)))
				for range requests {
					r, err, call, ret := linearStep(c, o, rnd, &clock)
					mu.Lock()
					outcomes[err]++
					ops = append(ops, porcupine.Operation{ClientId: o, Input: r, Output: err, Call: call, Return: ret})
					mu.Unlock()
					if err == syscall.EDEADLK {
						r, err, call, ret = linearClose(c, o, &clock)
						mu.Lock()
						ops = append(ops, porcupine.Operation{ClientId: o, Input: r, Output: err, Call: call, Return: ret})
						mu.Unlock()
					}
				}
				c.ClosePosix(context.Background(), OwnerOf(o))
			})
		}
		wg.Wait()
		mustCheck(t, c)
		// The closes at the end are not part of it: an operation that does not
		// return is over at the end of time.
		last := clock.Add(1)
		for o := range goroutines {
			ops = append(ops, porcupine.Operation{
				ClientId: o, Input: soakRequest{owner: o, typ: Unlock, end: soakBytes - 1}, Call: lastReturn(ops, o), Return: last,
			})
		}
		switch result, _ := porcupine.CheckOperationsVerbose(lockModel, ops, time.Minute); result {
		case porcupine.Illegal:
			t.Fatalf("history %d is not linearizable", h)
		case porcupine.Unknown:
			t.Logf("history %d: too many possibilities", h)
		}
	}
	t.Logf("%d histories: %v", histories, outcomes)
}

func lastReturn(ops []porcupine.Operation, owner int) int64 {
	var last int64
	for _, op := range ops {
		if op.ClientId == owner {
			last = max(last, op.Return)
		}
	}
	return last
}

func linearClose(c *Context, o int, clock *atomic.Int64) (soakRequest, error, int64, int64) {
	call := clock.Add(1)
	c.ClosePosix(context.Background(), OwnerOf(o))
	return soakRequest{owner: o, typ: Unlock, end: soakBytes - 1}, nil, call, clock.Add(1)
}

// linearStep does one random thing, and says what and when.
func linearStep(c *Context, o int, rnd *rand.Rand, clock *atomic.Int64) (r soakRequest, err error, call, ret int64) {
	// Few bytes, held for a while: most requests meet somebody.
	a, b := rnd.IntN(4), rnd.IntN(4)
	if rnd.IntN(3) == 0 {
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Microsecond)
	}
	r = soakRequest{owner: o, typ: Type(rnd.IntN(2)), start: min(a, b), end: max(a, b)}
	var flags Flags
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	switch what := rnd.IntN(12); {
	case what < 3:
	case what < 5:
		flags = FlagSleep
	case what < 7:
		flags = FlagSleep
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rnd.IntN(200))*time.Microsecond)
	case what < 8:
		flags, r.test = FlagAccess, true
	case what < 9:
		return linearClose(c, o, clock)
	default:
		r.typ = Unlock
	}
	defer cancel()
	l := &Lock{Owner: OwnerOf(o), PID: o, Type: r.typ, Start: int64(r.start), End: int64(r.end), Flags: flags}
	call = clock.Add(1)
	err = c.SetPosix(ctx, l, nil)
	return r, err, call, clock.Add(1)
}
