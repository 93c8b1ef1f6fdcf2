package vfs

// Atime, Mtime and Ctime are the inode's stamps.
func (in *Inode) Atime() Timespec { a, _, _ := in.Times(); return a }
func (in *Inode) Mtime() Timespec { _, m, _ := in.Times(); return m }
func (in *Inode) Ctime() Timespec { _, _, c := in.Times(); return c }

// Times are the three stamps of one moment.
func (in *Inode) Times() (atime, mtime, ctime Timespec) {
	for {
		seq := in.times.ReadBegin()
		atime = Timespec{in.atimeSec.Load(), in.atimeNsec.Load()}
		mtime = Timespec{in.mtimeSec.Load(), in.mtimeNsec.Load()}
		ctime = Timespec{in.ctimeSec.Load(), in.ctimeNsec.Load()}
		if !in.times.Retry(seq) {
			return
		}
	}
}

// SetTimes sets the stamps that which names, truncated to the superblock's
// granularity.
func (in *Inode) SetTimes(which TimeFlags, t Timespec) {
	t = in.sb.truncateTime(t)
	in.lock.Lock()
	in.times.WriteBegin()
	if which&TimeAtime != 0 {
		in.atimeSec.Store(t.Sec)
		in.atimeNsec.Store(t.Nsec)
	}
	if which&TimeMtime != 0 {
		in.mtimeSec.Store(t.Sec)
		in.mtimeNsec.Store(t.Nsec)
	}
	if which&TimeCtime != 0 {
		in.ctimeSec.Store(t.Sec)
		in.ctimeNsec.Store(t.Nsec)
	}
	in.times.WriteEnd()
	in.lock.Unlock()
	if which&TimeVersion != 0 {
		in.version.Add(1)
	}
}

// InitTimes stamps a new inode: all of its times, birth included, are now.
func (in *Inode) InitTimes() Timespec {
	now := in.sb.truncateTime(Now())
	in.SetTimes(TimeAtime|TimeMtime|TimeCtime, now)
	in.btime = now
	return now
}

// Touch stamps modification and change of a directory whose content changed.
func (in *Inode) Touch(now Timespec) {
	in.SetTimes(TimeMtime|TimeCtime|TimeVersion, now)
}

// setTimes sets those stamps that valid names, all in one moment; they are
// truncated already.
func (in *Inode) setTimes(valid AttrMask, atime, mtime, ctime Timespec) {
	if valid&(AttrAtime|AttrMtime|AttrCtime) == 0 {
		return
	}
	in.lock.Lock()
	in.times.WriteBegin()
	if valid&AttrAtime != 0 {
		in.atimeSec.Store(atime.Sec)
		in.atimeNsec.Store(atime.Nsec)
	}
	if valid&AttrMtime != 0 {
		in.mtimeSec.Store(mtime.Sec)
		in.mtimeNsec.Store(mtime.Nsec)
	}
	if valid&AttrCtime != 0 {
		in.ctimeSec.Store(ctime.Sec)
		in.ctimeNsec.Store(ctime.Nsec)
	}
	in.times.WriteEnd()
	in.lock.Unlock()
	in.version.Add(1)
}
