package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// A Status is what a daemon says of its mount.
type Status struct {
	Dir     string    `json:"dir"`
	Source  string    `json:"source"`
	Type    string    `json:"type,omitempty"` // unknown if the daemon does not answer
	Options string    `json:"options"`
	Dev     string    `json:"dev"`
	State   State     `json:"state"`
	PID     int       `json:"pid,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// State says how a mount is.
type State string

const (
	Live    State = "live"
	Dead    State = "dead"    // its daemon is gone
	Unknown State = "unknown" // its daemon cannot be asked by this user
)

// lastAnswer bounds the time for the last answer of a daemon that ends, not for
// unmounting.
const lastAnswer = 5 * time.Second

// A control is the control socket of a daemon.
type control struct {
	path   string
	socket os.FileInfo
	server *http.Server
}

// listen makes the control socket and answers on it.
func (d *daemon) listen() (*control, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	removeStale(dir, mounts)
	path := socketPath(dir, d.mount.Dev)
	ln, err := listenPrivate(dir, path)
	if err != nil {
		return nil, err
	}
	c := &control{path: path, server: &http.Server{Handler: d.handler(), ReadHeaderTimeout: lastAnswer}}
	c.socket, err = os.Lstat(path)
	if err != nil {
		ln.Close()
		return nil, err
	}
	go c.server.Serve(ln)
	return c, nil
}

// listenPrivate makes a socket that no one but its owner can connect to at any
// time: it gets its name after its mode. What had the name before, a socket
// that a dead daemon left, is replaced.
func listenPrivate(dir, path string) (net.Listener, error) {
	tmp := filepath.Join(dir, "."+strconv.Itoa(os.Getpid())+".tmp")
	os.Remove(tmp)
	ln, err := net.Listen("unix", tmp)
	if err != nil {
		if errors.Is(err, syscall.EINVAL) {
			err = &fs.PathError{Op: "listen", Path: tmp, Err: errors.New("the path is too long for a socket: set XDG_RUNTIME_DIR to a shorter one")}
		}
		return nil, err
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // it will have another name
	if err = os.Chmod(tmp, 0o600); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		ln.Close()
		os.Remove(tmp)
		return nil, err
	}
	return ln, nil
}

// close answers what is being asked, and removes the socket; the log too,
// unless the end was a failure. Another mount may have got the same device number by now, and
// its daemon the same names.
func (c *control) close(clean bool) {
	if now, err := os.Lstat(c.path); err == nil && os.SameFile(now, c.socket) {
		os.Remove(c.path)
		if clean {
			os.Remove(logPath(c.path))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswer)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		c.server.Close()
	}
}

func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mounts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []Status{d.status()})
	})
	mux.HandleFunc("POST /umount", d.serveUmount)
	mux.Handle("GET /metrics", d.metrics())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (d *daemon) status() Status {
	return Status{
		Dir: d.cfg.Dir, Source: d.mount.Source, Type: d.cfg.Type, Options: d.cfg.Options.String(),
		Dev: d.mount.Dev, State: Live, PID: os.Getpid(), Since: d.since.Round(time.Second),
	}
}

// serveUmount unmounts, and answers when that is done: 409 if the mount is
// busy, 500 if something could not be written.
func (d *daemon) serveUmount(w http.ResponseWriter, r *http.Request) {
	mode := Mode(r.FormValue("mode"))
	switch mode {
	case "":
		mode = Plain
	case Plain, Lazy, Force:
	default:
		answer(w, http.StatusBadRequest, message{Op: "umount", Text: "unknown mode " + strconv.Quote(string(mode)), Usage: true})
		return
	}
	err := d.unmount(mode)
	switch {
	case err == nil:
		answer(w, http.StatusOK, message{})
	case errors.Is(err, syscall.EBUSY):
		answer(w, http.StatusConflict, messageOf("umount "+d.cfg.Dir, err))
	default:
		answer(w, http.StatusInternalServerError, messageOf("umount "+d.cfg.Dir, err))
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error is the client's, who is gone
}
