using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Modbus;

namespace BridgeGuard.Engine.Tests.Protocols.Modbus;

/// <summary>Modbus: reads, writes, a diagnostic, device identification, an exception.</summary>
public sealed class ModbusConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new ModbusProtocol();

    protected override void Renumber(byte[] turn, uint number)
    {
        BinaryPrimitives.WriteUInt16BigEndian(turn, (ushort)number);
    }

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Client(1, 1, 0, 16, 0, 10),
            Server(1, 1, 2, 0xaa, 1),
            Client(2, 16, 0, 16, 0, 2, 4, 0, 1, 0, 2),
            Server(2, 16, 0, 16, 0, 2),
            Client(3, 23, 0, 16, 0, 1, 0, 32, 0, 1, 2, 0, 5),
            Server(3, 23, 2, 0, 7),
            Client(4, 22, 0, 4, 0, 0xf2, 0, 0x25),
            Server(4, 22, 0, 4, 0, 0xf2, 0, 0x25),
            Client(5, 8, 0, 0, 0xa5, 0x37),
            Server(5, 8, 0, 0, 0xa5, 0x37),
            Client(6, 43, 14, 1, 0),
            Server(6, 43, 14, 1, 1, 0, 0, 1, 0, 1, 0x61),
            Client(7, 5, 0, 1, 0xff, 0),
            Server(7, 0x85, 2),
            Client(8, 17),
            Server(8, 17, 2, 1, 0xff),
        ],
    ];

    internal static Turn Client(byte id, params byte[] pdu) => new(Direction.ToServer, Adu(id, pdu));

    internal static Turn Server(byte id, params byte[] pdu) => new(Direction.ToClient, Adu(id, pdu));

    internal static byte[] Adu(byte id, params byte[] pdu) => [0, id, 0, 0, 0, (byte)(pdu.Length + 1), 10, .. pdu];
}
