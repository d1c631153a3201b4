using System.Buffers.Binary;

namespace BridgeGuard.Host.Tests.Attachments;

/// <summary>Writes small pcap files byte by byte, so that tests can also damage them.</summary>
internal sealed class CaptureBuilder
{
    private readonly MemoryStream _stream = new();

    public CaptureBuilder(uint linkType = 1, uint magic = 0xA1B2C3D4)
    {
        Write(magic);
        Write(0x0004_0002);
        Write(0);
        Write(0);
        Write(262_144);
        Write(linkType);
    }

    public CaptureBuilder Add(byte[] frame, uint seconds = 1, uint fraction = 0, uint? wireLength = null)
    {
        Write(seconds);
        Write(fraction);
        Write((uint)frame.Length);
        Write(wireLength ?? (uint)frame.Length);
        _stream.Write(frame);
        return this;
    }

    public byte[] ToArray() => _stream.ToArray();

    public string Save(string folder, string name = "input.pcap", int cut = 0)
    {
        string path = Path.Combine(folder, name);
        byte[] all = ToArray();
        File.WriteAllBytes(path, all[..^cut]);
        return path;
    }

    private void Write(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _stream.Write(bytes);
    }
}
