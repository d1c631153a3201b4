using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>Writes the <c>websocket</c> object. Payloads are shown in alerts only (options <c>websocket-payload</c>, <c>websocket-payload-printable</c>), as Suricata 8 does.</summary>
internal sealed class WebSocketEve : EveLogger
{
    public override string EventType => "websocket";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool UsesCarryingPacket => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var frame = (WebSocketTransaction)transaction;
        writer.StartObject("websocket"u8);
        writer.Bool("fin"u8, frame.IsFinal);
        if (frame.IsMasked)
        {
            writer.Number("mask"u8, (ulong)frame.Mask);
        }

        WriteOpcode(writer, frame.Opcode);
        if (detail == EveDetail.Alert && writer.Options.GetBool("websocket-payload", false))
        {
            writer.Base64("payload_base64"u8, frame.Payload.Span);
        }

        if (detail == EveDetail.Alert && writer.Options.GetBool("websocket-payload-printable", false))
        {
            writer.Printable("payload_printable"u8, frame.Payload.Span);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteOpcode(EveWriter writer, byte opcode)
    {
        foreach ((string name, ulong value) in WebSocketBuffers.Opcodes)
        {
            if (value == opcode)
            {
                writer.Text("opcode"u8, name);
                return;
            }
        }

        Span<byte> text = stackalloc byte[16];
        "unknown-"u8.CopyTo(text);
        opcode.TryFormat(text[8..], out int digits, default, System.Globalization.CultureInfo.InvariantCulture);
        writer.Text("opcode"u8, text[..(8 + digits)]);
    }
}
