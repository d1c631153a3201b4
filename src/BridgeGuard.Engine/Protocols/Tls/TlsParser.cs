using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>TLS 1.0 to 1.3, SSLv3 and SSLv2 hellos (RFC 8446, RFC 5246, RFC 6101): what is said before encryption begins.</summary>
/// <remarks>
/// Records are taken whole, except application data, which is skipped as it comes. Handshake messages are put together across records.
/// Nothing is decrypted. Keys, signatures and extensions without a use here are not read.
/// </remarks>
internal sealed partial class TlsParser : PooledState<TlsTransaction>
{
    private const int RecordHeaderBytes = 5;

    /// <summary>Type and version of a record.</summary>
    private const int VersionedBytes = 3;

    /// <summary>RFC 6520 §4: type and payload length; the least padding.</summary>
    private const int HeartbeatHeaderBytes = 3;
    private const int HeartbeatPaddingBytes = 16;

    /// <summary>RFC 6101 appendix E: the fixed part of an SSLv2 client hello.</summary>
    private const int Sslv2HelloBytes = 9;

    /// <summary>RFC 8446 §6: the level of an alert that ends the connection.</summary>
    private const byte FatalLevel = 2;

    private readonly TlsLimits _limits;
    private readonly Side _client = new();
    private readonly Side _server = new();
    private TlsTransaction? _transaction;

    public TlsParser(TlsProtocol protocol, TlsLimits limits)
        : base(protocol) => _limits = limits;

    /// <summary>One direction's reading state.</summary>
    private sealed class Side
    {
        /// <summary>A handshake message that has not ended yet.</summary>
        public ByteBuffer Handshake { get; } = new();

        /// <summary>Bytes of a record that are passed over.</summary>
        public int Skip;

        /// <summary>What is passed over is application data, not a handshake message.</summary>
        public bool IsInData;

        /// <summary>ChangeCipherSpec was sent, or TLS 1.3 went over: handshake records are opaque from here.</summary>
        public bool IsEncrypted;

        /// <summary>Encrypted payload was seen.</summary>
        public bool HasData;

        /// <summary>Where the records are, for frames.</summary>
        public TlsFrameWalker Frames { get; } = new();

        /// <summary>Length of the last encrypted heartbeat.</summary>
        public int HeartbeatLength;

        public void Reset()
        {
            Handshake.Reset();
            Frames.Reset();
            Skip = 0;
            IsEncrypted = false;
            IsInData = false;
            HasData = false;
            HeartbeatLength = 0;
        }
    }

    public override bool IsEncrypted => _client.HasData && _server.HasData;

    public override bool HidesRest => _client.HasData || _server.HasData;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        Side side = toServer ? _client : _server;
        if (context.Frames is not null)
        {
            if (side.IsInData && side.Skip > 0)
            {
                side.Frames.Continue(in context);
            }

            side.Frames.Walk(input, in context);
        }

        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (side.Skip > 0)
            {
                int skipped = Math.Min(side.Skip, rest.Length);
                side.Skip -= skipped;
                consumed += skipped;
                continue;
            }

            _transaction ??= Begin();
            int taken = IsSslv2(rest, side) ? ReadSslv2(rest, toServer, out int needed) : ReadRecord(rest, side, toServer, out needed);
            if (taken < 0)
            {
                Finish(_transaction);
                return ParseResult.Stop();
            }

            if (taken == 0)
            {
                if (context.IsEnd)
                {
                    break;
                }

                return ParseResult.NeedMore(consumed, needed);
            }

            consumed += taken;
        }

        JudgeHandshake();
        return ParseResult.Done(input.Length);
    }

    /// <summary>Where all certificates that are asked for are there, nothing of interest comes any more before the encryption: the handshake counts as done.</summary>
    private void JudgeHandshake()
    {
        if (_transaction is { ServerCertificate.IsRead: true } transaction && (!transaction.WantsClientCertificate || transaction.ClientCertificate.IsRead))
        {
            Advance(transaction, true, TlsProgress.ClientHandshakeDone);
            Advance(transaction, false, TlsProgress.ServerHandshakeDone);
        }
    }

    public override void OnEnd(in ParseContext context)
    {
        if (_transaction is { } transaction)
        {
            if (context.Direction == Direction.ToServer)
            {
                transaction.ProgressToServer = TlsProgress.ClientFinished;
            }
            else
            {
                transaction.ProgressToClient = TlsProgress.ServerFinished;
            }
        }
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        // Records cannot be found again behind a hole: what is left of the flow is taken for encrypted.
        Side side = context.Direction == Direction.ToServer ? _client : _server;
        side.Skip = side.Skip > bytes ? (int)(side.Skip - bytes) : int.MaxValue;
    }

    public override void Release(Transaction transaction)
    {
        if (ReferenceEquals(_transaction, transaction))
        {
            // The only transaction of the flow is done with; what follows is encrypted and makes no other.
            _client.Skip = int.MaxValue;
            _server.Skip = int.MaxValue;
            _transaction = null;
        }

        base.Release(transaction);
    }

    public override void Reset()
    {
        base.Reset();
        _transaction = null;
        _client.Reset();
        _server.Reset();
    }

    private TlsTransaction Begin()
    {
        TlsTransaction transaction = Rent();
        transaction.Reset();
        transaction.ShowsJa3 = _limits.ShowsJa3 || (RuleBuffers & TlsBuffers.Ja3) != 0;
        Transactions.Add(transaction);
        return transaction;
    }

    private static void Finish(TlsTransaction transaction)
    {
        transaction.ProgressToServer = TlsProgress.ClientFinished;
        transaction.ProgressToClient = TlsProgress.ServerFinished;
    }

    /// <summary>No record's type has one of the two high bits; what has is a header of SSLv2, of two bytes or of three.</summary>
    private static bool IsSslv2(ReadOnlySpan<byte> rest, Side side) => (rest[0] & 0xc0) != 0 && !side.IsEncrypted;

    /// <summary>Bytes taken; 0: more are needed; -1: not TLS.</summary>
    private int ReadSslv2(ReadOnlySpan<byte> rest, bool toServer, out int needed)
    {
        bool isShort = (rest[0] & 0x80) != 0;
        int header = isShort ? 2 : 3;
        needed = header + 1;
        TlsTransaction transaction = _transaction!;
        if (rest.Length < needed)
        {
            return 0;
        }

        int length = ((rest[0] & (isShort ? 0x7f : 0x3f)) << 8) | rest[1];
        byte type = rest[header];
        if (length == 0 || (type == 1 && length < Sslv2HelloBytes))
        {
            if (length == 0)
            {
                transaction.Raise(TlsAnomaly.InvalidSslv2Header);
            }

            transaction.Raise(TlsAnomaly.InvalidSslRecord);
            return -1;
        }

        needed = header + length;
        if (rest.Length < needed)
        {
            return 0;
        }

        if (type == 0)
        {
            transaction.Raise(TlsAnomaly.ErrorMessageEncountered);
        }

        if (toServer ? transaction.Client.IsSeen : transaction.Server.IsSeen)
        {
            return needed;
        }

        if (toServer)
        {
            transaction.Client.IsSeen = true;
            transaction.IsSslv2Hello = true;

            // RFC 5246 appendix E.2: a hello in this shape may offer a later version.
            ushort offered = type == 1 ? BinaryPrimitives.ReadUInt16BigEndian(rest[(header + 1)..]) : TlsTables.Sslv2;
            transaction.Version = offered >= TlsTables.Sslv3 ? offered : TlsTables.Sslv2;
            transaction.RecordVersionToServer = TlsTables.Sslv2;
            Advance(transaction, true, TlsProgress.ClientHelloDone);
        }
        else
        {
            transaction.Server.IsSeen = true;
            transaction.Version = TlsTables.Sslv2;
            transaction.RecordVersionToClient = TlsTables.Sslv2;
            Advance(transaction, false, TlsProgress.ServerHandshakeDone);
            Advance(transaction, true, TlsProgress.ClientHandshakeDone);
            _client.Skip = int.MaxValue;
            _server.Skip = int.MaxValue;
        }

        return needed;
    }

    private int ReadRecord(ReadOnlySpan<byte> rest, Side side, bool toServer, out int needed)
    {
        needed = RecordHeaderBytes;
        TlsTransaction transaction = _transaction!;
        if (rest.Length >= VersionedBytes)
        {
            NoteRecordVersion(transaction, BinaryPrimitives.ReadUInt16BigEndian(rest[1..]), toServer);
        }

        if (rest.Length < RecordHeaderBytes)
        {
            return 0;
        }

        byte type = rest[0];
        ushort version = BinaryPrimitives.ReadUInt16BigEndian(rest[1..]);
        int length = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
        if (!IsRecordValid(transaction, type, version, length))
        {
            return -1;
        }

        if (type == TlsTables.ApplicationData || (type == TlsTables.Handshake && side.IsEncrypted))
        {
            if (type == TlsTables.ApplicationData)
            {
                OnData(transaction, side, toServer);
            }

            side.Skip = length;
            side.IsInData = type == TlsTables.ApplicationData;
            return RecordHeaderBytes;
        }

        needed = RecordHeaderBytes + length;
        if (rest.Length < needed)
        {
            return 0;
        }

        ReadOnlySpan<byte> body = rest.Slice(RecordHeaderBytes, length);
        switch (type)
        {
            case TlsTables.Handshake:
                return ReadHandshakes(body, side, toServer) ? needed : -1;
            case TlsTables.ChangeCipherSpec:
                OnChangeCipherSpec(transaction, side, toServer);
                break;
            case TlsTables.Heartbeat:
                ReadHeartbeat(body, transaction, side, toServer);
                break;
            default:
                ReadAlert(body, transaction, side);
                break;
        }

        return needed;
    }

    private static void NoteRecordVersion(TlsTransaction transaction, ushort version, bool toServer)
    {
        if (!IsVersion(version))
        {
            return;
        }

        if (toServer)
        {
            transaction.RecordVersionToServer = version;
        }
        else
        {
            transaction.RecordVersionToClient = version;
        }
    }

    /// <summary>One that is or was one; 7f: drafts of TLS 1.3.</summary>
    private static bool IsVersion(ushort version) => version is >= TlsTables.Sslv3 and <= TlsTables.Tls13 || version >> 8 == 0x7f;

    private static bool IsRecordValid(TlsTransaction transaction, byte type, ushort version, int length)
    {
        // Once both have agreed on a version nobody looks at it any more.
        if (!transaction.Server.IsSeen && !IsVersion(version))
        {
            transaction.Raise(TlsAnomaly.InvalidRecordVersion);
            return false;
        }

        if (type is < TlsTables.ChangeCipherSpec or > TlsTables.Heartbeat)
        {
            transaction.Raise(TlsAnomaly.InvalidRecordType);
            return false;
        }

        if (length > TlsLimits.MaxRecordBytes || (length == 0 && type is TlsTables.Handshake or TlsTables.Alert or TlsTables.ChangeCipherSpec))
        {
            transaction.Raise(TlsAnomaly.InvalidRecordLength);
            return false;
        }

        return true;
    }

    private static void OnData(TlsTransaction transaction, Side side, bool toServer)
    {
        side.HasData = true;
        side.IsEncrypted = true;
        Advance(transaction, toServer, toServer ? TlsProgress.ClientHandshakeDone : TlsProgress.ServerHandshakeDone);
    }

    /// <summary>RFC 8446 §6: level and description. A fatal one ends the connection.</summary>
    private static void ReadAlert(ReadOnlySpan<byte> body, TlsTransaction transaction, Side side)
    {
        if (side.IsEncrypted)
        {
            return;
        }

        if (body.Length < 2)
        {
            transaction.Raise(TlsAnomaly.InvalidAlertMessage);
        }
        else if (body[0] == FatalLevel)
        {
            Finish(transaction);
        }
    }

    private static void OnChangeCipherSpec(TlsTransaction transaction, Side side, bool toServer)
    {
        // The server's says nothing: its certificate or its first data do.
        if (toServer)
        {
            Advance(transaction, true, TlsProgress.ClientHandshakeDone);
        }

        // TLS 1.3 sends it only to please middle boxes (RFC 8446 appendix D.4).
        side.IsEncrypted |= !TlsTables.IsTls13(transaction.Version);
    }

    private static void Advance(TlsTransaction transaction, bool toServer, byte progress)
    {
        if (toServer)
        {
            transaction.ProgressToServer = Math.Max(transaction.ProgressToServer, progress);
        }
        else
        {
            transaction.ProgressToClient = Math.Max(transaction.ProgressToClient, progress);
        }
    }

    /// <summary>RFC 6520 §4: type, payload length, payload, at least 16 bytes of padding.</summary>
    private void ReadHeartbeat(ReadOnlySpan<byte> body, TlsTransaction transaction, Side side, bool toServer)
    {
        if (side.IsEncrypted)
        {
            Side other = toServer ? _server : _client;
            if (other.HeartbeatLength > 0 && body.Length > other.HeartbeatLength)
            {
                transaction.Raise(TlsAnomaly.DataleakHeartbeatMismatch);
            }

            other.HeartbeatLength = 0;
            side.HeartbeatLength = body.Length;
            return;
        }

        if (body.Length < HeartbeatHeaderBytes)
        {
            return;
        }

        int rest = body.Length - HeartbeatHeaderBytes - BinaryPrimitives.ReadUInt16BigEndian(body[1..]);
        if (body[0] is not (1 or 2))
        {
            transaction.Raise(TlsAnomaly.InvalidHeartbeatMessage);
        }
        else if (rest < 0)
        {
            transaction.Raise(TlsAnomaly.OverflowHeartbeatMessage);
        }
        else if (rest < HeartbeatPaddingBytes)
        {
            transaction.Raise(TlsAnomaly.InvalidHeartbeatMessage);
        }
    }
}
