package main

import (
	"errors"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/govfs/govfs/internal/daemon"
)

// mountFlags are the flags of "govfs mount".
type mountFlags struct {
	typ        string
	options    []string
	foreground bool
	json       bool
}

func newMount() *cobra.Command {
	var f mountFlags
	cmd := &cobra.Command{
		Use:                   "mount [-t TYPE] [-o OPTION,...] [-f] SOURCE DIR",
		DisableFlagsInUseLine: true,
		Short:                 "Mount a file system on a directory; without arguments, list what is mounted",
		Long: `Mount SOURCE on the directory DIR, and return when the mount is usable. A
process of its own serves it until it is unmounted.

TYPE is guessed from SOURCE: "mem" is an empty memory file system (memfs), a zip
archive is mounted read-only (iofs). "govfs types" lists the types.

Options of every type:
  ro, rw                       whether the file system can be changed
  [no]suid, [no]dev, [no]exec  what the kernel heeds; a user's mount is always
                               nosuid and nodev
  relatime, strictatime,       when reading updates the access time (relatime)
  noatime, nodiratime
  sync, dirsync, lazytime      as with mount(8)
  allow_other                  let other users in
  permissions=kernel|core      who checks permissions: the kernel
                               (default_permissions, the default) or the switch
  fsname=NAME                  the source to show
Options of mount(8) itself (noauto, _netdev, user, x-...) are ignored, all others
belong to the type.

Options of memfs: size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=, acl, noacl,
as of the kernel's tmpfs. Options of iofs: uid=, gid=, umask=, timeout=.`,
		Example: `  govfs mount mem /mnt
  govfs mount -o size=1g,noexec mem /mnt
  govfs mount archive.zip /mnt`,
		Args: args(mountArgs),
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) == 0 {
				return listMounts(cmd.OutOrStdout(), f.json)
			}
			c, err := mountConfig(f.typ, f.options, a[0], a[1])
			if err != nil {
				return usage(cmd, err)
			}
			if f.foreground {
				return serve(c, cmd.ErrOrStderr())
			}
			return daemon.Start(c)
		},
	}
	cmd.Flags().StringVarP(&f.typ, "type", "t", "", "mount as this `TYPE` instead of the one guessed")
	cmd.Flags().StringArrayVarP(&f.options, "options", "o", nil, "mount with these options, separated by commas: `OPTION,...`")
	cmd.Flags().BoolVarP(&f.foreground, "foreground", "f", false, "stay in the foreground, unmount on Ctrl-C")
	cmd.Flags().BoolVar(&f.json, "json", false, "list mounts as JSON")
	return cmd
}

func mountArgs(cmd *cobra.Command, a []string) error {
	if len(a) == 0 {
		for _, name := range []string{"type", "options", "foreground"} {
			if cmd.Flags().Changed(name) {
				return errors.New("nothing to mount")
			}
		}
		return nil
	}
	if len(a) != 2 {
		return errors.New("mount takes a SOURCE and a DIR")
	}
	return nil
}

// mountConfig makes a configuration of what a command line says.
func mountConfig(typ string, options []string, source, dir string) (daemon.Config, error) {
	o, err := daemon.ParseOptions(options...)
	if err != nil {
		return daemon.Config{}, err
	}
	if typ == "" {
		typ = o.Type
	}
	return daemon.Config{Type: typ, Source: source, Dir: dir, Options: o}, nil
}

// serve serves a mount in this process.
func serve(c daemon.Config, stderr io.Writer) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, nil)))
	parent := daemon.ParentFromEnv()
	err := daemon.Serve(c, parent)
	if err != nil && parent != nil {
		return errReported
	}
	return err
}

// listMounts prints the mounts that there are.
func listMounts(w io.Writer, asJSON bool) error {
	all, err := daemon.List()
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(w, all)
	}
	if len(all) == 0 {
		return nil
	}
	rows := [][]string{{"DIR", "SOURCE", "TYPE", "STATE", "PID", "OPTIONS"}}
	for _, s := range all {
		pid := "-"
		if s.PID != 0 {
			pid = strconv.Itoa(s.PID)
		}
		typ := s.Type
		if typ == "" {
			typ = "-"
		}
		rows = append(rows, []string{s.Dir, s.Source, typ, string(s.State), pid, s.Options})
	}
	return writeTable(w, rows)
}
