using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>One packet whose header could be read, with the hello that it completed.</summary>
internal sealed partial class QuicTransaction : Transaction
{
    private readonly byte[] _version = new byte[sizeof(uint)];

    public uint Version
    {
        get => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(_version);
        set => System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(_version, value);
    }

    /// <summary>The TLS hello that this packet completed.</summary>
    public TlsTransaction? Hello { get; set; }

    public ByteBuffer Text { get; } = new();

    /// <summary>Of a hello, of whichever kind.</summary>
    public Slice Sni { get; set; } = Slice.None;

    public Slice UserAgent { get; set; } = Slice.None;

    public Slice Cyu { get; set; } = Slice.None;

    public Slice CyuHash { get; set; } = Slice.None;

    public void Raise(QuicAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Version = 0;
        Hello = null;
        Text.Reset();
        Sni = UserAgent = Cyu = CyuHash = Slice.None;
    }
}
