using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Http1;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

public sealed class Http1ConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new Http1Protocol();

    /// <summary>
    /// As libhtp does: a request line without protocol is HTTP/0.9 only when nothing stands behind it in its segment, and bytes behind a counted or
    /// forbidden body belong to it only within the segment of its end.
    /// </summary>
    protected override bool SegmentsEndMessages => true;

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Turn.Client("GET /index.html?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8\r\n\r\n"),
            Turn.Server("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"),
        ],
        [
            Turn.Client("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n"),
            Turn.Server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: 1\r\n\r\n"
                + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ],
        [
            Turn.Client("POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 140\r\n\r\n"
                + "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
                + "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\nfile\r\n--XX--\r\n"),
            Turn.Server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok"),
        ],
        [
            Turn.Client("GET /z HTTP/1.1\r\nHost: z\r\n\r\n"),
            new Turn(Direction.ToClient, Http1Samples.GzipResponse()),
        ],
    ];
}
