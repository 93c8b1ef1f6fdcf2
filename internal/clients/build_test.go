package clients

import (
	"testing"
	"time"
)

// Build tools look at times, and run what they have written.

func TestGoToolchain(t *testing.T) {
	requirePrograms(t, "go")
	onSites(t, func(s *site) {
		s.goEnvironment()
		s.shell(`
			mkdir -p m/greet; cd m
			printf 'module example.org/m\n\ngo 1.24\n' > go.mod
			printf 'package greet\n\nfunc Hello() string { return "hello " + who }\n' > greet/greet.go
			printf 'package greet\n\nconst who = "world"\n' > greet/who.go
			printf 'package main\n\nimport "example.org/m/greet"\n\nfunc main() { println(greet.Hello()) }\n' > main.go
			test -z "$(gofmt -l .)"`)
		s.prints("hello world", "cd m; go build -o prog .; ./prog 2>&1")
		s.prints("ok", "cd m; go vet . && cp prog before && go build -o prog . && cmp prog before && echo ok")
		s.prints("hello there", "cd m; sed -i s/world/there/ greet/who.go; go build -o prog .; ./prog 2>&1")
		s.prints("hello world", "cd m; sed -i s/there/world/ greet/who.go; go run . 2>&1")
	}, kernelSite, tmpfsSite)
}

func TestMake(t *testing.T) {
	requirePrograms(t, "make", "gcc", "ar")
	onSites(t, func(s *site) {
		s.shell(`
			printf 'int f(void) { return 1; }\n' > f.c
			printf 'int f(void); int g(void) { return f() + 1; }\n' > g.c
			printf '#include <stdio.h>\nint g(void);\nint main(void) { printf("%%d\\n", g()); return 0; }\n' > main.c
			printf 'prog: main.o lib.a\n\tgcc -o $@ $^\nlib.a: f.o g.o\n\tar rcs $@ $^\n%%.o: %%.c\n\tgcc -c -o $@ $<\n\t@echo $@ >> made\n' > Makefile
			make -s -j2`)
		s.prints("f.o g.o main.o 2", "sort made | tr '\n' ' '; ./prog")
		s.prints("", "rm made; make -s; cat made 2>/dev/null || true")
		time.Sleep(20 * time.Millisecond) // the clock of file times has ticks
		s.prints("f.o 11", "sed -i 's/1/10/' f.c; make -s; cat made | tr '\n' ' '; ./prog")
		s.prints("make: 'prog' is up to date.", "make")
	})
}
