package lockdep

// AnyOf stands for all locks of a class: it is held as the goroutine holds one
// of them. With it a gate checks a row that speaks of no lock in particular
// ("some inode's", "no page's").
func AnyOf(c *Class) Checkable { return anyOf{c} }

type anyOf struct{ c *Class }

func (a anyOf) Held() Mode      { return a.lockInfo().held() }
func (a anyOf) Class() *Class   { return a.c }
func (a anyOf) lockInfo() *info { return infoOfClass(a.c) }
