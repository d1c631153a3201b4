using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>SMB over TCP: frames, then messages (this file: frames and what is lost of them).</summary>
/// <remarks>
/// A message is read whole, up to <see cref="SmbLimits.MaxMessageBytes"/>, with one exception: the data of a file read or write goes to the
/// file as it comes, whatever its length. Lost bytes within such data are a gap of the file; other lost bytes cost their message; when the
/// boundaries are lost too, the next signature is looked for.
/// </remarks>
internal sealed partial class SmbParser(Protocol protocol, SmbLimits limits) : PooledState<SmbTransaction>(protocol)
{
    private readonly DirectionState[] _directions = [new(), new()];
    private readonly BoundedTable<(byte Version, DceRpcUuid Id), SmbHandle> _handles = new(limits.MaxFiles);
    private readonly BoundedTable<(ulong Session, uint Tree), SmbTree> _trees = new(limits.MaxTrees);
    private readonly BoundedTable<(byte Version, ulong Message), SmbPendingRead> _reads = new(limits.MaxPendingReads);

    private enum DataStart : byte
    {
        /// <summary>No file data: the message is to be read whole.</summary>
        None,

        /// <summary>Perhaps; more of the head is needed.</summary>
        NeedMore,

        /// <summary>What follows the head is file data.</summary>
        Begun,
    }

    /// <summary>The dialect in force: of SMB 1 its name, of SMB 2 its number; neither before the negotiation.</summary>
    public ByteBuffer DialectName { get; } = new();

    public ushort Dialect { get; private set; }

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        DirectionState state = _directions[(int)context.Direction];
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (state.DataLeft > 0)
            {
                int length = (int)Math.Min(state.DataLeft, rest.Length);
                TakeData(state, rest[..length], in context);
                consumed += length;
                continue;
            }

            if (state.SkipLeft > 0)
            {
                int length = Math.Min(state.SkipLeft, rest.Length);
                state.SkipLeft -= length;
                consumed += length;
                continue;
            }

            if (_isFull)
            {
                return ParseResult.Stop();
            }

            int taken = state.IsLost ? FindFrame(state, rest) : ReadFrame(state, consumed, rest, in context);
            if (taken < 0)
            {
                return ParseResult.NeedMore(consumed, -taken);
            }

            consumed += taken;
        }

        state.SetPending(0, 0);
        return _isFull ? ParseResult.Stop() : ParseResult.Done(consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        DirectionState state = _directions[(int)context.Direction];
        long left = bytes;
        if (state.DataLeft > 0)
        {
            long lost = Math.Min(state.DataLeft, left);
            LoseData(state, lost, in context);
            left -= lost;
        }
        else if (state.PendingLength > 0)
        {
            state.SkipLeft = state.PendingLength - state.PendingSeen;
        }
        else if (state.SkipLeft == 0)
        {
            state.IsLost = true;
        }

        if (left > state.SkipLeft)
        {
            state.IsLost = true;
        }

        state.SkipLeft = (int)Math.Max(state.SkipLeft - left, 0);
        state.IsFramed = false;
        state.SetPending(0, 0);
    }

    /// <summary>Files that are still open stay unfinished.</summary>
    public override void OnEnd(in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (SmbTransaction)Transactions[i];
            FileList files = toServer ? transaction.FilesToServer : transaction.FilesToClient;
            if (transaction.Kind == SmbKind.File && files.Count > 0 && transaction.ProgressToServer == 0)
            {
                transaction.Assembler.Close(context.Files, FileState.Truncated);
                transaction.Complete();
            }
        }
    }

    public override void Release(Transaction transaction)
    {
        var released = (SmbTransaction)transaction;
        foreach (DirectionState state in _directions)
        {
            state.DataOwner = state.DataOwner == released ? null : state.DataOwner;
        }

        if (released.Kind == SmbKind.File && _handles.TryFind((released.Version, released.FileId), out SmbHandle handle))
        {
            handle.Reading = handle.Reading == released ? null : handle.Reading;
            handle.Writing = handle.Writing == released ? null : handle.Writing;
        }

        base.Release(released);
    }

    public override void Reset()
    {
        base.Reset();
        _directions[0].Reset();
        _directions[1].Reset();
        _handles.Clear();
        _trees.Clear();
        _reads.Clear();
        DialectName.Reset();
        Dialect = 0;
        _hasNegotiated = false;
        _lastCreated.Reset();
        _isFull = false;
    }

    /// <summary>Reads one frame, or its head when file data follows.</summary>
    /// <returns>Bytes taken; below zero: the number, negated, that must be there.</returns>
    private int ReadFrame(DirectionState state, int at, ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (rest.Length < SmbFrame.HeaderBytes)
        {
            state.SetPending(0, 0);
            return -SmbFrame.HeaderBytes;
        }

        int length = SmbFrame.Length(rest);
        if (rest[0] != SmbFrame.SessionMessage)
        {
            if (!SmbFrame.IsKnownType(rest[0]))
            {
                return Lose(state, in context);
            }

            // The length of these has 17 bits; what stands before is flags.
            state.SkipLeft = length & 0x1ffff;
            SmbFrames.Open(in context, at, 0, state.SkipLeft);
            return SmbFrame.HeaderBytes;
        }

        if (length < 4)
        {
            state.SkipLeft = length;
            return SmbFrame.HeaderBytes;
        }

        int whole = SmbFrame.HeaderBytes + length;
        if (rest.Length < SmbFrame.HeaderBytes + 4)
        {
            state.SetPending(whole, rest.Length);
            return -(SmbFrame.HeaderBytes + 4);
        }

        if (!SmbFrame.IsMessage(rest))
        {
            return Lose(state, in context);
        }

        if (!state.IsFramed)
        {
            state.IsFramed = true;
            SmbFrames.Open(in context, at, rest[SmbFrame.HeaderBytes], length);
        }

        ReadOnlySpan<byte> available = rest[SmbFrame.HeaderBytes..Math.Min(whole, rest.Length)];
        switch (TryBeginData(state, available, length, in context, out int head))
        {
            case DataStart.Begun:
                OpenSingle(state, at, available, length, in context);
                return SmbFrame.HeaderBytes + head;
            case DataStart.NeedMore:
                state.SetPending(whole, rest.Length);
                return -(SmbFrame.HeaderBytes + head);
        }

        if (rest.Length < whole)
        {
            if (whole > SmbLimits.MaxMessageBytes)
            {
                OpenSingle(state, at, available, length, in context);
                state.SkipLeft = length;
                return SmbFrame.HeaderBytes;
            }

            state.SetPending(whole, rest.Length);
            return -whole;
        }

        state.IsFramed = false;
        ReadMessage(available, at + SmbFrame.HeaderBytes, in context);
        return whole;
    }

    /// <summary>A message that is not read as a compound: its frame, where it is SMB 2.</summary>
    private static void OpenSingle(DirectionState state, int at, ReadOnlySpan<byte> message, int length, in ParseContext context)
    {
        state.IsFramed = false;
        if (message[0] == SmbFrame.Smb2)
        {
            SmbFrames.OpenMessage2(in context, at + SmbFrame.HeaderBytes, length);
        }
    }

    /// <summary>Bytes that are no frame: an anomaly, and the next frame is looked for.</summary>
    private int Lose(DirectionState state, in ParseContext context)
    {
        state.IsLost = true;
        RaiseOnLatest(SmbAnomaly.MalformedData, in context);
        return 1;
    }

    /// <summary>Looks for the next frame.</summary>
    private static int FindFrame(DirectionState state, ReadOnlySpan<byte> rest)
    {
        const int needed = SmbFrame.HeaderBytes + 4;
        int from = 0;
        while (from + needed <= rest.Length)
        {
            int found = rest[(from + 5)..].IndexOf("SMB"u8);
            if (found < 0)
            {
                from = rest.Length - needed + 1;
                break;
            }

            from += found;
            if (SmbFrame.IsMessage(rest[from..]))
            {
                state.IsLost = false;
                return from;
            }

            from++;
        }

        return from > 0 ? from : -needed;
    }

    private void ReadMessage(ReadOnlySpan<byte> bytes, int at, in ParseContext context)
    {
        switch (bytes[0])
        {
            case SmbFrame.Smb1:
                ReadSmb1(bytes, in context);
                break;
            case SmbFrame.Smb2:
                ReadCompound(bytes, at, in context);
                break;
            default:
                // Encrypted or compressed: opaque.
                break;
        }
    }

    private void ReadCompound(ReadOnlySpan<byte> bytes, int at, in ParseContext context)
    {
        for (int i = 0; i < SmbLimits.MaxCompound; i++)
        {
            if (!SmbMessage.TryRead2(bytes, out SmbMessage message))
            {
                RaiseOnLatest(SmbAnomaly.MalformedData, in context);
                return;
            }

            SmbFrames.OpenMessage2(in context, at, message.Whole.Length);
            if (IsInOrder(in message, in context))
            {
                ReadSmb2(in message, in context);
            }

            if (message.NextOffset < SmbMessage.Header2Bytes || message.NextOffset >= (uint)bytes.Length)
            {
                return;
            }

            bytes = bytes[(int)message.NextOffset..];
            at += (int)message.NextOffset;
            if (bytes[0] != SmbFrame.Smb2)
            {
                return;
            }
        }
    }

    /// <summary>Requests travel to the server and responses to the client.</summary>
    private bool IsInOrder(in SmbMessage message, in ParseContext context)
    {
        if (message.IsResponse == (context.Direction == Direction.ToClient))
        {
            return true;
        }

        // Suricata has events for this and raises none.
        return false;
    }

    /// <summary>Where one direction stands.</summary>
    private sealed class DirectionState
    {
        /// <summary>File data still to come of the message at hand, where it belongs, and its place in the file.</summary>
        public long DataLeft { get; set; }

        public SmbTransaction? DataOwner { get; set; }

        public long DataOffset { get; set; }

        /// <summary>Bytes of a message that nobody needs.</summary>
        public int SkipLeft { get; set; }

        /// <summary>Boundaries are unknown: a frame is looked for.</summary>
        public bool IsLost { get; set; }

        /// <summary>The frame that is not whole yet is pointed out.</summary>
        public bool IsFramed { get; set; }

        /// <summary>The frame that is not whole yet: its length and how much of it came; 0 when unknown.</summary>
        public int PendingLength { get; private set; }

        public int PendingSeen { get; private set; }

        public void SetPending(int length, int seen)
        {
            PendingLength = length;
            PendingSeen = seen;
        }

        public void Reset()
        {
            DataLeft = 0;
            DataOwner = null;
            DataOffset = 0;
            SkipLeft = 0;
            IsLost = false;
            IsFramed = false;
            SetPending(0, 0);
        }
    }
}
