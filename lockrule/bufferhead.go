package lockrule

var bufferHead = Table{
	Name:  "buffer_head",
	Title: "Buffer head method",
	Notes: []string{
		"The strictest context of the book: a completion worker, which serves many requests.",
	},
	Methods: []Method{
		{
			Name:      "b_end_io",
			Go:        "block.EndIOer.EndIO",
			SeedLine:  389,
			Prototype: "void (*b_end_io)(struct buffer_head *bh, int uptodate);",
			Summary:   "The I/O of a buffer has finished.",
			Cells:     []Cell{{"bh_lock", "yes"}, {"may_block", "no"}},
			States:    []State{across("bh_lock", "bh", Yes, Async, Async)},
			Blocking:  BlockNo,
			Context:   ContextInterrupt,
			Prose:     []int{29},
			Notes: []string{
				"Called once for each buffer submitted. It sets or clears \"up to date\", unlocks the buffer, and drops the reference of the I/O.",
				"A failed write records EIO with the page and the mapping.",
				"The last buffer of a page completes the page; who is last is decided under one serialiser, by the async bit, never by the lock bit.",
				"Trap: once the page is unlocked, or its writeback ended, page and buffers may vanish: touch nothing.",
				"Trap: a synchronous device completes inside submit, so the submitter holds no lock that this method needs.",
				"It has no default: a buffer without it is not submitted.",
			},
		},
	},
}
