using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>One frame.</summary>
internal sealed partial class WebSocketTransaction : Transaction
{
    /// <summary>The first byte without the opcode: FIN and the reserved bits.</summary>
    public byte Flags { get; set; }

    public byte Opcode { get; set; }

    public bool IsMasked { get; set; }

    public uint Mask { get; set; }

    public bool IsFinal => (Flags & WebSocketParser.FinalFlag) != 0;

    /// <summary>Unmasked; with the last fragment of a message the whole message, decompressed.</summary>
    public ByteBuffer Payload { get; } = new();

    public void Raise(WebSocketAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Flags = 0;
        Opcode = 0;
        IsMasked = false;
        Mask = 0;
        Payload.Reset();
    }
}
