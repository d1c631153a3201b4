using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>Writes the <c>ftp</c> object.</summary>
internal sealed class FtpEve : EveLogger
{
    public override string EventType => "ftp";

    public override byte ProgressToServer => FtpProgress.Complete;

    public override byte ProgressToClient => FtpProgress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var ftp = (FtpTransaction)transaction;
        writer.StartObject("ftp"u8);
        if (ftp.Word.Exists)
        {
            writer.Bytes("command"u8, ftp.Text[ftp.Word]);
            if (ftp.Argument.Length > 0)
            {
                writer.Bytes("command_data"u8, ftp.Text[ftp.Argument]);
                writer.Bool("command_truncated"u8, ftp.IsCommandTruncated);
            }
        }

        WriteList(writer, "completion_code"u8, ftp, ftp.Codes);
        WriteList(writer, "reply"u8, ftp, ftp.Replies);
        if (ftp.DynamicPort != 0)
        {
            writer.Number("dynamic_port"u8, (long)ftp.DynamicPort);
        }

        if (ftp.Mode != FtpMode.None)
        {
            writer.Text("mode"u8, ftp.Mode == FtpMode.Active ? "active"u8 : "passive"u8);
        }

        writer.Text("reply_received"u8, ftp.IsReplied ? "yes"u8 : "no"u8);
        writer.Bool("reply_truncated"u8, ftp.IsReplyTruncated);
        writer.EndObject();
        return true;
    }

    private static void WriteList(EveWriter writer, ReadOnlySpan<byte> name, FtpTransaction ftp, List<Slice> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        writer.StartArray(name);
        foreach (Slice value in values)
        {
            writer.BytesValue(ftp.Text[value]);
        }

        writer.EndArray();
    }
}
