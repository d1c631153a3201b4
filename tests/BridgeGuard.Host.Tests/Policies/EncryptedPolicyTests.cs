using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>A role's policy for encrypted traffic: names, fingerprints, certificates, hidden names, resolvers.</summary>
public sealed class EncryptedPolicyTests
{
    private const string NoRules = "alert tcp any any -> any 1 (msg:\"none\"; sid:1;)";
    private const ushort SignatureAlgorithms = 13;
    private const ushort SupportedVersions = 43;
    private const ushort EncryptedClientHello = 0xfe0d;

    public static TheoryData<string, string, bool, int> Policies => new()
    {
        { "names: {deny: [bad.example], action: drop}", "bad.example", false, 40 },
        { "names: {deny: [.example], action: drop}", "deep.below.example", false, 40 },
        { "names: {deny: [bad.example], action: drop}", "good.example", false, 0 },
        { "names: {allow: [good.example], action: drop}", "other.example", false, 40 },
        { "names: {allow: [good.example], action: drop}", "GOOD.example", false, 0 },
        { $"ja4: {{deny: [{Ja4(withEch: false)}], action: drop}}", "any.example", false, 41 },
        { $"ja4: {{deny: [{Ja4(withEch: false)}], action: drop}}", "any.example", true, 0 },
        { "encrypted-hello: drop", "outer.example", true, 45 },
        { "encrypted-hello: drop", "outer.example", false, 0 },
        { "dns-over-https: drop", "dns.google", false, 44 },
        { "dns-over-https: drop", "eu.cloudflare-dns.com", false, 44 },
        { "dns-over-https: drop", "www.google.com", false, 0 },
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void AHelloIsComparedWithTheRoleOfItsGuest(string policy, string name, bool withEch, int finding)
    {
        using PolicyWire wire = new([$"name: a\nencrypted: {{{policy}}}\n", "name: b\n"], NoRules);
        wire.SetGuests(wire.Guest("strict", "a", 1), wire.Guest("free", "b", 2));
        Assert.Equal(VerdictAction.Pass, Say(wire, 2, "10.0.0.2", Hello(name, withEch)).Action);
        Assert.Empty(wire.Alerts);

        Verdict verdict = Say(wire, 1, "10.0.0.1", Hello(name, withEch));

        Assert.Equal(finding == 0 ? DropReason.NotDropped : DropReason.EncryptedPolicy, verdict.Reason);
        int[] expected = finding == 0 ? [] : [finding];
        Assert.Equal(expected, wire.Alerts.Select(a => a.GetProperty("alert").GetProperty("signature_id").GetInt32()));
        if (finding != 0)
        {
            byte[] more = FrameBuilder.Tcp("10.0.0.1", 40_000, "198.51.100.1", 443, 101, 501, "A", default);
            Assert.Equal(VerdictAction.Drop, wire.Send(1, 0, more).Action); // And the flow with it.
        }
    }

    [Theory]
    [InlineData("Bridge Guard", 42)]
    [InlineData("Someone Else", 0)]
    public void ACertificateIsComparedWithTheRoleOfItsGuest(string denied, int finding)
    {
        using PolicyWire wire = new([$"name: a\nencrypted: {{certificates: {{deny: [\"{denied}\"], action: drop}}}}\n"], NoRules);
        CaptureFile capture = CaptureFile.TryRead(Path.Combine(CaptureFile.FindTestFolder("golden"), "tls-versions-and-names", "input.pcap"))!;

        // Whoever opens the first connection is the guest.
        Packet first = new();
        first.Reset(capture.Frames[0], 0, capture.Frames[0].Length, new FrameInfo { LinkType = LinkType.Ethernet });
        new PacketDecoder(new BridgeGuard.Engine.Settings.DecoderSettings()).Decode(first, new PacketQueue());
        wire.SetGuests(new GuestModel { Name = "g", Role = (byte)wire.Policy.FindRole("a"), Macs = [PolicyWire.Mac(1)], Addresses = [first.SourceAddress] });
        int dropped = capture.Frames.Count(frame => wire.SendAsIs(0, [.. frame]).Reason == DropReason.EncryptedPolicy);

        Assert.Equal(finding != 0, dropped > 0);
        Assert.All(wire.Alerts, a => Assert.Equal(finding, a.GetProperty("alert").GetProperty("signature_id").GetInt32()));
        Assert.Equal(finding != 0, wire.Alerts.Any());
    }

    private static Verdict Say(PolicyWire wire, int guest, string from, byte[] hello)
    {
        const string server = "198.51.100.1";
        wire.Send(guest, 0, FrameBuilder.Tcp(from, 40_000, server, 443, 100, 0, "S", default));
        wire.Send(0, guest, FrameBuilder.Tcp(server, 443, from, 40_000, 500, 101, "SA", default));
        wire.Send(guest, 0, FrameBuilder.Tcp(from, 40_000, server, 443, 101, 501, "A", default));
        return wire.Send(guest, 0, FrameBuilder.Tcp(from, 40_000, server, 443, 101, 501, "PA", hello));
    }

    /// <summary>RFC 8446 §4.1.2: one cipher suite, TLS 1.3.</summary>
    private static byte[] Hello(string name, bool withEch)
    {
        byte[] host = Encoding.ASCII.GetBytes(name);
        byte[] extensions =
        [
            .. Vector(0, [.. Length(host.Length + 3), 0, .. Length(host.Length), .. host]),
            .. Vector(SignatureAlgorithms, [0, 2, 4, 3]),
            .. Vector(SupportedVersions, [2, 3, 4]),
            .. withEch ? Vector(EncryptedClientHello, new byte[40]) : [],
        ];
        byte[] body = [3, 3, .. new byte[32], 0, 0, 2, 0x13, 1, 1, 0, .. Length(extensions.Length), .. extensions];
        byte[] message = [1, 0, .. Length(body.Length), .. body];
        return [22, 3, 1, .. Length(message.Length), .. message];
    }

    private static byte[] Vector(ushort type, byte[] value) => [.. Length(type), .. Length(value.Length), .. value];

    private static byte[] Length(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        return bytes;
    }

    /// <summary>The JA4 of the hello: protocol, version, name, counts; then hashes of the suites and of the extensions but the name's, with the signature algorithms.</summary>
    private static string Ja4(bool withEch)
    {
        static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)))[..12];
        return withEch ? $"t13d010400_{Hash("1301")}_{Hash("000d,002b,fe0d_0403")}" : $"t13d010300_{Hash("1301")}_{Hash("000d,002b_0403")}";
    }
}
