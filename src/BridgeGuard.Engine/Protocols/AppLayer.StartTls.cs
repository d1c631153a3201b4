using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Named;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Protocols;

/// <summary>IMAP is only named, as in Suricata 8; what is ours is that TLS behind its STARTTLS is TLS.</summary>
public sealed partial class AppLayer
{
    private readonly Stack<ImapStartTls> _startTls = new();
    private readonly bool _followsImap;

    /// <summary>Bytes of a flow that has no parser and is followed to its STARTTLS.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="direction">Of the bytes.</param>
    /// <param name="data">The bytes; those not taken come again.</param>
    /// <param name="isEnd">No more come in this direction.</param>
    /// <param name="taken">How many were taken; of use where the result is true.</param>
    /// <returns>False where the bytes are to be looked at as any flow's: TLS begins with them, or they are the last.</returns>
    private bool Follow(Flow flow, Direction direction, ReadOnlySpan<byte> data, bool isEnd, out int taken)
    {
        ImapStartTls reader = flow.StartTls!;
        bool wasGranted = reader.IsGranted;
        taken = reader.Take(direction, data);
        if (reader.IsGranted && !wasGranted)
        {
            // What was said in the clear, injected commands too, is shown to rules while it is IMAP.
            Reassembler.TriggerRaw(flow, Direction.ToServer);
            Reassembler.TriggerRaw(flow, Direction.ToClient);
        }

        if (reader.IsTls)
        {
            ReturnStartTls(flow);
            flow.ChangePending = true;
            flow.AppExpected = ProtocolId.Tls;
            flow.AppPort = 0;

            // Behind lines in the clear the record begins in the middle of what is here: it is handed over again, from there.
            return taken > 0;
        }

        if (reader.IsOver || isEnd)
        {
            ReturnStartTls(flow);
            GiveUp(flow, Direction.ToServer);
            GiveUp(flow, Direction.ToClient);
            return !isEnd;
        }

        return true;
    }

    private void ReturnStartTls(Flow flow)
    {
        if (flow.StartTls is { } reader)
        {
            flow.StartTls = null;
            reader.Reset();
            _startTls.Push(reader);
        }
    }
}
