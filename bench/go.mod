module github.com/govfs/govfs/bench

go 1.26.8

replace github.com/govfs/govfs => ../

require (
	github.com/govfs/govfs v0.0.0-00010101000000-000000000000
	github.com/spf13/afero v1.15.0
	golang.org/x/sys v0.49.0
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)

require (
	github.com/petermattis/goid v0.0.0-20260820044319-269ab09b5261 // indirect
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/text v0.36.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
