using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Frames that are read whole.</summary>
internal sealed partial class Http2Parser
{
    private const int SettingBytes = 6;
    private const int PriorityBytes = 5;

    private void ReadFrame(Frame frame, ReadOnlySpan<byte> payload, Way way, in ParseContext context)
    {
        _noted = null;
        if (frame.Type == Http2FrameType.Settings && payload.IsEmpty)
        {
            return;
        }

        if (frame.Type == Http2FrameType.Continuation && ContinueBlock(frame, payload, way, in context))
        {
            return;
        }

        uint streamId = frame.StreamId;
        if (frame.Type == Http2FrameType.PushPromise)
        {
            if (!TryUnpad(frame, ref payload) || payload.Length < sizeof(uint))
            {
                Note(frame, streamId, way, in context).Raise(Http2Anomaly.InvalidFrameData);
                return;
            }

            // What is promised belongs to the stream that will carry it.
            streamId = BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7fffffff;
            payload = payload[sizeof(uint)..];
        }

        Http2Transaction transaction = Note(frame, streamId, way, in context);
        if (way.SkipLeft > 0)
        {
            transaction.Raise(Http2Anomaly.LongFrameData);
        }

        Http2Side side = transaction.Side(context.Direction);
        switch (frame.Type)
        {
            case Http2FrameType.Headers:
                ReadHeaders(frame, payload, transaction, way, in context);
                break;
            case Http2FrameType.PushPromise:
                transaction.IsPromised = true;
                BeginBlock(frame, payload, transaction, way, in context);
                break;
            case Http2FrameType.Priority:
                ReadPriority(payload, transaction, side);
                break;
            case Http2FrameType.RstStream or Http2FrameType.WindowUpdate:
                ReadNumber(frame.Type, payload, transaction, side);
                break;
            case Http2FrameType.GoAway:
                ReadGoAway(payload, transaction, side);
                break;
            case Http2FrameType.Settings:
                ReadSettings(payload, side);
                break;
            case Http2FrameType.Continuation:
                transaction.Raise(Http2Anomaly.ContinuationWithoutHeaders);
                break;
            default:
                break;
        }
    }

    /// <summary>Counts the frame in its transaction.</summary>
    private Http2Transaction Note(Frame frame, uint streamId, Way way, in ParseContext context)
    {
        Http2Transaction transaction = Owner(streamId, in context);
        Http2Side side = transaction.Side(context.Direction);
        if (side.Frames >= _limits.MaxFrames)
        {
            transaction.Raise(Http2Anomaly.TooManyFrames);
        }

        side.CountFrame(frame.Type);
        _noted = transaction;
        return transaction;
    }

    private void AddNote(Http2Side side, in Http2Note note)
    {
        if (side.NoteCount < _limits.MaxFrames)
        {
            side.Add(in note);
        }
    }

    private void ReadPriority(ReadOnlySpan<byte> payload, Http2Transaction transaction, Http2Side side)
    {
        if (payload.Length != PriorityBytes)
        {
            transaction.Raise(Http2Anomaly.InvalidFrameLength);
            return;
        }

        AddNote(side, new Http2Note { Kind = Http2NoteKind.Priority, Value = payload[4] });
    }

    private void ReadNumber(byte type, ReadOnlySpan<byte> payload, Http2Transaction transaction, Http2Side side)
    {
        if (payload.Length != sizeof(uint))
        {
            transaction.Raise(Http2Anomaly.InvalidFrameLength);
            return;
        }

        uint value = BinaryPrimitives.ReadUInt32BigEndian(payload);
        AddNote(side, type == Http2FrameType.RstStream
            ? new Http2Note { Kind = Http2NoteKind.ErrorCode, Value = value }
            : new Http2Note { Kind = Http2NoteKind.Window, Value = value & 0x7fffffff });
    }

    private void ReadGoAway(ReadOnlySpan<byte> payload, Http2Transaction transaction, Http2Side side)
    {
        if (payload.Length < 2 * sizeof(uint))
        {
            transaction.Raise(Http2Anomaly.InvalidFrameLength);
            return;
        }

        uint code = BinaryPrimitives.ReadUInt32BigEndian(payload[sizeof(uint)..]);
        AddNote(side, new Http2Note { Kind = Http2NoteKind.ErrorCode, IsGoAway = true, Value = code });
    }

    /// <summary>Whole settings; a rest that is too short for one is ignored.</summary>
    internal void ReadSettings(ReadOnlySpan<byte> payload, Http2Side side)
    {
        side.HasSettings = true;
        for (; payload.Length >= SettingBytes; payload = payload[SettingBytes..])
        {
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(payload);
            if (Http2Tables.IsKnownSetting(id))
            {
                AddNote(side, new Http2Note { Kind = Http2NoteKind.Setting, Id = id, Value = BinaryPrimitives.ReadUInt32BigEndian(payload[2..]) });
            }
        }
    }

    private void ReadHeaders(Frame frame, ReadOnlySpan<byte> payload, Http2Transaction transaction, Way way, in ParseContext context)
    {
        if (transaction.IsOver && !transaction.IsConnection)
        {
            transaction.Raise(Http2Anomaly.StreamIdReuse);
        }

        if (!TryUnpad(frame, ref payload) || (frame.Has(Http2Flags.Priority) && payload.Length < PriorityBytes))
        {
            transaction.Raise(Http2Anomaly.InvalidFrameData);
            return;
        }

        if (frame.Has(Http2Flags.Priority))
        {
            AddNote(transaction.Side(context.Direction), new Http2Note { Kind = Http2NoteKind.Priority, Value = payload[4] });
            payload = payload[PriorityBytes..];
        }

        BeginBlock(frame, payload, transaction, way, in context);
    }

    /// <summary>Takes the padding off (RFC 9113 §6.2); false when there is more of it than payload.</summary>
    private static bool TryUnpad(Frame frame, ref ReadOnlySpan<byte> payload)
    {
        if (!frame.Has(Http2Flags.Padded))
        {
            return true;
        }

        if (payload.IsEmpty || payload[0] > payload.Length - 1)
        {
            return false;
        }

        payload = payload[1..^payload[0]];
        return true;
    }

    private void BeginBlock(Frame frame, ReadOnlySpan<byte> fragment, Http2Transaction transaction, Way way, in ParseContext context)
    {
        bool endsStream = frame.Type == Http2FrameType.Headers && frame.Has(Http2Flags.EndStream);
        if (frame.Has(Http2Flags.EndHeaders))
        {
            ReadBlock(fragment, transaction, endsStream, way, in context);
            return;
        }

        way.Block.Reset();
        way.Block.Append(fragment);
        way.BlockOwner = transaction;
        way.BlockEndsStream = endsStream;
        way.BlockIsLost = false;
    }

    /// <summary>False when no block of this stream is open.</summary>
    private bool ContinueBlock(Frame frame, ReadOnlySpan<byte> fragment, Way way, in ParseContext context)
    {
        if (way.BlockOwner is not { } owner || owner.StreamId != frame.StreamId)
        {
            return false;
        }

        _noted = owner;
        owner.Side(context.Direction).CountFrame(frame.Type);
        if (way.Block.Length + fragment.Length > _limits.MaxReassemblyBytes)
        {
            owner.Raise(Http2Anomaly.ReassemblyLimitReached);
            way.BlockIsLost = true;
        }

        if (!way.BlockIsLost)
        {
            way.Block.Append(fragment);
        }

        if (frame.Has(Http2Flags.EndHeaders))
        {
            way.BlockOwner = null;
            ReadBlock(way.Block.Span, owner, way.BlockEndsStream, way, in context);
            way.Block.Reset();
        }

        return true;
    }

    private void ReadBlock(ReadOnlySpan<byte> block, Http2Transaction transaction, bool endsStream, Way way, in ParseContext context)
    {
        Http2Side side = transaction.Side(context.Direction);
        bool isFirst = !side.Headers.IsSeen;
        side.ForgetDerived();
        way.Hpack.Decode(block, side.Headers, transaction);
        side.Headers.IsSeen = true;
        if (isFirst)
        {
            OnHead(transaction, side, in context);
        }

        if (endsStream)
        {
            EndStream(transaction, context.Direction, in context);
        }
    }
}
