using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>How far each side got; also the names of rule hooks.</summary>
internal static class TlsProgress
{
    public const byte ClientHelloDone = 1;
    public const byte ClientCertificateDone = 2;
    public const byte ClientHandshakeDone = 3;
    public const byte ClientFinished = 4;

    public const byte ServerHello = 1;
    public const byte ServerCertificateDone = 2;
    public const byte ServerHelloDone = 3;
    public const byte ServerHandshakeDone = 4;
    public const byte ServerFinished = 5;
}

/// <summary>One TLS connection: both hellos and both sides' certificates. There is one per flow.</summary>
internal sealed partial class TlsTransaction : Transaction
{
    private readonly ByteBuffer _derived = new();

    public TlsHello Client { get; } = new();

    public TlsHello Server { get; } = new();

    public TlsCertificate ClientCertificate { get; } = new();

    public TlsCertificate ServerCertificate { get; } = new();

    /// <summary>The version in force: the server's choice, else what records or the client's hello say.</summary>
    public ushort Version { get; set; }

    /// <summary>The version of the last record in each direction.</summary>
    public ushort RecordVersionToServer { get; set; }

    public ushort RecordVersionToClient { get; set; }

    /// <summary>What the hellos say; before them what the client's first record is marked with, 0: nothing yet.</summary>
    public ushort VersionSoFar => Version != 0 ? Version : RecordVersionToServer;

    /// <summary>The client began with an SSLv2 hello.</summary>
    public bool IsSslv2Hello { get; set; }

    /// <summary>The version that the client wants: its best offer, of its hello.</summary>
    public ushort ClientVersion => Client.SupportedVersion != 0 ? Client.SupportedVersion : Client.Version;

    /// <summary>
    /// The server went on without a certificate that could be read, and both know a session: the same identifier, or the client can do with tickets.
    /// Of TLS 1.3 it cannot be told.
    /// </summary>
    public bool IsResumed =>
        Server.IsSeen && !ServerCertificate.IsRead && !TlsTables.IsTls13(ClientVersion)
        && ((Client.SessionId.Length > 0 && Client.SessionId.Span.SequenceEqual(Server.SessionId.Span)) || Client.Extensions.Values.Contains(TlsTables.SessionTicket));

    public bool WantsClientCertificate { get; set; }

    /// <summary>Sides whose certificates a rule asked to be stored, and those that were.</summary>
    private DirectionMask _storeRequested;

    private DirectionMask _stored;

    /// <summary>Settings or rules ask for fingerprints: records show them.</summary>
    public bool ShowsJa3 { get; set; }

    private Slice _ja3 = Slice.None;
    private Slice _ja3Hash = Slice.None;
    private Slice _ja3S = Slice.None;
    private Slice _ja3SHash = Slice.None;
    private Slice _ja4 = Slice.None;

    /// <summary>How JA4 calls what carries the hello: 't' for TCP, 'q' for QUIC.</summary>
    public byte Transport { get; set; } = (byte)'t';

    public bool HasJa3 => Client.IsSeen && !IsSslv2Hello;

    public ReadOnlySpan<byte> Ja3 => _derived[_ja3 = _ja3.Exists ? _ja3 : TlsFingerprints.BuildJa3(Client, _derived)];

    public ReadOnlySpan<byte> Ja3S => _derived[_ja3S = _ja3S.Exists ? _ja3S : TlsFingerprints.BuildJa3S(Server, _derived)];

    public ReadOnlySpan<byte> Ja4 => _derived[_ja4 = _ja4.Exists ? _ja4 : TlsFingerprints.BuildJa4(Client, _derived, Transport)];

    public ReadOnlySpan<byte> Ja3Hash
    {
        get
        {
            _ = Ja3;
            return _derived[_ja3Hash = _ja3Hash.Exists ? _ja3Hash : TlsFingerprints.BuildHash(_ja3, _derived)];
        }
    }

    public ReadOnlySpan<byte> Ja3SHash
    {
        get
        {
            _ = Ja3S;
            return _derived[_ja3SHash = _ja3SHash.Exists ? _ja3SHash : TlsFingerprints.BuildHash(_ja3S, _derived)];
        }
    }

    public TlsCertificate Certificate(bool toServer) => toServer ? ClientCertificate : ServerCertificate;

    public TlsHello Hello(bool toServer) => toServer ? Client : Server;

    public void Raise(TlsAnomaly anomaly) => Note((int)anomaly);

    public override void RequestCertificates(Direction direction) => _storeRequested |= MaskOf(direction);

    public override void StoreCertificates(ICertificateStore store, Packet packet, Flow flow)
    {
        if (_storeRequested != _stored)
        {
            StoreCertificates(store, packet, flow, Direction.ToServer);
            StoreCertificates(store, packet, flow, Direction.ToClient);
        }
    }

    private void StoreCertificates(ICertificateStore store, Packet packet, Flow flow, Direction direction)
    {
        TlsCertificate certificate = Certificate(direction == Direction.ToServer);
        DirectionMask mask = MaskOf(direction);
        if ((_storeRequested & ~_stored & mask) != 0 && certificate.ChainLength > 0)
        {
            _stored |= mask;
            store.Store(packet, flow, certificate);
        }
    }

    private static DirectionMask MaskOf(Direction direction) => direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;

    public override void Reset()
    {
        base.Reset();
        _derived.Reset();
        Client.Reset();
        Server.Reset();
        ClientCertificate.Reset();
        ServerCertificate.Reset();
        Version = 0;
        RecordVersionToServer = 0;
        RecordVersionToClient = 0;
        IsSslv2Hello = false;
        WantsClientCertificate = false;
        _storeRequested = DirectionMask.None;
        _stored = DirectionMask.None;
        _ja3 = _ja3Hash = _ja3S = _ja3SHash = _ja4 = Slice.None;
    }
}
