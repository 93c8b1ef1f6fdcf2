package vfs

// Twin makes a further dentry with d's name in d's directory, whose i_mutex is
// held: negative, not yet to be found, with one reference. It is for a driver
// that leaves something at a name that it takes away: it binds the twin with
// [Dentry.Add] while d still has the name, so that at no moment there is none.
func (d *Dentry) Twin() *Dentry {
	name := d.name.Load()
	return newDentry(d.sb, d.parent.Load(), name.str, d.hash.Load())
}
