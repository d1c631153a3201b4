using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>What of the datasets a reload of the rules keeps.</summary>
public sealed class DatasetReloadTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-datasets-").FullName;
    private readonly DatasetRegistry _registry = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ASetFromAFileIsReadAgain()
    {
        Write("cGF5\n");
        Assert.Equal(1, Get(load: true)?.Count);
        Write("cGF5\nbG9hZA==\n");
        Assert.Equal(1, Get(load: true)?.Count);
        _registry.BeginReload();
        Assert.Equal(2, Get(load: true)?.Count);
    }

    [Fact]
    public void ASetThatLearnsStaysTheSame()
    {
        Dataset? before = Get(load: false);
        Assert.NotNull(before);
        _registry.BeginReload();
        Assert.Same(before, Get(load: false));
    }

    [Fact]
    public void AFileThatWasWrongGetsAnotherChance()
    {
        Assert.Null(Get(load: true));
        Write("cGF5\n");
        Assert.Null(Get(load: true));
        _registry.BeginReload();
        Assert.Equal(1, Get(load: true)?.Count);
    }

    private string SetFile => Path.Combine(_folder, "seen.lst");

    private void Write(string lines) => File.WriteAllText(SetFile, lines);

    private Dataset? Get(bool load) => _registry.GetOrLoad(
        new DatasetSettings { Name = "seen", Type = DatasetType.String, Load = load ? SetFile : "", RuleFile = Path.Combine(_folder, "a.rules") }, out _);
}
