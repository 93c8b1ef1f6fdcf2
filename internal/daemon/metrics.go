package daemon

import (
	"net/http"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/govfs/govfs/fuse"
	"github.com/govfs/govfs/vfs"
)

// metrics answers with the counters of this process in the OpenMetrics format,
// unless the client asks for another one.
func (d *daemon) metrics() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{d},
	)
	h := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Accept"); a == "" || a == "*/*" {
			r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
		}
		h.ServeHTTP(w, r)
	})
}

// A collector reads the counters of a mount when they are asked for.
type collector struct{ d *daemon }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("govfs_"+name, help, labels, nil)
}

var (
	buildInfoDesc   = desc("build_info", "Version of the program; always 1.", "version", "revision", "go")
	mountInfoDesc   = desc("mount_info", "The mount; always 1.", "dir", "source", "type")
	mountStartDesc  = desc("mount_start_time_seconds", "When the mount was made, in seconds since the epoch.")
	superblocksDesc = desc("superblocks", "Superblocks in memory.")

	requestsDesc = desc("fuse_requests_total", "Requests of the kernel, by operation.", "op")
	nodesDesc    = desc("fuse_nodes", "Inodes that the kernel knows.")
	handlesDesc  = desc("fuse_open_handles", "Files that are open in the kernel.")
	inFlightDesc = desc("fuse_requests_in_flight", "Requests in progress.")
	queuedDesc   = desc("fuse_notifications_queued", "Notifications that wait to be sent.")
)

// fuseCounters are the counters of the front end without labels.
var fuseCounters = []struct {
	desc  *prometheus.Desc
	value func(*fuse.Stats) uint64
}{
	{desc("fuse_errors_total", "Requests that were answered with an error."), func(s *fuse.Stats) uint64 { return s.Errors }},
	{desc("fuse_read_bytes_total", "Bytes that the kernel read."), func(s *fuse.Stats) uint64 { return s.BytesRead }},
	{desc("fuse_written_bytes_total", "Bytes that the kernel wrote."), func(s *fuse.Stats) uint64 { return s.BytesWritten }},
	{desc("fuse_interrupts_total", "Requests that the kernel interrupted."), func(s *fuse.Stats) uint64 { return s.Interrupts }},
	{desc("fuse_lookups_total", "Lookups that the kernel was told and has to forget."), func(s *fuse.Stats) uint64 { return s.Lookups }},
	{desc("fuse_forgets_total", "Lookups that the kernel has forgotten."), func(s *fuse.Stats) uint64 { return s.Forgets }},
	{desc("fuse_notifications_total", "Notifications that the kernel took."), func(s *fuse.Stats) uint64 { return s.Notifications }},
	{desc("fuse_notifications_late_total", "Notifications whose maker did not wait any longer."), func(s *fuse.Stats) uint64 { return s.NotificationsLate }},
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(buildInfoDesc, 1, Version(), Revision(), runtime.Version())
	// A label is UTF-8, a path need not be.
	gauge(mountInfoDesc, 1, strings.ToValidUTF8(c.d.cfg.Dir, "?"), strings.ToValidUTF8(c.d.mount.Source, "?"), c.d.cfg.Type)
	gauge(mountStartDesc, float64(c.d.since.Unix()))
	gauge(superblocksDesc, float64(vfs.Superblocks()))

	s := c.d.server.Stats()
	for op, n := range s.Requests {
		count(requestsDesc, n, op)
	}
	for _, f := range fuseCounters {
		count(f.desc, f.value(&s))
	}
	gauge(nodesDesc, float64(s.Nodes))
	gauge(handlesDesc, float64(s.Handles))
	gauge(inFlightDesc, float64(s.InFlight))
	gauge(queuedDesc, float64(s.NotificationsQueued))
}
