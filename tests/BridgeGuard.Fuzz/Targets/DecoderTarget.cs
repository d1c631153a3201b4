using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>The packet decoder: first byte chooses the link type, the rest is the frame.</summary>
internal sealed class DecoderTarget : IPacketTarget
{
    private static readonly LinkType[] LinkTypes = Enum.GetValues<LinkType>();

    private readonly Decoding _decoding = new(new DecoderSettings { GtpUEnabled = true });

    private readonly PacketDecoder _decoder = new(new DecoderSettings { GtpUEnabled = true });
    private readonly Packet _amid = new();
    private readonly PacketQueue _inner = new();
    private byte[] _poisoned = new byte[4096];

    public string Name => "decoder";

    public long Packets { get; private set; }

    public IReadOnlyList<byte[]> Seeds()
    {
        List<byte[]> seeds = [];
        foreach (string path in Directory.GetFiles(Path.Combine(CaptureFile.FindTestFolder("corpus"), "decoder"), "*.pcap"))
        {
            CaptureFile capture = CaptureFile.TryRead(path)!;
            byte linkType = (byte)Array.IndexOf(LinkTypes, capture.LinkType);
            seeds.AddRange(capture.Frames.Select(frame => (byte[])[linkType, .. frame]));
        }

        return seeds;
    }

    public void Run(byte[] input)
    {
        if (input.Length == 0)
        {
            return;
        }

        // Decoding checks that every offset lies within the frame; the array has exactly its length, so its end is a guard.
        Packets++;
        LinkType linkType = LinkTypes[input[0] % LinkTypes.Length];
        Packet packet = _decoding.Decode(input.AsSpan(1), linkType);
        CompareAmidOtherBytes(input.AsSpan(1), linkType, packet);
        Checksums.IsIpv4Valid(packet);
        Checksums.IsTransportValid(packet);
        if (packet.IpVersion != 0)
        {
            Checksums.Fix(packet);
            if (!packet.Has(PacketFlags.Fragment) && !Checksums.Validate(packet))
            {
                throw new InvalidOperationException("A checksum that was just written is wrong.");
            }
        }
    }

    /// <summary>In a live buffer other frames lie before and behind: what they hold must not change what is read.</summary>
    private void CompareAmidOtherBytes(ReadOnlySpan<byte> frame, LinkType linkType, Packet expected)
    {
        const int Start = 96;
        if (_poisoned.Length < frame.Length + (2 * Start))
        {
            _poisoned = new byte[frame.Length + (2 * Start)];
        }

        _poisoned.AsSpan(0, Start).Fill(0x45);
        _poisoned.AsSpan(Start + frame.Length, Start).Fill(0x45);
        frame.CopyTo(_poisoned.AsSpan(Start));
        _amid.Reset(_poisoned, Start, frame.Length, new FrameInfo { LinkType = linkType });
        _decoder.Decode(_amid, _inner);
        if (_amid.Flags != expected.Flags || _amid.Protocol != expected.Protocol || _amid.IpVersion != expected.IpVersion || _amid.Events.Count != expected.Events.Count
            || _amid.SourcePort != expected.SourcePort || _amid.DestinationPort != expected.DestinationPort || _amid.PayloadLength != expected.PayloadLength
            || _amid.PayloadOffset - Start != expected.PayloadOffset || _amid.Layers != expected.Layers || _inner.Count != _decoding.Inner.Count)
        {
            throw new InvalidOperationException("The bytes around a frame change how it is read.");
        }
    }
}
