package govfs

import "testing"

func BenchmarkStat(b *testing.B) {
	f := openMem(b)
	must(b, f.MkdirAll("/a/b/c", 0o755))
	must(b, f.WriteFile("/a/b/c/d", nil, 0o644))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.Stat("/a/b/c/d"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadAt(b *testing.B) {
	f := openMem(b)
	must(b, f.WriteFile("/f", make([]byte, 4096), 0o644))
	file, err := f.Open("/f")
	must(b, err)
	defer file.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 4096)
		for pb.Next() {
			if _, err := file.ReadAt(buf, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenClose(b *testing.B) {
	f := openMem(b)
	must(b, f.WriteFile("/f", nil, 0o644))
	b.ReportAllocs()
	for b.Loop() {
		file, err := f.Open("/f")
		must(b, err)
		must(b, file.Close())
	}
}
