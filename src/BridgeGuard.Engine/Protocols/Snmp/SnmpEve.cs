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
        if (snmp.ErrorStatus != 0)
        {
            WriteNumbered(writer, "error"u8, SnmpTables.ErrorName(snmp.ErrorStatus), "ErrorStatus("u8, snmp.ErrorStatus);
        }

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

    /// <summary>A number by its name, or where it has none, in words of the field.</summary>
    private static void WriteNumbered(EveWriter writer, ReadOnlySpan<byte> field, ReadOnlySpan<byte> name, ReadOnlySpan<byte> prefix, uint number)
    {
        if (!name.IsEmpty)
        {
            writer.Text(field, name);
            return;
        }

        Span<byte> text = stackalloc byte[32];
        prefix.CopyTo(text);
        Utf8Formatter.TryFormat(number, text[prefix.Length..], out int digits);
        text[prefix.Length + digits] = (byte)')';
        writer.Text(field, text[..(prefix.Length + digits + 1)]);
    }

    private static void WriteTrap(EveWriter writer, SnmpTransaction snmp)
    {
        if (snmp.TrapType < 0)
        {
            return;
        }

        Span<byte> text = stackalloc byte[20];
        WriteNumbered(writer, "trap_type"u8, SnmpTables.TrapName((byte)snmp.TrapType), "TrapType("u8, (uint)snmp.TrapType);

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
