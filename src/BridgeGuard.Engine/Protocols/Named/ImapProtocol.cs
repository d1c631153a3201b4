using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Named;

/// <summary>IMAP (RFC 9051): the flow is named, nothing is parsed, as in Suricata 8; that TLS behind STARTTLS is followed (<see cref="ImapStartTls"/>) is ours.</summary>
public sealed class ImapProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Imap;

    public override string Name => "imap";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override bool IsNamedOnly => true;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToClient, "* OK "u8.ToArray(), 0, 5),
        new(IpProtocols.Tcp, Direction.ToClient, "* NO "u8.ToArray(), 0, 5),
        new(IpProtocols.Tcp, Direction.ToClient, "* BAD "u8.ToArray(), 0, 6),
        new(IpProtocols.Tcp, Direction.ToClient, "* LIST "u8.ToArray(), 0, 7),
        new(IpProtocols.Tcp, Direction.ToClient, "* ESEARCH "u8.ToArray(), 0, 10),
        new(IpProtocols.Tcp, Direction.ToClient, "* STATUS "u8.ToArray(), 0, 9),
        new(IpProtocols.Tcp, Direction.ToClient, "* FLAGS "u8.ToArray(), 0, 8),
    ];

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProtocolState CreateState(ProtocolSettings settings) => new NamedState(this);
}
