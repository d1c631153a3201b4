using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Writes the <c>smb</c> object. Option <c>types</c>: file, tree_connect, negotiate, dcerpc, create, session_setup, ioctl, rename, set_file_path_info, generic.</summary>
internal sealed class SmbEve : EveLogger
{
    public override string EventType => "smb";

    public override bool WritesTransactionId => true;

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var smb = (SmbTransaction)transaction;
        if (detail == EveDetail.Record && !IsWanted(smb.Kind, writer.Options))
        {
            return false;
        }

        writer.StartObject("smb"u8);
        writer.Number("id"u8, smb.Id + 1);
        WriteDialect(writer, smb);
        WriteCommand(writer, smb);
        WriteStatus(writer, smb);
        writer.Number("session_id"u8, smb.SessionId);
        writer.Number("tree_id"u8, (long)smb.TreeId);
        switch (smb.Kind)
        {
            case SmbKind.Negotiate:
                WriteNegotiate(writer, smb);
                break;
            case SmbKind.SessionSetup:
                WriteSessionSetup(writer, smb);
                break;
            case SmbKind.TreeConnect:
                WriteTreeConnect(writer, smb);
                break;
            case SmbKind.Create:
                WriteCreate(writer, smb);
                break;
            case SmbKind.Ioctl:
                WriteFunction(writer, smb.Function);
                break;
            case SmbKind.Rename:
                WriteRename(writer, smb);
                break;
            case SmbKind.SetInfo:
                WriteSetInfo(writer, smb);
                break;
            case SmbKind.File:
                writer.Bytes("filename"u8, smb.Text[smb.Name]);

                // Writes of version 2 show their share empty, as they always did.
                writer.Bytes("share"u8, smb is { Version: 2, Command: Smb2.Write } ? [] : smb.Text[smb.Other]);
                WriteFileId(writer, smb);
                break;
            case SmbKind.DceRpc:
                WriteCall(writer, smb.Call);
                break;
        }

        writer.EndObject();
        return true;
    }

    private static bool IsWanted(SmbKind kind, ProtocolSettings options)
    {
        if (options.Get("types.0") is null && options.Get("types") is null)
        {
            return true;
        }

        string name = kind switch
        {
            SmbKind.File => "file",
            SmbKind.TreeConnect => "tree_connect",
            SmbKind.Negotiate => "negotiate",
            SmbKind.DceRpc => "dcerpc",
            SmbKind.Create => "create",
            SmbKind.SessionSetup => "session_setup",
            SmbKind.Ioctl => "ioctl",
            SmbKind.Rename => "rename",
            SmbKind.SetInfo => "set_file_path_info",
            _ => "generic",
        };
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("types", StringComparison.Ordinal) && option.Value == name)
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteDialect(EveWriter writer, SmbTransaction smb)
    {
        SmbParser? connection = smb.Connection;
        if (connection is null || (connection.Dialect == 0 && connection.DialectName.Length == 0))
        {
            writer.Text("dialect"u8, "unknown"u8);
        }
        else if (connection.Dialect == 0)
        {
            writer.Bytes("dialect"u8, connection.DialectName.Span);
        }
        else
        {
            WriteDialect(writer, "dialect"u8, connection.Dialect);
        }
    }

    private static void WriteDialect(EveWriter writer, ReadOnlySpan<byte> name, ushort dialect)
    {
        ReadOnlySpan<byte> known = SmbTables.Dialect(dialect);
        if (known.IsEmpty)
        {
            writer.Formatted(name, dialect, "D");
        }
        else
        {
            writer.Text(name, known);
        }
    }

    private static void WriteCommand(EveWriter writer, SmbTransaction smb)
    {
        ReadOnlySpan<byte> known = smb.Version == 1 ? SmbTables.Command1(smb.Command) : SmbTables.Command2(smb.Command);
        if (known.IsEmpty)
        {
            writer.Formatted("command"u8, smb.Command, "D");
        }
        else
        {
            writer.Text("command"u8, known);
        }
    }

    private static void WriteStatus(EveWriter writer, SmbTransaction smb)
    {
        if (!smb.HasStatus)
        {
            return;
        }

        Span<byte> text = stackalloc byte[24];
        if (!smb.IsDosStatus)
        {
            ReadOnlySpan<byte> known = SmbStatusNames.Of(smb.Status);
            if (known.IsEmpty)
            {
                writer.Formatted("status"u8, smb.Status, "D");
            }
            else
            {
                writer.Text("status"u8, known);
            }

            WriteHex(writer, smb.Status, "x", text);
            return;
        }

        byte kind = (byte)smb.Status;
        ushort code = (ushort)(smb.Status >> 16);
        ReadOnlySpan<byte> name = SmbStatusNames.OfError(kind, code);
        if (!name.IsEmpty)
        {
            writer.Text("status"u8, name);
        }
        else if (kind is 1 or 2)
        {
            writer.Formatted("status"u8, code, "D");
        }
        else
        {
            "UNKNOWN_"u8.CopyTo(text);
            kind.TryFormat(text[8..], out _, "x2");
            text[10] = (byte)'_';
            code.TryFormat(text[11..], out int more, "x4");
            writer.Text("status"u8, text[..(11 + more)]);
        }

        WriteHex(writer, code, "x4", text);
    }

    private static void WriteHex(EveWriter writer, uint value, ReadOnlySpan<char> format, Span<byte> text)
    {
        "0x"u8.CopyTo(text);
        value.TryFormat(text[2..], out int length, format, System.Globalization.CultureInfo.InvariantCulture);
        writer.Text("status_code"u8, text[..(2 + length)]);
    }

    private static void WriteNegotiate(EveWriter writer, SmbTransaction smb)
    {
        if (smb.DialectNames.Count > 0)
        {
            writer.StartArray("client_dialects"u8);
            foreach (Slice name in smb.DialectNames.Span)
            {
                writer.BytesValue(smb.Text[name]);
            }

            writer.EndArray();
        }
        else if (smb.Dialects.Count > 0)
        {
            Span<byte> text = stackalloc byte[8];
            writer.StartArray("client_dialects"u8);
            foreach (ushort dialect in smb.Dialects.Span)
            {
                ReadOnlySpan<byte> known = SmbTables.Dialect(dialect);
                dialect.TryFormat(text, out int length, "D", System.Globalization.CultureInfo.InvariantCulture);
                writer.TextValue(known.IsEmpty ? text[..length] : known);
            }

            writer.EndArray();
        }

        if (smb.HasClientGuid)
        {
            WriteGuid(writer, "client_guid"u8, smb.ClientGuid);
        }

        if (smb.HasServerGuid)
        {
            WriteGuid(writer, "server_guid"u8, smb.ServerGuid);
        }
        else
        {
            writer.Text("server_guid"u8, ""u8);
        }

        if (smb.MaxReadBytes > 0)
        {
            writer.Number("max_read_size"u8, (long)smb.MaxReadBytes);
        }

        if (smb.MaxWriteBytes > 0)
        {
            writer.Number("max_write_size"u8, (long)smb.MaxWriteBytes);
        }
    }

    /// <summary>All members count as little-endian numbers here, the last six bytes as one of two and one of four: consumers know GUIDs of SMB so.</summary>
    private static void WriteGuid(EveWriter writer, ReadOnlySpan<byte> name, DceRpcUuid guid)
    {
        Span<byte> text = stackalloc byte[36];
        ulong low = guid.Low;
        ulong shown = ((ulong)BinaryPrimitives.ReverseEndianness((ushort)(low >> 48)) << 48)
            | ((ulong)BinaryPrimitives.ReverseEndianness((ushort)(low >> 32)) << 32)
            | BinaryPrimitives.ReverseEndianness((uint)low);
        (guid with { Low = shown }).Format(text);
        writer.Text(name, text);
    }

    private static void WriteSessionSetup(EveWriter writer, SmbTransaction smb)
    {
        SmbAuthentication authentication = smb.Authentication;
        if (authentication.HasNtlm)
        {
            writer.StartObject("ntlmssp"u8);
            writer.Bytes("domain"u8, authentication.Text[authentication.Domain]);
            writer.Bytes("user"u8, authentication.Text[authentication.User]);
            writer.Bytes("host"u8, authentication.Text[authentication.Host]);
            if (authentication.HasVersion)
            {
                WriteVersion(writer, authentication);
            }

            writer.EndObject();
        }

        if (authentication.HasKerberos)
        {
            writer.StartObject("kerberos"u8);
            writer.Bytes("realm"u8, authentication.Text[authentication.Realm]);
            writer.StartArray("snames"u8);
            foreach (Slice name in authentication.ServiceNames)
            {
                writer.BytesValue(authentication.Text[name]);
            }

            writer.EndArray();
            writer.EndObject();
        }

        WritePair(writer, "request"u8, "native_os"u8, smb.RequestOs, "native_lm"u8, smb.RequestLanManager, smb.Text);
        WritePair(writer, "response"u8, "native_os"u8, smb.ResponseOs, "native_lm"u8, smb.ResponseLanManager, smb.Text);
    }

    /// <summary><c>6.1 build 7601 rev 15</c>.</summary>
    private static void WriteVersion(EveWriter writer, SmbAuthentication authentication)
    {
        Utf8Line line = new(stackalloc byte[48]);
        line.Add(authentication.VersionMajor);
        line.Add("."u8);
        line.Add(authentication.VersionMinor);
        line.Add(" build "u8);
        line.Add(authentication.VersionBuild);
        line.Add(" rev "u8);
        line.Add(authentication.VersionRevision);
        writer.Text("version"u8, line.Text);
    }

    private static void WritePair(
        EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> first, Slice firstValue, ReadOnlySpan<byte> second, Slice secondValue, ByteBuffer text)
    {
        if (!firstValue.Exists && !secondValue.Exists)
        {
            return;
        }

        writer.StartObject(name);
        writer.Bytes(first, text[firstValue]);
        writer.Bytes(second, text[secondValue]);
        writer.EndObject();
    }

    private static void WriteTreeConnect(EveWriter writer, SmbTransaction smb)
    {
        writer.Bytes(smb.ShareType == SmbShareType.Pipe ? "named_pipe"u8 : "share"u8, smb.Text[smb.Name]);
        if (smb.Version == 1)
        {
            writer.StartObject("service"u8);
            if (smb.RequestService.Exists)
            {
                writer.Bytes("request"u8, smb.Text[smb.RequestService]);
            }

            if (smb.ResponseService.Exists)
            {
                writer.Bytes("response"u8, smb.Text[smb.ResponseService]);
            }

            writer.EndObject();
        }
        else
        {
            writer.Text("share_type"u8, SmbTables.ShareType(smb.ShareType));
        }
    }

    private static void WriteCreate(EveWriter writer, SmbTransaction smb)
    {
        ReadOnlySpan<byte> name = smb.Text[smb.Name];
        if (smb.IsDirectory && !name.IsEmpty)
        {
            writer.Bytes("directory"u8, name);
        }
        else
        {
            writer.Bytes("filename"u8, name.IsEmpty ? "<share_root>"u8 : name);
        }

        writer.Text("disposition"u8, SmbTables.Disposition(smb.Disposition));
        writer.Text("access"u8, smb.DeletesOnClose ? "delete on close"u8 : "normal"u8);
        writer.Number("created"u8, smb.Created);
        writer.Number("accessed"u8, smb.Accessed);
        writer.Number("modified"u8, smb.Modified);
        writer.Number("changed"u8, smb.Changed);
        writer.Number("size"u8, smb.FileSize);
        WriteFileId(writer, smb);
    }

    private static void WriteFileId(EveWriter writer, SmbTransaction smb)
    {
        if (!smb.HasFileId)
        {
            writer.Text("fuid"u8, ""u8);
        }
        else if (smb.Version == 1)
        {
            writer.Formatted("fuid"u8, (ushort)smb.FileId.Low, "x4");
        }
        else
        {
            WriteGuid(writer, "fuid"u8, smb.FileId);
        }
    }

    private static void WriteFunction(EveWriter writer, uint function)
    {
        ReadOnlySpan<byte> known = SmbTables.Function(function);
        if (known.IsEmpty)
        {
            writer.Formatted("function"u8, function, "D");
        }
        else
        {
            writer.Text("function"u8, known);
        }
    }

    private static void WriteRename(EveWriter writer, SmbTransaction smb)
    {
        writer.StartObject("rename"u8);
        writer.Bytes("from"u8, smb.Text[smb.Other]);
        writer.Bytes("to"u8, smb.Text[smb.Name]);
        writer.EndObject();
        if (smb.Version == 2)
        {
            writer.StartObject("set_info"u8);
            writer.Text("class"u8, "FILE_INFO"u8);
            writer.Text("info_level"u8, "SMB2_FILE_RENAME_INFO"u8);
            writer.EndObject();
        }

        WriteFileId(writer, smb);
    }

    private static void WriteSetInfo(EveWriter writer, SmbTransaction smb)
    {
        if (smb.Name.Exists)
        {
            ReadOnlySpan<byte> name = smb.Text[smb.Name];
            writer.Bytes("filename"u8, name.IsEmpty ? "<share_root>"u8 : name);
        }

        if (smb.DeletesOnClose)
        {
            writer.Text("access"u8, "delete on close"u8);
        }

        if (smb is { Version: 1, InfoLevel: Smb1.SetDisposition })
        {
            writer.Text("subcmd"u8, smb.IsSetPath ? "SET_PATH_INFO"u8 : "SET_FILE_INFO"u8);
            writer.Text("level_of_interest"u8, "Set Disposition Information"u8);
        }

        WriteFileId(writer, smb);
    }

    private static void WriteCall(EveWriter writer, DceRpcCall call)
    {
        writer.StartObject("dcerpc"u8);
        writer.Text("request"u8, DceRpcTables.Name(call.Request));
        writer.Text("response"u8, call.Response == DceRpcType.None ? "UNREPLIED"u8 : DceRpcTables.Name(call.Response));
        bool isRequest = call.Request == DceRpcType.Request;
        if (isRequest)
        {
            writer.Number("opnum"u8, (long)call.OperationNumber);
            writer.StartObject("req"u8);
            DceRpcEve.WriteSizes(writer, call.RequestFragments, call.RequestStub.Length);
            writer.EndObject();
        }

        if (call.Request is DceRpcType.Request or DceRpcType.Bind)
        {
            DceRpcEve.WriteInterfaces(writer, call, withAnswer: !isRequest, withReason: true);
        }

        if (isRequest && call.Response == DceRpcType.Response)
        {
            writer.StartObject("res"u8);
            DceRpcEve.WriteSizes(writer, call.ResponseFragments, call.ResponseStub.Length);
            writer.EndObject();
        }

        writer.Number("call_id"u8, (long)call.CallId);
        writer.EndObject();
    }
}
