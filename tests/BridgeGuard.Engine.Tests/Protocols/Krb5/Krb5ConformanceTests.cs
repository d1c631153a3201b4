using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Krb5;
using static BridgeGuard.Engine.Tests.Protocols.Krb5.Krb5Samples;

namespace BridgeGuard.Engine.Tests.Protocols.Krb5;

public sealed class Krb5ConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new Krb5Protocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, [.. Framed(Request(10, "alice", "krbtgt", "EXAMPLE.COM")), .. Framed(Request(12, null, "HTTP", "www"))]),
            new Turn(Direction.ToClient, [.. Framed(Error(25)), .. Framed(Reply(13, 23, 18))]),
        ],
    ];
}
