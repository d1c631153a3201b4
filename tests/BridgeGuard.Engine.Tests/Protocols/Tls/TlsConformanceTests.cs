using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Tests.Protocols.Tls;

public sealed class TlsConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new TlsProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("www.example.com"))),
            new Turn(Direction.ToClient, TlsSamples.Record(22,
                [.. TlsSamples.ServerHello(0xc02f), .. TlsSamples.CertificateMessage(TlsSamples.Certificate), .. TlsSamples.Handshake(14, [])])),
            new Turn(Direction.ToServer, [.. TlsSamples.Record(20, 1), .. TlsSamples.Record(22, new byte[40])]),
            new Turn(Direction.ToClient, [.. TlsSamples.Record(20, 1), .. TlsSamples.Record(22, new byte[40]), .. TlsSamples.Record(23, new byte[60])]),
        ],
        [
            // TLS 1.3.
            new Turn(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(43, [2, 3, 4])))),
            new Turn(Direction.ToClient,
                [.. TlsSamples.Record(22, TlsSamples.ServerHello(0x1301, TlsSamples.Extension(43, [3, 4]))), .. TlsSamples.Record(23, new byte[50])]),
        ],
    ];
}
