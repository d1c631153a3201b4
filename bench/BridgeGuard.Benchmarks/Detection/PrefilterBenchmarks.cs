using System.Text;
using BenchmarkDotNet.Attributes;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Prefilter.Interop;

namespace BridgeGuard.Benchmarks.Detection;

/// <summary>One scan of a buffer for many patterns: engines, pattern counts and buffer lengths.</summary>
/// <remarks>
/// Patterns and text are made of the same words, so that candidates occur as in traffic. Bytes allocated must be 0. Hyperscan is
/// measured where the library is installed and repeats the managed engine elsewhere.
/// </remarks>
[MemoryDiagnoser]
public class PrefilterBenchmarks
{
    private static readonly string[] Words =
    [
        "index", "php", "admin", "login", "update", "Mozilla", "Windows", "chrome", "Content", "Length", "example", "com", "www", "static", "image",
        "upload", "cmd", "shell", "token", "session", "gate", "panel", "config", "xml", "api", "v1", "user", "download", "file", "exe",
    ];

    private PatternSet _set = null!;
    private byte[] _text = [];
    private MatchSet _matches = null!;

    [Params(16, 100, 1000, 10_000)]
    public int Patterns { get; set; }

    [Params(20, 100, 1500, 16_384)]
    public int Bytes { get; set; }

    [Params(PrefilterEngine.ManagedScalar, PrefilterEngine.ManagedHash, PrefilterEngine.Managed, PrefilterEngine.Hyperscan)]
    public PrefilterEngine Engine { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(42);
        var builder = new PatternSetBuilder();
        for (int id = 0; id < Patterns; id++)
        {
            string text = Phrase(random, random.Next(1, 4)) + random.Next(1000);
            builder.Add(Encoding.ASCII.GetBytes(text), id % 2 == 0, id % 3 == 0 ? PatternPlacement.Ending : PatternPlacement.Anywhere, id);
        }
        PrefilterEngine engine = Engine == PrefilterEngine.Hyperscan && !HyperscanLibrary.IsAvailable ? PrefilterEngine.Managed : Engine;
        _set = builder.Build(engine);
        _matches = new MatchSet(Patterns);
        _text = Encoding.ASCII.GetBytes(Phrase(random, Bytes))[..Bytes];
    }

    [GlobalCleanup]
    public void Cleanup() => _set.Dispose();

    [Benchmark]
    public int Scan()
    {
        _matches.Clear();
        _set.Scan(_text, _matches);
        return _matches.Count;
    }

    private static string Phrase(Random random, int words)
    {
        var text = new StringBuilder();
        for (int i = 0; i < words; i++)
        {
            text.Append(Words[random.Next(Words.Length)]).Append("/.?=&- "[random.Next(7)]);
        }
        return text.ToString();
    }
}
