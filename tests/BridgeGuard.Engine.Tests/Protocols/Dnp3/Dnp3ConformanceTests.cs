using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Dnp3;

namespace BridgeGuard.Engine.Tests.Protocols.Dnp3;

/// <summary>DNP3: classes read, values answered, a control, a file, a message of several segments.</summary>
public sealed class Dnp3ConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new Dnp3Protocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Dnp3Samples.Client(Dnp3Samples.Request(1, 60, 2, 6, 60, 3, 6)),
            Dnp3Samples.Server(Dnp3Samples.Response(0x90, 0x01, 1, 2, 0, 0, 1, 0x81, 1, 30, 1, 0x17, 1, 5, 1, 0xff, 0xff, 0xff, 0xff, 3, 1, 0, 0, 4, 0xe4, 1)),
            Dnp3Samples.Client(Dnp3Samples.Request(3, 12, 1, 0x28, 1, 0, 1, 0, 0x41, 1, 100, 0, 0, 0, 200, 0, 0, 0, 0)),
            Dnp3Samples.Server(Dnp3Samples.Response(0, 0, 120, 9, 0x5b, 1, 3, 0, 1, 2, 3)),
        ],
        [
            Dnp3Samples.Client(Dnp3Samples.Request(2, [.. Enumerable.Repeat((byte[])[50, 1, 7, 1, 1, 2, 3, 4, 5, 6], 40).SelectMany(o => o)])),
        ],
    ];
}
