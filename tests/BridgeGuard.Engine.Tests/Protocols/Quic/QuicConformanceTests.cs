using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Quic;
using BridgeGuard.Engine.Tests.Protocols.Tls;

namespace BridgeGuard.Engine.Tests.Protocols.Quic;

public sealed class QuicConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new QuicProtocol();

    protected override IReadOnlyList<Turn[]> Samples
    {
        get
        {
            byte[] client = TlsSamples.ClientHello("www.example.com");
            return
            [
                [
                    new Turn(Direction.ToServer, QuicSamples.Initial(true, QuicSamples.Crypto(40, client.AsSpan(40)))),
                    new Turn(Direction.ToServer, QuicSamples.Initial(true, [1, .. QuicSamples.Crypto(0, client.AsSpan(0, 50))], number: 3)),
                    new Turn(Direction.ToClient, QuicSamples.Initial(false, [2, 1, 0, 0, 0, .. QuicSamples.Crypto(0, TlsSamples.ServerHello(0x1301))])),
                ],
                [
                    new Turn(Direction.ToServer,
                        [0xc3, .. "Q046"u8, 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, .. new byte[12], 0x80, 1,
                         .. QuicSamples.Chlo(("PAD", "----"), ("SNI", "a.example"), ("UAID", "agent"))]),
                ],
            ];
        }
    }
}
