using System.Formats.Asn1;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>LDAP 3 (RFC 4511) over TCP and UDP: what is published to rules and outputs.</summary>
public sealed class LdapProtocol : Protocol
{
    private const ushort Port = 389;
    private const ushort GlobalCatalogPort = 3268;

    /// <summary>Header, message id and operation tag.</summary>
    private const ushort ProbeBytes = 7;

    public override ProtocolId Id => ProtocolId.Ldap;

    public override string Name => "ldap";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    /// <summary>Suricata takes StartTLS for done when TLS comes: the packet that agrees to it is LDAP's as any other, and rules on the answer hold for what is made up behind it.</summary>
    public override bool LeavesAtOnce => false;

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, Port, Port, ProbeBytes, 64),
        new(IpProtocols.Tcp, GlobalCatalogPort, GlobalCatalogPort, ProbeBytes, 64),
        new(IpProtocols.Udp, Port, Port, ProbeBytes, 64),
        new(IpProtocols.Udp, GlobalCatalogPort, GlobalCatalogPort, ProbeBytes, 64),
    ];

    public override BufferDescriptor[] Buffers => LdapBuffers.All;

    public override KeywordDescriptor[] Keywords => LdapBuffers.Keywords;

    public override AnomalyDescriptor[] Anomalies => LdapAnomalies.All;

    public override string[] Frames => LdapFrames.Names;

    public override EveLogger[] Loggers { get; } = [new LdapEve()];

    public override StreamShow ShowsStream(Direction direction) => StreamShow.WithEachPart;

    public override byte CompletedProgress(Direction direction) => 1;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (!TryReadFrame(data, out int header, out int length))
        {
            return data.Length < ProbeBytes && length == 0 ? ProbeResult.Unsure : ProbeResult.NotMine;
        }

        // A short integer, then the tag of an operation.
        ReadOnlySpan<byte> content = data[header..];
        if (content.Length < 3 || content.Length < 3 + content[1])
        {
            return content.Length >= 2 && (content[0] != 2 || content[1] is 0 or > 4) ? ProbeResult.NotMine : ProbeResult.Unsure;
        }

        byte tag = content[2 + content[1]];
        if (content[0] != 2 || content[1] is 0 or > 4 || (tag & 0xc0) != 0x40 || !LdapTables.IsOperation(tag & 0x1f))
        {
            return ProbeResult.NotMine;
        }

        // A flow picked up in its middle may begin with a notice of the server.
        bool isRequest = LdapTables.IsRequest((LdapOperation)(tag & 0x1f));
        return new ProbeResult(ProbeStatus.Certain, isRequest != (direction == Direction.ToServer));
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new LdapParser(this, new LdapLimits(settings));

    /// <summary>The SEQUENCE around a message. False: with a length of 0 more bytes are needed, with -1 it is none or too long.</summary>
    internal static bool TryReadFrame(ReadOnlySpan<byte> data, out int header, out int length)
    {
        const byte Sequence = 0x30;
        header = 0;
        length = data.IsEmpty || data[0] == Sequence ? 0 : -1;
        if (length < 0)
        {
            return false;
        }

        if (!Asn1Element.TryReadHeader(data, out Asn1Tag _, out header, out int content))
        {
            // Nine bytes hold any header that could be good.
            length = data.Length > 9 || content == int.MaxValue ? -1 : 0;
            return false;
        }

        bool isGood = content is > 0 and <= LdapLimits.MaxMessageBytes;
        length = isGood ? content : -1;
        return isGood;
    }
}
