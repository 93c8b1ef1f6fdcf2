package quota

import (
	"slices"
	"sync"
	"testing"
)

func TestDirtyDquotsAreListedOnce(t *testing.T) {
	s := NewSuper(OpsOf(nil))
	d := NewDquot(s, Group, 7)
	if d.NoteDirty() || d.Has(DquotDirty) || len(s.Dirty(Group)) != 0 {
		t.Error("a dquot that is not active became dirty")
	}
	d.Set(DquotActive)
	if d.NoteDirty() {
		t.Error("a clean dquot was dirty already")
	}
	if !d.NoteDirty() {
		t.Error("a dirty dquot was not dirty yet")
	}
	if got := s.Dirty(Group); !slices.Equal(got, []*Dquot{d}) || len(s.Dirty(User)) != 0 {
		t.Errorf("dirty dquots %v of groups, %v of users", got, s.Dirty(User))
	}
	if !d.NoteClean() || d.NoteClean() || d.Has(DquotDirty) || len(s.Dirty(Group)) != 0 {
		t.Error("a dquot that was cleaned is dirty, or was cleaned twice")
	}
}

func TestOneOfManyMakesADquotDirty(t *testing.T) {
	s := NewSuper(OpsOf(nil))
	d := NewDquot(s, User, 7)
	d.Set(DquotActive)
	first := make(chan bool, 8)
	var wg sync.WaitGroup
	for range cap(first) {
		wg.Go(func() {
			d.Update(func(u *Usage) { u.Space += 512 })
			first <- !d.NoteDirty()
		})
	}
	wg.Wait()
	close(first)
	n := 0
	for f := range first {
		if f {
			n++
		}
	}
	if n != 1 || len(s.Dirty(User)) != 1 {
		t.Errorf("%d made the dquot dirty, %d dquots are listed", n, len(s.Dirty(User)))
	}
	if got := d.Usage().Space; got != 8*512 {
		t.Errorf("%d bytes used, want %d", got, 8*512)
	}
}

func TestStatesAreOfOneType(t *testing.T) {
	s := NewSuper(OpsOf(nil))
	if err := s.Off(func() error { s.SetState(Project, Counted|Enforced); return nil }); err != nil {
		t.Fatal(err)
	}
	s.SetInfo(Project, Info{Format: 4, BlockGrace: 60})
	for typ := range Type(NumTypes) {
		want := State(0)
		if typ == Project {
			want = Counted | Enforced
		}
		if got := s.State(typ); got != want {
			t.Errorf("%v quotas: state %b, want %b", typ, got, want)
		}
		if got := s.Info(typ).Format; (got == 4) != (typ == Project) {
			t.Errorf("%v quotas: format %d", typ, got)
		}
	}
	if User.String() != "user" || Type(9).String() != "invalid" {
		t.Errorf("types are called %v and %v", User, Type(9))
	}
}

func TestQuotaFileIOIsOneAtATime(t *testing.T) {
	s := NewSuper(OpsOf(nil))
	in := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := s.FileIO(func() error {
				if in++; in != 1 {
					t.Error("two at a time")
				}
				in--
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
