using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>What is shown of the first certificate of one side, and where its chain lies.</summary>
internal sealed class TlsCertificate : ICertificateChain
{
    private readonly List<Slice> _chain = [];
    private readonly List<Slice> _altNames = [];
    private Slice _fingerprint = Slice.None;

    /// <summary>The DER bytes of all certificates.</summary>
    public ByteBuffer Der { get; } = new();

    /// <summary>Texts made of them.</summary>
    public ByteBuffer Text { get; } = new();

    /// <summary>The first certificate was read.</summary>
    public bool IsRead { get; set; }

    public Slice Subject { get; set; } = Slice.None;

    public Slice Issuer { get; set; } = Slice.None;

    public Slice Serial { get; set; } = Slice.None;

    /// <summary>Of the first certificate, in <see cref="Text"/>; made when it is asked for.</summary>
    public Slice Fingerprint =>
        _fingerprint.Exists || _chain.Count == 0 ? _fingerprint : _fingerprint = TlsCertificateReader.AppendFingerprint(Chain(0), Text);

    /// <summary>Seconds since 1970.</summary>
    public long NotBefore { get; set; }

    public long NotAfter { get; set; }

    public ReadOnlySpan<byte> SubjectText => TextOf(Subject);

    public ReadOnlySpan<byte> IssuerText => TextOf(Issuer);

    public ReadOnlySpan<byte> FingerprintText => TextOf(Fingerprint);

    public int ChainLength => _chain.Count;

    public ReadOnlySpan<byte> Chain(int index) => Der[_chain[index]];

    public int AltNameCount => _altNames.Count;

    public ReadOnlySpan<byte> AltName(int index) => Text[_altNames[index]];

    public void AddCertificate(ReadOnlySpan<byte> der)
    {
        if (_chain.Count < TlsLimits.MaxCertificates)
        {
            _chain.Add(Der.Append(der));
        }
    }

    private ReadOnlySpan<byte> TextOf(Slice slice) => slice.Exists ? Text[slice] : default;

    public bool TryAddAltName(Slice name)
    {
        if (_altNames.Count >= TlsLimits.MaxAltNames)
        {
            return false;
        }

        _altNames.Add(name);
        return true;
    }

    public void Reset()
    {
        _chain.Clear();
        _altNames.Clear();
        Der.Reset();
        Text.Reset();
        IsRead = false;
        Subject = Slice.None;
        Issuer = Slice.None;
        Serial = Slice.None;
        _fingerprint = Slice.None;
        NotBefore = 0;
        NotAfter = 0;
    }
}
