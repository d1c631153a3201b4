using System.Diagnostics;
using System.Globalization;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>The process itself: <c>process_*</c> as every Prometheus client has them, and the garbage collector's pauses.</summary>
public static class ProcessMetrics
{
    public static void AddTo(MetricRegistry registry, string version)
    {
        registry.Add(
            new MetricFamily("bridgeguard_build", MetricType.Info, "Version of the program.", samples =>
                samples.Add(1, ("version", version), ("runtime", Environment.Version.ToString()))),
            MetricFamily.Counter("process_cpu_seconds", "Processor time used.", () =>
                Environment.CpuUsage.TotalTime.TotalSeconds),
            MetricFamily.Gauge("process_resident_memory_bytes", "Memory in use.", () => Environment.WorkingSet),
            MetricFamily.Gauge("process_open_fds", "Open file descriptors.", () =>
                Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0),
            MetricFamily.Gauge("process_start_time_seconds", "Start of the process, seconds since 1970.", StartTime),
            new MetricFamily("dotnet_gc_collections", MetricType.Counter, "Garbage collections by generation.", samples =>
            {
                for (int generation = 0; generation <= GC.MaxGeneration; generation++)
                {
                    samples.Add(GC.CollectionCount(generation), ("generation", generation.ToString(CultureInfo.InvariantCulture)));
                }
            }),
            MetricFamily.Counter("dotnet_gc_pause_seconds", "Time that all threads stood still for garbage collection.", () =>
                GC.GetTotalPauseDuration().TotalSeconds),
            MetricFamily.Gauge("dotnet_gc_heap_bytes", "Managed memory after the last collection.", () => GC.GetGCMemoryInfo().HeapSizeBytes));
    }

    private static double StartTime()
    {
        using Process process = Process.GetCurrentProcess();
        return (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
    }
}
