package difftest

import (
	"sort"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDbg(t *testing.T) {
	needRoot(t)
	count := map[Kind]map[unix.Errno]int{}
	for seed := uint64(1); seed < 20; seed++ {
		c := Configure(seed, 2000)
		ops := Generate(c.Seed, c.Ops)
		m, err := NewHost(c)
		if err != nil {
			t.Fatal(err)
		}
		r, _, _ := m.Run(ops, Deep)
		m.Close()
		for i := range ops {
			if count[ops[i].Kind] == nil {
				count[ops[i].Kind] = map[unix.Errno]int{}
			}
			count[ops[i].Kind][r[i].Err]++
		}
	}
	for k := Kind(0); k < kinds; k++ {
		var e []unix.Errno
		for x := range count[k] {
			e = append(e, x)
		}
		sort.Slice(e, func(i, j int) bool { return count[k][e[i]] > count[k][e[j]] })
		s := k.String()
		for _, x := range e {
			s += " " + errText(x) + ":" + itoa(count[k][x])
		}
		t.Log(s)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}
