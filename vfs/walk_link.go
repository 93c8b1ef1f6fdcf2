package vfs

import "golang.org/x/sys/unix"

// savedLink is what is left of a path while the body of a link is walked.
type savedLink struct {
	rest   string // empty: the link was the last component
	inode  *Inode // of a link with a cookie, referenced
	cookie any
}

// jumpRoot restarts at the root, for an absolute link.
func (w *walk) jumpRoot() error {
	if w.flags&WalkBeneath != 0 {
		return unix.EXDEV
	}
	// A walk that has not met the root yet counts as elsewhere, as it does in
	// Linux.
	if w.flags&WalkNoXdev != 0 && (!w.hasRoot || w.path.Mount != w.root.Mount) {
		return unix.EXDEV
	}
	w.setRoot()
	w.jumpTo(w.root)
	return nil
}

// push saves the rest of the path while a link's body is walked.
func (w *walk) push(s savedLink) {
	if w.depth < len(w.saved) {
		w.saved[w.depth] = s
	} else {
		w.more = append(w.more, s)
	}
	w.depth++
}

func (w *walk) top() *savedLink {
	if w.depth <= len(w.saved) {
		return &w.saved[w.depth-1]
	}
	return &w.more[len(w.more)-1]
}

// pop ends the innermost link: its body is no longer needed.
func (w *walk) pop() (rest string) {
	s := w.top()
	rest = s.rest
	inode, cookie := s.inode, s.cookie
	*s = savedLink{}
	if w.depth > len(w.saved) {
		w.more = w.more[:len(w.more)-1]
	}
	w.depth--
	if cookie != nil {
		if inode.ops.putLink != nil {
			gatePutLink(inode.ops.putLink, w.t, inode, cookie)
		}
		inode.Put(w.t)
	}
	return rest
}

// endBody ends the innermost link once the last component of its body has
// been looked up.
func (w *walk) endBody() {
	if w.ending {
		w.ending = false
		w.pop()
	}
}

// followsLink reports whether a component is a symlink that the walk follows.
func (w *walk) followsLink(inode *Inode, final bool) bool {
	return inode.IsSymlink() && (!final || w.flags&WalkFollow != 0)
}

// followLink follows the symlink at path in ref-walk: it returns the body,
// with the link pushed, or has jumped.
func (w *walk) followLink(path Path, final bool) (string, error) {
	if w.links++; w.links > MaxSymlinks {
		return "", unix.ELOOP
	}
	inode := path.Inode()
	if final {
		if err := w.mayFollow(inode); err != nil {
			return "", err
		}
	}
	if w.flags&WalkNoSymlinks != 0 {
		return "", unix.ELOOP
	}
	path.touchAtime(w.t)
	if body := inode.link.Load(); body != nil {
		w.push(savedLink{})
		return *body, w.enterBody(*body)
	}
	if inode.ops.followLink == nil {
		return "", unix.EINVAL
	}
	link, err := gateFollowLink(inode.ops.followLink, w.t, path.Dentry)
	if err != nil {
		return "", err
	}
	s := savedLink{cookie: link.Cookie}
	if link.Cookie != nil {
		s.inode = inode.Get()
	}
	w.push(s)
	if link.Jump.Dentry == nil {
		return link.Body, w.enterBody(link.Body)
	}
	if w.flags&(WalkNoMagiclinks|walkScoped) != 0 {
		link.Jump.Put(w.t)
		if w.flags&WalkNoMagiclinks != 0 {
			return "", unix.ELOOP
		}
		return "", unix.EXDEV
	}
	if w.flags&WalkNoXdev != 0 && link.Jump.Mount != w.path.Mount {
		link.Jump.Put(w.t)
		return "", unix.EXDEV
	}
	w.setPath(link.Jump)
	w.flags |= walkJumped
	return "", nil
}

func (w *walk) enterBody(body string) error {
	if len(body) > 0 && body[0] == '/' {
		return w.jumpRoot()
	}
	return nil
}
