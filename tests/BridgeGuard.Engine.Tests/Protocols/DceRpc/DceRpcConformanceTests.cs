using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Tests.Protocols.DceRpc;

public sealed class DceRpcConformanceTests : ProtocolConformanceTests
{
    private static readonly DceRpcSamples Little = new();
    private static readonly DceRpcSamples Big = new(littleEndian: false);

    protected override Protocol Protocol { get; } = new DceRpcProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        if (turn.Length >= 16 && turn[0] == 5)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(turn.AsSpan(12), number);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Little.Bind(0, DceRpcSamples.Samr)),
            new Turn(Direction.ToClient, Little.Answer(0)),
            new Turn(Direction.ToServer, [.. Little.Request(0, 5, "first"u8, flags: 1), .. Little.Request(0, 5, "last"u8, flags: 2)]),
            new Turn(Direction.ToClient, Little.Response(0, "answer"u8)),
        ],
        [
            new Turn(Direction.ToServer, Big.Bind(3, DceRpcSamples.Samr, major: 2)),
            new Turn(Direction.ToClient, Big.Answer(2)),
            new Turn(Direction.ToServer, Big.Bind(4, DceRpcSamples.Samr, type: 14, call: 2)),
            new Turn(Direction.ToClient, Big.Answer(0, type: 15, call: 2)),
            new Turn(Direction.ToServer, Big.Request(4, 9, "big"u8, call: 3)),
            new Turn(Direction.ToClient, Big.Pdu(3, new byte[16], call: 3)),
        ],
    ];
}
