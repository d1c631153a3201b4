using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <content>File data: the reads, or writes, of a file are one transaction until the file's end, a stable write or a commit.</content>
internal sealed partial class NfsParser
{
    /// <summary>Longest head before file data: credentials of 400 bytes, handles, and the operations before a read or write of version 4, or between two of them.</summary>
    private const int MaxHeadBytes = 4096;

    private const uint StableFileSync = 2;

    private enum DataStart : byte
    {
        /// <summary>No file data: the message is to be read whole.</summary>
        None,

        /// <summary>Perhaps; more of the head is needed.</summary>
        NeedMore,

        /// <summary>What follows the head is file data.</summary>
        Begun,
    }

    /// <summary>Where data lies in a message and in the file.</summary>
    private ref struct Transfer
    {
        public ReadOnlySpan<byte> Handle;
        public ulong Offset;
        public uint Length;

        /// <summary>The file ends with this data (end of file; written through to the disk).</summary>
        public bool IsFinal;

        /// <summary>What follows in the message, data first.</summary>
        public ReadOnlySpan<byte> Rest;
    }

    /// <summary>Looks whether a message that need not be whole carries file data, and readies for it.</summary>
    private DataStart TryBeginData(DirectionState state, ReadOnlySpan<byte> bytes, int length, in ParseContext context, out int head)
    {
        head = RpcMessage.MinimumBytes;
        if (bytes.Length < RpcMessage.MinimumBytes)
        {
            return DataStart.NeedMore;
        }

        bool toServer = context.Direction == Direction.ToServer;
        RpcKind kind = RpcMessage.Judge(bytes);
        if (kind != (toServer ? RpcKind.Call : RpcKind.Reply) || !MayCarryData(bytes, toServer))
        {
            return DataStart.None;
        }

        _version = toServer ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]) : _version;
        if (IsCompound(bytes, toServer))
        {
            return TryBeginCompound(state, bytes, length, in context, out head);
        }

        NfsPendingCall? pending = null;
        Transfer transfer = default;
        bool isThere = RpcMessage.TryRead(bytes, out RpcMessage message)
            && (toServer ? TryFindWrite3(in message, out transfer) : TryFindRead(in message, out pending, out transfer));
        if (!isThere)
        {
            head = bytes.Length + 1;
            return bytes.Length < Math.Min(length, MaxHeadBytes) ? DataStart.NeedMore : DataStart.None;
        }

        head = bytes.Length - transfer.Rest.Length;
        transfer.Length = (uint)Math.Min(transfer.Length, length - head);
        NfsTransaction owner = toServer
            ? BeginWrite(in message, in transfer, in context)
            : BeginRead(in message, pending!, in transfer, in context);
        if (!toServer)
        {
            _calls.Remove(message.Xid, out _);
        }

        BeginData(state, owner, in transfer, length - head, in context);
        return DataStart.Begun;
    }

    /// <summary>What follows is the data of a file.</summary>
    private void BeginData(DirectionState state, NfsTransaction owner, in Transfer transfer, long left, in ParseContext context)
    {
        state.DataOwner = owner;
        state.DataOffset = (long)Math.Min(transfer.Offset, long.MaxValue / 2);
        state.DataLeft = transfer.Length;
        state.IsFinal = EndsFile(owner, in transfer, in context);
        state.SkipLeft = left - transfer.Length;
        state.Padding = (int)Math.Min(-transfer.Length & 3, state.SkipLeft);
        if (transfer.Length == 0)
        {
            MoveData(state, 0, in context);
        }
    }

    /// <summary>
    /// Is the file over with this data? One whose writes all go through to the disk may grow on, and where files are judged its next write belongs to the same content:
    /// there each of them only may be the last.
    /// </summary>
    private static bool EndsFile(NfsTransaction owner, in Transfer transfer, in ParseContext context)
    {
        bool goesOn = owner.IsWrite && context.Files.IsJudging;
        owner.IsSynced = goesOn && transfer.IsFinal;
        return transfer.IsFinal && !goesOn;
    }

    /// <summary>By the fixed members alone: a write or compound call, or the reply to a read or compound.</summary>
    private bool MayCarryData(ReadOnlySpan<byte> bytes, bool toServer)
    {
        if (!toServer)
        {
            return _calls.TryFind(System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes), out _);
        }

        uint version = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]);
        uint procedure = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]);
        return (version == 3 && procedure == Nfs3.Write) || (version == 4 && procedure == Nfs4.Compound);
    }

    private bool IsCompound(ReadOnlySpan<byte> bytes, bool toServer) => toServer
        ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]) == 4
        : TryFindRemembered(System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes)) is not null;

    /// <summary>RFC 1813 §3.3.7.</summary>
    private static bool TryFindWrite3(scoped in RpcMessage message, out Transfer transfer)
    {
        var reader = new XdrReader(message.Body);
        transfer = default;
        transfer.Handle = reader.Opaque();
        transfer.Offset = reader.UInt64();
        reader.UInt32();
        transfer.IsFinal = reader.UInt32() == StableFileSync;
        transfer.Length = reader.UInt32();
        transfer.Rest = reader.Rest;
        return reader.IsValid;
    }

    private bool TryFindRead(scoped in RpcMessage message, out NfsPendingCall? pending, out Transfer transfer)
    {
        transfer = default;
        if (!_calls.TryFind(message.Xid, out NfsPendingCall found) || message.IsDenied || message.AcceptState != 0)
        {
            pending = null;
            return false;
        }

        pending = found;
        var reader = new XdrReader(message.Body);
        bool isThere = found.Version == 2 ? TryFindRead2(ref reader, found, out transfer) : TryFindRead3(ref reader, out transfer);
        transfer.Handle = found.Handle.Span;
        transfer.Offset = found.Offset;
        return isThere;
    }

    /// <summary>RFC 1094 §2.2.7: attributes (of which the sixth is the size), then data.</summary>
    private static bool TryFindRead2(scoped ref XdrReader reader, NfsPendingCall pending, out Transfer transfer)
    {
        transfer = default;
        if (reader.UInt32() != 0)
        {
            return false;
        }

        reader.Fixed(20);
        uint size = reader.UInt32();
        reader.Fixed(44);
        transfer.Length = reader.UInt32();
        transfer.IsFinal = pending.Offset + transfer.Length >= size;
        transfer.Rest = reader.Rest;
        return reader.IsValid;
    }

    /// <summary>RFC 1813 §3.3.6.</summary>
    private static bool TryFindRead3(scoped ref XdrReader reader, out Transfer transfer)
    {
        transfer = default;
        if (reader.UInt32() != 0)
        {
            return false;
        }

        SkipAttributes3(ref reader);
        reader.UInt32();
        transfer.IsFinal = reader.UInt32() != 0;
        transfer.Length = reader.UInt32();
        transfer.Rest = reader.Rest;
        return reader.IsValid;
    }

    /// <summary>A write call that is there whole.</summary>
    private void Write3(in RpcMessage message, in ParseContext context)
    {
        if (TryFindWrite3(in message, out Transfer transfer))
        {
            TakeWhole(BeginWrite(in message, in transfer, in context), in transfer, in context);
        }
        else
        {
            Malformed(in context);
        }
    }

    /// <summary>A reply to a read that is there whole, or that reports an error.</summary>
    private void ReadFileReply(in RpcMessage message, NfsPendingCall pending, in ParseContext context)
    {
        if (pending.Version == 4)
        {
            if (!message.IsDenied && message.AcceptState == 0)
            {
                Compound4 compound = BeginCompound(message.Body, pending);
                ReadOperations(in message, ref compound, in context);
            }

            return;
        }

        _calls.Add(message.Xid, out _);
        bool isThere = TryFindRead(in message, out _, out Transfer transfer);
        _calls.Remove(message.Xid, out _);
        if (isThere)
        {
            TakeWhole(BeginRead(in message, pending, in transfer, in context), in transfer, in context);
        }
    }

    private void TakeWhole(NfsTransaction transaction, in Transfer transfer, in ParseContext context)
    {
        ReadOnlySpan<byte> data = transfer.Rest[..(int)Math.Min(transfer.Length, (uint)transfer.Rest.Length)];
        long offset = (long)Math.Min(transfer.Offset, long.MaxValue / 2);
        transaction.Assembler.Add(context.Files, in context, offset, data, NfsLimits.MaxQueueBytes, NfsLimits.MaxQueueChunks);
        if (EndsFile(transaction, in transfer, in context))
        {
            Finish(transaction, FileState.Closed, in context);
        }
        else if (transaction.IsWrite)
        {
            context.Files.NotePossibleEnd(transaction.Assembler.File, transaction.Assembler.QueuedChunks > 0);
        }
    }

    private NfsTransaction BeginWrite(in RpcMessage message, in Transfer transfer, in ParseContext context)
    {
        NfsHandle handle = HandleOf(transfer.Handle);
        NfsTransaction? transaction = handle.Writing;
        if (transaction is null || transaction.ProgressToServer != 0)
        {
            transaction = StartTransfer(handle, (byte)message.Version, message.Version == 4 ? Nfs4.Write : Nfs3.Write, message.Xid, isWrite: true, in context);
            handle.Writing = transaction;
        }

        transaction.LastXid = message.Xid;
        transaction.Touch();
        transaction.Chunks += transfer.IsFinal ? 0 : 1;
        return transaction;
    }

    /// <summary>The length of a file is set. Cut to nothing, it is another file from here on, though nobody has said that the one before was done.</summary>
    private void ResizeFile(ReadOnlySpan<byte> handle, ulong size, in ParseContext context)
    {
        if (!context.Files.IsJudging || !TryFindHandle(handle, out NfsHandle found) || found.Writing is not { ProgressToServer: 0 } writing)
        {
            return;
        }

        if (size == 0)
        {
            Finish(writing, FileState.Closed, in context);
        }
        else
        {
            writing.Assembler.Cut(context.Files, (long)Math.Min(size, long.MaxValue / 2));
        }
    }

    private NfsTransaction BeginRead(in RpcMessage message, NfsPendingCall pending, in Transfer transfer, in ParseContext context)
    {
        NfsHandle handle = HandleOf(transfer.Handle);
        NfsTransaction? transaction = handle.Reading;
        if (transaction is null || transaction.ProgressToServer != 0)
        {
            uint procedure = pending.Version == 4 ? Nfs4.Read : Nfs3.Read;
            transaction = StartTransfer(handle, pending.Version, procedure, message.Xid, isWrite: false, in context);
            handle.Reading = transaction;
            if (pending.Version == 3)
            {
                ReadCredentials(transaction, pending.AuthKind, pending.Credentials.Span);
            }
        }

        transaction.LastXid = message.Xid;
        transaction.Touch();
        transaction.Chunks += pending.Version == 2 || (pending.Version == 4 && transfer.IsFinal) ? 0 : 1;
        if (transfer.IsFinal && context.Files.IsJudging && transaction.Assembler.File is { IsEnded: false, AnnouncedSize: < 0 } file)
        {
            file.AnnouncedSize = (long)Math.Min(transfer.Offset, long.MaxValue / 2) + transfer.Length; // Now it is known how long the whole is.
        }

        return transaction;
    }

    private NfsTransaction StartTransfer(NfsHandle handle, byte version, uint procedure, uint xid, bool isWrite, in ParseContext context)
    {
        NfsTransaction transaction = Start(version, procedure, xid, in context);
        transaction.IsFile = true;
        transaction.IsWrite = isWrite;
        transaction.Handle = transaction.Text.Append(handle.Handle.Span);
        transaction.Name = transaction.Text.Append(handle.Name.Span);
        FileList list = isWrite ? transaction.FilesToServer : transaction.FilesToClient;
        TrackedFile? file = context.Files.Open(list, handle.Name.Span, in context, identity: handle.Handle.Span);
        if (file is not null)
        {
            file.EndIsAnnounced = true; // Reads say where the file ends; each write may be the last (NotePossibleEnd).
        }

        transaction.Assembler.Begin(file);
        return transaction;
    }

    /// <summary>The file is complete. A write's record waits for the end of the flow.</summary>
    private static void Finish(NfsTransaction transaction, FileState state, in ParseContext context)
    {
        transaction.Assembler.Close(context.Files, state);
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = (byte)(transaction.IsWrite ? transaction.ProgressToClient : 1);
    }

    private void CommitFile(ReadOnlySpan<byte> handle, uint xid, in ParseContext context)
    {
        if (TryFindHandle(handle, out NfsHandle found) && found.Writing is { ProgressToServer: 0 } writing)
        {
            writing.LastXid = xid;
            writing.IsCommitted = true;
            Finish(writing, FileState.Closed, in context);
        }
    }

    private bool TryFindHandle(ReadOnlySpan<byte> handle, out NfsHandle found)
    {
        handle = handle[..Math.Min(handle.Length, NfsLimits.MaxHandleBytes)];
        return _handles.TryFind(Hash(handle), out found) && found.Handle.Span.SequenceEqual(handle);
    }

    private NfsHandle HandleOf(ReadOnlySpan<byte> handle)
    {
        handle = handle[..Math.Min(handle.Length, NfsLimits.MaxHandleBytes)];
        NfsHandle found = _handles.Add(Hash(handle), out bool wasUsed);
        if (!wasUsed || !found.Handle.Span.SequenceEqual(handle))
        {
            // Transfers of an evicted handle stay open until the flow ends.
            found.Reset();
            found.Handle.Append(handle);
        }

        return found;
    }

    private void Name(ReadOnlySpan<byte> handle, ReadOnlySpan<byte> name)
    {
        NfsHandle found = HandleOf(handle);
        found.Name.Reset();
        found.Name.Append(name[..Math.Min(name.Length, NfsLimits.MaxNameBytes)]);
    }

    /// <summary>FNV-1a, 64 bits. Handles that collide only replace each other.</summary>
    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14695981039346656037;
        foreach (byte value in bytes)
        {
            hash = (hash ^ value) * 1099511628211;
        }

        return hash;
    }
}
