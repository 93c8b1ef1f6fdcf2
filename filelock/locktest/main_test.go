package locktest_test

import (
	"testing"

	"github.com/govfs/govfs/lockdep/lockdeptest"
)

func TestMain(m *testing.M) { lockdeptest.Main(m) }
