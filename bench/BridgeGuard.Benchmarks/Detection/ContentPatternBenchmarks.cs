using System.Text;
using BenchmarkDotNet.Attributes;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Benchmarks.Detection;

/// <summary>One pattern without regard to case in a buffer that does not hold it. Bytes allocated must be 0.</summary>
[MemoryDiagnoser]
public class ContentPatternBenchmarks
{
    private readonly ContentPattern _pattern = new("x-forwarded-for: "u8, ignoreCase: true);
    private byte[] _text = [];

    [Params(64, 1500)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup() =>
        _text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("Accept: text/html\r\nX-Frame-Options: DENY\r\n", 100)))[..Bytes];

    [Benchmark(Baseline = true)]
    public int Scalar() => _pattern.IndexIgnoringCase(_text, ContentPattern.SearchVariant.Scalar);

    [Benchmark]
    public int Vector128() => _pattern.IndexIgnoringCase(_text, ContentPattern.SearchVariant.Vector128);

    [Benchmark]
    public int Vector256() => _pattern.IndexIgnoringCase(_text, ContentPattern.SearchVariant.Vector256);
}
