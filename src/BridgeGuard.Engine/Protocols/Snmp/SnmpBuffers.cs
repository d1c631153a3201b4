using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum SnmpBuffer
{
    Community,
    User,
}

internal enum SnmpField
{
    Version,
    PduType,
    TrapType,
}

/// <summary>What rules may look at.</summary>
internal static class SnmpBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "snmp.community", LocalId = (int)SnmpBuffer.Community, Directions = DirectionMask.Both, Help = "the community of versions 1 and 2c" },
        new() { Name = "snmp.usm", LocalId = (int)SnmpBuffer.User, Directions = DirectionMask.Both, Help = "the user name of version 3" },
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new() { Name = "snmp.version", LocalId = (int)SnmpField.Version, Directions = DirectionMask.Both, Bits = 32, Help = "the version, 1 to 3" },
        new() { Name = "snmp.pdu_type", LocalId = (int)SnmpField.PduType, Directions = DirectionMask.Both, Bits = 32, Help = "the kind of PDU" },
        new() { Name = "snmp.trap_type", LocalId = (int)SnmpField.TrapType, Directions = DirectionMask.Both, Bits = 8, Names = SnmpTables.TrapTypes, Help = "the generic trap of version 1" },
    ];
}

/// <summary>The values of buffers and fields.</summary>
internal sealed partial class SnmpTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        Slice slice = index > 0 ? Slice.None : (SnmpBuffer)buffer == SnmpBuffer.Community ? Community : User;
        view = new BufferView(Bytes[slice]);
        return slice.Exists;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        int number = (SnmpField)field switch
        {
            SnmpField.Version => Version,
            SnmpField.PduType => Pdu,
            _ => TrapType,
        };
        value = (ulong)Math.Max(number, 0);
        return number >= 0 && index == 0;
    }
}
