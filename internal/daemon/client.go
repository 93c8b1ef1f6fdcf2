package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A client is a connection to the daemon of a mount.
type client struct {
	conn net.Conn
	http http.Client
	pid  int // of the daemon; 0 if it lives in another PID namespace
}

// connect finds the daemon of a mount. Beside what dialing reports there is
// fs.ErrNotExist, if the daemon has no socket in any of the usual places.
// path is that of the socket that answered, or that refused.
func connect(m *mountEntry) (c *client, path string, err error) {
	err = fs.ErrNotExist
	for _, p := range socketPaths(m) {
		conn, dialErr := net.Dial("unix", p)
		if dialErr == nil {
			c, err := newClient(conn.(*net.UnixConn))
			return c, p, err
		}
		// The one that tells most: that somebody was there, then whatever.
		if !errors.Is(dialErr, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			path, err = p, dialErr
		}
	}
	return nil, path, err
}

func newClient(conn *net.UnixConn) (*client, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || peerErr != nil {
		conn.Close()
		return nil, errors.Join(err, peerErr)
	}
	c := &client{conn: conn, pid: int(peer.Pid)}
	c.http.Transport = &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives: true,
	}
	return c, nil
}

func (c *client) close() {
	c.http.CloseIdleConnections()
	c.conn.Close()
}

// status asks for the state of the mount; a client asks one thing.
func (c *client) status(ctx context.Context) (Status, error) {
	var all []Status
	if err := c.do(ctx, http.MethodGet, "/mounts", &all); err != nil {
		return Status{}, err
	}
	if len(all) != 1 {
		return Status{}, fmt.Errorf("the daemon names %d mounts", len(all))
	}
	return all[0], nil
}

// unmount asks for the end of the mount.
func (c *client) unmount(ctx context.Context, mode Mode) error {
	var m message
	if err := c.do(ctx, http.MethodPost, "/umount?mode="+url.QueryEscape(string(mode)), &m); err != nil {
		return err
	}
	if m.Text != "" {
		return m.asError()
	}
	return nil
}

func (c *client) do(ctx context.Context, method, path string, reply any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://govfs"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(reply)
}

// process watches for the end of a process; nil if there is none to watch.
type process struct{ pidfd int }

// watch begins to watch the daemon, before it is asked to end: later its
// number could belong to somebody else.
func (c *client) watch() *process {
	if c.pid == 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(c.pid, 0)
	if err != nil {
		return nil
	}
	return &process{fd}
}

// ended waits until the process has ended, and reports whether it has.
func (p *process) ended(timeout time.Duration) bool {
	if p == nil {
		return true
	}
	for deadline := time.Now().Add(timeout); ; {
		left := max(time.Until(deadline), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if !errors.Is(err, syscall.EINTR) {
			return err == nil && n > 0
		}
	}
}

func (p *process) close() {
	if p != nil {
		unix.Close(p.pidfd)
	}
}
