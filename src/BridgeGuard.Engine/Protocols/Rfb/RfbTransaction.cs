using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>Three digits each, as they were sent.</summary>
internal sealed class RfbVersion
{
    private readonly byte[] _digits = new byte[6];

    public bool IsSeen { get; private set; }

    public ReadOnlySpan<byte> Major => _digits.AsSpan(0, 3);

    public ReadOnlySpan<byte> Minor => _digits.AsSpan(3, 3);

    public void Set(ReadOnlySpan<byte> major, ReadOnlySpan<byte> minor)
    {
        major.CopyTo(_digits);
        minor.CopyTo(_digits.AsSpan(3));
        IsSeen = true;
    }

    public void Reset() => IsSeen = false;
}

/// <summary>The handshake of a connection: its only transaction.</summary>
internal sealed class RfbTransaction : Transaction
{
    private readonly ByteBuffer _bytes = new();
    private Slice _challenge = Slice.None;
    private Slice _response = Slice.None;
    private Slice _reason = Slice.None;
    private Slice _framebuffer = Slice.None;
    private Slice _name = Slice.None;

    public RfbVersion ServerVersion { get; } = new();

    public RfbVersion ClientVersion { get; } = new();

    /// <summary>Null until known.</summary>
    public uint? SecurityType { get; set; }

    public uint? SecurityResult { get; set; }

    /// <summary>The shared-flag of ClientInit.</summary>
    public byte? ScreenShared { get; set; }

    public bool HasChallenge => _challenge.Exists;

    public ReadOnlySpan<byte> Challenge => _bytes[_challenge];

    public bool HasResponse => _response.Exists;

    public ReadOnlySpan<byte> Response => _bytes[_response];

    public bool HasFailureReason => _reason.Exists;

    public ReadOnlySpan<byte> FailureReason => _bytes[_reason];

    public bool HasFramebuffer => _framebuffer.Exists;

    public ReadOnlySpan<byte> Name => _bytes[_name];

    public ushort Width => BinaryPrimitives.ReadUInt16BigEndian(_bytes[_framebuffer]);

    public ushort Height => BinaryPrimitives.ReadUInt16BigEndian(_bytes[_framebuffer][2..]);

    /// <summary>PIXEL_FORMAT, 16 bytes (RFC 6143 §7.4).</summary>
    public ReadOnlySpan<byte> PixelFormat => _bytes[_framebuffer][4..];

    public void SetChallenge(ReadOnlySpan<byte> bytes) => _challenge = _bytes.Append(bytes);

    public void SetResponse(ReadOnlySpan<byte> bytes) => _response = _bytes.Append(bytes);

    public void SetFailureReason(ReadOnlySpan<byte> text) => _reason = _bytes.Append(text);

    public void SetFramebuffer(ReadOnlySpan<byte> header, ReadOnlySpan<byte> name)
    {
        _framebuffer = _bytes.Append(header);
        _name = _bytes.Append(name);
    }

    public void Raise(RfbAnomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = new BufferView(Name);
        return index == 0 && _name.Exists;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        uint? known = (RfbField)field == RfbField.SecurityType ? SecurityType : SecurityResult;
        value = known.GetValueOrDefault();
        return index == 0 && known.HasValue;
    }

    public override void Reset()
    {
        base.Reset();
        _bytes.Reset();
        _challenge = _response = _reason = _framebuffer = _name = Slice.None;
        ServerVersion.Reset();
        ClientVersion.Reset();
        SecurityType = SecurityResult = null;
        ScreenShared = null;
    }
}
