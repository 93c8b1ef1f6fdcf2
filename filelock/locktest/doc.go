// Package locktest has a lock manager that behaves like the daemon of a network
// lock service, for tests of whatever file locks pass through: the locks
// themselves, a driver that grants them late, a front end, a server.
//
// A [Server] serves the clients of several hosts. A client's owners are known by
// host and process, never by a pointer; a request that has to wait is answered
// later, from the server's own goroutine, as a message to the client; a client
// can have delegations, which are recalled; and it can die, with all that it
// holds. With [Server.Break] a server can be made to fail, as a manager may that
// somebody else has written.
//
//	s := locktest.NewServer()
//	defer s.Close()
//	a, b := s.Client("a"), s.Client("b")
//	err := a.Lock(file, locktest.Range{PID: 1, Type: filelock.Write, End: 9})
//	wait, err := b.Ask(file, locktest.Range{PID: 1, Type: filelock.Write, End: 9})
//	a.Die()
//	err = <-wait.Done()
package locktest
