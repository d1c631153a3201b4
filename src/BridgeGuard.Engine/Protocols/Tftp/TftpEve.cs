using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>Writes the <c>tftp</c> object.</summary>
internal sealed class TftpEve : EveLogger
{
    public override string EventType => "tftp";

    public override byte ProgressToServer => TftpTransaction.Complete;

    public override byte ProgressToClient => TftpTransaction.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var request = (TftpTransaction)transaction;
        if (request.IsTransfer)
        {
            return false;
        }

        writer.StartObject("tftp"u8);
        writer.Text("packet"u8, request.IsWrite ? "write"u8 : "read"u8);
        writer.Bytes("file"u8, request.Text[request.Name]);
        writer.Bytes("mode"u8, request.Text[request.Mode]);
        writer.EndObject();
        return true;
    }
}
