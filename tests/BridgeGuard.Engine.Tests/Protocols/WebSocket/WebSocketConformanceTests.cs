using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.WebSocket;

namespace BridgeGuard.Engine.Tests.Protocols.WebSocket;

public sealed class WebSocketConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new WebSocketProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, WebSocketSamples.Frame(0x81, "hello"u8, mask: 0x01020304)),
            new Turn(Direction.ToClient, [.. WebSocketSamples.Frame(0x01, "abc"u8), .. WebSocketSamples.Frame(0x89, "p"u8), .. WebSocketSamples.Frame(0x80, "def"u8)]),
            new Turn(Direction.ToClient, [.. WebSocketSamples.Frame(0xc1, WebSocketSamples.Deflate("compressed")), .. WebSocketSamples.Frame(0x82, new byte[200])]),
            new Turn(Direction.ToServer, WebSocketSamples.Frame(0x88, [3, 0xe8], mask: 1)),
        ],
    ];
}
