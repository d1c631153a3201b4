using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Scanners.HashLists;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class HashListTests : IDisposable
{
    private const string A = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string B = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

    private readonly TemporaryFolder _folder = new();
    private readonly FileVerdictCache _cache = new(new CacheOptions());

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void HashesNamesCommentsAndSha256sumOutputAreRead()
    {
        HashListFiles lists = Load($"# bad files\n\n{A}  evil.exe\n  {B} # seen in May\r\n");
        Assert.Empty(lists.Load());
        Assert.Equal(2, lists.Count);
        Assert.Equal("evil.exe", Lookup(A)!.Signature);
        Assert.Equal(FileVerdictKind.Malicious, Lookup(B.ToLowerInvariant())!.Kind);
        Assert.Equal("Known.Bad.File", Lookup(B)!.Signature);
    }

    [Theory]
    [InlineData("zz", 1, "'z' is not a hexadecimal digit.")]
    [InlineData("  12345", 3, "A SHA-256 has 64 hexadecimal digits, this has 5.")]
    [InlineData(A + "0", 1, "A SHA-256 has 64 hexadecimal digits, this has 65.")]
    [InlineData("aa\u00e9", 3, "'\u00e9' is not a hexadecimal digit.")]
    public void ErrorsNameFileLineAndColumn(string line, int column, string message)
    {
        HashListFiles lists = Load("# first line\n" + line + "\n");
        HashListError error = Assert.Single(lists.Load());
        Assert.Equal($"{_folder.File("bad")}:2:{column}: {message}", error.ToString());
    }

    [Fact]
    public void ReloadWithAnErrorKeepsTheListsInForce()
    {
        HashListFiles lists = Load(A + "\n");
        Assert.Empty(lists.Load());
        File.WriteAllText(_folder.File("bad"), B + "\nrubbish\n");
        Assert.True(lists.ReloadIfChanged());
        Assert.NotNull(Lookup(A));
        Assert.Null(Lookup(B));
        Assert.False(lists.ReloadIfChanged());
    }

    [Fact]
    public void ChangedFileIsReloadedAndBadWinsOverGood()
    {
        File.WriteAllText(_folder.File("good"), A + "\n");
        HashListFiles lists = Load("", _folder.File("good"));
        Assert.Empty(lists.Load());
        Assert.Equal(FileVerdictKind.Clean, Lookup(A)!.Kind);
        File.WriteAllText(_folder.File("bad"), A + "\n");
        IReadOnlyList<HashListError>? told = null;
        lists.Reloaded += errors => told = errors;
        Assert.True(lists.ReloadIfChanged());
        Assert.Empty(told!);
        Assert.Equal(FileVerdictKind.Malicious, Lookup(A)!.Kind);
    }

    [Fact]
    public void MissingFileIsAnErrorOfTheWholeFile()
    {
        using var lists = new HashListFiles(_cache, [_folder.File("absent")], []);
        HashListError error = Assert.Single(lists.Load());
        Assert.StartsWith(_folder.File("absent") + ": The file cannot be read", error.ToString(), StringComparison.Ordinal);
    }

    private HashListFiles Load(string bad, params string[] good)
    {
        File.WriteAllText(_folder.File("bad"), bad);
        return new HashListFiles(_cache, [_folder.File("bad")], good);
    }

    private FileVerdict? Lookup(string hex)
    {
        Assert.True(Sha256.TryParse(hex, out Sha256 hash));
        return _cache.TryGetCached(hash, 1, out FileVerdict verdict) ? verdict : null;
    }
}
