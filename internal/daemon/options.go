package daemon

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/govfs/govfs/vfs"
)

// Permissions says who decides about access.
type Permissions string

const (
	// PermissionsKernel leaves it to the kernel (default_permissions), which
	// knows the caller's groups and namespaces.
	PermissionsKernel Permissions = "kernel"
	// PermissionsCore leaves it to the switch itself.
	PermissionsCore Permissions = "core"
)

// Options are the mount options that every file system has, taken out of a
// list as mount(8) has it. What is not among them belongs to the driver.
type Options struct {
	Type        string         // of file system; empty if it was not given
	Flags       vfs.SuperFlags // MS_*
	AllowOther  bool           // users other than the one who mounts may enter
	Permissions Permissions
	FSName      string // what is shown as the source; empty for the source itself
	Driver      string // the driver's options, comma-separated, in their order
}

// An OptionError is an element of an option list that cannot be.
type OptionError struct {
	Option string
	Reason string
}

func (e *OptionError) Error() string { return fmt.Sprintf("option %q: %s", e.Option, e.Reason) }

// Unwrap makes the error an EINVAL.
func (e *OptionError) Unwrap() error { return unix.EINVAL }

// flagOptions are the options that set and clear flags of mount(2).
var flagOptions = map[string]struct{ set, clear vfs.SuperFlags }{
	"ro":          {set: vfs.SuperReadOnly},
	"rw":          {clear: vfs.SuperReadOnly},
	"nosuid":      {set: vfs.SuperNoSUID},
	"suid":        {clear: vfs.SuperNoSUID},
	"nodev":       {set: vfs.SuperNoDev},
	"dev":         {clear: vfs.SuperNoDev},
	"noexec":      {set: vfs.SuperNoExec},
	"exec":        {clear: vfs.SuperNoExec},
	"noatime":     {set: vfs.SuperNoAtime, clear: unix.MS_STRICTATIME},
	"atime":       {clear: vfs.SuperNoAtime},
	"relatime":    {clear: vfs.SuperNoAtime | unix.MS_STRICTATIME},
	"norelatime":  {set: unix.MS_STRICTATIME, clear: vfs.SuperNoAtime},
	"strictatime": {set: unix.MS_STRICTATIME, clear: vfs.SuperNoAtime},
	"nodiratime":  {set: vfs.SuperNoDirAtime},
	"diratime":    {clear: vfs.SuperNoDirAtime},
	"sync":        {set: vfs.SuperSynchronous},
	"async":       {clear: vfs.SuperSynchronous},
	"dirsync":     {set: vfs.SuperDirSync},
	"lazytime":    {set: vfs.SuperLazytime},
	"nolazytime":  {clear: vfs.SuperLazytime},
}

// ignored are the options that speak to mount(8), systemd and the boot scripts
// about when and for whom to mount, and "nonempty", which used to allow what
// is always allowed now.
var ignored = map[string]bool{
	"defaults": true, "auto": true, "noauto": true, "nofail": true, "_netdev": true, "nonempty": true,
	"user": true, "nouser": true, "users": true, "owner": true, "group": true,
	"comment": true, "helper": true, "uhelper": true,
}

// ParseOptions reads lists of comma-separated options, as the values of -o; of
// contradictory ones the last counts. "\," stands for a comma and "\\" for a
// backslash in the value of a general option; the driver's are passed on as
// they are. The error is an [*OptionError].
//
// The options user, users, owner and group bring noexec, nosuid and nodev with
// them only in mount(8), which spells these out to its helpers.
func ParseOptions(lists ...string) (Options, error) {
	o := Options{Permissions: PermissionsKernel}
	var driver []string
	for _, list := range lists {
		if strings.IndexByte(list, 0) >= 0 {
			return Options{}, &OptionError{list, "contains a zero byte"}
		}
		opts, open := splitOptions(list)
		if open {
			return Options{}, &OptionError{list, "ends in a backslash"}
		}
		for _, opt := range opts {
			known, err := o.set(opt)
			if err != nil {
				return Options{}, &OptionError{opt, err.Error()}
			}
			if !known {
				driver = append(driver, opt)
			}
		}
	}
	o.Driver = strings.Join(driver, ",")
	return o, nil
}

// set takes one option; known is false if it is the driver's.
func (o *Options) set(opt string) (known bool, err error) {
	name, value, hasValue := strings.Cut(opt, "=")
	if f, ok := flagOptions[name]; ok {
		o.Flags = o.Flags&^f.clear | f.set
		return true, noValue(hasValue)
	}
	if ignored[name] || strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") {
		return true, nil
	}
	switch name {
	case "":
		return true, errors.New("has no name")
	case "allow_other":
		o.AllowOther = true
		return true, noValue(hasValue)
	case "default_permissions":
		o.Permissions = PermissionsKernel
		return true, noValue(hasValue)
	case "permissions":
		o.Permissions = Permissions(value)
		if o.Permissions != PermissionsKernel && o.Permissions != PermissionsCore {
			return true, errors.New("not one of kernel, core")
		}
		return true, nil
	case "type":
		if o.Type = unescape(value); value == "" {
			return true, errors.New("needs a name")
		}
		return true, nil
	case "fsname":
		if o.FSName = unescape(value); o.FSName == "" {
			return true, errors.New("needs a name")
		}
		return true, nil
	case "remount":
		return true, errors.New("a mount cannot be changed; unmount it and mount it again")
	}
	return false, nil
}

func noValue(hasValue bool) error {
	if hasValue {
		return errors.New("takes no value")
	}
	return nil
}

// splitOptions splits at the commas that no backslash precedes; empty elements
// are dropped. open says that the list ends in a backslash that nothing
// follows.
func splitOptions(list string) (opts []string, open bool) {
	start := 0
	add := func(end int) {
		if end > start {
			opts = append(opts, list[start:end])
		}
		start = end + 1
	}
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
			open = i == len(list)
		case ',':
			add(i)
		}
	}
	add(len(list))
	return opts, open
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var escaper = strings.NewReplacer(`\`, `\\`, `,`, `\,`)

// String is a list that ParseOptions makes the same options of.
func (o Options) String() string {
	opts := []string{"rw"}
	if o.Flags&vfs.SuperReadOnly != 0 {
		opts[0] = "ro"
	}
	for _, f := range [...]struct {
		flag vfs.SuperFlags
		name string
	}{
		{vfs.SuperNoSUID, "nosuid"}, {vfs.SuperNoDev, "nodev"}, {vfs.SuperNoExec, "noexec"},
		{vfs.SuperNoAtime, "noatime"}, {unix.MS_STRICTATIME, "strictatime"}, {vfs.SuperNoDirAtime, "nodiratime"},
		{vfs.SuperSynchronous, "sync"}, {vfs.SuperDirSync, "dirsync"}, {vfs.SuperLazytime, "lazytime"},
	} {
		if o.Flags&f.flag != 0 {
			opts = append(opts, f.name)
		}
	}
	if o.AllowOther {
		opts = append(opts, "allow_other")
	}
	if o.Permissions == PermissionsCore {
		opts = append(opts, "permissions=core")
	}
	if o.Type != "" {
		opts = append(opts, "type="+escaper.Replace(o.Type))
	}
	if o.FSName != "" {
		opts = append(opts, "fsname="+escaper.Replace(o.FSName))
	}
	if o.Driver != "" {
		opts = append(opts, o.Driver)
	}
	return strings.Join(opts, ",")
}
