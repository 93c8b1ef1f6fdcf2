package vfs

import "github.com/govfs/govfs/pagecache"

// ReadActor takes size bytes of a page, from offset on, and returns how many
// it has used; fewer end the transfer.
type ReadActor func(page *pagecache.Page, offset, size int) (int, error)
