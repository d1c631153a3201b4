using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum TlsBuffer
{
    Sni,
    Alpn,
    Certs,
    Subject,
    Issuer,
    Serial,
    Fingerprint,
    AltName,
    Random,
    RandomTime,
    RandomBytes,
    Ja3Hash,
    Ja3String,
    Ja3SHash,
    Ja3SString,
    Ja4Hash,
}

internal enum TlsField
{
    ChainLength,
}

/// <summary>The <c>tls.*</c>, <c>ja3*</c> and <c>ja4*</c> buffers and fields.</summary>
internal static class TlsBuffers
{
    /// <summary>JA3 and JA3S, as bits.</summary>
    public const ulong Ja3 = (1 << (int)TlsBuffer.Ja3Hash) | (1 << (int)TlsBuffer.Ja3String) | (1 << (int)TlsBuffer.Ja3SHash) | (1 << (int)TlsBuffer.Ja3SString);

    public static readonly BufferDescriptor[] All =
    [
        New("tls.sni", TlsBuffer.Sni, DirectionMask.ToServer, "the server name asked for", ["tls_sni"]),
        New("tls.alpn", TlsBuffer.Alpn, DirectionMask.Both, "an application protocol offered or chosen", isMulti: true),
        New("tls.random", TlsBuffer.Random, DirectionMask.Both, "the 32 bytes of the hello's random"),
        New("tls.random_time", TlsBuffer.RandomTime, DirectionMask.Both, "the first 4 bytes of the random"),
        New("tls.random_bytes", TlsBuffer.RandomBytes, DirectionMask.Both, "the last 28 bytes of the random"),
        OfCertificate("tls.certs", TlsBuffer.Certs, "a certificate of the chain, DER", isMulti: true),
        OfCertificate("tls.cert_subject", TlsBuffer.Subject, "the certificate's subject", ["tls_cert_subject"]),
        OfCertificate("tls.cert_issuer", TlsBuffer.Issuer, "the certificate's issuer", ["tls_cert_issuer"]),
        OfCertificate("tls.cert_serial", TlsBuffer.Serial, "the certificate's serial number, AA:BB", ["tls_cert_serial"], validate: RequireSerial),
        OfCertificate("tls.cert_fingerprint", TlsBuffer.Fingerprint, "the certificate's SHA-1, aa:bb", ["tls_cert_fingerprint"], validate: RequireFingerprint),
        OfCertificate("tls.subjectaltname", TlsBuffer.AltName, "an alternative name of the certificate", isMulti: true),
        New("ja3.hash", TlsBuffer.Ja3Hash, DirectionMask.ToServer, "MD5 of the client's JA3", ["ja3_hash"], validate: RequireHash),
        New("ja3.string", TlsBuffer.Ja3String, DirectionMask.ToServer, "the client's JA3", ["ja3_string"]),
        New("ja3s.hash", TlsBuffer.Ja3SHash, DirectionMask.ToClient, "MD5 of the server's JA3S", validate: RequireHash),
        New("ja3s.string", TlsBuffer.Ja3SString, DirectionMask.ToClient, "the server's JA3S"),
        New("ja4.hash", TlsBuffer.Ja4Hash, DirectionMask.ToServer, "the client's JA4", ["ja4_hash"]),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new()
        {
            Name = "tls.cert_chain_len",
            LocalId = (int)TlsField.ChainLength,
            Directions = DirectionMask.ToClient,
            ProgressToServer = TlsProgress.ClientCertificateDone,
            ProgressToClient = TlsProgress.ServerCertificateDone,
            Bits = 32,
            Help = "certificates in the chain",
        },
    ];

    private static BufferDescriptor New(
        string name, TlsBuffer id, DirectionMask directions, string help, string[]? aliases = null, bool isMulti = false, Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LocalId = (int)id,
        Directions = directions,
        ProgressToServer = TlsProgress.ClientHelloDone,
        ProgressToClient = TlsProgress.ServerHello,
        IsMulti = isMulti,
        ValidateContent = validate,
        LowersContents = validate == RequireHash,
        Help = help,
    };

    private static BufferDescriptor OfCertificate(
        string name, TlsBuffer id, string help, string[]? aliases = null, bool isMulti = false, Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LocalId = (int)id,
        // As in Suricata only servers are asked for other names.
        Directions = id == TlsBuffer.AltName ? DirectionMask.ToClient : DirectionMask.Both,
        ProgressToServer = TlsProgress.ClientCertificateDone,
        ProgressToClient = TlsProgress.ServerCertificateDone,
        IsMulti = isMulti,
        ValidateContent = validate,
        Help = help,
    };

    private static string? RequireFingerprint(ReadOnlyMemory<byte> content, bool isNocase) =>
        content.Length != 59 ? "a fingerprint has 59 characters, 20 bytes as aa:bb:…" : null;

    private static string? RequireSerial(ReadOnlyMemory<byte> content, bool isNocase) =>
        content.Length > 2 && !content.Span.Contains((byte)':') ? "a serial number has its bytes as AA:BB, this content can never match" : null;

    private static string? RequireHash(ReadOnlyMemory<byte> content, bool isNocase) =>
        content.Length != 32 || content.Span.ContainsAnyExcept("0123456789abcdefABCDEF"u8) ? "an MD5 has 32 hexadecimal digits, this content can never match" : null;
}

/// <summary>The values of the buffers and fields.</summary>
internal sealed partial class TlsTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        bool toServer = direction == Direction.ToServer;
        bool exists = TryGet((TlsBuffer)buffer, toServer, index, out ReadOnlySpan<byte> data);
        view = new BufferView(data);
        return exists;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        TlsCertificate certificate = Certificate(direction == Direction.ToServer);
        value = (ulong)certificate.ChainLength;
        return index == 0 && certificate.ChainLength > 0;
    }

    private bool TryGet(TlsBuffer buffer, bool toServer, int index, out ReadOnlySpan<byte> data)
    {
        TlsHello hello = Hello(toServer);
        TlsCertificate certificate = Certificate(toServer);
        switch (buffer)
        {
            case TlsBuffer.Alpn:
                data = index < hello.AlpnCount ? hello.Alpn(index) : default;
                return index < hello.AlpnCount;
            case TlsBuffer.Certs:
                data = index < certificate.ChainLength ? certificate.Chain(index) : default;
                return index < certificate.ChainLength;
            case TlsBuffer.AltName:
                data = index < certificate.AltNameCount ? certificate.AltName(index) : default;
                return index < certificate.AltNameCount;
        }

        data = index > 0 ? default : buffer switch
        {
            TlsBuffer.Sni => Client.Text[Client.Sni],
            TlsBuffer.Random => hello.Random.Span,
            TlsBuffer.RandomTime when hello.Random.Length == 32 => hello.Random.Span[..4],
            TlsBuffer.RandomBytes when hello.Random.Length == 32 => hello.Random.Span[4..],
            TlsBuffer.Subject => certificate.Text[certificate.Subject],
            TlsBuffer.Issuer => certificate.Text[certificate.Issuer],
            TlsBuffer.Serial => certificate.Text[certificate.Serial],
            TlsBuffer.Fingerprint => certificate.Text[certificate.Fingerprint],
            TlsBuffer.Ja3Hash when HasJa3 => Ja3Hash,
            TlsBuffer.Ja3String when HasJa3 => Ja3,
            TlsBuffer.Ja3SHash when Server.IsSeen => Ja3SHash,
            TlsBuffer.Ja3SString when Server.IsSeen => Ja3S,
            TlsBuffer.Ja4Hash when Client.IsSeen => Ja4,
            _ => default,
        };
        return data.Length > 0;
    }
}
