using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>Reads the identification lines, then the headers of the records until both sides have changed their keys.</summary>
/// <remarks>
/// RFC 4253 §4.2: <c>SSH-protoversion-softwareversion SP comments CR LF</c>, at most 255 bytes. §6, a record before encryption:
/// <code>
///  |  length (4), of what follows  |  padding length (1)  |  message code (1)  |  payload, padding  |
/// </code>
/// Only the key exchange proposal (KEXINIT) is read whole; other payloads are passed over.
/// </remarks>
internal sealed class SshParser(SshProtocol protocol, SshLimits limits) : PooledState<SshTransaction>(protocol, 1)
{
    private const int RecordHeaderBytes = 6;
    private const byte KexInit = 20;
    private const byte NewKeys = 21;

    private SshTransaction? _transaction;
    private Side _client;
    private Side _server;

    private enum SshFrame
    {
        Header,
        Data,
        Pdu,
    }

    private enum Phase : byte
    {
        Banner,

        /// <summary>The banner was too long and is read as far as it came; its end is awaited.</summary>
        BannerRest,
        Records,

        /// <summary>Encrypted: nothing can be read any more.</summary>
        Opaque,
    }

    public override bool IsEncrypted => _client.Phase == Phase.Opaque && _server.Phase == Phase.Opaque;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        ref Side side = ref (context.Direction == Direction.ToServer ? ref _client : ref _server);
        if (_transaction is null)
        {
            _transaction = Rent();
            _transaction.ShowsHassh = limits.ShowsHassh || (RuleBuffers & SshBuffers.Fingerprints) != 0;
            Add(_transaction);
        }

        ParseResult result = ReadSide(input, ref side, _transaction.Of(context.Direction), in context);
        if (!side.IsSealed)
        {
            return result;
        }

        side.Phase = Phase.Opaque;
        return ParseResult.Done(input.Length);
    }

    private ParseResult ReadSide(ReadOnlySpan<byte> input, ref Side side, SshTransaction.Peer peer, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            int used;
            switch (side.Phase)
            {
                case Phase.Banner:
                    used = ReadBanner(rest, ref side, peer, context.Direction);
                    break;
                case Phase.BannerRest:
                    used = FindBannerEnd(rest, ref side, context.Direction);
                    break;
                case Phase.Records:
                    used = ReadRecord(rest, consumed, ref side, peer, in context, out int needed);
                    if (used == 0)
                    {
                        return ParseResult.NeedMore(consumed, needed);
                    }

                    break;
                default:
                    return ParseResult.Done(input.Length);
            }

            if (used < 0)
            {
                return ParseResult.Stop();
            }

            if (used == 0)
            {
                return ParseResult.NeedMore(consumed, 0);
            }

            consumed += used;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _transaction = null;
        _client = default;
        _server = default;
    }

    /// <summary>Bytes used; 0 when the line is not there yet; -1 when it is no banner.</summary>
    private int ReadBanner(ReadOnlySpan<byte> rest, ref Side side, SshTransaction.Peer peer, Direction direction)
    {
        int end = rest.IndexOf((byte)'\n');
        bool isLong = (end < 0 ? rest : rest[..end]).TrimEnd((byte)'\r').Length >= SshLimits.MaxBannerBytes;
        if (end < 0 && !isLong)
        {
            return 0;
        }

        // A long line is read up to the limit, however it came.
        ReadOnlySpan<byte> line = rest[..(isLong ? SshLimits.MaxBannerBytes : end)];
        if (isLong)
        {
            _transaction!.Raise(SshAnomaly.LongBanner);
        }

        if (!SshBanner.TryRead(line, peer))
        {
            _transaction!.Raise(SshAnomaly.InvalidBanner);
            return -1;
        }

        if (isLong)
        {
            side.Phase = Phase.BannerRest;
            _transaction!.Advance(direction, SshProgress.BannerWaitEol);
            return line.Length;
        }

        side.Phase = Phase.Records;
        _transaction!.Advance(direction, SshProgress.BannerDone);
        return end + 1;
    }

    private int FindBannerEnd(ReadOnlySpan<byte> rest, ref Side side, Direction direction)
    {
        int end = rest.IndexOf((byte)'\n');
        if (end < 0)
        {
            return rest.Length;
        }

        side.Phase = Phase.Records;
        _transaction!.Advance(direction, SshProgress.BannerDone);
        return end + 1;
    }

    private int ReadRecord(ReadOnlySpan<byte> rest, int at, ref Side side, SshTransaction.Peer peer, in ParseContext context, out int needed)
    {
        needed = RecordHeaderBytes;
        if (side.Skip > 0)
        {
            int skipped = (int)Math.Min(side.Skip, rest.Length);
            side.Skip -= skipped;
            return skipped;
        }

        if (rest.Length < RecordHeaderBytes)
        {
            return 0;
        }

        // The length counts from the padding length on, so that the message code is its second byte.
        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        byte code = rest[5];
        if (length < 2)
        {
            if (side.IsSealed)
            {
                return 0;
            }

            _transaction!.Raise(SshAnomaly.InvalidRecord);
            return -1;
        }

        long total = 4L + length;
        if (!side.HasFrames)
        {
            // In the order in which Suricata numbers them; a record that comes in parts is met again.
            ulong number = _transaction!.Id;
            context.OpenFrame((int)SshFrame.Header, at, RecordHeaderBytes, number);
            context.OpenFrame((int)SshFrame.Data, at + RecordHeaderBytes, length - 2, number);
            context.OpenFrame((int)SshFrame.Pdu, at, total, number);
            side.HasFrames = true;
        }

        if (side.IsSealed)
        {
            code = 0;
        }

        if (code == KexInit && total <= SshLimits.MaxKexInitBytes)
        {
            if (rest.Length < total)
            {
                needed = (int)total;
                return 0;
            }

            SshHassh.Read(rest[RecordHeaderBytes..(int)total], peer, context.Direction);
            side.HasFrames = false;
            return (int)total;
        }

        if (code == KexInit)
        {
            _transaction!.Raise(SshAnomaly.LongKexRecord);
        }

        if (code == NewKeys)
        {
            side.Phase = Phase.Opaque;
            // What came with it is encrypted: its frames are told, nothing more is read.
            side.IsSealed = true;
            _transaction!.Advance(context.Direction, SshProgress.Finished);
        }

        side.HasFrames = false;
        side.Skip = total - RecordHeaderBytes;
        return RecordHeaderBytes;
    }

    private struct Side
    {
        public Phase Phase;

        /// <summary>The frames of the record in front are open.</summary>
        public bool HasFrames;

        /// <summary>The keys are in use: the next chunk is not looked at.</summary>
        public bool IsSealed;

        /// <summary>Bytes of the record that are passed over.</summary>
        public long Skip;
    }
}
