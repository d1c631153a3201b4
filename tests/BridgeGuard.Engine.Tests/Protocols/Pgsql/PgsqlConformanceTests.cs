using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Pgsql;

namespace BridgeGuard.Engine.Tests.Protocols.Pgsql;

/// <summary>PostgreSQL: log-in with SCRAM, a query, copying in and out, an error.</summary>
public sealed class PgsqlConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new PgsqlProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Client(Ssl),
            Server("N"u8),
            Client(Startup("user", "alice", "database", "db", "DateStyle", "ISO")),
            Server(Message('R', [0, 0, 0, 10, .. Zero("SCRAM-SHA-256"), 0])),
            Client(Message('p', [.. Zero("SCRAM-SHA-256"), 0, 0, 0, 3, .. "n,,"u8])),
            Server(Message('R', [0, 0, 0, 11, .. "r=1"u8])),
            Client(Message('p', [.. "c=2"u8])),
            Server([.. Message('R', [0, 0, 0, 12, .. "v=3"u8]), .. Message('R', [0, 0, 0, 0]), .. Message('S', [.. Zero("TimeZone"), .. Zero("UTC")]), .. Message('K', [0, 0, 0, 1, 0, 0, 0, 2]), .. Ready]),
            Client(Query("select 1")),
            Server([.. RowDescription, .. Row, .. Row, .. Message('C', Zero("SELECT 2")), .. Ready]),
            Client(Query("COPY t FROM STDIN")),
            Server(Message('G', [0, 0, 1, 0, 0])),
            Client([.. Message('d', [.. "a\n"u8]), .. Message('c', [])]),
            Server([.. Message('C', Zero("COPY 1")), .. Ready]),
            Client(Query("COPY t TO STDOUT")),
            Server([.. Message('H', [0, 0, 1, 0, 0]), .. Message('d', [.. "abc"u8]), .. Message('c', []), .. Message('C', Zero("COPY 1")), .. Ready]),
            Client(Query("oops")),
            Server([.. Message('E', [(byte)'S', .. Zero("ERROR"), (byte)'C', .. Zero("42601"), (byte)'M', .. Zero("syntax"), 0]), .. Ready]),
            Client(Message('X', [])),
        ],
        [
            Client(Startup("user", "bob")),
            Server(Message('R', [0, 0, 0, 5, 1, 2, 0xfe, 0xff])),
            Client(Message('p', Zero("md5abc"))),
            Server([.. Message('R', [0, 0, 0, 0]), .. Ready]),
        ],
    ];

    internal static byte[] Ready => Message('Z', [(byte)'I']);

    internal static byte[] Ssl => [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

    internal static byte[] RowDescription => Message('T', [0, 1, .. Zero("id"), .. new byte[18]]);

    internal static byte[] Row => Message('D', [0, 1, 0, 0, 0, 3, 1, 2, 3]);

    internal static Turn Client(ReadOnlySpan<byte> bytes) => new(Direction.ToServer, bytes.ToArray());

    internal static Turn Server(ReadOnlySpan<byte> bytes) => new(Direction.ToClient, bytes.ToArray());

    internal static byte[] Zero(string text) => [.. Encoding.Latin1.GetBytes(text), 0];

    internal static byte[] Query(string text) => Message('Q', Zero(text));

    internal static byte[] Message(char type, byte[] body)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, body.Length + 4);
        return [(byte)type, .. length, .. body];
    }

    internal static byte[] Startup(params string[] parameters) =>
        Message('\0', [0, 3, 0, 0, .. parameters.SelectMany(Zero), 0])[1..];
}
