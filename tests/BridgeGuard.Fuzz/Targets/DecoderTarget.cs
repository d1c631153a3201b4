using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Testing.Packets;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>The packet decoder: first byte chooses the link type, the rest is the frame.</summary>
internal sealed class DecoderTarget : IFuzzTarget
{
    private static readonly LinkType[] LinkTypes = Enum.GetValues<LinkType>();

    private readonly Decoding _decoding = new(new DecoderSettings { GtpUEnabled = true });

    public string Name => "decoder";

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

        // Decoding checks that every offset lies within the frame; the array has exactly its length.
        Packet packet = _decoding.Decode(input.AsSpan(1), LinkTypes[input[0] % LinkTypes.Length]);
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
}
