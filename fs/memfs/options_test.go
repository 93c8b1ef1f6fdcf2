package memfs

import (
	"errors"
	"math"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const testMemory = 1 << 20 // pages

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want options
	}{
		{"", options{}},
		{",,", options{}},
		{"size=0", options{given: optBlocks}},
		{"size=1", options{given: optBlocks, blocks: 1}},
		{"size=4096", options{given: optBlocks, blocks: 1}},
		{"size=4097", options{given: optBlocks, blocks: 2}},
		{"size=0x1000", options{given: optBlocks, blocks: 1}},
		{"size=0x1e", options{given: optBlocks, blocks: 1}},
		{"size=0x10k", options{given: optBlocks, blocks: 4}},
		{"size=010000", options{given: optBlocks, blocks: 1}},
		{"size=1k", options{given: optBlocks, blocks: 1}},
		{"size=1M", options{given: optBlocks, blocks: 256}},
		{"size=1g", options{given: optBlocks, blocks: 1 << 18}},
		{"size=1t", options{given: optBlocks, blocks: 1 << 28}},
		{"size=1P", options{given: optBlocks, blocks: 1 << 38}},
		{"size=7e", options{given: optBlocks, blocks: 7 << 48}},
		{"size=50%", options{given: optBlocks, blocks: testMemory / 2}},
		{"size=200%", options{given: optBlocks, blocks: testMemory * 2}},
		{"size=1g,nr_blocks=3", options{given: optBlocks, blocks: 3}},
		{"nr_blocks=3,size=1m", options{given: optBlocks, blocks: 256}},
		{"nr_blocks=2k", options{given: optBlocks, blocks: 2048}},
		{"nr_inodes=0", options{given: optInodes}},
		{"nr_inodes=1k", options{given: optInodes, inodes: 1024}},
		{"nr_inodes=9007199254740991", options{given: optInodes, inodes: maxInodes}},
		{"mode=700", options{given: optMode, mode: 0o700}},
		{"mode=0700", options{given: optMode, mode: 0o700}},
		{"mode=17777", options{given: optMode, mode: 0o7777}},
		{"mode=777,mode=700", options{given: optMode, mode: 0o700}},
		{"uid=0x10,gid=5", options{given: optUID | optGID, uid: 16, gid: 5}},
		{"uid=4294967294", options{given: optUID, uid: math.MaxUint32 - 1}},
		{"noacl", options{given: optACL}},
		{"noacl,acl", options{given: optACL, acl: true}},
	} {
		if tt.want.given&optMode == 0 {
			tt.want.mode = defaultMode
		}
		if tt.want.given&optACL == 0 {
			tt.want.acl = true
		}
		got, err := parseOptions(tt.in, testMemory)
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestOptionErrorsSayWhichAndWhy(t *testing.T) {
	for in, want := range map[string]string{
		"bogus":                         `memfs: option "bogus": unknown; known are`,
		"size=1m,sise=3":                `memfs: option "sise=3": unknown; known are`,
		"size":                          `memfs: option "size": needs a value`,
		"size=":                         `memfs: option "size=": needs a value`,
		"size=1KB":                      `memfs: option "size=1KB": not a number`,
		"size=-1":                       `memfs: option "size=-1": not a number`,
		"size=+1":                       `memfs: option "size=+1": not a number`,
		"size=1 m":                      `memfs: option "size=1 m": not a number`,
		"size=k":                        `memfs: option "size=k": not a number`,
		"size=1%x":                      `memfs: option "size=1%x": not a number`,
		"size=%":                        `memfs: option "size=%": not a number`,
		"size=08":                       `memfs: option "size=08": not a number`,
		"size=0x":                       `memfs: option "size=0x": not a number`,
		"size=8e":                       `memfs: option "size=8e": the number is too large`,
		"size=99999999999999999999":     `memfs: option "size=99999999999999999999": the number is too large`,
		"size=18446744073709551615%":    `memfs: option "size=18446744073709551615%": the number is too large`,
		"nr_blocks=9223372036854775807": `memfs: option "nr_blocks=9223372036854775807": the number is too large`,
		"nr_inodes=5%":                  `memfs: option "nr_inodes=5%": not a number`,
		"nr_inodes=9007199254740992":    `memfs: option "nr_inodes=9007199254740992": the number is too large`,
		"mode=8":                        `memfs: option "mode=8": not an octal number`,
		"mode=0x7":                      `memfs: option "mode=0x7": not an octal number`,
		"mode=+7":                       `memfs: option "mode=+7": not an octal number`,
		"mode=77777777777777":           `memfs: option "mode=77777777777777": not an octal number`,
		"uid=4294967295":                `memfs: option "uid=4294967295": the number is too large`,
		"gid=x":                         `memfs: option "gid=x": not a number`,
		"acl=1":                         `memfs: option "acl=1": takes no value`,
	} {
		_, err := parseOptions(in, testMemory)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", in, err, want)
		}
		var opt *OptionError
		if !errors.Is(err, unix.EINVAL) || !errors.As(err, &opt) {
			t.Errorf("%q: the error is %#v, no OptionError that is an EINVAL", in, err)
		}
	}
}

func TestShownOptionsMakeTheSameAgain(t *testing.T) {
	for _, in := range []string{
		"", "size=0", "nr_blocks=17,nr_inodes=0,mode=7,uid=1,gid=2,noacl", "size=3g,nr_inodes=5000",
	} {
		o, err := parseOptions(in, testMemory)
		if err != nil {
			t.Fatal(err)
		}
		if o.given&optBlocks == 0 {
			o.blocks = testMemory / 2
		}
		if o.given&optInodes == 0 {
			o.inodes = testMemory / 2
		}
		var shown strings.Builder
		if err := o.write(&shown, testMemory); err != nil {
			t.Fatal(err)
		}
		again, err := parseOptions(shown.String(), testMemory)
		if again.given&optBlocks == 0 {
			again.blocks = testMemory / 2
		}
		if again.given&optInodes == 0 {
			again.inodes = testMemory / 2
		}
		again.given = o.given
		if err != nil || again != o {
			t.Errorf("%q is shown as %q, which is %+v, not %+v (%v)", in, shown.String(), again, o, err)
		}
	}
}

func FuzzOptions(f *testing.F) {
	for _, s := range []string{"size=50%,nr_inodes=1k", "mode=1777,uid=0,gid=0x1", "nr_blocks=08,acl", "size=18446744073709551615e", "=,=="} {
		f.Add(s, int64(testMemory))
	}
	f.Fuzz(func(t *testing.T, s string, memory int64) {
		memory &= 1<<52 - 1
		o, err := parseOptions(s, memory)
		if err != nil {
			var opt *OptionError
			if !errors.As(err, &opt) || !errors.Is(err, unix.EINVAL) || !strings.Contains(s, opt.Option) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if o.blocks < 0 || o.blocks > maxBlocks || o.inodes < 0 || o.inodes > maxInodes || o.mode&^0o7777 != 0 ||
			o.uid == math.MaxUint32 || o.gid == math.MaxUint32 {
			t.Errorf("%q: %+v", s, o)
		}
	})
}
