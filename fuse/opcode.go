package fuse

import "encoding/binary"

// Operation codes of the protocol that the server looks at itself; the decoder
// knows the others.
const (
	opForget          = 2
	opInit            = 26
	opSetlkw          = 33
	opInterrupt       = 36
	opPoll            = 40
	opNotifyReply     = 41
	opBatchForget     = 42
	opRename2         = 45
	opSyncfs          = 50
	opCopyFileRange64 = 53

	opLimit = 64 // codes above are counted as one
)

// opNames are the names of the operations in [Stats.Requests].
var opNames = [opLimit]string{
	1: "LOOKUP", 2: "FORGET", 3: "GETATTR", 4: "SETATTR", 5: "READLINK", 6: "SYMLINK", 8: "MKNOD", 9: "MKDIR",
	10: "UNLINK", 11: "RMDIR", 12: "RENAME", 13: "LINK", 14: "OPEN", 15: "READ", 16: "WRITE", 17: "STATFS",
	18: "RELEASE", 20: "FSYNC", 21: "SETXATTR", 22: "GETXATTR", 23: "LISTXATTR", 24: "REMOVEXATTR", 25: "FLUSH",
	26: "INIT", 27: "OPENDIR", 28: "READDIR", 29: "RELEASEDIR", 30: "FSYNCDIR", 31: "GETLK", 32: "SETLK",
	33: "SETLKW", 34: "ACCESS", 35: "CREATE", 36: "INTERRUPT", 37: "BMAP", 38: "DESTROY", 39: "IOCTL", 40: "POLL",
	41: "NOTIFY_REPLY", 42: "BATCH_FORGET", 43: "FALLOCATE", 44: "READDIRPLUS", 45: "RENAME2", 46: "LSEEK",
	47: "COPY_FILE_RANGE", 48: "SETUPMAPPING", 49: "REMOVEMAPPING", 50: "SYNCFS", 51: "TMPFILE", 52: "STATX",
	53: "COPY_FILE_RANGE_64",
}

func opName(op uint32) string {
	if op < opLimit && opNames[op] != "" {
		return opNames[op]
	}
	return "OTHER"
}

// Sizes of the headers of requests and answers, and of a write request's
// arguments, in bytes.
const (
	inHeaderSize  = 40
	outHeaderSize = 16
	writeInSize   = 40
)

// A message is a request as the kernel sends it; it is at least inHeaderSize
// long.
type message []byte

func (m message) opcode() uint32 { return binary.NativeEndian.Uint32(m[4:]) }
func (m message) unique() uint64 { return binary.NativeEndian.Uint64(m[8:]) }
func (m message) nodeID() uint64 { return binary.NativeEndian.Uint64(m[16:]) }
func (m message) pid() uint32    { return binary.NativeEndian.Uint32(m[32:]) }

// u32 and u64 are arguments at a byte offset behind the header; zero if the
// message is too short.
func (m message) u32(off int) uint32 {
	if off += inHeaderSize; len(m) < off+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(m[off:])
}

func (m message) u64(off int) uint64 {
	if off += inHeaderSize; len(m) < off+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(m[off:])
}

// wantsReply reports whether the kernel waits for an answer.
func (m message) wantsReply() bool {
	switch m.opcode() {
	case opForget, opBatchForget, opNotifyReply:
		return false
	}
	return true
}

// putHeader writes the header of an answer of n bytes in all. The kernel wants
// the error negated; a notification has a positive code and no request.
func putHeader(out []byte, n int, code int32, unique uint64) {
	binary.NativeEndian.PutUint32(out, uint32(n))
	binary.NativeEndian.PutUint32(out[4:], uint32(code))
	binary.NativeEndian.PutUint64(out[8:], unique)
}
