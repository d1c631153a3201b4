using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Testing.Packets;

/// <summary>A classic pcap file in memory: small, for corpora and golden cases.</summary>
public sealed class CaptureFile
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    private CaptureFile(LinkType linkType, List<byte[]> frames)
    {
        LinkType = linkType;
        Frames = frames;
    }

    public LinkType LinkType { get; }

    public IReadOnlyList<byte[]> Frames { get; }

    /// <summary>Reads at most <paramref name="limit"/> frames; null for pcapng and other formats.</summary>
    public static CaptureFile? TryRead(string path, int limit = int.MaxValue)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length < FileHeader)
        {
            return null;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        bool little = magic is 0xa1b2c3d4 or 0xa1b23c4d;
        if (!little && magic is not (0xd4c3b2a1 or 0x4d3cb2a1))
        {
            return null;
        }

        uint Read(int offset) => little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset)) : BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(offset));
        List<byte[]> frames = [];
        int at = FileHeader;
        while (at + RecordHeader <= bytes.Length && frames.Count < limit)
        {
            uint length = Read(at + 8);
            at += RecordHeader;
            if (length > bytes.Length - at)
            {
                break;
            }

            frames.Add(bytes.AsSpan(at, (int)length).ToArray());
            at += (int)length;
        }

        return new CaptureFile((LinkType)(ushort)Read(20), frames);
    }

    /// <summary>The repository's folder <paramref name="name"/> under <c>tests/</c>, found upwards from the program.</summary>
    public static string FindTestFolder(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "tests", name);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException($"tests/{name} was not found above {AppContext.BaseDirectory}");
    }
}
