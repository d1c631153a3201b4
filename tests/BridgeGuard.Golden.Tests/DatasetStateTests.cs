using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>Sets that learn from traffic (<c>state FILE</c>): written when the engine ends, there again at its next start.</summary>
public sealed class DatasetStateTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-state-").FullName;

    public DatasetStateTests() => File.WriteAllText(Path.Combine(_folder, "case.yaml"), "inline: no\n");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WhatWasLearntIsKnownAtTheNextStart()
    {
        DatasetRegistry first = Start();
        SortedDictionary<uint, int> learning = Play(first, """
            alert http any any -> any any (http.uri; dataset:set,uris,type string,state uris.lst; sid:1;)
            alert http any any -> any any (ip.src; dataset:set,addresses,type ip,state addresses.lst; sid:2;)
            alert http any any -> any any (http.method; to_md5; dataset:set,methods,type md5,state methods.lst; sid:3;)
            """);
        Assert.Equal(new Dictionary<uint, int> { [1] = 2, [2] = 2, [3] = 1 }, learning);
        Assert.Empty(Directory.GetFiles(_folder, "*.lst"));
        Assert.Empty(first.SaveAll());

        // As Suricata writes them: text in base64, addresses as they are read, digests in hexadecimal, each on a line.
        string[] uris = Lines("uris.lst");
        Assert.Equal(["L2V0Yy94", "Lw=="], uris.Order(StringComparer.Ordinal));
        Assert.Equal(["198.18.0.10", "198.18.0.30"], Lines("addresses.lst").Order(StringComparer.Ordinal));
        Assert.Equal(["7528035a93ee69cedb1dbddb2f0bfcc8"], Lines("methods.lst"));

        DatasetRegistry next = Start();
        SortedDictionary<uint, int> knowing = Play(next, """
            alert http any any -> any any (http.uri; dataset:isset,uris,type string,state uris.lst; sid:1;)
            alert http any any -> any any (http.uri; dataset:isnotset,uris; sid:2;)
            alert http any any -> any any (http.method; to_md5; dataset:isset,methods,type md5,state methods.lst; sid:3;)
            alert http any any -> any any (ip.dst; dataset:isset,addresses,type ip,state addresses.lst; sid:4;)
            alert http any any -> any any (http.method; to_md5; dataset:set,methods; sid:5;)
            """);
        Assert.Equal(3, knowing[1]);
        Assert.False(knowing.ContainsKey(2));
        Assert.Equal(3, knowing[3]);
        Assert.Equal(10, knowing[4]);
        Assert.False(knowing.ContainsKey(5));

        // Nothing new: the same file.
        Assert.Empty(next.SaveAll());
        Assert.Equal(uris, Lines("uris.lst"));
    }

    private DatasetRegistry Start() => new() { Folders = [_folder] };

    private string[] Lines(string name) => File.ReadAllLines(Path.Combine(_folder, name));

    private SortedDictionary<uint, int> Play(DatasetRegistry datasets, string rules)
    {
        File.WriteAllText(Path.Combine(_folder, "case.rules"), rules);
        string capture = Path.Combine(GoldenTests.GoldenFolder(), "http-pipeline-of-three-requests", "input.pcap");
        return GoldenRun.Play(_folder, isInline: false, prefilter: true, capture: capture, datasets: datasets).Alerts();
    }
}
