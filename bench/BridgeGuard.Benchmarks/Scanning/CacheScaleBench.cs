using System.Diagnostics;
using System.Runtime.InteropServices;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Benchmarks.Scanning;

/// <summary>The verdict cache with many entries: what an entry costs to write, to find in memory and on disk, and to keep.</summary>
internal static class CacheScaleBench
{
    private const int Questions = 1_000_000;
    private const int DiskQuestions = 100_000;

    public static int Run(int entries) => RunAsync(entries).GetAwaiter().GetResult();

    private static async Task<int> RunAsync(int entries)
    {
        string folder = Directory.CreateTempSubdirectory("bg-cache-").FullName;
        try
        {
            var options = new CacheOptions { Path = Path.Combine(folder, "verdicts.db"), StoreMaxEntries = entries * 2L };
            long before = Managed();
            await using (var cache = new FileVerdictCache(options))
            {
                cache.CurrentGeneration = "g";
                await FillAsync(cache, entries);
                Console.WriteLine($"managed memory with {cache.MemoryCount:n0} entries in memory: {(Managed() - before) >> 20:n0} MiB; database {Size(folder) >> 20:n0} MiB "
                    + $"({(double)Size(folder) / entries:f0} bytes an entry); process {Environment.WorkingSet >> 20:n0} MiB");
                Measure("in memory", Questions, i => cache.TryGetCached(HashOf(entries - 1 - (i % 10_000)), 100, out _));
                Measure("unknown, memory only", Questions, i => cache.TryGetCached(HashOf(-1 - i), 100, out _));
                Measure("on disk", DiskQuestions, i => cache.Find(new FileKey(HashOf((int)((long)i * 7919 % entries)), 100)));
                Measure("unknown, also on disk", DiskQuestions, i => cache.Find(new FileKey(HashOf(-1 - i), 100)));
                Console.WriteLine($"misses {cache.Counters.Misses:n0}, disk hits {cache.Counters.StoreHits:n0}, dropped writes {cache.Counters.WritesDropped:n0}");
            }

            long begin = Stopwatch.GetTimestamp();
            await using var again = new FileVerdictCache(options);
            Console.WriteLine($"opened again in {Stopwatch.GetElapsedTime(begin).TotalSeconds:f1} s with {again.MemoryCount:n0} entries in memory and {again.StoredCount:n0} on disk");
            return again.StoredCount == entries ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task FillAsync(FileVerdictCache cache, int entries)
    {
        TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < entries; i++)
        {
            cache.Put(new FileKey(HashOf(i), 100), new FileVerdict { Kind = FileVerdictKind.Clean, Engine = "bench", Generation = "g", TimeUs = i });
            if (i % 20_000 == 0)
            {
                await cache.FlushAsync(); // The queue holds 65,536 rows and drops beyond.
            }
        }

        await cache.FlushAsync();
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        double used = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
        Console.WriteLine($"written: {entries:n0} in {seconds:f1} s ({used:f1} s of CPU, {used * 1e6 / entries:f1} us each)");
    }

    private static void Measure(string what, int count, Action<int> ask)
    {
        for (int i = 0; i < count / 20; i++)
        {
            ask(i);
        }

        TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < count; i++)
        {
            ask(i);
        }

        double used = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
        Console.WriteLine($"{what}: {used * 1e9 / count:n0} ns of CPU a question, {(GC.GetAllocatedBytesForCurrentThread() - allocated) / count} bytes allocated");
    }

    /// <summary>A hash that spreads as real ones do, without the cost of one.</summary>
    private static Sha256 HashOf(int number)
    {
        Span<ulong> words = stackalloc ulong[4];
        ulong state = (ulong)number * 0x9E3779B97F4A7C15;
        for (int i = 0; i < 4; i++)
        {
            state ^= state >> 30;
            state *= 0xBF58476D1CE4E5B9;
            state ^= state >> 27;
            words[i] = state += 0x94D049BB133111EB;
        }

        return new Sha256(MemoryMarshal.AsBytes(words));
    }

    private static long Managed() => GC.GetTotalMemory(forceFullCollection: true);

    private static long Size(string folder) => Directory.EnumerateFiles(folder).Sum(file => new FileInfo(file).Length);
}
