using System.Security.Cryptography;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Keeping;

public sealed class CertificateStoreTests : IDisposable
{
    private static readonly byte[] First = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];
    private static readonly byte[] Second = [0x30, 0x01, 0x02];

    private readonly string _folder = Directory.CreateTempSubdirectory("bg-certs").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AChainIsOnePemAndItsMetaNamesTheClientFirst()
    {
        Packet packet = ToClient(timeUs: 1_700_000_000_000_432);
        new CertificateStore(_folder).Store(packet, Tcp(), new Chain());

        string name = Path.Combine(_folder, "1700000000.432-1");
        string pem = File.ReadAllText(name + ".pem");
        PemFields fields = PemEncoding.Find(pem);
        Assert.Equal(First, Convert.FromBase64String(pem[fields.Base64Data].Replace("\n", "", StringComparison.Ordinal)));
        string rest = pem[fields.Location.End..];
        Assert.Equal(Second, Convert.FromBase64String(rest[PemEncoding.Find(rest).Base64Data]));

        string[] meta = File.ReadAllLines(name + ".meta");
        Assert.EndsWith(".000432", meta[0], StringComparison.Ordinal);
        Assert.Equal("SRC PORT:          40000", meta.Single(line => line.StartsWith("SRC PORT", StringComparison.Ordinal)));
        Assert.Equal("DST PORT:          443", meta.Single(line => line.StartsWith("DST PORT", StringComparison.Ordinal)));
        Assert.Equal("TLS SUBJECT:       CN=subject", meta[^3]);
        Assert.Equal("TLS ISSUERDN:      CN=issuer", meta[^2]);
        Assert.Equal("TLS FINGERPRINT:   00:11", meta[^1]);
    }

    [Fact]
    public void ChainsAreNumbered()
    {
        CertificateStore store = new(_folder);
        for (int i = 0; i < 2; i++)
        {
            store.Store(ToClient(5_000_001), Tcp(), new Chain());
        }

        Assert.True(File.Exists(Path.Combine(_folder, "5.1-1.pem")));
        Assert.True(File.Exists(Path.Combine(_folder, "5.1-2.meta")));
    }

    private static Packet ToClient(long timeUs) => new()
    {
        TimeUs = timeUs,
        Direction = Direction.ToClient,
        SourcePort = 443,
        DestinationPort = 40000,
    };

    private static Flow Tcp() => new() { Key = new FlowKey(default, default, 40000, 443, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };

    private sealed class Chain : ICertificateChain
    {
        public int ChainLength => 2;

        public ReadOnlySpan<byte> SubjectText => "CN=subject"u8;

        public ReadOnlySpan<byte> IssuerText => "CN=issuer"u8;

        public ReadOnlySpan<byte> FingerprintText => "00:11"u8;

        ReadOnlySpan<byte> ICertificateChain.Chain(int index) => index == 0 ? First : Second;
    }
}
