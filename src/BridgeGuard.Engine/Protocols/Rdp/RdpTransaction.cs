using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Rdp;

internal enum RdpKind : byte
{
    InitialRequest,
    InitialResponse,
    TlsHandshake,
    ConnectRequest,
    ConnectResponse,
}

/// <summary>One message of the connection sequence.</summary>
internal sealed class RdpTransaction : Transaction
{
    /// <summary>The members of the client core data that are always there (MS-RDPBCGR §2.2.1.3.2).</summary>
    public const int MinimumCoreBytes = 128;

    private readonly ByteBuffer _bytes = new();
    private readonly Slice[] _channels = new Slice[RdpLimits.MaxChannels];
    private readonly Slice[] _serials = new Slice[RdpLimits.MaxCertificates];
    private Slice _cookie = Slice.None;
    private Slice _core = Slice.None;

    public RdpKind Kind { get; set; }

    public bool IsNegotiated { get; set; }

    public bool IsRefused { get; set; }

    public byte NegotiationFlags { get; set; }

    /// <summary>The protocol chosen, or why none was.</summary>
    public uint NegotiationValue { get; set; }

    public bool HasCookie => _cookie.Exists;

    public ReadOnlySpan<byte> Cookie => _bytes[_cookie];

    public bool HasCore => _core.Exists;

    /// <summary>The client core data, at least <see cref="MinimumCoreBytes"/> long.</summary>
    public ReadOnlySpan<byte> Core => _bytes[_core];

    public int ChannelCount { get; private set; }

    public int SerialCount { get; private set; }

    public ReadOnlySpan<byte> Channel(int index) => _bytes[_channels[index]];

    public ReadOnlySpan<byte> Serial(int index) => _bytes[_serials[index]];

    public ushort Core16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Core[at..]);

    public uint Core32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Core[at..]);

    public void SetCookie(ReadOnlySpan<byte> text) => _cookie = _bytes.Append(text);

    public void SetCore(ReadOnlySpan<byte> data) => _core = _bytes.Append(data);

    public void AddChannel(ReadOnlySpan<byte> name)
    {
        if (ChannelCount < _channels.Length)
        {
            _channels[ChannelCount++] = _bytes.Append(name);
        }
    }

    public void AddSerial(ReadOnlySpan<byte> number)
    {
        if (SerialCount < _serials.Length)
        {
            _serials[SerialCount++] = _bytes.Append(number);
        }
    }

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        _bytes.Reset();
        _cookie = _core = Slice.None;
        IsNegotiated = IsRefused = false;
        NegotiationFlags = 0;
        NegotiationValue = 0;
        ChannelCount = SerialCount = 0;
    }
}
