using System.Buffers.Binary;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Enip;

namespace BridgeGuard.Engine.Tests.Protocols.Enip;

/// <summary>EtherNet/IP over TCP: a session, lists, CIP alone and several at once.</summary>
public sealed class EnipConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new EnipProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(turn.AsSpan(12), number);
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            EnipSamples.Client(EnipSamples.Pdu(0x65, [1, 0, 0, 0])),
            EnipSamples.Server(EnipSamples.Pdu(0x65, [1, 0, 0, 0])),
            EnipSamples.Client([.. EnipSamples.Pdu(0x63, []), .. EnipSamples.Pdu(4, [])]),
            EnipSamples.Server([.. EnipSamples.Services, .. EnipSamples.Identity]),
            EnipSamples.Client(EnipSamples.Cip(EnipSamples.Multiple)),
            EnipSamples.Server(EnipSamples.Cip(EnipSamples.MultipleAnswer)),
            EnipSamples.Client(EnipSamples.Connected([3, 2, 0x20, 1, 0x24, 1, 2, 0, 5, 0, 6, 0])),
            EnipSamples.Server(EnipSamples.Connected([0x83, 0, 1, 2, 0, 1])),
            EnipSamples.Client(EnipSamples.Pdu(0x66, [])),
        ],
    ];
}
