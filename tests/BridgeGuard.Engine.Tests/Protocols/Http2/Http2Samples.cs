using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Http2;

/// <summary>Makes HTTP/2 frames and header blocks.</summary>
internal static class Http2Samples
{
    public const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    public static byte[] Text(string latin1) => Encoding.Latin1.GetBytes(latin1);

    public static byte[] Frame(byte type, byte flags, uint stream, params byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    public static byte[] SettingsFrame(params (ushort Id, uint Value)[] settings)
    {
        var payload = new byte[settings.Length * 6];
        for (int i = 0; i < settings.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(i * 6), settings[i].Id);
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan((i * 6) + 2), settings[i].Value);
        }

        return Frame(4, 0, 0, payload);
    }

    /// <summary>A literal without indexing, or with it.</summary>
    public static byte[] Header(string name, string value, bool isIndexed = false) =>
        [(byte)(isIndexed ? 0x40 : 0), (byte)name.Length, .. Text(name), (byte)value.Length, .. Text(value)];

    public static byte[] Get(string path, params byte[][] more) =>
        [0x82, 0x86, .. Header(":path", path), .. Header(":authority", "Host.Example:81", isIndexed: true), .. more.SelectMany(b => b)];

    public static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
