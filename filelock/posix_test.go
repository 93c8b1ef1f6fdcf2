package filelock

import (
	"context"
	"strings"
	"syscall"
	"testing"
)

// step reads a request such as "A:w3-7": type r, w or u, and a range whose
// missing end means infinity.
func step(t *testing.T, s string) *Lock {
	t.Helper()
	owner, rest, ok := strings.Cut(s, ":")
	first, last, ok2 := strings.Cut(rest[1:], "-")
	if !ok || !ok2 {
		t.Fatalf("bad step %q", s)
	}
	number := func(s string) int64 {
		if s == "" {
			return End
		}
		n := int64(0)
		for _, d := range s {
			n = 10*n + int64(d-'0')
		}
		return n
	}
	return posix(owner, Type(strings.IndexByte("rwu", rest[0])), number(first), number(last), 0)
}

func TestRangesMergeSplitAndReplace(t *testing.T) {
	for _, tt := range []struct{ name, steps, want string }{
		{"single", "A:r0-9", "A:r0-9"},
		{"same again", "A:r0-9 A:r0-9", "A:r0-9"},
		{"inside the same", "A:r0-9 A:r3-5", "A:r0-9"},
		{"adjacent after", "A:r0-4 A:r5-9", "A:r0-9"},
		{"adjacent before", "A:r5-9 A:r0-4", "A:r0-9"},
		{"one byte apart", "A:r0-4 A:r6-9", "A:r0-4 A:r6-9"},
		{"gap filled", "A:r0-4 A:r6-9 A:r5-5", "A:r0-9"},
		{"overlap after", "A:r0-6 A:r4-9", "A:r0-9"},
		{"cover many", "A:r0-1 A:r3-4 A:r6-7 A:r9-9 A:r0-9", "A:r0-9"},
		{"cover many, not the edges", "A:r0-1 A:r4-5 A:r7-8 A:r20-30 A:r3-9", "A:r0-1 A:r3-9 A:r20-30"},
		{"merge both sides over a writer", "A:r0-4 A:w5-6 A:r7-9 A:r5-6", "A:r0-9"},
		{"adjacent of other type", "A:r0-4 A:w5-9", "A:r0-4 A:w5-9"},
		{"replace", "A:r0-9 A:w0-9", "A:w0-9"},
		{"replace by more", "A:r3-5 A:w0-9", "A:w0-9"},
		{"replace the middle", "A:r0-9 A:w3-5", "A:r0-2 A:w3-5 A:r6-9"},
		{"replace the left", "A:r0-9 A:w0-5", "A:w0-5 A:r6-9"},
		{"replace the right", "A:r0-9 A:w5-9", "A:r0-4 A:w5-9"},
		{"replace a piece, touch its like", "A:w0-2 A:r3-9 A:w3-5", "A:w0-5 A:r6-9"},
		{"replace many and parts", "A:r0-3 A:w4-6 A:r7-9 A:w2-8", "A:r0-1 A:w2-8 A:r9-9"},
		{"grow to the left over a cut", "A:r0-5 A:w8-9 A:w3-8", "A:r0-2 A:w3-9"},
		{"grow to the left from a start", "A:r3-5 A:w6-9 A:w3-6", "A:w3-9"},
		{"unlock all", "A:r0-4 A:w6-9 A:u0-", ""},
		{"unlock nothing", "A:u0-", ""},
		{"unlock the adjacent", "A:r0-4 A:u5-9", "A:r0-4"},
		{"unlock the middle", "A:w0-9 A:u4-4", "A:w0-3 A:w5-9"},
		{"unlock the left", "A:w0-9 A:u0-4", "A:w5-9"},
		{"unlock the right", "A:w0-9 A:u5-20", "A:w0-4"},
		{"unlock across", "A:w0-3 A:r5-9 A:u2-6", "A:w0-1 A:r7-9"},
		{"to infinity", "A:w5-", "A:w5-"},
		{"infinity merges", "A:w5- A:w0-4", "A:w0-"},
		{"infinity again", "A:w5- A:w9-", "A:w5-"},
		{"infinity cut", "A:w0- A:u5-6", "A:w0-4 A:w7-"},
		{"infinity replaced", "A:w0- A:r5-", "A:w0-4 A:r5-"},
		{"two readers", "A:r0-9 B:r5-", "A:r0-9 B:r5-"},
		{"reader unlocks under another", "A:r0-9 B:r0-9 A:u3-3", "A:r0-2 A:r4-9 B:r0-9"},
		{"neighbours of two owners", "A:w0-4 B:w5-9", "A:w0-4 B:w5-9"},
		{"neighbours do not merge", "A:w0-4 B:w5-9 A:w10-12", "A:w0-4 A:w10-12 B:w5-9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newFile(t)
			for _, s := range strings.Fields(tt.steps) {
				if err := c.SetPosix(context.Background(), step(t, s), nil); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
				mustCheck(t, c)
			}
			if got := show(c); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestLastByteHasNoSuccessor(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Read, End, End)
	mustSet(t, c, "A", Write, End-1, End-1)
	mustSet(t, c, "B", Read, End, End)
	mustCheck(t, c)
	if err := set(c, "B", Read, End-1, End); err != syscall.EAGAIN {
		t.Errorf("B over A's write lock: %v", err)
	}
	mustSet(t, c, "A", Read, End-1, End-1)
	if h := c.Snapshot(); len(h) != 2 || h[0].Start != End-1 || h[0].End != End {
		t.Errorf("adjacent to the last byte: %v", show(c))
	}
	mustSet(t, c, "A", Unlock, 0, End)
	mustSet(t, c, "B", Unlock, End, End)
	if !c.Empty() {
		t.Errorf("left: %v", show(c))
	}
}

func TestConflictsReportTheFirstLockInTheWay(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "C", Write, 50, 59)
	mustSet(t, c, "A", Read, 10, 30)
	mustSet(t, c, "B", Read, 20, 40)
	mustSet(t, c, "B", Write, 70, 79)
	for _, tt := range []struct {
		owner      string
		typ        Type
		start, end int64
		want       string // "" for none
	}{
		{"D", Read, 0, 49, ""},
		{"D", Read, 0, 50, "C:w50-59"},
		{"D", Read, 59, 100, "C:w50-59"},
		{"D", Read, 60, 100, "B:w70-79"},
		{"D", Write, 0, 9, ""},
		{"D", Write, 0, End, "A:r10-30"},
		{"D", Write, 25, 100, "A:r10-30"},
		{"D", Write, 31, 100, "B:r20-40"},
		{"D", Write, 41, 49, ""},
		{"D", Write, 80, End, ""},
		{"A", Write, 0, 19, ""},
		{"A", Write, 0, End, "B:r20-40"},
		{"B", Write, 0, 9, ""},
		{"B", Write, 31, 49, ""},
		{"B", Write, 31, End, "C:w50-59"},
		{"B", Read, 60, End, ""},
		{"C", Write, 41, 69, ""},
	} {
		req := posix(tt.owner, tt.typ, tt.start, tt.end, 0)
		conf := new(Lock)
		if err := c.TestPosix(req, conf); err != nil {
			t.Fatal(err)
		}
		got := ""
		if conf.Type != Unlock {
			got = conf.info().String()
		}
		if got != tt.want {
			t.Errorf("%v: conflict %q, want %q", req.info(), got, tt.want)
		}
		req.Flags = FlagAccess
		want := error(nil)
		if tt.want != "" {
			want = syscall.EAGAIN
		}
		if err := c.SetPosix(context.Background(), req, req); err != want {
			t.Errorf("%v: access %v, want %v", req.info(), err, want)
		}
		if tt.want != "" && req.info().String() != tt.want {
			t.Errorf("conflict reported into the request: %v, want %v", req.info(), tt.want)
		}
	}
	if n := len(c.Snapshot()); n != 4 {
		t.Errorf("%d locks after tests only", n)
	}
}

func TestOFDLocksBelongToTheOpenFile(t *testing.T) {
	c := newFile(t)
	type openFile struct{ name string }
	f, g := &openFile{"f"}, &openFile{"g"}
	ofd := func(file *openFile, typ Type) error {
		return c.SetPosix(context.Background(), &Lock{Owner: OwnerOf(file), File: file, PID: 7, Kind: OFD, Type: typ, End: End}, nil)
	}
	if err := ofd(f, Write); err != nil {
		t.Fatal(err)
	}
	if err := ofd(g, Read); err != syscall.EAGAIN {
		t.Errorf("second open file: %v", err)
	}
	if err := set(c, "A", Read, 5, 5); err != syscall.EAGAIN {
		t.Errorf("POSIX against OFD: %v", err)
	}
	conf := new(Lock)
	if err := c.TestPosix(posix("A", Read, 0, 0, 0), conf); err != nil || conf.PID != -1 || conf.Kind != OFD {
		t.Errorf("conflict %+v, %v", conf.info(), err)
	}
	c.ClosePosix(context.Background(), OwnerOf("A"))
	c.CloseFile(context.Background(), g)
	if c.Empty() {
		t.Error("lock lost by others' closes")
	}
	c.CloseFile(context.Background(), f)
	if !c.Empty() {
		t.Error("lock survived the last reference of its file")
	}
}

func TestClosePosixDropsAllOfOneOwner(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Read, 0, 10)
	mustSet(t, c, "A", Write, 20, 30)
	mustSet(t, c, "B", Read, 5, 15)
	c.ClosePosix(context.Background(), OwnerOf("A"))
	if got := show(c); got != "B:r5-15" {
		t.Error(got)
	}
}

func TestUnlockOfNothing(t *testing.T) {
	c := newFile(t)
	mustSet(t, c, "A", Read, 0, 4)
	if err := set(c, "A", Unlock, 5, 9); err != nil {
		t.Error(err)
	}
	for _, end := range []int64{9, End} {
		if err := c.SetPosix(context.Background(), posix("A", Unlock, 5, end, FlagExists), nil); err != syscall.ENOENT {
			t.Errorf("to %d: %v", end, err)
		}
	}
	if err := c.SetPosix(context.Background(), posix("A", Unlock, 4, 9, FlagExists), nil); err != nil {
		t.Error(err)
	}
}

func TestBadRangeRequests(t *testing.T) {
	c := newFile(t)
	for _, l := range []*Lock{
		posix("A", Read, -1, 4, 0),
		posix("A", Read, 5, 4, 0),
		posix("A", 3, 0, 4, 0),
		{Kind: Flock, Type: Read, End: End},
		{Kind: Lease, Type: Read, End: End},
	} {
		if err := c.SetPosix(context.Background(), l, nil); err != syscall.EINVAL {
			t.Errorf("set %v: %v", l.info(), err)
		}
		if err := c.TestPosix(l, new(Lock)); err != syscall.EINVAL {
			t.Errorf("test %v: %v", l.info(), err)
		}
	}
	if err := c.TestPosix(posix("A", Unlock, 0, 4, 0), new(Lock)); err != syscall.EINVAL {
		t.Errorf("test of an unlock: %v", err)
	}
}

func TestWithoutRoomNothingChanges(t *testing.T) {
	c := newFile(t)
	c.SetLimit(3)
	mustSet(t, c, "A", Write, 0, 9)
	mustSet(t, c, "A", Read, 20, 29)
	const before = "A:w0-9 A:r20-29"
	for _, s := range []string{"A:r4-5", "A:w22-23"} { // each splits in three: two more
		if err := c.SetPosix(context.Background(), step(t, s), nil); err != syscall.ENOLCK {
			t.Errorf("%s: %v", s, err)
		}
		if got := show(c); got != before {
			t.Errorf("%s changed: %s", s, got)
		}
	}
	mustSet(t, c, "B", Write, 100, 100)
	for _, s := range []string{"C:r200-200", "A:u4-4", "A:w12-13"} {
		if err := c.SetPosix(context.Background(), step(t, s), nil); err != syscall.ENOLCK {
			t.Errorf("%s: %v", s, err)
		}
		mustCheck(t, c)
	}
	if err := c.Flock(context.Background(), &Lock{Owner: OwnerOf("F"), Kind: Flock, Type: Read}); err != syscall.ENOMEM {
		t.Errorf("flock: %v", err)
	}
	// What needs no more records goes on.
	for _, s := range []string{"A:w9-12", "A:u0-3", "A:r0-", "A:u0-", "B:u0-"} {
		if s == "A:r0-" {
			mustSet(t, c, "B", Unlock, 100, 100)
		}
		if err := c.SetPosix(context.Background(), step(t, s), nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		mustCheck(t, c)
	}
	if !c.Empty() {
		t.Error(show(c))
	}
}

func TestOfReadersThatBeginTogetherTheFirstToLockIsReported(t *testing.T) {
	c := newFile(t)
	owners := strings.Split("QWERTYUIOPASDFGHJKLZXCVBNM", "")
	for i, owner := range owners {
		mustSet(t, c, owner, Read, 0, int64(i))
	}
	for _, owner := range owners {
		conf := new(Lock)
		if err := c.TestPosix(posix("me", Write, 0, 0, 0), conf); err != nil || conf.Owner != OwnerOf(owner) {
			t.Fatalf("reported %v, want %s", conf.info(), owner)
		}
		c.ClosePosix(context.Background(), OwnerOf(owner))
	}
}
