using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>NFS over TCP and UDP (this file: record marks, and what is lost).</summary>
/// <remarks>
/// A message is read whole, its fragments put together, up to <see cref="NfsLimits.MaxMessageBytes"/>; but the data of a write call or a read
/// reply goes to the file as it comes. Lost bytes within such data are a gap of the file; other lost bytes cost their message; when the
/// boundaries are lost too, the next call or reply is looked for.
/// </remarks>
internal sealed partial class NfsParser(Protocol protocol, NfsLimits limits) : PooledState<NfsTransaction>(protocol)
{
    private readonly DirectionState[] _directions = [new(), new()];
    private readonly BoundedTable<ulong, NfsHandle> _handles = new(NfsLimits.MaxHandles);
    private readonly BoundedTable<uint, NfsPendingCall> _calls = new(NfsLimits.MaxPendingCalls);

    /// <summary>Of the latest call: replies do not say theirs.</summary>
    private uint _version;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (context.Flow.Key.Protocol == IpProtocols.Udp)
        {
            NfsFrames.Open(in context, 0, 0, input, input.Length, _version);
            ReadMessage(input, in context);
            return ParseResult.Done(input.Length);
        }

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

            if (state is { SkipLeft: > 0, OperationsLeft: > 0, Padding: 0 })
            {
                int passed = GoOnInCompound(state, rest, in context);
                if (passed < 0)
                {
                    state.SetPending(state.SkipLeft, rest.Length);
                    return ParseResult.NeedMore(consumed, -passed);
                }

                consumed += passed;
                continue;
            }

            if (state.SkipLeft > 0)
            {
                int length = (int)Math.Min(state.OperationsLeft > 0 ? state.Padding : state.SkipLeft, rest.Length);
                state.SkipLeft -= length;
                state.Padding = Math.Max(state.Padding - length, 0);
                consumed += length;
                continue;
            }

            LeaveCompound(state);
            int taken = state.IsLost ? FindRecord(state, rest) : ReadFragment(state, consumed, rest, in context);
            if (taken < 0)
            {
                return ParseResult.NeedMore(consumed, -taken);
            }

            consumed += taken;
        }

        state.SetPending(0, 0);
        return ParseResult.Done(consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        DirectionState state = _directions[(int)context.Direction];
        long left = bytes;
        LeaveCompound(state);
        state.Message.Reset();
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

        state.IsLost |= left > state.SkipLeft;
        state.SkipLeft = Math.Max(state.SkipLeft - left, 0);
        state.SetPending(0, 0);
    }

    /// <summary>Files that are still open stay unfinished.</summary>
    public override void OnEnd(in ParseContext context)
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (NfsTransaction)Transactions[i];
            if (transaction.IsFile && transaction.IsWrite == (context.Direction == Direction.ToServer) && transaction.ProgressToServer == 0)
            {
                Finish(transaction, FileState.Truncated, in context);
            }
        }
    }

    public override void Release(Transaction transaction)
    {
        var released = (NfsTransaction)transaction;
        Disown(released);
        if (released.IsFile && TryFindHandle(released.Text[released.Handle], out NfsHandle handle))
        {
            handle.Reading = handle.Reading == released ? null : handle.Reading;
            handle.Writing = handle.Writing == released ? null : handle.Writing;
        }

        base.Release(released);
    }

    /// <summary>Data that is still to come of a message does not go to this one.</summary>
    private void Disown(NfsTransaction transaction)
    {
        foreach (DirectionState state in _directions)
        {
            state.DataOwner = state.DataOwner == transaction ? null : state.DataOwner;
        }
    }

    public override void Reset()
    {
        base.Reset();
        _directions[0].Reset();
        _directions[1].Reset();
        _handles.Clear();
        _calls.Clear();
        _version = 0;
    }

    /// <summary>Reads one fragment of a record (RFC 5531 §11), or its head when file data follows.</summary>
    /// <returns>Bytes taken; below zero: the number, negated, that must be there.</returns>
    private int ReadFragment(DirectionState state, int at, ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (rest.Length < RpcMessage.MarkBytes)
        {
            state.SetPending(0, 0);
            return -RpcMessage.MarkBytes;
        }

        int length = RpcMessage.FragmentLength(rest);
        bool isLast = RpcMessage.IsLastFragment(rest);
        long whole = RpcMessage.MarkBytes + (long)length;
        ReadOnlySpan<byte> available = rest[RpcMessage.MarkBytes..(int)Math.Min(whole, rest.Length)];
        if (isLast && state.Message.Length == 0 && length >= RpcMessage.MinimumBytes)
        {
            switch (TryBeginData(state, available, length, in context, out int head))
            {
                case DataStart.Begun:
                    NfsFrames.Open(in context, at + RpcMessage.MarkBytes, RpcMessage.MarkBytes, available, length, _version);
                    return RpcMessage.MarkBytes + head;
                case DataStart.NeedMore:
                    state.SetPending(whole, rest.Length);
                    return -(RpcMessage.MarkBytes + head);
            }
        }

        if (state.Message.Length + (long)length > NfsLimits.MaxMessageBytes)
        {
            state.Message.Reset();
            state.SkipLeft = length;
            return RpcMessage.MarkBytes;
        }

        if (rest.Length < whole)
        {
            state.SetPending(whole, rest.Length);
            return -(int)whole;
        }

        if (!isLast || state.Message.Length > 0)
        {
            state.Message.Append(available);
        }

        if (isLast)
        {
            if (state.Message.Length == 0)
            {
                NfsFrames.Open(in context, at + RpcMessage.MarkBytes, RpcMessage.MarkBytes, available, length, _version);
            }

            bool isRead = ReadMessage(state.Message.Length > 0 ? state.Message.Span : available, in context);
            state.Message.Reset();
            state.IsLost |= !isRead;
        }

        return (int)whole;
    }

    /// <summary>Looks for the next record that holds a call or a reply.</summary>
    private static int FindRecord(DirectionState state, ReadOnlySpan<byte> rest)
    {
        const int needed = RpcMessage.MarkBytes + RpcMessage.MinimumBytes;
        for (int at = 0; at + needed <= rest.Length; at++)
        {
            if (RpcMessage.Judge(rest[(at + RpcMessage.MarkBytes)..]) != RpcKind.Other && RpcMessage.FragmentLength(rest[at..]) >= RpcMessage.MinimumBytes)
            {
                state.IsLost = false;
                return at;
            }
        }

        int passed = rest.Length - needed + 1;
        return passed > 0 ? passed : -needed;
    }

    private void TakeData(DirectionState state, ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        state.DataOwner?.Touch();
        state.DataOwner?.Assembler.Add(context.Files, in context, state.DataOffset, bytes, NfsLimits.MaxQueueBytes, NfsLimits.MaxQueueChunks);
        MoveData(state, bytes.Length, in context);
    }

    private void LoseData(DirectionState state, long bytes, in ParseContext context)
    {
        state.DataOwner?.Touch();
        state.DataOwner?.Assembler.Gap(context.Files, state.DataOffset, bytes);
        MoveData(state, bytes, in context);
    }

    private void MoveData(DirectionState state, long bytes, in ParseContext context)
    {
        state.DataOffset += bytes;
        state.DataLeft -= bytes;
        if (state.DataLeft > 0)
        {
            return;
        }

        if (state.DataOwner is { } owner && state.IsFinal)
        {
            Finish(owner, FileState.Closed, in context);
        }
        else if (state.DataOwner is { IsWrite: true } writing)
        {
            context.Files.NotePossibleEnd(writing.Assembler.File, writing.Assembler.QueuedChunks > 0);
        }

        state.DataOwner = null;
        state.IsFinal = false;
    }

    /// <summary>Where one direction stands.</summary>
    private sealed class DirectionState
    {
        private readonly byte[] _handles = new byte[2 * NfsLimits.MaxHandleBytes];
        private int _handleLength;
        private int _savedLength;

        /// <summary>File data still to come of the message at hand, where it belongs, and its place in the file.</summary>
        public long DataLeft { get; set; }

        public NfsTransaction? DataOwner { get; set; }

        public long DataOffset { get; set; }

        /// <summary>The file ends with this data.</summary>
        public bool IsFinal { get; set; }

        /// <summary>Bytes of the message behind the data; nobody needs them unless it is a compound that goes on.</summary>
        public long SkipLeft { get; set; }

        /// <summary>Of these, what only fills up the data.</summary>
        public int Padding { get; set; }

        /// <summary>Operations of a compound behind the data; 0 when there are none.</summary>
        public uint OperationsLeft { get; set; }

        /// <summary>What the rest of a compound needs to be understood: its number, its handles, of a reply the call and how many of its reads were answered.</summary>
        public uint Xid { get; set; }

        public ReadOnlySpan<byte> Handle => _handles.AsSpan(0, _handleLength);

        public ReadOnlySpan<byte> Saved => _handles.AsSpan(NfsLimits.MaxHandleBytes, _savedLength);

        public NfsPendingCall? Call { get; set; }

        public int Reads { get; set; }

        /// <summary>Boundaries are unknown: a record is looked for.</summary>
        public bool IsLost { get; set; }

        /// <summary>The fragments so far of a message that has several.</summary>
        public ByteBuffer Message { get; } = new();

        /// <summary>The fragment that is not whole yet: its length and how much of it came; 0 when unknown.</summary>
        public long PendingLength { get; private set; }

        public long PendingSeen { get; private set; }

        /// <summary>Keeps both; they may be what is kept already.</summary>
        public void KeepHandles(ReadOnlySpan<byte> handle, ReadOnlySpan<byte> saved)
        {
            Span<byte> both = stackalloc byte[2 * NfsLimits.MaxHandleBytes];
            _handleLength = Math.Min(handle.Length, NfsLimits.MaxHandleBytes);
            _savedLength = Math.Min(saved.Length, NfsLimits.MaxHandleBytes);
            handle[.._handleLength].CopyTo(both);
            saved[.._savedLength].CopyTo(both[NfsLimits.MaxHandleBytes..]);
            both.CopyTo(_handles);
        }

        public void SetPending(long length, long seen)
        {
            PendingLength = length;
            PendingSeen = seen;
        }

        public void Reset()
        {
            DataLeft = 0;
            DataOwner = null;
            DataOffset = 0;
            IsFinal = false;
            SkipLeft = 0;
            Padding = 0;
            OperationsLeft = 0;
            Xid = 0;
            _handleLength = _savedLength = 0;
            Call = null;
            Reads = 0;
            IsLost = false;
            Message.Reset();
            SetPending(0, 0);
        }
    }
}
