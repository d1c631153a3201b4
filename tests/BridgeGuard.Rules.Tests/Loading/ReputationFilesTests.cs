using BridgeGuard.Engine.Detection.Reputation;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

public sealed class ReputationFilesTests
{
    [Theory]
    [InlineData("1,bad,Bad", 1)]
    [InlineData("59,bad,Bad", 59)]
    [InlineData("0,bad,Bad", null)] // Number 0 stands for none.
    [InlineData("1,bad,B\n1,good,G", null)] // The number's last name counts.
    [InlineData("1,bad,B\n2,bad,B", 1)]
    [InlineData("1, bad,B", null)] // Blanks belong to the name.
    public void CategoriesAreNamedAsSuricataNamesThem(string lines, int? bad)
    {
        var diagnostics = new List<RuleDiagnostic>();
        Dictionary<string, int> categories = ReputationFiles.ParseCategories(lines, "categories.txt", diagnostics);
        Assert.Empty(diagnostics);
        Assert.Equal(bad, categories.TryGetValue("bad", out int number) ? number : null);
    }

    [Theory]
    [InlineData("60,bad,B")]
    [InlineData("-1,bad,B")]
    [InlineData("x,bad,B")]
    [InlineData("1")]
    public void BadCategoriesAreTold(string line)
    {
        var diagnostics = new List<RuleDiagnostic>();
        Assert.Empty(ReputationFiles.ParseCategories(line, "categories.txt", diagnostics));
        Assert.Equal((DiagnosticCode.BadLine, 1), (diagnostics.Single().Code, diagnostics.Single().Line));
    }

    [Fact]
    public void AListedHostHasAScoreInEveryCategoryAndHidesItsNetworks()
    {
        ReputationTable table = Read("10.0.0.0/24,1,20\n10.0.0.1,2,5\n");
        Assert.Equal((true, 0), Score(table, "10.0.0.1", 1));
        Assert.Equal((true, 5), Score(table, "10.0.0.1", 2));
        Assert.Equal((true, 20), Score(table, "10.0.0.2", 1));
        Assert.Equal((false, 0), Score(table, "10.0.0.2", 2));
        Assert.Equal((false, 0), Score(table, "10.0.1.2", 1));
    }

    [Theory]
    [InlineData("10.0.0.0/33,1,20")]
    [InlineData("2001:db8::/129,1,20")]
    [InlineData("10.0.0.1,60,20")]
    [InlineData("10.0.0.1,1,128")]
    [InlineData("10.0.0.1,1")]
    [InlineData("bad")]
    public void BadLinesAreToldAndTheOthersCount(string line)
    {
        var diagnostics = new List<RuleDiagnostic>();
        ReputationTable table = Read(line + "\n10.0.0.7,1,30\n", diagnostics);
        Assert.Equal((DiagnosticCode.BadLine, 1), (diagnostics.Single().Code, diagnostics.Single().Line));
        Assert.Equal((true, 30), Score(table, "10.0.0.7", 1));
    }

    private static (bool Has, int Score) Score(ReputationTable table, string address, int category)
    {
        Assert.True(IpAddress.TryParse(address, out IpAddress parsed));
        bool has = table.TryGet(parsed, category, out byte score);
        return (has, score);
    }

    private static ReputationTable Read(string lines, List<RuleDiagnostic>? diagnostics = null)
    {
        var hosts = new Dictionary<IpAddress, byte[]>();
        var networks = new Dictionary<(IpAddress Network, byte Prefix), byte[]>();
        ReputationFiles.ParseList(lines, "reputation.list", hosts, networks, diagnostics ?? []);
        return ReputationFiles.Build(hosts, networks);
    }
}
