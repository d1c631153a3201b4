using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Writes the <c>modbus</c> object: request and response.</summary>
internal sealed class ModbusEve : EveLogger
{
    private static readonly (ModbusAccess Flag, string Name)[] AccessNames =
    [
        (ModbusAccess.Read, "READ"), (ModbusAccess.Write, "WRITE"), (ModbusAccess.Discretes, "DISCRETES"), (ModbusAccess.Coils, "COILS"),
        (ModbusAccess.Input, "INPUT"), (ModbusAccess.Holding, "HOLDING"), (ModbusAccess.Single, "SINGLE"), (ModbusAccess.Multiple, "MULTIPLE"),
    ];

    private static readonly (ModbusError Flag, string Name)[] ErrorNames =
    [
        (ModbusError.DataValue, "DATA_VALUE"), (ModbusError.DataLength, "DATA_LENGTH"), (ModbusError.ExceptionCode, "EXC_CODE"),
        (ModbusError.FunctionCode, "FUNC_CODE"), (ModbusError.ProtocolId, "PROTO_ID"),
    ];

    /// <summary>Every combination of access flags, made once.</summary>
    private static readonly byte[][] AccessTexts = BuildAccess();

    private static readonly byte[][] ErrorTexts = BuildErrors();

    public override string EventType => "modbus";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var modbus = (ModbusTransaction)transaction;
        writer.StartObject("modbus"u8);
        writer.Number("id"u8, modbus.Id + 1);
        if (modbus.Request.Exists)
        {
            writer.StartObject("request"u8);
            WriteMessage(writer, modbus, in modbus.Request);
            writer.EndObject();
        }

        if (modbus.Response.Exists)
        {
            writer.StartObject("response"u8);
            WriteMessage(writer, modbus, in modbus.Response);
            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static void WriteMessage(EveWriter writer, ModbusTransaction modbus, in ModbusMessage message)
    {
        writer.Number("transaction_id"u8, (long)message.TransactionId);
        writer.Number("protocol_id"u8, (long)message.ProtocolId);
        writer.Number("unit_id"u8, (long)message.Unit);
        writer.Number("function_raw"u8, (long)message.RawFunction);
        writer.Text("function_code"u8, ModbusTables.FunctionName(message.Function));
        writer.Text("access_type"u8, AccessTexts[(int)message.Access]);
        writer.Text("category"u8, message.Category switch
        {
            ModbusCategory.PublicAssigned => "PUBLIC_ASSIGNED"u8,
            ModbusCategory.PublicUnassigned => "PUBLIC_UNASSIGNED"u8,
            ModbusCategory.UserDefined => "USER_DEFINED"u8,
            ModbusCategory.Reserved => "RESERVED"u8,
            _ => "NONE"u8,
        });
        writer.Text("error_flags"u8, ErrorTexts[(int)message.Errors]);
        ReadOnlySpan<byte> data = modbus.Bytes[message.Data];
        switch (message.Content)
        {
            case ModbusContent.Data:
                writer.Bytes("data"u8, data);
                break;
            case ModbusContent.Read:
                WriteRead(writer, in message, data);
                break;
            case ModbusContent.ReadWrite:
                WriteRead(writer, in message, default);
                WriteWrite(writer, in message, data);
                break;
            case ModbusContent.Write or ModbusContent.Mask:
                WriteWrite(writer, in message, data);
                break;
            case ModbusContent.Diagnostic:
                WriteCode(writer, "diagnostic"u8, message.SecondCode, ModbusTables.DiagnosticName(message.SecondCode), data, hasData: true);
                break;
            case ModbusContent.Mei:
                WriteCode(writer, "mei"u8, message.SecondCode, ModbusTables.MeiName(message.SecondCode), data, hasData: true);
                break;
            case ModbusContent.Exception:
                WriteCode(writer, "exception"u8, message.SecondCode, ModbusTables.ExceptionName(message.SecondCode), data, hasData: false);
                break;
        }
    }

    /// <summary>A request names addresses, a response has values.</summary>
    private static void WriteRead(EveWriter writer, in ModbusMessage message, ReadOnlySpan<byte> data)
    {
        writer.StartObject("read"u8);
        if (message.Content == ModbusContent.Read && message.Data.Exists)
        {
            writer.Bytes("data"u8, data);
        }
        else
        {
            writer.Number("address"u8, (long)message.ReadAddress);
            writer.Number("quantity"u8, (long)message.ReadQuantity);
        }

        writer.EndObject();
    }

    private static void WriteWrite(EveWriter writer, in ModbusMessage message, ReadOnlySpan<byte> data)
    {
        writer.StartObject("write"u8);
        writer.Number("address"u8, (long)message.WriteAddress);
        if (message.Content == ModbusContent.Mask)
        {
            writer.Number("and_mask"u8, (long)message.WriteValue);
            writer.Number("or_mask"u8, (long)message.OrMask);
        }
        else if (message.WriteQuantity >= 0)
        {
            writer.Number("quantity"u8, (long)message.WriteQuantity);
            writer.Bytes("data"u8, data);
        }
        else
        {
            writer.Number("data"u8, (long)message.WriteValue);
        }

        writer.EndObject();
    }

    private static void WriteCode(EveWriter writer, ReadOnlySpan<byte> member, int code, ReadOnlySpan<byte> name, ReadOnlySpan<byte> data, bool hasData)
    {
        writer.StartObject(member);
        writer.Number("raw"u8, (long)code);
        writer.Text("code"u8, name);
        if (hasData)
        {
            writer.Bytes("data"u8, data);
        }

        writer.EndObject();
    }

    private static byte[][] BuildAccess()
    {
        var texts = new byte[1 << 8][];
        for (int bits = 0; bits < texts.Length; bits++)
        {
            var names = new List<string>();
            foreach ((ModbusAccess flag, string name) in AccessNames)
            {
                if (((ModbusAccess)bits & flag) != 0)
                {
                    names.Add(name);
                }
            }

            // Single and multiple writes are listed once more, as what they are together.
            const ModbusAccess Write = ModbusAccess.Write;
            if (((ModbusAccess)bits & (Write | ModbusAccess.Single)) == (Write | ModbusAccess.Single))
            {
                names.Add("WRITE_SINGLE");
            }

            if (((ModbusAccess)bits & (Write | ModbusAccess.Multiple)) == (Write | ModbusAccess.Multiple))
            {
                names.Add("WRITE_MULTIPLE");
            }

            texts[bits] = Join(names);
        }

        return texts;
    }

    private static byte[][] BuildErrors()
    {
        var texts = new byte[1 << 5][];
        for (int bits = 0; bits < texts.Length; bits++)
        {
            var names = new List<string>();
            foreach ((ModbusError flag, string name) in ErrorNames)
            {
                if (((ModbusError)bits & flag) != 0)
                {
                    names.Add(name);
                }
            }

            texts[bits] = Join(names);
        }

        return texts;
    }

    private static byte[] Join(List<string> names) => System.Text.Encoding.ASCII.GetBytes(names.Count == 0 ? "NONE" : string.Join(" | ", names));
}
