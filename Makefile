# make test     what has to pass: format, vet, generated files, all tests in four ways
# make build    bin/govfs
# make install  govfs below PREFIX, and the helper that lets mount(8) and fstab use it
# make bench    govfs beside its peers

SHELL := /bin/bash
GO ?= go
PREFIX ?= /usr/local
# Where mount(8) looks for helpers.
HELPERDIR ?= /sbin
DESTDIR ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X github.com/govfs/govfs/internal/daemon.version=$(VERSION))

# What mounts in the kernel, so that the other tests run anywhere.
MOUNT_PKGS := ./cmd/... ./fuse/... ./internal/daemon/...
UNIT_PKGS = $(shell $(GO) list ./... | grep -v -E '^github.com/govfs/govfs/(cmd|fuse|internal/daemon)(/|$$)')

# A package that hangs is shown with all its goroutines before CI gives up.
TEST := $(GO) test -timeout 20m

.NOTPARALLEL:
.PHONY: all build install uninstall test packages check check-format check-vet check-generated \
	test-unit test-race test-lockdep test-mount bench clean

all: build

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/govfs ./cmd/govfs

install: build
	install -D -m 755 bin/govfs $(DESTDIR)$(PREFIX)/bin/govfs
	mkdir -p $(DESTDIR)$(HELPERDIR)
	ln -sf $(PREFIX)/bin/govfs $(DESTDIR)$(HELPERDIR)/mount.fuse.govfs

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/govfs $(DESTDIR)$(HELPERDIR)/mount.fuse.govfs

# The order is that of the time they take: what is wrong shows early. The last
# one is the one closest to what users do.
test: packages check test-unit test-lockdep test-race test-mount

packages:
	.ci/packages

check: check-format check-vet check-generated

check-format:
	@bad=$$(gofmt -l .); if [[ -n $$bad ]]; then echo "not formatted (gofmt -w):" $$bad >&2; exit 1; fi

check-vet:
	$(GO) vet ./...
	$(GO) vet -tags lockdep ./...

check-generated:
	GO=$(GO) .ci/generate

test-unit:
	$(TEST) $(UNIT_PKGS)

# The checked builds are slower by a factor, so random tests draw less (-short),
# and the long sessions of real programs are for the plain build.
CHECKED_PKGS = $(shell $(GO) list ./... | grep -v -E '^github.com/govfs/govfs/internal/clients$$')

test-lockdep:
	$(TEST) -short -tags lockdep $(CHECKED_PKGS)

test-race:
	$(TEST) -short -race $(CHECKED_PKGS)

test-mount:
	$(TEST) $(MOUNT_PKGS)

bench:
	cd bench && $(GO) run ./cmd/table -n 5

clean:
	rm -rf bin
