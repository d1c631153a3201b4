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
    private readonly GuardedBuffer _guarded = new();

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

        // Decoding checks that every offset lies within the frame, once where the array ends with it, once before a page that cannot be read.
        Packets++;
        LinkType linkType = LinkTypes[input[0] % LinkTypes.Length];
        Packet packet = _decoding.Decode(input.AsSpan(1), linkType);
        CompareAtGuardPage(input.AsSpan(1), linkType, packet);
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

    /// <summary>In a live buffer other frames lie before: what they hold must not change what is read, and behind it nothing may be touched.</summary>
    private void CompareAtGuardPage(ReadOnlySpan<byte> frame, LinkType linkType, Packet expected)
    {
        int start = _guarded.Place(frame);
        _amid.Reset(_guarded.Array, start, frame.Length, new FrameInfo { LinkType = linkType });
        _decoder.Decode(_amid, _inner);
        if (_amid.Flags != expected.Flags || _amid.Protocol != expected.Protocol || _amid.IpVersion != expected.IpVersion || _amid.Events.Count != expected.Events.Count
            || _amid.SourcePort != expected.SourcePort || _amid.DestinationPort != expected.DestinationPort || _amid.PayloadLength != expected.PayloadLength
            || _amid.PayloadOffset - start != expected.PayloadOffset || _amid.Layers != expected.Layers || _inner.Count != _decoding.Inner.Count)
        {
            throw new InvalidOperationException("The bytes around a frame change how it is read.");
        }

        Checksums.IsIpv4Valid(_amid);
        Checksums.IsTransportValid(_amid);
        for (int i = 0; i < _inner.Count; i++)
        {
            Checksums.IsIpv4Valid(_inner[i]);
            Checksums.IsTransportValid(_inner[i]);
        }

        if (_amid.IpVersion != 0)
        {
            Checksums.Fix(_amid);
        }

        if (_guarded.IsMarginChanged(start))
        {
            throw new InvalidOperationException("Bytes before the frame were changed.");
        }
    }
}
