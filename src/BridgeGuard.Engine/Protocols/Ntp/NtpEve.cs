using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>Writes the <c>ntp</c> object.</summary>
internal sealed class NtpEve : EveLogger
{
    public override string EventType => "ntp";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var ntp = (NtpTransaction)transaction;
        writer.StartObject("ntp"u8);
        writer.Number("version"u8, (long)ntp.Version);
        writer.Number("mode"u8, (long)ntp.Mode);
        writer.Number("stratum"u8, (long)ntp.Stratum);
        writer.HexText("reference_id"u8, ntp.ReferenceId, (byte)':');
        writer.EndObject();
        return true;
    }
}
