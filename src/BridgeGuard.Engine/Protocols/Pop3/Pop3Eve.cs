using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>Writes the <c>pop3</c> object.</summary>
internal sealed class Pop3Eve : EveLogger
{
    public override string EventType => "pop3";

    public override byte ProgressToServer => Pop3Progress.Complete;

    public override byte ProgressToClient => Pop3Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var pop3 = (Pop3Transaction)transaction;
        writer.StartObject("pop3"u8);
        if (pop3.Word.Exists)
        {
            writer.StartObject("request"u8);
            writer.Bytes("command"u8, pop3.Text[pop3.Word]);
            WriteList(writer, "args"u8, pop3, pop3.Arguments);
            writer.EndObject();
        }

        if (pop3.HasResponse)
        {
            writer.StartObject("response"u8);
            writer.Bool("success"u8, pop3.IsSuccess);
            writer.Text("status"u8, pop3.IsSuccess ? "OK"u8 : "ERR"u8);
            writer.Bytes("header"u8, pop3.Text[pop3.Header]);
            WriteList(writer, "data"u8, pop3, pop3.Data);
            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static void WriteList(EveWriter writer, ReadOnlySpan<byte> name, Pop3Transaction pop3, List<Slice> values)
    {
        writer.StartArray(name);
        foreach (Slice value in values)
        {
            writer.BytesValue(pop3.Text[value]);
        }

        writer.EndArray();
    }
}
