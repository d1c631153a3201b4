using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Nfs;
using static BridgeGuard.Engine.Tests.Protocols.Nfs.NfsSamples;

namespace BridgeGuard.Engine.Tests.Protocols.Nfs;

public sealed class NfsConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new NfsProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        if (turn.Length > 8 && turn[0] >= 0x80)
        {
            BinaryPrimitives.WriteUInt32BigEndian(turn.AsSpan(4), number);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Record(Lookup(1, "a.txt"))),
            new Turn(Direction.ToClient, Record(Found(1))),
            new Turn(Direction.ToServer, [.. Record(Write(2, 0, "first "u8, 0)), .. Record(Write(3, 6, "second"u8, 0)), .. Record(Commit(4))]),
            new Turn(Direction.ToServer, Record(Read(5, 0))),
            new Turn(Direction.ToClient, Record(ReadDone(5, "first second"u8, isEnd: true))),
        ],
        [
            new Turn(Direction.ToServer, [.. Record(Lookup(1, "b.txt")[..40], isLast: false), .. Record(Lookup(1, "b.txt")[40..])]),
            new Turn(Direction.ToServer, Record(Compound(
                2, 2, [.. U32(22), .. Opaque(Handle), .. U32(38), .. new byte[16], .. U64(0), .. U32(2), .. Opaque("version 4"u8)]))),
        ],
        [
            new Turn(Direction.ToServer, Record(Compound(
                2, 4,
                [
                    .. U32(22), .. Opaque(Handle), .. U32(38), .. new byte[16], .. U64(0), .. U32(0), .. Opaque("first"u8),
                    .. U32(38), .. new byte[16], .. U64(5), .. U32(0), .. Opaque("second"u8), .. U32(4), .. new byte[20],
                ]))),
            new Turn(Direction.ToServer, Record(Compound(
                3, 3, [.. U32(22), .. Opaque(Handle), .. U32(25), .. new byte[16], .. U64(0), .. U32(9), .. U32(25), .. new byte[16], .. U64(4), .. U32(9)]))),
            new Turn(Direction.ToClient, Record(Reply(
                3,
                [
                    .. U32(0), .. U32(0), .. U32(3), .. U32(22), .. U32(0), .. U32(25), .. U32(0), .. U32(0), .. Opaque("read"u8),
                    .. U32(25), .. U32(0), .. U32(1), .. Opaque(" more"u8),
                ]))),
        ],
    ];
}
