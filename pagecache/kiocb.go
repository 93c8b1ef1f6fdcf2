package pagecache

import "syscall"

// Kiocb describes one read or write request on an open file while it is under
// way: the position, the mode, and what to call if it completes later.
type Kiocb struct {
	// Pos is the byte offset in the file. The method that moves the data
	// advances it.
	Pos int64
	// Flags are the modes of this request, taken from the open file's flags
	// and the call's.
	Flags IocbFlags
	// File is the open file (a *vfs.File above this package), passed through
	// untouched. The core's own requests have none.
	File any
	// Complete is nil for a synchronous request. Otherwise a method that
	// returns [EIOCBQUEUED] calls it exactly once, later, possibly on a
	// completion worker: it must not block.
	Complete func(n int, err error)
}

// Sync reports whether the caller waits for the request: it has no completion.
func (k *Kiocb) Sync() bool { return k.Complete == nil }

// IocbFlags are the modes of a request.
type IocbFlags uint32

const (
	// IocbAppend: write at the end of the file, whatever Pos says (O_APPEND).
	IocbAppend IocbFlags = 1 << iota
	// IocbDirect: bypass the page cache (O_DIRECT).
	IocbDirect
	// IocbSync: data and metadata are durable before completion (O_SYNC).
	IocbSync
	// IocbDsync: data, and the metadata needed to read them, are durable
	// before completion (O_DSYNC; set along with IocbSync).
	IocbDsync
	// IocbNowait: EAGAIN instead of waiting (RWF_NOWAIT).
	IocbNowait
)

// EIOCBQUEUED is returned for a request that has been accepted and will
// complete through [Kiocb.Complete]. It never reaches a program.
const EIOCBQUEUED = syscall.Errno(529)
