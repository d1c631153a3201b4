using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Link frames with their checksums, transport segments, application messages (IEEE 1815-2012 clauses 9, 8, 4).</summary>
/// <remarks>
/// A frame that is wrong is an event on a transaction of its own and is passed over by its length; bytes that are no frame end parsing.
/// Application confirmations and frames without user data make no transaction.
/// </remarks>
internal sealed class Dnp3Parser(Dnp3Protocol protocol, Dnp3Limits limits) : PooledState<Dnp3Transaction>(protocol)
{
    private const int HeaderBytes = 10;
    private const int HeaderCheckedBytes = 8;
    private const int BlockBytes = 16;
    private const int CrcBytes = 2;

    /// <summary>What the length byte counts besides user data: control and addresses.</summary>
    private const int CountedHeaderBytes = 5;

    private readonly byte[] _user = new byte[256];
    private readonly Side _client = new();
    private readonly Side _server = new();

    /// <summary>A direction's message in the making.</summary>
    private sealed class Side
    {
        public Dnp3Transaction? Open;
        public byte Sequence;
    }

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (rest[0] != Dnp3Protocol.Start0 || (rest.Length > 1 && rest[1] != Dnp3Protocol.Start1))
            {
                return ParseResult.Stop();
            }

            if (rest.Length < HeaderBytes)
            {
                return ParseResult.NeedMore(consumed, HeaderBytes);
            }

            int user = Math.Max(0, rest[2] - CountedHeaderBytes);
            int whole = HeaderBytes + user + ((user + BlockBytes - 1) / BlockBytes * CrcBytes);
            if (rest.Length < whole)
            {
                return ParseResult.NeedMore(consumed, whole);
            }

            TakeFrame(rest[..whole], user, context.Direction);
            consumed += whole;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        Drop(_client);
        Drop(_server);
    }

    private void Drop(Side side)
    {
        if (side.Open is { } open)
        {
            side.Open = null;
            Release(open);
        }
    }

    private void Note(Dnp3Anomaly anomaly, Direction direction)
    {
        Dnp3Transaction transaction = Rent();
        transaction.Raise(anomaly);
        Enlist(transaction, direction);
    }

    private void TakeFrame(ReadOnlySpan<byte> frame, int userLength, Direction direction)
    {
        if (frame[2] < CountedHeaderBytes)
        {
            Note(Dnp3Anomaly.LengthTooSmall, direction);
            return;
        }

        if (Dnp3Tables.Crc(frame[..HeaderCheckedBytes]) != BinaryPrimitives.ReadUInt16LittleEndian(frame[HeaderCheckedBytes..]))
        {
            Note(Dnp3Anomaly.BadLinkCrc, direction);
            return;
        }

        byte control = frame[3];
        bool isPrimary = (control & 0x40) != 0;
        if (!isPrimary || (control & 0x0f) is not (Dnp3Tables.ConfirmedUserData or Dnp3Tables.UnconfirmedUserData))
        {
            return;
        }

        // Transport header, application header; responses have two bytes of indications more.
        bool isFirst = userLength > 0 && (frame[HeaderBytes] & Dnp3Tables.First) != 0;
        int least = !isFirst ? 1 : direction == Direction.ToServer ? 3 : 5;
        if (userLength < least)
        {
            Note(Dnp3Anomaly.LengthTooSmall, direction);
            return;
        }

        Span<byte> user = _user.AsSpan(0, userLength);
        if (!TryUnblock(frame[HeaderBytes..], user))
        {
            Note(Dnp3Anomaly.BadTransportCrc, direction);
            return;
        }

        TakeSegment(frame, user, direction);
    }

    /// <summary>Data stands in blocks of 16 bytes with a checksum behind each.</summary>
    private static bool TryUnblock(ReadOnlySpan<byte> blocks, Span<byte> user)
    {
        for (int at = 0; at < user.Length;)
        {
            int length = Math.Min(BlockBytes, user.Length - at);
            ReadOnlySpan<byte> block = blocks[..length];
            if (Dnp3Tables.Crc(block) != BinaryPrimitives.ReadUInt16LittleEndian(blocks[length..]))
            {
                return false;
            }

            block.CopyTo(user[at..]);
            at += length;
            blocks = blocks[(length + CrcBytes)..];
        }

        return true;
    }

    private void TakeSegment(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> user, Direction direction)
    {
        Side side = direction == Direction.ToServer ? _client : _server;
        byte header = user[0];
        ReadOnlySpan<byte> data = user[1..];
        byte sequence = (byte)(header & 0x3f);
        if ((header & Dnp3Tables.First) != 0)
        {
            Abandon(side, direction);
            if (data[1] == Dnp3Tables.Confirm && direction == Direction.ToServer)
            {
                return;
            }

            side.Open = Rent();
            side.Open.IsRequest = direction == Direction.ToServer;
            side.Open.LinkControl = frame[3];
            side.Open.Destination = BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);
            side.Open.Source = BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]);
        }
        else if (side.Open is null || sequence != ((side.Sequence + 1) & 0x3f))
        {
            Abandon(side, direction);
            return;
        }

        side.Sequence = sequence;
        Dnp3Transaction transaction = side.Open;
        if (transaction.Data.Length + data.Length > Dnp3Limits.MaxApplicationBytes)
        {
            transaction.Raise(Dnp3Anomaly.TooLongReassembly);
            Abandon(side, direction);
            return;
        }

        transaction.Data.Append(data);
        if ((header & Dnp3Tables.Final) != 0)
        {
            side.Open = null;
            transaction.IsMessage = true;
            ReadObjects(transaction);
            Enlist(transaction, direction);
        }
    }

    /// <summary>What was put together so far can still be looked at, but is no message.</summary>
    private void Abandon(Side side, Direction direction)
    {
        if (side.Open is { } open)
        {
            side.Open = null;
            Enlist(open, direction);
        }
    }

    private void Enlist(Dnp3Transaction transaction, Direction direction)
    {
        transaction.Complete(direction);
        if (Transactions.Count >= limits.MaxTransactions)
        {
            transaction.Raise(Dnp3Anomaly.Flooded);
            if (Transactions.Count >= limits.MaxTransactions * 2)
            {
                Transaction oldest = Transactions[0];
                Transactions.RemoveAt(0);
                Release(oldest);
            }
        }

        Transactions.Add(transaction);
    }

    /// <summary>Object headers and points (clause 11).</summary>
    private void ReadObjects(Dnp3Transaction transaction)
    {
        ReadOnlySpan<byte> data = transaction.Data.Span;
        var reader = new WireReader(data);
        reader.TrySkip(2);
        if (!transaction.IsRequest)
        {
            reader.TryUInt16(out ushort indications);
            transaction.Indications = indications;
        }

        long points = 0;
        while (reader.Left > 0)
        {
            if (!TryHeader(ref reader, out Dnp3Object value))
            {
                return;
            }

            if (transaction.ObjectCount >= limits.MaxObjects)
            {
                transaction.Raise(Dnp3Anomaly.TooManyObjects);
                return;
            }

            value.PointsAt = reader.Position;
            points += value.Count;
            if (points > limits.MaxPoints)
            {
                transaction.Raise(Dnp3Anomaly.TooManyPoints);
                transaction.Add(value);
                return;
            }

            // Variation 0 asks for whatever there is and has no data.
            if (value.Variation == 0)
            {
                transaction.Add(value);
                continue;
            }

            value.Points = Dnp3Points.Read(ref reader, in value, (int)value.Count, null);
            transaction.Add(value);
            if (value.Points < value.Count)
            {
                if (value.Points == 0)
                {
                    transaction.Raise(Dnp3Anomaly.UnknownObject);
                }

                return;
            }
        }

        transaction.IsWhole = true;
    }

    /// <summary>Group, variation, qualifier, range.</summary>
    private static bool TryHeader(ref WireReader reader, out Dnp3Object value)
    {
        value = default;
        if (!reader.TryByte(out value.Group) || !reader.TryByte(out value.Variation) || !reader.TryByte(out value.Qualifier))
        {
            return false;
        }

        switch (value.RangeCode)
        {
            case 0 or 1 or 2:
                int width = 1 << value.RangeCode;
                if (!Dnp3Points.TryNumber(ref reader, width, out value.Start) || !Dnp3Points.TryNumber(ref reader, width, out value.Stop))
                {
                    return false;
                }

                value.Count = value.Stop >= value.Start ? value.Stop - value.Start + 1 : 0;
                return value.Stop >= value.Start;
            case 3 or 4 or 5:
                return Dnp3Points.TryNumber(ref reader, 1 << (value.RangeCode - 3), out value.Start);
            case 6:
                return true;
            case 7 or 0x0b:
                return Dnp3Points.TryNumber(ref reader, 1, out value.Count);
            case 8:
                return Dnp3Points.TryNumber(ref reader, 2, out value.Count);
            case 9:
                return Dnp3Points.TryNumber(ref reader, 4, out value.Count);
            default:
                return false;
        }
    }
}
