package difftest

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// A Remote is a machine on a directory of the host in a process of its own.
// That is how a mount is used whose server is this process: a client that waits
// for a server in its own process cannot be ended once something goes wrong.
type Remote struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *gob.Encoder
	dec *gob.Decoder
}

type request struct {
	Ops   []Op
	Depth Depth
}

type response struct {
	Results []Result
	Snap    *Snapshot
	Err     string
}

// rootVariable names the directory to the other process, and tells it what it
// is.
const rootVariable = "GOVFS_DIFFTEST_ROOT"

// NewRemote starts a machine on dir: in this very program, whose main function
// has to call ServeRemote.
func NewRemote(dir string) (*Remote, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &Remote{cmd: exec.Command(exe)}
	// A signal of the scheduler would interrupt requests.
	r.cmd.Env = append(os.Environ(), rootVariable+"="+dir, "GODEBUG=asyncpreemptoff=1")
	r.cmd.Stderr = os.Stderr
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.enc, r.dec = gob.NewEncoder(r.in), gob.NewDecoder(out)
	if _, _, err := r.receive(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Run is [Machine.Run] over there.
func (r *Remote) Run(ops []Op, depth Depth) ([]Result, *Snapshot, error) {
	if err := r.enc.Encode(request{ops, depth}); err != nil {
		return nil, nil, fmt.Errorf("difftest: ask the other process: %w", err)
	}
	return r.receive()
}

func (r *Remote) receive() ([]Result, *Snapshot, error) {
	var resp response
	if err := r.dec.Decode(&resp); err != nil {
		return nil, nil, fmt.Errorf("difftest: answer of the other process: %w", err)
	}
	if resp.Err != "" {
		return nil, nil, errors.New(resp.Err)
	}
	return resp.Results, resp.Snap, nil
}

// Close ends the other process, by force if it does not end by itself.
func (r *Remote) Close() error {
	const patience = 10 * time.Second
	r.in.Close()
	timer := time.AfterFunc(patience, func() { r.cmd.Process.Kill() })
	defer timer.Stop()
	return wrap("difftest: end of the other process", r.cmd.Wait())
}

// ServeRemote is what the other process does: it reports whether this is one,
// and returns when it is told to end.
func ServeRemote() (served bool, err error) {
	dir, served := os.LookupEnv(rootVariable)
	if !served {
		return false, nil
	}
	enc, dec := gob.NewEncoder(os.Stdout), gob.NewDecoder(os.Stdin)
	m, err := NewHostAt(dir)
	if err != nil {
		return true, enc.Encode(response{Err: err.Error()})
	}
	if err := enc.Encode(response{}); err != nil {
		return true, err
	}
	for {
		var req request
		if err := dec.Decode(&req); err == io.EOF {
			return true, m.Close()
		} else if err != nil {
			return true, err
		}
		results, snap, err := m.Run(req.Ops, req.Depth)
		resp := response{Results: results, Snap: snap}
		if err != nil {
			resp.Err = err.Error()
		}
		if err := enc.Encode(resp); err != nil {
			return true, err
		}
	}
}
