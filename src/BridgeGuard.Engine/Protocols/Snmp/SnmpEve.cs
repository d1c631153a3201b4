using System.Buffers.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>Writes the <c>snmp</c> object.</summary>
internal sealed class SnmpEve : EveLogger
{
    public override string EventType => "snmp";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var snmp = (SnmpTransaction)transaction;
        writer.StartObject("snmp"u8);
        writer.Number("version"u8, (long)snmp.Version);
        if (snmp.Pdu < 0)
        {
            writer.Text("pdu_type"u8, "encrypted"u8);
            writer.EndObject();
            return true;
        }

        writer.Text("pdu_type"u8, SnmpTables.PduName(snmp.Pdu));
        WriteTrap(writer, snmp);
        if (snmp.VariableCount > 0)
        {
            writer.StartArray("vars"u8);
            for (int i = 0; i < snmp.VariableCount; i++)
            {
                writer.TextValue(snmp.Bytes[snmp.Variable(i)]);
            }

            writer.EndArray();
        }

        if (snmp.Community.Exists)
        {
            writer.LossyText("community"u8, snmp.Bytes[snmp.Community]);
        }

        if (snmp.User.Exists)
        {
            writer.LossyText("usm"u8, snmp.Bytes[snmp.User]);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteTrap(EveWriter writer, SnmpTransaction snmp)
    {
        if (snmp.TrapType < 0)
        {
            return;
        }

        Span<byte> text = stackalloc byte[20];
        ReadOnlySpan<byte> name = SnmpTables.TrapName((byte)snmp.TrapType);
        if (name.IsEmpty)
        {
            "TrapType("u8.CopyTo(text);
            Utf8Formatter.TryFormat(snmp.TrapType, text[9..], out int digits);
            text[9 + digits] = (byte)')';
            writer.Text("trap_type"u8, text[..(10 + digits)]);
        }
        else
        {
            writer.Text("trap_type"u8, name);
        }

        writer.Text("trap_oid"u8, snmp.Bytes[snmp.TrapOid]);
        if (snmp.TrapAddress.Exists)
        {
            int length = 0;
            foreach (byte part in snmp.Bytes[snmp.TrapAddress])
            {
                if (length > 0)
                {
                    text[length++] = (byte)'.';
                }

                Utf8Formatter.TryFormat(part, text[length..], out int digits);
                length += digits;
            }

            writer.Text("trap_address"u8, text[..length]);
        }
    }
}
