using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Lines of classification.config and reference.config, as Suricata 8.0.8 takes them (<c>tests/parity/opsfiles.py</c>).</summary>
public sealed class ClassificationFileTests
{
    [Theory]
    [InlineData("config classification: x,An x,2", "An x", 2)]
    [InlineData("config classification: x,An, other x,2", "An, other x", 2)]
    [InlineData("config classification: x,An x,0", "An x", 0)]
    [InlineData("config classification: x,An x,256", "An x", 256)]
    public void AClassHasANameADescriptionAndAPriority(string line, string description, int priority)
    {
        List<RuleDiagnostic> diagnostics = [];
        ClassType found = ClassificationFile.Parse(line + "\n", "classification.config", diagnostics)["X"];

        Assert.Equal((description, priority), (found.Description, found.Priority));
        Assert.Empty(diagnostics);
    }

    [Theory]
    [InlineData("config classification: 1x,An x,2")]
    [InlineData("config classification: x.y,An x,2")]
    [InlineData("config classification: x y,An x,2")]
    [InlineData("config classification: x,An x,-1")]
    [InlineData("config classification: x,An x,2,")]
    [InlineData("config classification: x,2")]
    [InlineData("classification: x,An x,2")]
    public void WhatIsNoClassIsSaidWithItsLine(string line)
    {
        List<RuleDiagnostic> diagnostics = [];
        Assert.Empty(ClassificationFile.Parse("# one\n" + line + "\n", "classification.config", diagnostics));
        Assert.Equal(2, Assert.Single(diagnostics).Line);
    }

    [Theory]
    [InlineData("config reference: x http://x/", true)]
    [InlineData("config reference: x http://x/ more", true)]
    [InlineData("config reference: 1 http://x/", false)]
    [InlineData("config reference: x", false)]
    public void AReferenceSystemIsAWordAndItsPrefix(string line, bool isOne)
    {
        List<RuleDiagnostic> diagnostics = [];
        Dictionary<string, string> systems = ReferenceFile.Parse(line, "reference.config", diagnostics);

        Assert.Equal(isOne ? ["http://x/"] : [], systems.Values);
        Assert.Equal(isOne ? 0 : 1, diagnostics.Count);
    }
}
