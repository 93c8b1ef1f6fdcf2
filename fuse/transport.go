package fuse

// A transport moves requests from the kernel to a handler, and its answers and
// notifications back. It knows nothing of what they mean but whether one may
// wait for long.
type transport interface {
	// start answers the first request, by which the kernel and the handler
	// agree on the protocol. It fails if there is none.
	start(h handler) error
	// serve has the handler answer requests, several at a time, until the
	// connection ends and all of them are done: nil if it was unmounted.
	serve(h handler) error
	// notify tells the kernel something that it did not ask for: the parts
	// are one message behind the header. It may block for as long as requests
	// take to be answered, so none may wait for it. ENOENT if the kernel does
	// not know what the message is about, ENODEV once the connection ended.
	notify(code int32, parts ...[]byte) error
	// close ends the connection. serve has returned or was never called, and
	// notify is not called any more.
	close() error
}

// A handler answers requests, from several goroutines.
type handler interface {
	// handle answers the request in the message: it writes the answer to out
	// and returns its length, 0 if the kernel wants none. in and out are the
	// transport's and are not kept.
	handle(in message, out []byte) int
	// mayWait reports whether the request may wait for something that only
	// another client's request brings about.
	mayWait(in message) bool
	// disconnected is called when the connection has ended, while requests
	// may still be in progress: they are to end soon.
	disconnected()
}
