package difftest

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// A Canon makes what one executor says comparable with what another one says.
// It has to see everything in order: it numbers the inodes as they appear, and
// knows the times that it saw last.
//
// Of a time near the run it keeps that it is near, and, for the times of change
// and modification, whether it is another one than the last time. On the host,
// an operation that stamps an inode gives it a new value if the old one was
// looked at (stamps are fine-grained then), so that nothing is missed. But link
// and unlink give a directory the stamp of the inode in it, which can be the
// one that it had, as long as the kernel's coarse clock stands still: those are
// "maybe" changed, until a Pause.
type Canon struct {
	start    time.Time
	ordinals map[uint64]uint64
	seen     map[uint64]*seenTimes
	epoch    int // pauses so far
}

// seenTimes are the values of an inode's times that were seen last.
type seenTimes struct {
	ctime, mtime stamp
}

type stamp struct {
	last  Time
	epoch int // in which last was new
	sight int // epoch in which it was seen last
}

// NewCanon begins an episode.
func NewCanon() *Canon {
	return &Canon{start: time.Now(), ordinals: map[uint64]uint64{}, seen: map[uint64]*seenTimes{}}
}

// nearby is the second that stands for any time of the run; the nanoseconds
// then say whether it is new.
const (
	nearby  = math.MinInt64
	same    = 0
	changed = 1
	maybe   = 2 // a directory's, the same, but when it was seen last no pause had passed since it was new
)

func (c *Canon) near(t Time) bool {
	const day = 24 * 3600
	d := t.Sec - c.start.Unix()
	return -day < d && d < day
}

// time makes a time comparable; last is nil where nothing but its being near
// counts.
func (c *Canon) time(t *Time, last *stamp, dir bool) {
	news := uint32(same)
	if last != nil {
		switch {
		case *t != last.last:
			last.last, last.epoch = *t, c.epoch
			news = changed
		case dir && last.epoch == last.sight:
			news = maybe // what stamped it since then may have done so before the pause
		}
		last.sight = c.epoch
	}
	if c.near(*t) {
		*t = Time{nearby, news}
	}
}

// forgiveMaybe lets got have changed where the judge's own clock is too coarse
// to tell.
func forgiveMaybe(want, got *Info) {
	forgive := func(want, got *Time) {
		if want.Sec != nearby || got.Sec != nearby {
			return
		}
		if want.Nsec == maybe || want.Nsec == same && got.Nsec == maybe {
			*got = *want
		}
	}
	forgive(&want.Mtime, &got.Mtime)
	forgive(&want.Ctime, &got.Ctime)
}

func (c *Canon) ino(ino *uint64) {
	n, ok := c.ordinals[*ino]
	if !ok {
		n = uint64(len(c.ordinals)) + 1
		c.ordinals[*ino] = n
	}
	*ino = n
}

func (c *Canon) info(i *Info) {
	c.ino(&i.Ino)
	s := c.seen[i.Ino]
	if s == nil {
		s = &seenTimes{}
		c.seen[i.Ino] = s
	}
	dir := i.Mode&unix.S_IFMT == unix.S_IFDIR
	c.time(&i.Atime, nil, dir)
	c.time(&i.Mtime, &s.mtime, dir)
	c.time(&i.Ctime, &s.ctime, dir)
	c.time(&i.Btime, nil, dir)
}

// Result makes the result of an operation comparable, in place.
func (c *Canon) Result(o *Op, r *Result) {
	if o.Kind == Pause {
		c.epoch++
	}
	for i := range r.After {
		if s := &r.After[i]; s.Asked && s.Err == 0 {
			c.info(&s.Info)
		}
	}
	for i := range r.Names {
		c.ino(&r.Names[i].Ino)
	}
}

// Snapshot makes a snapshot comparable, in place.
func (c *Canon) Snapshot(s *Snapshot) {
	for i := range s.Tree {
		c.info(&s.Tree[i].Info)
	}
	for i := range s.Slots {
		if s.Slots[i].Open {
			c.info(&s.Slots[i].Info)
		}
	}
}
