using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Pop3;

namespace BridgeGuard.Engine.Tests.Protocols.Pop3;

public sealed class Pop3ConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new Pop3Protocol();

    protected override IReadOnlyList<Turn[]> Samples { get; } =
    [
        [
            Turn.Server("+OK ready\r\n"),
            Turn.Client("USER bob\r\n"),
            Turn.Server("+OK\r\n"),
            Turn.Client("PASS secret\r\nSTAT\r\n"),
            Turn.Server("-ERR no\r\n+OK 2 320\r\n"),
            Turn.Client("LIST\r\n"),
            Turn.Server("+OK 2 messages\r\n1 100\r\n2 220\r\n.\r\n"),
            Turn.Client("RETR 1\r\n"),
            Turn.Server("+OK 100\r\nSubject: x\r\n\r\n..a\r\n.\r\n"),
            Turn.Client("QUIT\r\n"),
            Turn.Server("+OK bye\r\n"),
        ],
        [
            Turn.Server("+OK <1@x>\r\n"),
            Turn.Client("AUTH PLAIN\r\n"),
            Turn.Server("+ \r\n"),
            Turn.Client("AGJvYgB4\r\n"),
            Turn.Server("+OK in\r\n"),
            Turn.Client("TOP 1 0\r\n"),
            Turn.Server("+OK\r\na\r\n..b\r\n.\r\n"),
            Turn.Client("STLS\r\n"),
            Turn.Server("+OK go\r\n"),
        ],
    ];
}
