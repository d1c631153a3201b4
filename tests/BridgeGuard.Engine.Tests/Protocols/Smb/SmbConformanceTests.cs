using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Smb;
using BridgeGuard.Engine.Tests.Protocols.DceRpc;
using static BridgeGuard.Engine.Tests.Protocols.Smb.SmbSamples;

namespace BridgeGuard.Engine.Tests.Protocols.Smb;

public sealed class SmbConformanceTests : ProtocolConformanceTests
{
    private static readonly DceRpcSamples Rpc = new();

    protected override Protocol Protocol { get; } = new SmbProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        if (turn.AsSpan(4).StartsWith((byte[])[0xfe, .. "SMB"u8]))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(turn.AsSpan(28), number);
        }
        else if (turn.AsSpan(4).StartsWith((byte[])[0xff, .. "SMB"u8]))
        {
            BinaryPrimitives.WriteUInt16LittleEndian(turn.AsSpan(34), (ushort)number);
        }
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Negotiate2()),
            new Turn(Direction.ToClient, NegotiateAnswer2()),
            new Turn(Direction.ToServer, SessionSetup2(1, Ntlm())),
            new Turn(Direction.ToClient, SessionSetupAnswer2(1)),
            new Turn(Direction.ToServer, TreeConnect2(2, @"\\srv\data")),
            new Turn(Direction.ToClient, TreeConnectAnswer2(2, 1, 1)),
            new Turn(Direction.ToServer, Create2(3, "a.txt")),
            new Turn(Direction.ToClient, CreateAnswer2(3)),
            new Turn(Direction.ToServer, Write2(4, 0, "first half, "u8)),
            new Turn(Direction.ToServer, Write2(5, 12, "second half"u8)),
            new Turn(Direction.ToServer, [.. Read2(6, 0, 23), .. Rename2(7, "b.txt")]),
            new Turn(Direction.ToClient, ReadAnswer2(6, "first half, second half"u8)),
            new Turn(Direction.ToServer, Close2(8)),
            new Turn(Direction.ToClient, CloseAnswer2(8)),
        ],
        [
            new Turn(Direction.ToServer, TreeConnect2(2, @"\\srv\IPC$")),
            new Turn(Direction.ToClient, TreeConnectAnswer2(2, 2, 1)),
            new Turn(Direction.ToServer, Create2(3, "samr")),
            new Turn(Direction.ToClient, CreateAnswer2(3)),
            new Turn(Direction.ToServer, Write2(4, 0, Rpc.Bind(0, DceRpcSamples.Samr))),
            new Turn(Direction.ToClient, WriteAnswer2(4)),
            new Turn(Direction.ToServer, Read2(5, 0, 1024)),
            new Turn(Direction.ToClient, ReadAnswer2(5, Rpc.Answer(0))),
            new Turn(Direction.ToServer, Transceive2(6, Rpc.Request(0, 4, "stub"u8))),
            new Turn(Direction.ToClient, TransceiveAnswer2(6, Rpc.Response(0, "result"u8))),
        ],
        [
            new Turn(Direction.ToServer, Negotiate1()),
            new Turn(Direction.ToClient, NegotiateAnswer1()),
            new Turn(Direction.ToServer, TreeConnect1(@"\\srv\PUBLIC")),
            new Turn(Direction.ToClient, TreeConnectAnswer1()),
            new Turn(Direction.ToServer, Create1(@"\old.txt")),
            new Turn(Direction.ToClient, CreateAnswer1()),
            new Turn(Direction.ToServer, Write1("content"u8)),
            new Turn(Direction.ToServer, Close1()),
            new Turn(Direction.ToClient, CloseAnswer1()),
        ],
    ];
}
