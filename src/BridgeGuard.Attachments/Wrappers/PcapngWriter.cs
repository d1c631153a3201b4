using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Writes captures with comments: pcapng (draft-ietf-opsawg-pcapng), little-endian, Ethernet, microseconds.</summary>
/// <remarks>One section; an interface for each port, described before its first packet. Not thread-safe. The stream is the caller's.</remarks>
public sealed class PcapngWriter(Stream stream)
{
    private const uint SectionHeader = 0x0A0D0D0A;
    private const uint InterfaceDescription = 1;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrder = 0x1A2B3C4D;
    private const ushort OptionComment = 1;
    private const ushort OptionName = 2;
    private const ushort OptionApplication = 4;

    private readonly Dictionary<string, uint> _interfaces = [];

    /// <summary>Begins the file.</summary>
    public void Begin(string comment)
    {
        var body = new List<byte>();
        Add(body, ByteOrder);
        body.AddRange([1, 0, 0, 0]);
        body.AddRange([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        Option(body, OptionComment, comment);
        Option(body, OptionApplication, "BridgeGuard");
        EndOptions(body);
        Block(SectionHeader, body);
    }

    /// <summary>One packet.</summary>
    /// <param name="port">The port it came in by.</param>
    /// <param name="timeUs">Microseconds since the Unix epoch.</param>
    /// <param name="bytes">Its bytes, as far as they were kept.</param>
    /// <param name="wireLength">Its length on the wire.</param>
    /// <param name="comment">Shown with the packet; null: none.</param>
    public void Packet(string port, long timeUs, ReadOnlySpan<byte> bytes, int wireLength, string? comment)
    {
        uint number = InterfaceOf(port);
        var body = new List<byte>(bytes.Length + 64);
        Add(body, number);
        Add(body, (uint)(timeUs >> 32));
        Add(body, (uint)timeUs);
        Add(body, (uint)bytes.Length);
        Add(body, (uint)wireLength);
        body.AddRange(bytes);
        Pad(body);
        if (comment is not null)
        {
            Option(body, OptionComment, comment);
            EndOptions(body);
        }

        Block(EnhancedPacket, body);
    }

    private uint InterfaceOf(string port)
    {
        if (_interfaces.TryGetValue(port, out uint number))
        {
            return number;
        }

        number = (uint)_interfaces.Count;
        _interfaces.Add(port, number);
        var body = new List<byte> { 1, 0, 0, 0 };
        Add(body, 0);
        Option(body, OptionName, port);
        EndOptions(body);
        Block(InterfaceDescription, body);
        return number;
    }

    private void Block(uint type, List<byte> body)
    {
        uint length = (uint)body.Count + 12;
        Span<byte> head = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(head, type);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], length);
        stream.Write(head);
        stream.Write(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(body));
        stream.Write(head[4..]);
    }

    private static void Option(List<byte> body, ushort code, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text.Length > 4000 ? text[..4000] : text);
        body.AddRange([(byte)code, (byte)(code >> 8), (byte)bytes.Length, (byte)(bytes.Length >> 8)]);
        body.AddRange(bytes);
        Pad(body);
    }

    private static void EndOptions(List<byte> body) => body.AddRange([0, 0, 0, 0]);

    private static void Pad(List<byte> body)
    {
        while (body.Count % 4 != 0)
        {
            body.Add(0);
        }
    }

    private static void Add(List<byte> body, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        body.AddRange(bytes);
    }
}
