using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dns;

namespace BridgeGuard.Engine.Tests.Protocols.Dns;

/// <summary>DNS over TCP: may be cut anywhere.</summary>
public sealed class DnsConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new DnsProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        BinaryPrimitives.WriteUInt16BigEndian(turn.AsSpan(IsDatagram ? 0 : 2), (ushort)number);
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, DnsSamples.Framed(DnsSamples.Message(0x0100, [DnsSamples.Question("www.example.com", 1)]))),
            new Turn(Direction.ToClient, DnsSamples.Framed(DnsSamples.Message(
                0x8180,
                [DnsSamples.Question("www.example.com", 1)],
                [DnsSamples.Record([0xc0, 0x0c], 5, 60, DnsSamples.Name("cdn.example.net")), DnsSamples.Record([0xc0, 0x0c], 1, 60, [192, 0, 2, 1])],
                [DnsSamples.Record(DnsSamples.Name("example.com"), 2, 60, DnsSamples.Name("ns.example.com"))],
                [DnsSamples.Record([0], 41, 0, [0, 10, 0, 2, 1, 2])]))),
        ],
        [
            new Turn(Direction.ToServer,
            [
                .. DnsSamples.Framed(DnsSamples.Message(0x0100, [DnsSamples.Question("a.b", 28)])),
                .. DnsSamples.Framed(DnsSamples.Message(0x0100, [DnsSamples.Question("c.d", 16)])),
            ]),
        ],
    ];
}
