using System.Text;
using BenchmarkDotNet.Attributes;
using BridgeGuard.Engine.Detection.Transforms;

namespace BridgeGuard.Benchmarks.Detection;

/// <summary>Each transform on 200 bytes. Bytes allocated must be 0.</summary>
[MemoryDiagnoser]
public class TransformBenchmarks
{
    private readonly TransformScratch _scratch = new();
    private readonly byte[] _text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("Www.Example%2ECo.Uk aGVsbG8g\r\n", 7))[..200]);
    private Transform _transform = null!;

    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = "";

    public static IEnumerable<string> Names => TransformCatalog.Names;

    [GlobalSetup]
    public void Setup()
    {
        string argument = Name switch { "xor" => "\"0a0b0c0d\"", "pcrexform" => "\"([a-z]+)%\"", _ => "" };
        if (!TransformCatalog.TryCreate(Name, argument, TransformContext.Default, out Transform? transform, out _))
        {
            throw new InvalidOperationException();
        }
        _transform = transform;
    }

    [GlobalCleanup]
    public void Cleanup() => _scratch.Dispose();

    [Benchmark]
    public int Apply() => _transform.Apply(_text, _scratch).Length;
}
