using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>The distributed hash table of BitTorrent (BEP 5, IPv6 of BEP 32) over UDP: what is published.</summary>
public sealed class BitTorrentDhtProtocol : Protocol
{
    public override ProtocolId Id => ProtocolId.BitTorrentDht;

    public override string Name => "bittorrent-dht";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    /// <summary>A query, a response, an error, and a response that begins with the asker's address (BEP 42).</summary>
    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Udp, Direction.ToServer, [.. "d1:ad2:id20:"u8], 0, 12),
        new(IpProtocols.Udp, Direction.ToClient, [.. "d1:ad2:id"u8], 0, 9),
        new(IpProtocols.Udp, Direction.ToClient, [.. "d1:rd2:id"u8], 0, 9),
        new(IpProtocols.Udp, Direction.ToClient, [.. "d2:ip6:"u8], 0, 7),
        new(IpProtocols.Udp, Direction.ToClient, [.. "d1:el"u8], 0, 5),
    ];

    public override AnomalyDescriptor[] Anomalies => BitTorrentDhtAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new BitTorrentDhtEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProtocolState CreateState(ProtocolSettings settings) => new BitTorrentDhtParser(this);
}
