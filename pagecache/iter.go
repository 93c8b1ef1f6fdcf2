package pagecache

// Iter is a cursor over the memory of a request: the segments that a read
// fills or a write takes its bytes from. It is the shape in which data travel
// between a caller and a file system; whoever copies advances it.
//
// An Iter is used by one goroutine at a time. It does not own its segments and
// never keeps more than references to them. Its zero value is empty.
type Iter struct {
	segs [][]byte // all segments; nil if there is only cur
	next int      // index in segs of the segment after cur
	cur  []byte   // the segment under the cursor, whole
	off  int      // the cursor within cur
	left int      // bytes from the cursor to the end
}

// Reset points the cursor at the start of segs, which it keeps. Empty segments
// are allowed.
func (it *Iter) Reset(segs [][]byte) {
	*it = Iter{segs: segs}
	for _, s := range segs {
		it.left += len(s)
	}
	if len(segs) > 0 {
		it.cur, it.next = segs[0], 1
	}
}

// ResetOne points the cursor at the start of p alone. It does not allocate.
func (it *Iter) ResetOne(p []byte) {
	*it = Iter{cur: p, left: len(p)}
}

// Len returns the number of bytes between the cursor and the end.
func (it *Iter) Len() int { return it.left }

// Truncate moves the end so that at most n bytes are left. Later Reverts keep
// the new end.
func (it *Iter) Truncate(n int) {
	if n < 0 {
		panic("pagecache: Iter truncated to a negative length")
	}
	it.left = min(it.left, n)
}

// Peek returns the bytes that can be had in one piece at the cursor, without
// moving it; nil at the end.
func (it *Iter) Peek() []byte {
	if it.left == 0 {
		return nil
	}
	for it.off == len(it.cur) {
		it.step()
	}
	return it.cur[it.off:min(len(it.cur), it.off+it.left)]
}

// step goes to the start of the next segment.
func (it *Iter) step() {
	it.cur, it.off = it.segs[it.next], 0
	it.next++
}

// CopyOut copies p to the request's memory, as a read does, and advances by
// what was copied: less than len(p) only where the request ends.
func (it *Iter) CopyOut(p []byte) int {
	done := 0
	for done < len(p) {
		seg := it.Peek()
		if seg == nil {
			break
		}
		n := copy(seg, p[done:])
		it.off += n
		it.left -= n
		done += n
	}
	return done
}

// CopyIn copies from the request's memory to p, as a write does, and advances
// by what was copied: less than len(p) only where the request ends.
func (it *Iter) CopyIn(p []byte) int {
	done := 0
	for done < len(p) {
		seg := it.Peek()
		if seg == nil {
			break
		}
		n := copy(p[done:], seg)
		it.off += n
		it.left -= n
		done += n
	}
	return done
}

// Zero writes up to n zero bytes to the request's memory, as the read of a
// hole does, and advances by their number.
func (it *Iter) Zero(n int) int {
	done := 0
	for done < n {
		seg := it.Peek()
		if seg == nil {
			break
		}
		seg = seg[:min(len(seg), n-done)]
		clear(seg)
		it.off += len(seg)
		it.left -= len(seg)
		done += len(seg)
	}
	return done
}

// Advance moves the cursor n bytes on, at most to the end.
func (it *Iter) Advance(n int) {
	if n < 0 {
		panic("pagecache: Iter advanced by a negative length")
	}
	for n > 0 {
		seg := it.Peek()
		if seg == nil {
			return
		}
		k := min(len(seg), n)
		it.off += k
		it.left -= k
		n -= k
	}
}

// Revert moves the cursor n bytes back, to where a transfer that failed has to
// be taken up again. Going back past the start is a bug of the caller, and
// panics.
func (it *Iter) Revert(n int) {
	if n < 0 {
		panic("pagecache: Iter reverted by a negative length")
	}
	it.left += n
	for n > it.off {
		n -= it.off
		if it.next < 2 {
			panic("pagecache: Iter reverted past its start")
		}
		it.next--
		it.cur = it.segs[it.next-1]
		it.off = len(it.cur)
	}
	it.off -= n
}
