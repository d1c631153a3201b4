using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Detection;

/// <content><c>replace</c>: what a match rewrites in the packet on its way.</content>
/// <remarks>
/// Rules with it look at packets, not at the stream, as Suricata's do. All rules see the packet as it came, and so do its events; it is rewritten when they
/// are written. Only bytes of the frame itself can be: a datagram that was put together from fragments leaves as its fragments came.
/// </remarks>
public sealed partial class Detector
{
    private readonly ReplacementList _rewrites = new();

    /// <summary>Writes what rules want replaced into the packet; its checksum is kept right. Call once, when the packet's events are written.</summary>
    internal void Rewrite(Packet packet)
    {
        if (_rewrites.Count == 0)
        {
            return;
        }

        if (packet.Action == VerdictAction.Pass && !packet.Has(PacketFlags.Pseudo | PacketFlags.Defragmented) && CanRewrite(packet))
        {
            for (int i = 0; i < _rewrites.Count; i++)
            {
                ref readonly Replacement rewrite = ref _rewrites[i];
                ReadOnlySpan<byte> bytes = _rules.Contents[rewrite.Content].Bytes;
                if (rewrite.IsApproved && rewrite.At + bytes.Length <= packet.PayloadLength)
                {
                    SegmentRewriter.Rewrite(packet, packet.Payload.Slice(rewrite.At, bytes.Length), bytes);
                }
            }
        }

        _rewrites.Cut(0);
    }

    private static bool CanRewrite(Packet packet) => packet.IsTcp || packet.IsUdp;

    /// <summary>The rule in hand matched in the packet's own payload: what it wants rewritten is kept until its match is final.</summary>
    private void KeepReplacements(int rule)
    {
        ReplacementList wanted = _inspector.Replacements;
        for (int i = 0; i < wanted.Count; i++)
        {
            _rewrites.Add(wanted[i].At, wanted[i].Content, rule);
        }
    }
}
