using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>Writes the <c>pgsql</c> object. Option: <c>passwords</c> (default no).</summary>
internal sealed class PgsqlEve : EveLogger
{
    public override string EventType => "pgsql";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var pgsql = (PgsqlTransaction)transaction;
        writer.StartObject("pgsql"u8);
        writer.Number("tx_id"u8, pgsql.Id + 1);
        if (pgsql.Request != PgsqlRequest.None)
        {
            writer.StartObject("request"u8);
            WriteRequest(writer, pgsql);
            writer.EndObject();
        }

        bool hasResponse = pgsql.IsReady || pgsql.Answers != PgsqlAnswers.None || pgsql.CommandTag.Exists || Has(pgsql, PgsqlValueKind.ParameterStatus)
            || Has(pgsql, PgsqlValueKind.ErrorField);
        if (hasResponse)
        {
            writer.StartObject("response"u8);
            WriteResponse(writer, pgsql);
            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static bool Has(PgsqlTransaction pgsql, PgsqlValueKind kind)
    {
        for (int i = 0; i < pgsql.ValueCount; i++)
        {
            if (pgsql.Value(i).Kind == kind)
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteRequest(EveWriter writer, PgsqlTransaction pgsql)
    {
        switch (pgsql.Request)
        {
            case PgsqlRequest.Ssl:
                writer.Text("message"u8, "SSL Request"u8);
                break;
            case PgsqlRequest.Startup:
                WriteStartup(writer, pgsql);
                break;
            case PgsqlRequest.Cancel:
                writer.Text("message"u8, "cancel_request"u8);
                writer.Number("process_id"u8, (long)pgsql.ProcessId);
                writer.Number("secret_key"u8, (long)pgsql.SecretKey);
                break;
            case PgsqlRequest.Password when writer.Options.GetBool("passwords", false):
                writer.Bytes("password"u8, pgsql.Bytes[pgsql.Text]);
                break;
            case PgsqlRequest.Password:
                writer.Bool("password_redacted"u8, true);
                break;
            case PgsqlRequest.SaslInitial:
                bool isPlus = pgsql.Bytes[pgsql.Mechanism].EndsWith("-PLUS"u8);
                writer.Text("sasl_authentication_mechanism"u8, isPlus ? "scram_SHA256_plus"u8 : "scram_SHA256"u8);
                writer.Bytes("sasl_param"u8, pgsql.Bytes[pgsql.Text]);
                break;
            case PgsqlRequest.SaslResponse:
                writer.Bytes("sasl_response"u8, pgsql.Bytes[pgsql.Text]);
                break;
            case PgsqlRequest.Query:
                writer.Bytes("simple_query"u8, pgsql.Bytes[pgsql.Text]);
                break;
            case PgsqlRequest.CopyData:
                WriteCopyIn(writer, pgsql);
                break;
            default:
                writer.Text("message"u8, "termination_message"u8);
                break;
        }
    }

    private static void WriteStartup(EveWriter writer, PgsqlTransaction pgsql)
    {
        Span<byte> version = stackalloc byte[12];
        System.Buffers.Text.Utf8Formatter.TryFormat(pgsql.MajorVersion, version, out int length);
        version[length++] = (byte)'.';
        System.Buffers.Text.Utf8Formatter.TryFormat(pgsql.MinorVersion, version[length..], out int more);
        writer.Text("protocol_version"u8, version[..(length + more)]);
        writer.StartObject("startup_parameters"u8);
        if (pgsql.Text.Exists)
        {
            writer.Bytes("user"u8, pgsql.Bytes[pgsql.Text]);
        }

        WriteParameters(writer, pgsql, "optional_parameters"u8, PgsqlValueKind.StartupParameter);
        writer.EndObject();
    }

    private static void WriteParameters(EveWriter writer, PgsqlTransaction pgsql, ReadOnlySpan<byte> name, PgsqlValueKind kind)
    {
        if (!Has(pgsql, kind))
        {
            return;
        }

        writer.StartArray(name);
        for (int i = 0; i < pgsql.ValueCount; i++)
        {
            ref readonly PgsqlValue value = ref pgsql.Value(i);
            if (value.Kind == kind)
            {
                writer.StartObject();
                writer.Bytes(PgsqlTables.ParameterName(pgsql.Bytes[value.Name]), pgsql.Bytes[value.Value]);
                writer.EndObject();
            }
        }

        writer.EndArray();
    }

    private static void WriteCopyIn(EveWriter writer, PgsqlTransaction pgsql)
    {
        if (pgsql.Rows > 0)
        {
            writer.StartObject("copy_data_in"u8);
            writer.Number("msg_count"u8, pgsql.Rows);
            writer.Number("data_size"u8, pgsql.DataBytes);
            writer.EndObject();
        }

        if (pgsql.HasCopyDone)
        {
            writer.Text("message"u8, "copy_done"u8);
        }

        if (pgsql.CopyFail.Exists)
        {
            writer.Bytes("copy_fail"u8, pgsql.Bytes[pgsql.CopyFail]);
        }
    }

    private static void WriteResponse(EveWriter writer, PgsqlTransaction pgsql)
    {
        PgsqlAnswers answers = pgsql.Answers;
        if ((answers & (PgsqlAnswers.SslAccepted | PgsqlAnswers.SslRejected)) != 0)
        {
            writer.Bool("ssl_accepted"u8, (answers & PgsqlAnswers.SslAccepted) != 0);
        }

        WriteErrorFields(writer, pgsql);
        WriteAuthentication(writer, pgsql);
        WriteParameters(writer, pgsql, "parameter_status"u8, PgsqlValueKind.ParameterStatus);
        if ((answers & PgsqlAnswers.KeyData) != 0)
        {
            writer.Number("process_id"u8, (long)pgsql.ProcessId);
            writer.Number("secret_key"u8, (long)pgsql.SecretKey);
        }

        WriteCopyResponse(writer, pgsql);
        if ((answers & PgsqlAnswers.RowDescription) != 0)
        {
            writer.Bool("row_description_malformed"u8, (answers & PgsqlAnswers.RowDescriptionMalformed) != 0);
            writer.Number("field_count"u8, (long)pgsql.Fields);
        }

        bool isCounted = pgsql.Request != PgsqlRequest.CopyData || pgsql.CommandTag.Exists;
        if (pgsql.Rows > 0 && isCounted && (answers & PgsqlAnswers.CopyDataOut) == 0)
        {
            writer.Number("data_rows"u8, pgsql.Rows);
            writer.Number("data_size"u8, pgsql.DataBytes);
        }

        if (pgsql.CommandTag.Exists)
        {
            writer.LossyText("command_completed"u8, pgsql.Bytes[pgsql.CommandTag]);
        }
    }

    private static void WriteAuthentication(EveWriter writer, PgsqlTransaction pgsql)
    {
        PgsqlAnswers answers = pgsql.Answers;
        if (pgsql.Salt.Exists)
        {
            writer.Bytes("authentication_md5_password"u8, pgsql.Bytes[pgsql.Salt]);
        }

        if (pgsql.SaslFinal.Exists)
        {
            writer.Bytes("authentication_sasl_final"u8, pgsql.Bytes[pgsql.SaslFinal]);
        }

        ReadOnlySpan<byte> message =
            (answers & PgsqlAnswers.AuthenticationOk) != 0 ? "authentication_ok"u8
            : (answers & PgsqlAnswers.ClearText) != 0 ? "authentication_cleartext_password"u8
            : (answers & PgsqlAnswers.Sasl) != 0 ? "authentication_sasl"u8
            : (answers & PgsqlAnswers.SaslContinue) != 0 ? "authentication_sasl_continue"u8
            : (answers & PgsqlAnswers.CopyDone) != 0 ? "copy_done"u8
            : default;
        if (!message.IsEmpty)
        {
            writer.Text("message"u8, message);
        }
    }

    private static void WriteCopyResponse(EveWriter writer, PgsqlTransaction pgsql)
    {
        PgsqlAnswers answers = pgsql.Answers;
        if ((answers & (PgsqlAnswers.CopyIn | PgsqlAnswers.CopyOut)) != 0)
        {
            writer.StartObject((answers & PgsqlAnswers.CopyIn) != 0 ? "copy_in_response"u8 : "copy_out_response"u8);
            writer.Bool("malformed"u8, (answers & PgsqlAnswers.CopyMalformed) != 0);
            writer.Number("columns"u8, (long)pgsql.CopyColumns);
            writer.EndObject();
        }

        if ((answers & PgsqlAnswers.CopyDataOut) != 0)
        {
            writer.StartObject("copy_data_out"u8);
            writer.Number("row_count"u8, pgsql.Rows);
            writer.Number("data_size"u8, pgsql.DataBytes);
            writer.EndObject();
        }
    }

    /// <summary>Of a field given twice the first is written.</summary>
    private static void WriteErrorFields(EveWriter writer, PgsqlTransaction pgsql)
    {
        for (int i = 0; i < pgsql.ValueCount; i++)
        {
            ref readonly PgsqlValue value = ref pgsql.Value(i);
            if (value.Kind == PgsqlValueKind.ErrorField && !IsRepeated(pgsql, i))
            {
                writer.Bytes(PgsqlTables.ErrorField(value.Code), pgsql.Bytes[value.Value]);
            }
        }
    }

    private static bool IsRepeated(PgsqlTransaction pgsql, int index)
    {
        ReadOnlySpan<byte> name = PgsqlTables.ErrorField(pgsql.Value(index).Code);
        for (int i = 0; i < index; i++)
        {
            ref readonly PgsqlValue other = ref pgsql.Value(i);
            if (other.Kind == PgsqlValueKind.ErrorField && PgsqlTables.ErrorField(other.Code).SequenceEqual(name))
            {
                return true;
            }
        }

        return false;
    }
}
