using System.Text;
using BenchmarkDotNet.Attributes;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Regex.Interop;

namespace BridgeGuard.Benchmarks.Detection;

/// <summary>A typical <c>pcre</c> on a request of 300 bytes, with both engines. With libpcre2 bytes allocated must be 0.</summary>
[MemoryDiagnoser]
public class RegexBenchmarks
{
    private readonly RegexScratch _scratch = new();
    private CompiledRegex _regex = null!;
    private byte[] _text = [];

    [Params(RegexEngine.Pcre2, RegexEngine.Managed)]
    public RegexEngine Engine { get; set; }

    [Params(false, true)]
    public bool Matching { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        RegexEngine engine = Pcre2Library.IsAvailable ? Engine : RegexEngine.Managed;
        if (!CompiledRegex.TryCompile(
            engine, "^/[a-z]{3,8}\\.php\\?(?:id|page)=[0-9]+&key=[a-f0-9]{16,}$"u8, PcreOptions.IgnoreCase, MatchLimits.Default, out CompiledRegex? regex, out _))
        {
            throw new InvalidOperationException();
        }
        _regex = regex;
        _text = Encoding.ASCII.GetBytes("/index.php?page=12345&key=" + new string('a', 274) + (Matching ? "" : "-"));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _regex.Dispose();
        _scratch.Dispose();
    }

    [Benchmark]
    public bool Match()
    {
        RegexMatch match = default;
        return _regex.TryMatch(_text, 0, _scratch, ref match);
    }
}
