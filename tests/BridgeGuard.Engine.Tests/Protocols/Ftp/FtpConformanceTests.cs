using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ftp;

namespace BridgeGuard.Engine.Tests.Protocols.Ftp;

public sealed class FtpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new FtpProtocol();

    protected override IReadOnlyList<Turn[]> Samples { get; } =
    [
        [
            Turn.Server("220-hello\r\n220 ready\r\n"),
            Turn.Client("USER bob\r\n"),
            Turn.Server("331 password\r\n"),
            Turn.Client("PASS x y\r\nSYST\r\n"),
            Turn.Server("230-one\r\n 220 two\r\n230 in\r\n215 UNIX\r\n"),
            Turn.Client("PASV\r\n"),
            Turn.Server("227 Entering Passive Mode (10,0,0,2,200,10).\r\n"),
            Turn.Client("RETR a b.txt\r\n"),
            Turn.Server("150 go\r\n226 done\r\n"),
        ],
        [
            Turn.Server("220 ready\r\n"),
            Turn.Client("EPRT |2|2001:db8::1|51210|\r\nSTOR x\r\nEPSV\r\nLIST\r\nnoop\r\nFOO bar\r\n"),
            Turn.Server("200 ok\r\n425 no\r\n229 Extended (|||51211|)\r\n150 go\r\n226 done\r\n200\r\n500 what\r\n421 bye\r\n"),
        ],
        [Turn.Server("220 ready\r\n"), Turn.Client("AUTH TLS\r\n"), Turn.Server("234 go\r\n")],
    ];
}
