package difftest

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// The names: few, so that operations meet; some at and beyond the limit.
var (
	shortNames = []string{"a", "b", "c", "d", "\xffé"}
	longName   = strings.Repeat("n", 255)
	tooLong    = strings.Repeat("m", 256)
)

// aim is what a path is meant to lead to. The names of directories are mostly
// others than those of files: else most operations would meet the wrong kind.
type aim uint8

const (
	anyAim aim = iota
	dirAim
	fileAim
)

func (g *generator) name(s aim) string {
	switch {
	case g.one(0.02):
		return longName
	case g.one(0.01):
		return tooLong
	}
	switch {
	case s == dirAim && g.one(0.8):
		return pick(g, shortNames[0], shortNames[0], shortNames[1])
	case s == fileAim && g.one(0.8):
		return pick(g, shortNames[2], shortNames[3], shortNames[3])
	}
	return pick(g, shortNames...)
}

// component of a path, not the last one.
func (g *generator) component() string {
	switch {
	case g.one(0.06):
		return ".."
	case g.one(0.04):
		return "."
	}
	return g.name(dirAim)
}

// path is relative or absolute, up to four names deep, with all the oddities
// that paths have.
func (g *generator) path(s aim) string {
	if g.one(0.04) {
		return g.oddPath()
	}
	var b strings.Builder
	if g.one(0.4) {
		b.WriteByte('/')
	}
	depth := 1
	for depth < 4 && g.one(0.4) {
		depth++
	}
	for range depth - 1 {
		b.WriteString(g.component())
		b.WriteByte('/')
		if g.one(0.02) {
			b.WriteByte('/')
		}
	}
	if g.one(0.02) {
		b.WriteString(pick(g, ".", ".."))
	} else {
		b.WriteString(g.name(s))
	}
	if g.one(0.04) {
		b.WriteString(pick(g, "/", "/", "/", "//", "/.", "/..", "/../"+g.name(anyAim)))
	}
	return b.String()
}

func (g *generator) oddPath() string {
	switch g.IntN(10) {
	case 0:
		return ""
	case 1:
		return "///"
	case 2:
		return strings.Repeat("a/", 2100) // more than a path may have
	case 3:
		return "/" + strings.Repeat("./", 2000) + g.name(anyAim) // just less
	case 4:
		return strings.Repeat("../", 20) + g.name(anyAim)
	case 5, 6:
		return pick(g, ".", "..", "./", "../")
	}
	return "/"
}

// aimOf is what an operation mostly wants to find or to make.
func (g *generator) aimOf(o *Op) aim {
	switch o.Kind {
	case Mkdir, Chdir:
		return dirAim
	case Mknod, Link, Readlink, Truncate:
		return fileAim
	case Open, Openat2, Setxattr, Getxattr, Symlink:
		return pick(g, fileAim, fileAim, fileAim, dirAim, anyAim)
	case Unlink:
		if o.Flags != 0 {
			return dirAim
		}
		return fileAim
	}
	return pick(g, fileAim, dirAim, anyAim)
}

// atPath gives an operation a path, and where it starts: mostly the current
// directory.
func (g *generator) atPath(o *Op) { g.atAim(o, g.aimOf(o)) }

func (g *generator) atAim(o *Op, s aim) {
	o.Path = g.path(s)
	if g.one(0.15) {
		o.Dir = g.dirSlot()
		if g.one(0.05) {
			o.Dir = g.anySlot()
		}
	}
}

// atPath2 gives the second path, of the sort of the first.
func (g *generator) atPath2(o *Op, s aim) {
	o.Path2 = g.path(s)
	if g.one(0.15) {
		o.Dir2 = g.dirSlot()
	}
}

// emptyPath turns some operations to a descriptor itself.
func (g *generator) emptyPath(o *Op) {
	if g.one(0.1) {
		o.Dir, o.Path = g.openSlot(), ""
		if g.one(0.9) {
			o.Flags |= unix.AT_EMPTY_PATH
		}
	}
}

// linkBody is what a symlink says.
func (g *generator) linkBody() string {
	switch {
	case g.one(0.02):
		return strings.Repeat("t", pick(g, 4095, 4096, 4094, 127, 128, 129))
	case g.one(0.1):
		return pick(g, ".", "..", "/", "./", "../", "/.", "..//")
	case g.one(0.5):
		return g.name(anyAim)
	}
	return g.path(anyAim)
}

// Attribute names of all namespaces, known and unknown.
var xattrNames = []string{
	"user.a", "user.a", "user.a", "user.a", "user.a", "user.b", "user.b", "user." + strings.Repeat("x", 250), "user." + strings.Repeat("x", 251), "user.", "trusted.a", "trusted.a", "trusted.b",
	"security.a", "security.b", "security.capability", "system.posix_acl_access", "system.posix_acl_access", "system.posix_acl_default",
	"system.a", "nothing.a", "a", "", "btrfs.a",
}

func (g *generator) xattr(o *Op) {
	switch o.Kind {
	case Setxattr, Getxattr, Listxattr, Removexattr:
		o.Path = g.path(g.aimOf(o))
		o.Mode = g.Uint32N(2) // follow
	default:
		o.Slot = g.openSlot()
	}
	o.Name = xattrNames[g.IntN(len(xattrNames))]
	o.Len = pick(g, 0, 4096, 4096, 65536, 65537, 1, 7, 40)
	switch o.Kind {
	case Setxattr, Fsetxattr:
		o.Flags = int64(pick(g, 0, 0, 0, unix.XATTR_CREATE, unix.XATTR_REPLACE))
		if g.one(0.02) {
			o.Flags = int64(pick(g, 3, 4))
		}
		o.Value = g.xattrValue(o.Name)
	}
}

func (g *generator) xattrValue(name string) []byte {
	if strings.HasPrefix(name, "system.posix_acl") && g.one(0.9) {
		return g.acl()
	}
	if name == "security.capability" && g.one(0.7) {
		return g.fileCaps()
	}
	n := g.IntN(40)
	if g.one(0.1) {
		n = pick(g, 0, 1, 1000, 4096, 65536, 65537)
	}
	v := make([]byte, n)
	for i := range v {
		v[i] = byte(i) + byte(n)
	}
	return v
}

// acl is an access control list in the layout of its attribute; some are
// wrong, or hardly say more than a mode.
func (g *generator) acl() []byte {
	const owner, user, group, namedGroup, mask, other = 1, 2, 4, 8, 16, 32
	b := binary.LittleEndian.AppendUint32(nil, 2)
	add := func(tag uint16, id uint32) {
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = binary.LittleEndian.AppendUint16(b, uint16(g.IntN(8)))
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	add(owner, ^uint32(0))
	extended := g.one(0.7)
	if extended && g.one(0.7) {
		add(user, pick[uint32](g, 1000, 1001))
	}
	add(group, ^uint32(0))
	if extended && g.one(0.5) {
		add(namedGroup, pick[uint32](g, 1000, 2000))
	}
	if extended || g.one(0.3) {
		add(mask, ^uint32(0))
	}
	add(other, ^uint32(0))
	if g.one(0.1) {
		b = b[:len(b)-pick(g, 1, 8, len(b)-4, len(b))]
	}
	return b
}

// fileCaps is the value of security.capability, revision 2 or 3, or another.
func (g *generator) fileCaps() []byte {
	revision := pick[uint32](g, 0x02000000, 0x02000001, 0x02000000, 0x03000000, 0x03000001, 0x01000000, 0x05000000)
	words := 4
	if revision>>24 == 3 {
		words = 5
	}
	b := binary.LittleEndian.AppendUint32(nil, revision)
	for range words {
		b = binary.LittleEndian.AppendUint32(b, uint32(g.IntN(3)))
	}
	return b
}
