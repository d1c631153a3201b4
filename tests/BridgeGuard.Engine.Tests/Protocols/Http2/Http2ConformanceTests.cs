using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Http2;
using static BridgeGuard.Engine.Tests.Protocols.Http2.Http2Samples;

namespace BridgeGuard.Engine.Tests.Protocols.Http2;

public sealed class Http2ConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new Http2Protocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        if (turn.Length > 9 && turn[3] == 1)
        {
            BinaryPrimitives.WriteUInt32BigEndian(turn.AsSpan(5), (2 * number) + 1);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, [.. Text(Preface), .. SettingsFrame((1, 100), (2, 0)), .. Frame(1, 5, 1, Get("/a", Header("cookie", "a=b"), Header("cookie", "c=d")))]),
            new Turn(Direction.ToClient,
                [.. SettingsFrame((3, 100)), .. Frame(1, 4, 1, [0x88, .. Header("content-type", "text/html")]), .. Frame(0, 9, 1, [2, .. Text("body"), 0, 0])]),
            new Turn(Direction.ToServer, [.. Frame(8, 0, 0, 0, 0, 1, 0), .. Frame(6, 0, 0, new byte[8]), .. Frame(7, 0, 0, [.. Number(1), .. Number(2)])]),
        ],
        [
            // Continuation, trailers, an indexed field of before, a reset, a promise.
            new Turn(Direction.ToServer,
                [.. Text(Preface), .. SettingsFrame(), .. Frame(1, 0x20, 1, [0, 0, 0, 0, 9, .. Get("/a")[..10]]), .. Frame(9, 4, 1, Get("/a")[10..]),
                 .. Frame(0, 0, 1, Text("up")), .. Frame(1, 5, 1, [0x3f, 0x01, 0xbe])]),
            new Turn(Direction.ToClient,
                [.. SettingsFrame(), .. Frame(5, 4, 1, [.. Number(2), .. Get("/p")]), .. Frame(1, 4, 2, 0x88), .. Frame(0, 1, 2, Text("pushed")), .. Frame(3, 0, 1, Number(8))]),
        ],
        [
            new Turn(Direction.ToServer, [.. Text(Preface), .. SettingsFrame()]),
            new Turn(Direction.ToServer, Frame(1, 4, 1, Get("/open"))),
        ],
    ];
}
