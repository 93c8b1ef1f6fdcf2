// Package daemon is what stands behind "govfs mount" and "govfs umount": it
// reads mount options, starts a process that serves one mount, talks to that
// process over its control socket, and clears the mount of a process that
// died. The command itself only reads flags and prints.
//
// # One mount, one process
//
// [Start] runs the program again, as a daemon, and returns when the mount is
// usable or has failed; a pipe carries the outcome. [Serve] is that daemon, or
// the same in the foreground. Its main goroutine waits for the end of the
// kernel's side of the mount, whoever asks for that (a signal, the control
// socket, umount(8)), and then shuts the file system down: so there is one
// way out for all of them.
//
// # The control socket
//
// Each daemon listens on a Unix socket of mode 0600 in its runtime directory,
// $XDG_RUNTIME_DIR/govfs or /run/govfs. The socket is named for the device
// number of the mount ("0:53.sock"), which /proc/self/mountinfo shows for every
// mount: nothing else has to be remembered to find the daemon of a directory,
// and one whose mount was lazily detached keeps a socket of its own. It speaks
// HTTP: GET /mounts, GET /metrics, GET /debug/pprof/, POST /umount.
//
// # No touching of mounts
//
// A process that asks about a mount must not hang in it. Mounts are found by
// their text in mountinfo, users of a mount by /proc/PID/fdinfo; only the
// question whether a mount is dead needs a system call on it, and that one is
// given up after a while.
package daemon
