package difftest

import (
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// A Config says what an episode is made of; it follows from the seed, as the
// operations do.
type Config struct {
	Seed uint64
	Ops  int
	// Options are mount options in the words that tmpfs and memfs share.
	Options string
	// MountFlags are those of mount(2).
	MountFlags uint64
	// Mounted: a kernel mount is to follow, see [ForMount].
	Mounted bool
}

// Configure chooses the options of the episode of a seed.
func Configure(seed uint64, ops int) Config {
	r := rand.New(rand.NewPCG(seed, 1))
	c := Config{Seed: seed, Ops: ops, Options: "size=64m,nr_inodes=4096"}
	switch r.IntN(6) {
	case 0: // soon full
		c.Options = []string{"size=256k,nr_inodes=64", "size=64m,nr_inodes=24", "size=64k,nr_inodes=4096,mode=0777"}[r.IntN(3)]
	case 1:
		c.Options += []string{",mode=0755", ",mode=0777", ",mode=2777,gid=2000", ",mode=3777,gid=1000"}[r.IntN(4)]
	}
	switch r.IntN(8) {
	case 0:
		c.MountFlags = unix.MS_NOATIME
	case 1:
		c.MountFlags = unix.MS_STRICTATIME
	case 2:
		c.MountFlags = unix.MS_NODIRATIME
	}
	// The kernel looks for a module when an unknown device is opened, which
	// takes its time.
	if r.IntN(20) != 0 {
		c.MountFlags |= unix.MS_NODEV
	}
	return c
}

// Generate is the list of operations of an episode. It depends on the seed
// alone; a longer list begins as a shorter one.
func Generate(c Config) []Op {
	g := newGenerator(c.Seed)
	ops := make([]Op, c.Ops)
	for i := range ops {
		ops[i] = g.next()
		if c.Mounted {
			ops[i].forMount()
		}
	}
	return ops
}

// Flags of files, as chattr sets them (FS_*_FL).
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
	flagNoDump    = 0x40
	flagNoAtime   = 0x80
)

// slotGuess is what the generator believes to be open in a slot. It is often
// wrong: nothing tells it what failed.
type slotGuess uint8

const (
	guessNone slotGuess = iota
	guessFile
	guessDir
	guessPath
)

type generator struct {
	*rand.Rand
	user  uint8
	left  int // operations until the user changes
	slots [Slots]slotGuess
	mix   []weighted // of this stretch
	phase int        // operations until the mix changes
	taste taste
}

// taste shifts the odds of a whole episode.
type taste struct {
	nonroot   float64 // share of operations by ordinary users
	openModes float64 // share of modes that let everybody in
	links     float64 // share of symlinks among what is made
	tidy      bool    // remove more
}

type weighted struct {
	kind   Kind
	weight int
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
	g.taste = taste{
		nonroot:   []float64{0.3, 0.5, 0.7, 0.05}[g.IntN(4)],
		openModes: []float64{0.5, 0.7, 0.9}[g.IntN(3)],
		links:     []float64{0.5, 1, 2}[g.IntN(3)],
		tidy:      g.IntN(4) == 0,
	}
	return g
}

// The mixes: names, data, attributes.
var (
	namesMix = []weighted{
		{Open, 20}, {Openat2, 3}, {Close, 8}, {Dup, 1}, {Mkdir, 18}, {Mknod, 7}, {Symlink, 10}, {Link, 10}, {Unlink, 12},
		{Rename, 26}, {Readlink, 4}, {Access, 4}, {Stat, 6}, {List, 6}, {Chdir, 5}, {Fchdir, 4}, {Getcwd, 4}, {Umask, 1},
		{Chmod, 5}, {Chown, 3}, {Utimens, 4}, {Write, 3}, {Read, 2}, {Fstat, 2}, {Truncate, 1}, {Statfs, 1}, {Setxattr, 1},
		{Setflags, 1},
	}
	dataMix = []weighted{
		{Open, 22}, {Close, 4}, {Dup, 3}, {Read, 12}, {Write, 16}, {Pread, 10}, {Pwrite, 14}, {Readv, 3}, {Writev, 4},
		{Lseek, 16}, {Ftruncate, 9}, {Truncate, 5}, {Fallocate, 10}, {CopyRange, 5}, {Fsync, 1}, {Fstat, 3}, {Fstatfs, 3},
		{Getfl, 2}, {Setfl, 3}, {Unlink, 2}, {Rename, 2}, {Link, 1}, {Fchmod, 3}, {Fchown, 2}, {Futimens, 3}, {Utimens, 2},
		{Fsetxattr, 1}, {Mkdir, 1}, {Openat2, 1}, {Flock, 6},
	}
	attrMix = []weighted{
		{Open, 12}, {Close, 3}, {Chmod, 14}, {Fchmod, 5}, {Chown, 12}, {Fchown, 4}, {Utimens, 14}, {Futimens, 5}, {Setxattr, 14},
		{Getxattr, 10}, {Listxattr, 7}, {Removexattr, 6}, {Fsetxattr, 5}, {Fgetxattr, 3}, {Flistxattr, 2}, {Fremovexattr, 2},
		{Access, 8}, {Stat, 4}, {Umask, 2}, {Getflags, 2}, {Setflags, 4}, {Mkdir, 6}, {Mknod, 3}, {Symlink, 3}, {Link, 3},
		{Rename, 3}, {Unlink, 3}, {Write, 6}, {Read, 4}, {Ftruncate, 2}, {Truncate, 2}, {Readlink, 2}, {List, 2}, {Statfs, 1},
	}
)

func (g *generator) next() Op {
	if g.left == 0 {
		g.left = 1 + g.IntN(12)
		g.user = 0
		if g.Float64() < g.taste.nonroot {
			g.user = uint8(1 + g.IntN(len(Users)-1))
		}
	}
	g.left--
	if g.phase == 0 {
		g.phase = 20 + g.IntN(200)
		g.mix = [][]weighted{namesMix, namesMix, dataMix, attrMix}[g.IntN(4)]
	}
	g.phase--
	kind := g.kind()
	if g.IntN(400) == 0 {
		kind = Pause
	}
	op := Op{Kind: kind, User: g.user, Slot: NoSlot, Slot2: NoSlot, Dir: NoSlot, Dir2: NoSlot}
	g.fill(&op)
	return op
}

func (g *generator) kind() Kind {
	total := 0
	for _, w := range g.mix {
		total += w.weight
	}
	n := g.IntN(total)
	for _, w := range g.mix {
		if n -= w.weight; n < 0 {
			return w.kind
		}
	}
	panic("difftest: weights do not add up")
}

// one reports an event of the given probability.
func (g *generator) one(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) fill(o *Op) {
	switch o.Kind {
	case Open, Openat2:
		g.open(o)
	case Close:
		o.Slot = g.anySlot()
		if g.one(0.8) {
			o.Slot = g.openSlot()
		}
		g.slots[o.Slot] = guessNone
	case Dup:
		o.Slot, o.Slot2 = g.openSlot(), g.anySlot()
		g.slots[o.Slot2] = g.slots[o.Slot]
	case Read, Readv:
		o.Slot, o.Len = g.fileSlot(), g.size()
	case Write, Writev:
		o.Slot, o.Len, o.Fill = g.fileSlot(), g.size(), byte(g.Uint32())
	case Pread:
		o.Slot, o.Len, o.Off = g.fileSlot(), g.size(), g.offset()
	case Pwrite:
		o.Slot, o.Len, o.Off, o.Fill = g.fileSlot(), g.size(), g.offset(), byte(g.Uint32())
	case Lseek:
		o.Slot, o.Off = g.fileSlot(), g.offset()
		o.Flags = int64(pick(g, unix.SEEK_SET, unix.SEEK_SET, unix.SEEK_CUR, unix.SEEK_END, unix.SEEK_DATA, unix.SEEK_HOLE))
		if g.one(0.02) {
			o.Flags = int64(pick(g, 5, -1, 100))
		}
	case Ftruncate:
		o.Slot, o.Off = g.fileSlot(), g.offset()
	case Truncate:
		o.Path, o.Off = g.path(fileAim), g.offset()
	case Fallocate:
		g.fallocate(o)
	case CopyRange:
		o.Slot, o.Slot2, o.Len = g.fileSlot(), g.fileSlot(), g.size()
		o.Off, o.Off2 = g.offset(), g.offset()
		if g.one(0.3) {
			o.Off = -1 // the file's own position
		}
		if g.one(0.3) {
			o.Off2 = -1
		}
	case Fsync, Fstat, Fstatfs, Getfl, Getflags:
		o.Slot = g.openSlot()
	case Mkdir:
		g.atPath(o)
		o.Mode = g.dirMode()
	case Mknod:
		g.mknod(o)
	case Symlink:
		g.atPath(o)
		o.Path2 = g.linkBody()
	case Link:
		g.atPath(o)
		g.atPath2(o, fileAim)
		o.Flags = int64(pick(g, 0, 0, 0, 0, unix.AT_SYMLINK_FOLLOW))
		if g.one(0.15) {
			o.Dir, o.Path, o.Flags = g.openSlot(), "", unix.AT_EMPTY_PATH
		}
		if g.one(0.02) {
			o.Flags = int64(pick(g, unix.AT_SYMLINK_NOFOLLOW, unix.AT_REMOVEDIR))
		}
	case Unlink:
		o.Flags = int64(pick(g, 0, 0, unix.AT_REMOVEDIR))
		g.atPath(o)
		if g.one(0.02) {
			o.Flags = unix.AT_SYMLINK_NOFOLLOW
		}
	case Rename:
		aim := pick(g, fileAim, dirAim, anyAim)
		g.atAim(o, aim)
		if g.one(0.1) {
			aim = anyAim
		}
		g.atPath2(o, aim)
		o.Flags = int64(pick(g, 0, 0, 0, 0, 0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_EXCHANGE, unix.RENAME_WHITEOUT))
		if g.one(0.03) {
			o.Flags = int64(pick(g, unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE, unix.RENAME_EXCHANGE|unix.RENAME_WHITEOUT,
				unix.RENAME_NOREPLACE|unix.RENAME_WHITEOUT, 8))
		}
	case Readlink:
		g.atPath(o)
		o.Len = pick(g, 0, 1, 5, 4096, 4096)
		if g.one(0.1) {
			o.Dir, o.Path = g.openSlot(), ""
		}
	case Access:
		g.atPath(o)
		o.Mode = g.Uint32N(8)
		o.Flags = int64(pick(g, 0, 0, unix.AT_EACCESS, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW))
		if g.one(0.02) {
			o.Mode = 8
		}
	case Chmod:
		g.atPath(o)
		o.Mode = g.mode()
		o.Flags = int64(pick(g, 0, 0, 0, unix.AT_SYMLINK_NOFOLLOW))
		g.emptyPath(o)
	case Fchmod:
		o.Slot, o.Mode = g.openSlot(), g.mode()
	case Chown:
		g.atPath(o)
		o.UID, o.GID = g.owner()
		o.Flags = int64(pick(g, 0, 0, unix.AT_SYMLINK_NOFOLLOW))
		g.emptyPath(o)
	case Fchown:
		o.Slot = g.openSlot()
		o.UID, o.GID = g.owner()
	case Utimens:
		g.atPath(o)
		g.times(o)
		o.Flags = int64(pick(g, 0, 0, unix.AT_SYMLINK_NOFOLLOW))
		g.emptyPath(o)
	case Futimens:
		o.Slot = g.openSlot()
		g.times(o)
	case Setxattr, Getxattr, Listxattr, Removexattr, Fsetxattr, Fgetxattr, Flistxattr, Fremovexattr:
		g.xattr(o)
	case List:
		o.Slot = g.dirSlot()
		if g.one(0.1) {
			o.Slot = g.openSlot()
		}
	case Stat:
		g.atPath(o)
		o.Flags = int64(pick(g, 0, unix.AT_SYMLINK_NOFOLLOW))
		g.emptyPath(o)
		if g.one(0.02) {
			o.Flags = 0x8000 << 3
		}
	case Statfs, Chdir:
		o.Path = g.path(g.aimOf(o))
	case Fchdir:
		o.Slot = g.dirSlot()
		if g.one(0.1) {
			o.Slot = g.openSlot()
		}
	case Getcwd, Pause:
	case Umask:
		o.Mode = pick[uint32](g, 0, 0o022, 0o022, 0o077, 0o002, 0o777, 0o111)
	case Setfl:
		o.Slot = g.openSlot()
		o.Flags = int64(pick(g, 0, unix.O_APPEND, unix.O_NOATIME, unix.O_APPEND|unix.O_NOATIME) | unix.O_NONBLOCK)
	case Flock:
		o.Slot = g.openSlot()
		o.Flags = int64(pick(g, unix.LOCK_SH, unix.LOCK_SH, unix.LOCK_EX, unix.LOCK_EX, unix.LOCK_UN, 0) | unix.LOCK_NB)
	case Setflags:
		o.Slot = g.openSlot()
		o.Flags = pick[int64](g, 0, 0, 0, flagNoDump, flagImmutable, flagAppend, flagNoAtime, flagNoDump|flagNoAtime, 1, 1<<31)
		if g.phase > 10 { // let the flags go soon: they stop everything else
			g.phase = 10
		}
	}
}

func (g *generator) open(o *Op) {
	o.Slot = g.anySlot()
	o.Mode = g.mode()
	// A FIFO must not make anybody wait.
	flags := unix.O_NONBLOCK
	guess := guessFile
	switch {
	case g.one(0.2): // a directory to work in
		g.atAim(o, dirAim)
		flags |= unix.O_RDONLY
		if g.one(0.7) {
			flags |= unix.O_DIRECTORY
		}
		if g.one(0.2) {
			flags |= unix.O_PATH
		}
		guess = guessDir
	case g.one(0.06):
		g.atAim(o, dirAim)
		flags |= unix.O_TMPFILE | pick(g, unix.O_RDWR, unix.O_RDWR, unix.O_WRONLY, unix.O_RDONLY)
		if g.one(0.3) {
			flags |= unix.O_EXCL
		}
		if g.one(0.05) {
			flags = flags&^unix.O_TMPFILE | unix.O_TMPFILE&^unix.O_DIRECTORY
		}
		if g.one(0.5) {
			o.Path, o.Dir = "/", NoSlot
		}
	default:
		g.atPath(o)
		flags |= g.openFlags()
		if flags&unix.O_PATH != 0 {
			guess = guessPath
		} else if flags&unix.O_CREAT == 0 && g.one(0.5) {
			guess = g.slots[o.Slot] // it was not there
		}
	}
	g.slots[o.Slot] = guess
	o.Flags = int64(flags)
	if o.Kind != Openat2 {
		return
	}
	if flags&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 && g.one(0.95) {
		o.Mode = 0
	}
	const noXdev, noMagic, noSym, beneath, inRoot, cached = 1, 2, 4, 8, 16, 32
	o.Dev = pick[uint64](g, 0, noXdev, noMagic, noSym, beneath, beneath, inRoot, inRoot, beneath|noSym, noXdev|inRoot, beneath|inRoot)
	if g.one(0.02) {
		o.Dev = 64
	}
}

func (g *generator) openFlags() int {
	flags := pick(g, unix.O_RDONLY, unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR, unix.O_RDWR)
	for _, f := range []struct {
		flag int
		p    float64
	}{
		{unix.O_CREAT, 0.65}, {unix.O_EXCL, 0.1}, {unix.O_TRUNC, 0.15}, {unix.O_APPEND, 0.12}, {unix.O_DIRECTORY, 0.04},
		{unix.O_NOFOLLOW, 0.08}, {unix.O_PATH, 0.05}, {unix.O_NOATIME, 0.06}, {unix.O_CLOEXEC, 0.05}, {unix.O_SYNC, 0.02},
		{unix.O_DSYNC, 0.02}, {unix.O_ACCMODE, 0.03}, {unix.O_NOCTTY, 0.02}, {unix.O_DIRECT, 0.02},
	} {
		if g.one(f.p) {
			flags |= f.flag
		}
	}
	return flags
}

func (g *generator) mknod(o *Op) {
	g.atPath(o)
	o.Mode = g.mode() | pick[uint32](g, unix.S_IFIFO, unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFREG, 0, unix.S_IFCHR, unix.S_IFBLK)
	if g.one(0.05) {
		o.Mode = g.mode() | pick[uint32](g, unix.S_IFDIR, unix.S_IFLNK, 0o030000, 0o170000)
	}
	switch o.Mode & unix.S_IFMT {
	case unix.S_IFCHR, unix.S_IFBLK:
		// 0:0 is the whiteout that anybody may make; no driver has the other
		// number, so that opening it has no effects.
		o.Dev = pick(g, unix.Mkdev(0, 0), unix.Mkdev(4001, 77))
	}
}

func (g *generator) fallocate(o *Op) {
	const keep, punch = unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE
	o.Slot = g.fileSlot()
	o.Flags = int64(pick(g, 0, 0, keep, keep, punch|keep, punch|keep, punch|keep, punch))
	o.Off, o.Off2 = g.offset(), int64(g.size())
	if g.one(0.1) {
		o.Off2 = pick[int64](g, 0, -1, 1<<20, 1<<40, 1<<62)
	}
}

// times of utimensat: given ones lie before this run or far behind it, so that
// they differ from the clock's.
func (g *generator) times(o *Op) {
	if g.one(0.1) {
		o.NoTimes = true
		return
	}
	for i := range o.Times {
		t := &o.Times[i]
		t.Sec = pick[int64](g, 0, 1, 1e9, 1e9+1, 123456789, 4102444800, 1<<31, -1, -1e9)
		t.Nsec = pick[int64](g, 0, 0, 1, 999999999, 123456789, unix.UTIME_NOW, unix.UTIME_OMIT)
		if g.one(0.01) {
			t.Nsec = pick[int64](g, 1e9, -1, unix.UTIME_NOW-1)
		}
	}
}

func (g *generator) owner() (uid, gid uint32) {
	const keep = ^uint32(0)
	return pick[uint32](g, keep, keep, 0, 1000, 1000, 1001, 1001, 77), pick[uint32](g, keep, keep, 0, 1000, 2000, 2000, 1000, 77)
}

func (g *generator) mode() uint32 {
	if g.one(g.taste.openModes) {
		return pick[uint32](g, 0o777, 0o666, 0o755, 0o644, 0o777)
	}
	if g.one(0.3) {
		return g.Uint32N(0o10000)
	}
	return pick[uint32](g, 0o4755, 0o4777, 0o2755, 0o2777, 0o2666, 0o6777, 0o1777, 0o1755, 0o700, 0o600, 0o070, 0o007, 0, 0o111, 0o222, 0o444, 0o770, 0o2770)
}

func (g *generator) dirMode() uint32 {
	if g.one(g.taste.openModes) {
		return pick[uint32](g, 0o777, 0o777, 0o755, 0o1777, 0o2777)
	}
	return g.mode()
}

// offset of a file: the edges of pages, small numbers, the edges of what is
// possible. Nothing is written into the very last page: Linux overflows when it
// looks for data there.
func (g *generator) offset() int64 {
	switch {
	case g.one(0.5):
		return g.Int64N(5 * 4096)
	case g.one(0.8):
		return pick[int64](g, 0, 0, 1, 4095, 4096, 4097, 8192, 8191, 12288, 65536, 1<<20)
	}
	return pick[int64](g, -1, 1<<31, 1<<32-1, 1<<40, 1<<62, 1<<63-1, 1<<63-1<<20, -1<<63)
}

// size of a transfer in bytes.
func (g *generator) size() int {
	switch {
	case g.one(0.6):
		return g.IntN(3000)
	case g.one(0.9):
		return pick(g, 0, 1, 4095, 4096, 4097, 8192, 10000, 16384)
	}
	return pick(g, 65536, 100000)
}

// openSlot is a slot that is probably in use.
func (g *generator) openSlot() int8 { return g.slotOf(guessFile, guessDir, guessPath) }

func (g *generator) fileSlot() int8 {
	if g.one(0.06) {
		return g.anySlot()
	}
	return g.slotOf(guessFile)
}

func (g *generator) dirSlot() int8 { return g.slotOf(guessDir) }

func (g *generator) slotOf(guesses ...slotGuess) int8 {
	var fit []int8
	for i, s := range g.slots {
		for _, want := range guesses {
			if s == want {
				fit = append(fit, int8(i))
			}
		}
	}
	if len(fit) == 0 {
		return g.anySlot()
	}
	return fit[g.IntN(len(fit))]
}

func (g *generator) anySlot() int8 { return int8(g.IntN(Slots)) }
