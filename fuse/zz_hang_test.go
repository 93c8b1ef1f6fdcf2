package fuse

import (
	"math/rand"
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

func TestZZHang(t *testing.T) {
	defer silence()()
	for seed := int64(0); seed < 4000; seed++ {
		n := 100 + int(seed)%300
		data := make([]byte, n)
		rand.New(rand.NewSource(seed)).Read(data)
		done := make(chan bool)
		go func() {
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				t.Logf("seed %d", seed)
				pprof.Lookup("goroutine").WriteTo(os.Stdout, 2)
				os.Exit(3)
			}
		}()
		t.Run("", func(t *testing.T) {
			opt := Options{Poll: seed%2 == 0}
			if seed%5 == 0 {
				opt.Permissions = PermissionsCore
			}
			newKernel(t, opt).talk(&source{data})
		})
		close(done)
	}
}
