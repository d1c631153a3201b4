using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Writes the <c>ldap</c> object: the request and the list of responses.</summary>
internal sealed class LdapEve : EveLogger
{
    public override string EventType => "ldap";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var ldap = (LdapTransaction)transaction;
        writer.StartObject("ldap"u8);
        if (ldap.HasRequest)
        {
            writer.StartObject("request"u8);
            WriteMessage(writer, ldap, in ldap.Request, writesId: true);
            writer.EndObject();
        }

        if (ldap.ResponseCount > 0)
        {
            writer.StartArray("responses"u8);
            for (int i = 0; i < ldap.ResponseCount && writer.Length < LdapLimits.MaxRecordBytes; i++)
            {
                writer.StartObject();
                WriteMessage(writer, ldap, in ldap.Response(i), writesId: !ldap.HasRequest);
                writer.EndObject();
            }

            writer.EndArray();
        }

        writer.EndObject();
        return true;
    }

    private static void WriteMessage(EveWriter writer, LdapTransaction ldap, in LdapMessage message, bool writesId)
    {
        if (writesId)
        {
            writer.Number("message_id"u8, message.Id);
        }

        ReadOnlySpan<byte> name = LdapTables.Name(message.Operation);
        writer.Text("operation"u8, name);
        bool isBare = message.Operation is LdapOperation.UnbindRequest or LdapOperation.AbandonRequest or LdapOperation.SearchResultReference
            || (!message.Dn.Exists && !message.Name.Exists && !message.Value.Exists);
        if (!isBare)
        {
            writer.StartObject(name);
            WriteOperation(writer, ldap, in message);
            writer.EndObject();
        }

        WriteControls(writer, ldap, message.Controls);
    }

    private static void WriteOperation(EveWriter writer, LdapTransaction ldap, in LdapMessage message)
    {
        ByteBuffer bytes = ldap.Bytes;
        switch (message.Operation)
        {
            case LdapOperation.BindRequest:
                WriteBind(writer, bytes, in message);
                break;
            case LdapOperation.SearchRequest:
                WriteSearch(writer, ldap, in message);
                break;
            case LdapOperation.SearchResultEntry:
                writer.LossyText("base_object"u8, bytes[message.Dn]);
                WriteAttributes(writer, ldap, message.Attributes, "type"u8);
                break;
            case LdapOperation.AddRequest:
                writer.LossyText("entry"u8, bytes[message.Dn]);
                WriteAttributes(writer, ldap, message.Attributes, "name"u8);
                break;
            case LdapOperation.ModifyRequest:
                writer.LossyText("object"u8, bytes[message.Dn]);
                WriteChanges(writer, ldap, message.Attributes);
                break;
            case LdapOperation.DelRequest:
                writer.LossyText("dn"u8, bytes[message.Dn]);
                break;
            case LdapOperation.ModDnRequest:
                writer.LossyText("entry"u8, bytes[message.Dn]);
                writer.LossyText("new_rdn"u8, bytes[message.Name]);
                writer.Bool("delete_old_rdn"u8, message.Flag);
                WriteOptional(writer, "new_superior"u8, bytes, message.Value);
                break;
            case LdapOperation.CompareRequest:
                writer.LossyText("entry"u8, bytes[message.Dn]);
                writer.StartObject("attribute_value_assertion"u8);
                if (message.Attributes.Count > 0)
                {
                    writer.LossyText("description"u8, bytes[ldap.Attribute(message.Attributes.Start).Type]);
                }

                writer.Bytes("value"u8, bytes[message.Value]);
                writer.EndObject();
                break;
            default:
                WriteResult(writer, bytes, in message);
                break;
        }
    }

    private static void WriteBind(EveWriter writer, ByteBuffer bytes, in LdapMessage message)
    {
        writer.Number("version"u8, message.Version);
        writer.LossyText("name"u8, bytes[message.Dn]);
        if (!message.Flag)
        {
            return;
        }

        writer.StartObject("sasl"u8);
        writer.LossyText("mechanism"u8, bytes[message.Name]);
        if (message.Value.Exists)
        {
            writer.HexText("credentials"u8, bytes[message.Value]);
        }

        writer.EndObject();
    }

    private static void WriteSearch(EveWriter writer, LdapTransaction ldap, in LdapMessage message)
    {
        writer.LossyText("base_object"u8, ldap.Bytes[message.Dn]);
        writer.Number("scope"u8, message.Scope);
        writer.Number("deref_alias"u8, message.Aliases);
        writer.Number("size_limit"u8, message.SizeLimit);
        writer.Number("time_limit"u8, message.TimeLimit);
        writer.Bool("types_only"u8, message.Flag);
        if (message.Filter.Exists)
        {
            writer.StartObject("filter"u8);
            writer.Text("type"u8, "present"u8);
            writer.LossyText("value"u8, ldap.Bytes[message.Filter]);
            writer.EndObject();
        }

        if (message.Attributes.Count > 0)
        {
            writer.StartArray("attributes"u8);
            for (int i = 0; i < message.Attributes.Count && writer.Length < LdapLimits.MaxRecordBytes; i++)
            {
                writer.BytesValue(ldap.Bytes[ldap.Attribute(message.Attributes.Start + i).Type]);
            }

            writer.EndArray();
        }
    }

    private static void WriteAttributes(EveWriter writer, LdapTransaction ldap, LdapRun run, ReadOnlySpan<byte> typeName)
    {
        if (run.Count == 0)
        {
            return;
        }

        writer.StartArray("attributes"u8);
        for (int i = 0; i < run.Count && writer.Length < LdapLimits.MaxRecordBytes; i++)
        {
            ref readonly LdapAttribute attribute = ref ldap.Attribute(run.Start + i);
            writer.StartObject();
            writer.LossyText(typeName, ldap.Bytes[attribute.Type]);
            WriteValues(writer, ldap, "values"u8, attribute.Values);
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WriteChanges(EveWriter writer, LdapTransaction ldap, LdapRun run)
    {
        writer.StartArray("changes"u8);
        for (int i = 0; i < run.Count && writer.Length < LdapLimits.MaxRecordBytes; i++)
        {
            ref readonly LdapAttribute attribute = ref ldap.Attribute(run.Start + i);
            writer.StartObject();
            if (attribute.Change is >= 0 and <= 2)
            {
                writer.Text("operation"u8, attribute.Change switch { 0 => "add"u8, 1 => "delete"u8, _ => "replace"u8 });
            }
            else
            {
                writer.Formatted("operation"u8, attribute.Change, default);
            }

            writer.StartObject("modification"u8);
            writer.LossyText("attribute_type"u8, ldap.Bytes[attribute.Type]);
            WriteValues(writer, ldap, "attribute_values"u8, attribute.Values);
            writer.EndObject();
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WriteValues(EveWriter writer, LdapTransaction ldap, ReadOnlySpan<byte> name, LdapRun run)
    {
        if (run.Count == 0)
        {
            return;
        }

        writer.StartArray(name);
        for (int i = 0; i < run.Count && writer.Length < LdapLimits.MaxRecordBytes; i++)
        {
            writer.BytesValue(ldap.Bytes[ldap.AttributeValue(run.Start + i)]);
        }

        writer.EndArray();
    }

    private static void WriteResult(EveWriter writer, ByteBuffer bytes, in LdapMessage message)
    {
        if (message.HasResult)
        {
            ReadOnlySpan<byte> result = LdapTables.ResultName(message.ResultCode);
            if (result.IsEmpty)
            {
                Span<byte> unknown = stackalloc byte[20];
                "unknown-"u8.CopyTo(unknown);
                System.Buffers.Text.Utf8Formatter.TryFormat(message.ResultCode, unknown[8..], out int digits);
                writer.Text("result_code"u8, unknown[..(8 + digits)]);
            }
            else
            {
                writer.Text("result_code"u8, result);
            }

            writer.LossyText("matched_dn"u8, bytes[message.Dn]);
            writer.LossyText("message"u8, bytes[message.Text]);
        }

        if (message.Operation == LdapOperation.BindResponse)
        {
            if (message.Value.Exists)
            {
                writer.HexText("server_sasl_creds"u8, bytes[message.Value]);
            }

            return;
        }

        WriteOptional(writer, "name"u8, bytes, message.Name);
        WriteOptional(writer, "value"u8, bytes, message.Value);
    }

    private static void WriteOptional(EveWriter writer, ReadOnlySpan<byte> name, ByteBuffer bytes, Slice value)
    {
        if (value.Exists)
        {
            writer.Bytes(name, bytes[value]);
        }
    }

    private static void WriteControls(EveWriter writer, LdapTransaction ldap, LdapRun run)
    {
        if (run.Count == 0)
        {
            return;
        }

        writer.StartArray("controls"u8);
        for (int i = 0; i < run.Count && writer.Length < LdapLimits.MaxRecordBytes; i++)
        {
            ref readonly LdapControl control = ref ldap.Control(run.Start + i);
            writer.StartObject();
            writer.LossyText("control_type"u8, ldap.Bytes[control.Type]);
            writer.Bool("criticality"u8, control.IsCritical);
            if (control.Value.Exists)
            {
                writer.HexText("control_value"u8, ldap.Bytes[control.Value]);
            }

            writer.EndObject();
        }

        writer.EndArray();
    }
}
