using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>The engine's path from frame to datagram, inline: what it saw, and which frames it let through.</summary>
internal sealed class FragmentInspector(bool dropOverlaps = true)
{
    private readonly PacketDecoder _decoder = new(new DecoderSettings());
    private readonly Defragmenter _defragmenter = new(new DefragSettings { DropOverlaps = dropOverlaps }, [new HostOsEntry(default, 0, HostOs.Linux)], true, new FlowHash(1, 2));
    private readonly PacketQueue _inner = new();
    private readonly Packet _packet = new();
    private long _nowUs = 1_000_000;

    /// <summary>Payloads of UDP datagrams, whole or rebuilt.</summary>
    public HashSet<string> Seen { get; } = [];

    public List<byte[]> Inspect(IEnumerable<byte[]> frames)
    {
        List<byte[]> passed = [];
        foreach (byte[] frame in frames)
        {
            _packet.Reset(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = _nowUs += 10 });
            _decoder.Decode(_packet, _inner);
            Packet? whole = _packet;
            if (_packet.Has(PacketFlags.Fragment))
            {
                if (_defragmenter.Process(_packet, out whole) == DefragResult.Overlap)
                {
                    continue;
                }

                if (whole is not null)
                {
                    _decoder.DecodeRebuilt(whole, _inner);
                }
            }

            if (whole is { IsUdp: true })
            {
                Seen.Add(Encoding.Latin1.GetString(whole.Payload));
            }

            passed.Add(frame);
        }

        return passed;
    }
}
