using System.Text;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Benchmarks.Protocols;

/// <summary>One conversation per invocation through a parser and back to its pool: bytes per second, and nothing allocated.</summary>
[MemoryDiagnoser]
[Config(typeof(WithRate))]
public class ParserBenchmarks
{
    private readonly FileTracker _files = new(new FileSettings());
    private readonly Flow _tcp = new() { Key = new FlowKey(default, default, 40000, 80, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };
    private readonly Flow _udp = new() { Key = new FlowKey(default, default, 40000, 53, IpProtocols.Udp, 4, 0, 0, 0, 0, 0) };
    private ProtocolState _state = null!;
    private Conversation _conversation = null!;

    [ParamsSource(nameof(Names))]
    public string Parser { get; set; } = "";

    public static IEnumerable<string> Names => Conversation.All.Select(conversation => conversation.Name);

    [GlobalSetup]
    public void Setup()
    {
        _conversation = Conversation.All.Single(conversation => conversation.Name == Parser);
        _state = ProtocolCatalog.Find(Parser)!.CreateState(ProtocolSettings.Empty);
    }

    [Benchmark]
    public int Parse()
    {
        int parsed = 0;
        foreach ((Direction direction, byte[] bytes) in _conversation.Turns)
        {
            var context = new ParseContext
            {
                Flow = _conversation.IsDatagram ? _udp : _tcp,
                Direction = direction,
                TimeUs = 1,
                Files = _files,
            };
            parsed += _state.Parse(bytes, in context).Consumed;
        }

        _state.Reset();
        return parsed;
    }

    private sealed class WithRate : ManualConfig
    {
        public WithRate() => AddColumn(new RateColumn());
    }

    /// <summary>Bytes of the conversation by mean time.</summary>
    private sealed class RateColumn : IColumn
    {
        public string Id => "Rate";

        public string ColumnName => "MB/s";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => "conversation bytes per second, in millions";

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            string name = (string)benchmarkCase.Parameters[nameof(Parser)];
            int bytes = Conversation.All.Single(conversation => conversation.Name == name).Turns.Sum(turn => turn.Bytes.Length);
            return summary[benchmarkCase]?.ResultStatistics is { } statistics
                ? (bytes * 1e3 / statistics.Mean).ToString("F0", System.Globalization.CultureInfo.InvariantCulture) : "-";
        }

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
    }

    private sealed record Conversation(string Name, bool IsDatagram, (Direction Direction, byte[] Bytes)[] Turns)
    {
        public static readonly Conversation[] All = [Dns(), Http1(), Http2(), WebSocket()];

        private static byte[] Text(string latin1) => Encoding.Latin1.GetBytes(latin1);

        private static byte[] Frame(byte type, byte flags, params byte[] payload) =>
            [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, 1, .. payload];

        private static Conversation Dns()
        {
            byte[] name = [3, .. "www"u8, 7, .. "example"u8, 3, .. "com"u8, 0, 0, 1, 0, 1];
            byte[] answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 10, 0, 0, 1];
            return new Conversation("dns", true,
            [
                (Direction.ToServer, [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. name]),
                (Direction.ToClient, [1, 2, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, .. name, .. answer, .. answer]),
            ]);
        }

        private static Conversation Http1() => new("http1", false,
        [
            (Direction.ToServer, Text(
                "GET /path/to/page?id=17 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n"
                + "Accept-Language: en\r\nCookie: session=0123456789abcdef\r\nConnection: keep-alive\r\n\r\n")),
            (Direction.ToClient, Text(
                "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 4000\r\nETag: \"1\"\r\n\r\n" + new string('x', 4000))),
        ]);

        private static Conversation Http2() => new("http2", false,
        [
            (Direction.ToServer,
            [
                .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
                .. Frame(1, 5, [0x82, 0x86, 0x84, 0x41, 0x8c, .. Convert.FromHexString("f1e3c2e5f23a6ba0ab90f4ff")]),
            ]),
            (Direction.ToClient, [.. Frame(1, 4, 0x88), .. Frame(0, 1, Text(new string('x', 4000)))]),
        ]);

        private static Conversation WebSocket() => new("websocket", false,
        [
            (Direction.ToServer, [0x82, 0xfe, 0x0f, 0xa0, 1, 2, 3, 4, .. new byte[4000]]),
            (Direction.ToClient, [0x82, 0x7e, 0x0f, 0xa0, .. new byte[4000]]),
        ]);
    }
}
