using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>Writes the <c>irc</c> object, a form of our own. Option: <c>passwords</c> (default no) shows what is sent to log in.</summary>
internal sealed class IrcEve : EveLogger
{
    public override string EventType => "irc";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var irc = (IrcTransaction)transaction;
        if (!irc.Command.Exists)
        {
            return false;
        }

        writer.StartObject("irc"u8);
        writer.Bytes("command"u8, irc.Text[irc.Command]);
        if (irc.Prefix.Exists)
        {
            writer.Bytes("prefix"u8, irc.Text[irc.Prefix]);
        }

        bool hides = irc.IsSecret && !writer.Options.GetBool("passwords", false);
        writer.StartArray("parameters"u8);
        for (int i = 0; i < irc.ParameterCount; i++)
        {
            writer.BytesValue(hides ? "[hidden]"u8 : irc.Parameter(i));
        }

        writer.EndArray();
        writer.EndObject();
        return true;
    }
}
