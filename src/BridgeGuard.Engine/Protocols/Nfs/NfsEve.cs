using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>Writes <c>rpc</c> and <c>nfs</c>. Attribute queries are not recorded: every client asks all the time.</summary>
internal sealed class NfsEve : EveLogger
{
    public override string EventType => "nfs";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var nfs = (NfsTransaction)transaction;
        if (detail == EveDetail.Record && !nfs.IsFile && nfs.Version < 4 && nfs.Procedure == Nfs3.GetAttributes)
        {
            return false;
        }

        WriteRpc(writer, nfs);
        writer.StartObject("nfs"u8);
        writer.Number("version"u8, (long)nfs.Version);
        WriteName(writer, "procedure"u8, NfsTables.Procedure(nfs.Version, nfs.Procedure), nfs.Procedure);
        writer.Bytes("filename"u8, nfs.Text[nfs.Name]);
        if (nfs.Handle.Exists)
        {
            writer.Formatted("hhash"u8, Crc32(nfs.Text[nfs.Handle]), "x");
        }

        writer.Number("id"u8, nfs.Id + 1);
        writer.Bool("file_tx"u8, nfs.IsFile);
        writer.Text("type"u8, "response"u8);
        WriteName(writer, "status"u8, NfsTables.Status(nfs.Status), nfs.Status);
        if (nfs.IsFile || IsWrite(nfs))
        {
            WriteTransfer(writer, nfs);
        }

        if (nfs.NewName.Exists)
        {
            writer.StartObject("rename"u8);
            writer.Bytes("from"u8, nfs.Text[nfs.Name]);
            writer.Bytes("to"u8, nfs.Text[nfs.NewName]);
            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static bool IsWrite(NfsTransaction nfs) => NfsTables.Procedure(nfs.Version, nfs.Procedure).SequenceEqual("WRITE"u8);

    private static void WriteTransfer(EveWriter writer, NfsTransaction nfs)
    {
        writer.StartObject(nfs.IsFile && !nfs.IsWrite ? "read"u8 : "write"u8);
        writer.Bool("first"u8, nfs.IsFile);
        writer.Bool("last"u8, nfs.IsFile);
        if (nfs.IsFile)
        {
            writer.Number("last_xid"u8, (long)nfs.LastXid);
            writer.Number("chunks"u8, (long)nfs.Chunks);
        }

        writer.EndObject();
    }

    private static void WriteRpc(EveWriter writer, NfsTransaction nfs)
    {
        writer.StartObject("rpc"u8);
        writer.Number("xid"u8, (long)nfs.Xid);
        writer.Text("status"u8, nfs.IsDenied ? "DENIED"u8 : "ACCEPTED"u8);
        writer.Text("auth_type"u8, NfsTables.Auth(nfs.AuthKind));
        if (nfs.HasCredentials)
        {
            writer.StartObject("creds"u8);
            writer.Bytes("machine_name"u8, nfs.Text[nfs.Machine]);
            writer.Number("uid"u8, (long)nfs.UserId);
            writer.Number("gid"u8, (long)nfs.GroupId);
            writer.EndObject();
        }

        writer.EndObject();
    }

    private static void WriteName(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> known, uint number)
    {
        if (known.IsEmpty)
        {
            writer.Formatted(name, number, "D");
        }
        else
        {
            writer.Text(name, known);
        }
    }

    /// <summary>The usual CRC-32 (IEEE 802.3), bit by bit: handles are short and records few.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xedb8_8320 & (uint)-(int)(crc & 1));
            }
        }

        return ~crc;
    }
}
