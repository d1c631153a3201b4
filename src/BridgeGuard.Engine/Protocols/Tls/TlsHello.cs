using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>A list of 16-bit code points; keeps its array.</summary>
internal sealed class CodeList
{
    private ushort[] _values = new ushort[32];

    public int Count { get; private set; }

    public ReadOnlySpan<ushort> Values => _values.AsSpan(0, Count);

    public void Add(ushort value)
    {
        if (Count >= TlsLimits.MaxListEntries)
        {
            return;
        }

        if (Count == _values.Length)
        {
            Array.Resize(ref _values, _values.Length * 2);
        }

        _values[Count++] = value;
    }

    public void Reset() => Count = 0;
}

/// <summary>What a hello offers or chooses.</summary>
internal sealed class TlsHello
{
    private readonly List<Slice> _alpns = [];

    public bool IsSeen { get; set; }

    /// <summary>The version field of the hello itself.</summary>
    public ushort Version { get; set; }

    /// <summary>The best of supported_versions (RFC 8446 §4.2.1), 0 without.</summary>
    public ushort SupportedVersion { get; set; }

    /// <summary>All of supported_versions.</summary>
    public CodeList SupportedVersions { get; } = new();

    /// <summary>The 32 bytes of the random.</summary>
    public ByteBuffer Random { get; } = new();

    public ByteBuffer SessionId { get; } = new();

    public CodeList Ciphers { get; } = new();

    public CodeList Extensions { get; } = new();

    public CodeList Groups { get; } = new();

    public CodeList PointFormats { get; } = new();

    public CodeList SignatureAlgorithms { get; } = new();

    public ByteBuffer Text { get; } = new();

    public Slice Sni { get; set; } = Slice.None;

    public bool HasAlpnExtension { get; set; }

    public int AlpnCount => _alpns.Count;

    public ReadOnlySpan<byte> Alpn(int index) => Text[_alpns[index]];

    public void AddAlpn(ReadOnlySpan<byte> name)
    {
        if (_alpns.Count < TlsLimits.MaxAlpns)
        {
            _alpns.Add(Text.Append(name));
        }
    }

    public void Reset()
    {
        IsSeen = false;
        Version = 0;
        SupportedVersion = 0;
        SupportedVersions.Reset();
        Random.Reset();
        SessionId.Reset();
        Ciphers.Reset();
        Extensions.Reset();
        Groups.Reset();
        PointFormats.Reset();
        SignatureAlgorithms.Reset();
        Text.Reset();
        Sni = Slice.None;
        HasAlpnExtension = false;
        _alpns.Clear();
    }
}
