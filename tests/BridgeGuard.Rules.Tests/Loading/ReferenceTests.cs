using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Where a reference ends and what stands before it; rows are what Suricata 8.0.8 printed or refused.</summary>
public sealed class ReferenceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-references-").FullName;

    [Theory]
    [InlineData("url,example.com/a-b_c?d=e", "https://example.com/a-b_c?d=e")]
    [InlineData("url,example.com#part", "https://example.com")]
    [InlineData("URL ,\"x.test\"", "https://x.test")]
    [InlineData("url,foobar://x.test:80/y", "foobar://x.test")]
    [InlineData("cve,http://x.test", "http://x.test")]
    [InlineData("url,a1://x", "https://a1")]
    [InlineData("url,http://", "https://http")]
    [InlineData("nowhere,x", "undefinedx")]
    [InlineData("url,:x", null)]
    [InlineData("u-l,x", null)]
    [InlineData("url,", null)]
    public void ReferencesAreCompleted(string argument, string? expected)
    {
        string rules = Path.Combine(_folder, "t.rules");
        string systems = Path.Combine(_folder, "reference.config");
        File.WriteAllText(rules, $"alert ip any any -> any any (reference:{argument}; sid:1;)");
        File.WriteAllText(systems, "config reference: url https://\nconfig reference: cve https://cve.test/?name=\n");
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Files = [rules], ReferenceFile = systems });
        Assert.Equal(expected is null ? [] : [expected], loaded.Rules.Rules.SelectMany(rule => rule.References));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
