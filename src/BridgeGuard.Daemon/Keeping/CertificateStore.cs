using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>Chains that <c>tls.store</c> asked for, in Suricata's layout: <c>SECONDS.MICROSECONDS-NUMBER.pem</c> and a <c>.meta</c> that says whence.</summary>
/// <remarks>Errors are counted and cost the chain, nothing else. Thread: the worker's.</remarks>
public sealed class CertificateStore : ICertificateStore
{
    private const long Million = 1_000_000;

    private readonly string _folder;
    private uint _stored;

    public CertificateStore(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
    }

    /// <summary>Chains that could not be written.</summary>
    public long Errors { get; private set; }

    public void Store(Packet packet, Flow flow, ICertificateChain chain)
    {
        _stored++;
        string name = Path.Combine(_folder, string.Create(
            CultureInfo.InvariantCulture, $"{packet.TimeUs / Million}.{packet.TimeUs % Million}-{_stored}"));
        StringBuilder pem = new();
        for (int i = 0; i < chain.ChainLength; i++)
        {
            pem.Append(PemEncoding.Write("CERTIFICATE", chain.Chain(i))).Append('\n');
        }

        try
        {
            Write(name + ".pem", pem.ToString());
            Write(name + ".meta", Describe(packet, flow, chain));
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Errors++;
        }
    }

    /// <summary>Whoever sees a name of the folder sees a whole file.</summary>
    private static void Write(string name, string text)
    {
        File.WriteAllText(name + ".tmp", text);
        File.Move(name + ".tmp", name, overwrite: true);
    }

    /// <summary>The client is the source, whichever side the packet came from.</summary>
    private static string Describe(Packet packet, Flow flow, ICertificateChain chain)
    {
        bool toServer = packet.Direction == Direction.ToServer;
        DateTimeOffset time = DateTimeOffset.UnixEpoch.AddTicks(packet.TimeUs * TimeSpan.TicksPerMicrosecond).ToLocalTime();
        StringBuilder text = new();
        Line(text, "TIME", time.ToString("MM/dd/yyyy-HH:mm:ss.ffffff", CultureInfo.InvariantCulture));
        if (packet.Number > 0)
        {
            Line(text, "PCAP PKT NUM", packet.Number.ToString(CultureInfo.InvariantCulture));
        }

        Line(text, "SRC IP", (toServer ? packet.SourceAddress : packet.DestinationAddress).ToString());
        Line(text, "DST IP", (toServer ? packet.DestinationAddress : packet.SourceAddress).ToString());
        Line(text, "PROTO", flow.Key.Protocol.ToString(CultureInfo.InvariantCulture));
        Line(text, "SRC PORT", (toServer ? packet.SourcePort : packet.DestinationPort).ToString(CultureInfo.InvariantCulture));
        Line(text, "DST PORT", (toServer ? packet.DestinationPort : packet.SourcePort).ToString(CultureInfo.InvariantCulture));
        Line(text, "TLS SUBJECT", Encoding.UTF8.GetString(chain.SubjectText));
        Line(text, "TLS ISSUERDN", Encoding.UTF8.GetString(chain.IssuerText));
        Line(text, "TLS FINGERPRINT", Encoding.UTF8.GetString(chain.FingerprintText));
        return text.ToString();
    }

    private static void Line(StringBuilder text, string name, string value) => text.Append((name + ":").PadRight(19)).Append(value).Append('\n');
}
