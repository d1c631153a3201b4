using System.Buffers.Binary;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <content>File data: the reads and writes of a file are one transaction per direction.</content>
internal sealed partial class SmbParser
{
    private const int Write2Bytes = 48;
    private const int Read2Bytes = 16;
    private const int Write1Bytes = 1 + 28;
    private const int Read1Bytes = 1 + 24;

    /// <summary>Where a message's data lies and where in the file it belongs.</summary>
    private struct Transfer
    {
        public DceRpcUuid FileId;
        public long Offset;
        public uint DataAt;
        public uint Length;

        /// <summary>More was announced than the message holds.</summary>
        public bool IsCut;
    }

    /// <summary>Looks whether a message that need not be whole carries file data, and readies for it.</summary>
    /// <param name="state">The direction.</param>
    /// <param name="bytes">What is there of the message.</param>
    /// <param name="length">The length of the message.</param>
    /// <param name="context">Of the parse.</param>
    /// <param name="head">Bytes before the data; or bytes that are needed to know.</param>
    private DataStart TryBeginData(DirectionState state, ReadOnlySpan<byte> bytes, int length, in ParseContext context, out int head)
    {
        bool isSmb1 = bytes[0] == SmbFrame.Smb1;
        bool toServer = context.Direction == Direction.ToServer;
        int headerBytes = isSmb1 ? SmbMessage.Header1Bytes : SmbMessage.Header2Bytes;
        head = Math.Min(headerBytes + (isSmb1 ? (toServer ? Write1Bytes : Read1Bytes) : toServer ? Write2Bytes : Read2Bytes), length);
        if (bytes[0] is not (SmbFrame.Smb1 or SmbFrame.Smb2) || length < head)
        {
            return DataStart.None;
        }

        if (bytes.Length < Math.Min(headerBytes, length))
        {
            return DataStart.NeedMore;
        }

        if (!(isSmb1 ? SmbMessage.TryRead1(bytes, out SmbMessage message) : SmbMessage.TryRead2(bytes, out message))
            || message.NextOffset != 0 || message.IsResponse == toServer || !IsTransfer(in message))
        {
            return DataStart.None;
        }

        if (bytes.Length < head)
        {
            return DataStart.NeedMore;
        }

        if (!TryReadTransfer(in message, length, out Transfer transfer) || (isSmb1 && message.Body[1] != Smb1.NoAndX))
        {
            return DataStart.None;
        }

        // Pipes may need the first bytes of the data to be told from files.
        int needed = (int)transfer.DataAt + (int)Math.Min(transfer.Length, DceRpcHeader.Bytes);
        if (bytes.Length < needed)
        {
            head = needed;
            return DataStart.NeedMore;
        }

        if (IsPipeTransfer(in message, transfer.FileId, bytes[(int)transfer.DataAt..]))
        {
            return DataStart.None;
        }

        head = (int)transfer.DataAt;
        state.DataOwner = BeginTransfer(in message, ref transfer, in context);
        state.DataOffset = transfer.Offset;
        state.DataLeft = transfer.Length;
        state.SkipLeft = length - head - (int)transfer.Length;
        return DataStart.Begun;
    }

    private static bool IsTransfer(in SmbMessage message) => message.Version == 1
        ? message.Command == (message.IsResponse ? Smb1.ReadAndX : Smb1.WriteAndX)
        : message.Command == (message.IsResponse ? Smb2.Read : Smb2.Write) && !(message.IsResponse && message.Status is not (0 or 0x8000_0005));

    /// <summary>Reads the numbers of a write request or a read response.</summary>
    /// <param name="message">Its head is there.</param>
    /// <param name="length">Of the message as a whole: the data must lie in it.</param>
    /// <param name="transfer">The numbers.</param>
    private bool TryReadTransfer(in SmbMessage message, int length, out Transfer transfer)
    {
        ReadOnlySpan<byte> body = message.Body;
        transfer = default;
        bool isRead = message.Version == 1
            ? message.IsResponse ? TryReadRead1(body, ref transfer) : TryReadWrite1(body, ref transfer)
            : message.IsResponse ? TryReadRead2(body, ref transfer) : TryReadWrite2(body, ref transfer);
        if (!isRead || transfer.DataAt > (uint)length)
        {
            return false;
        }

        transfer.IsCut = transfer.Length > (uint)length - transfer.DataAt;
        transfer.Length = Math.Min(transfer.Length, (uint)length - transfer.DataAt);
        if (message.IsResponse)
        {
            if (!_reads.TryFind((message.Version, message.MessageId), out SmbPendingRead pending))
            {
                return false;
            }

            transfer.FileId = pending.FileId;
            transfer.Offset = (long)Math.Min(pending.Offset, long.MaxValue / 2);
        }

        return true;
    }

    /// <summary>MS-SMB2 §2.2.21.</summary>
    private static bool TryReadWrite2(ReadOnlySpan<byte> body, ref Transfer transfer)
    {
        if (body.Length < Write2Bytes)
        {
            return false;
        }

        transfer.DataAt = BinaryPrimitives.ReadUInt16LittleEndian(body[2..]);
        transfer.Length = BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
        transfer.Offset = (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(body[8..]), long.MaxValue / 2);
        transfer.FileId = DceRpcUuid.Read(body[16..], littleEndian: true);
        return transfer.DataAt >= SmbMessage.Header2Bytes + Write2Bytes;
    }

    /// <summary>MS-SMB2 §2.2.20.</summary>
    private static bool TryReadRead2(ReadOnlySpan<byte> body, ref Transfer transfer)
    {
        if (body.Length < Read2Bytes)
        {
            return false;
        }

        transfer.DataAt = body[2];
        transfer.Length = BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
        return transfer.DataAt >= SmbMessage.Header2Bytes + Read2Bytes;
    }

    /// <summary>MS-CIFS §2.2.4.43: 12 words, or 14 with the offset's upper half.</summary>
    private static bool TryReadWrite1(ReadOnlySpan<byte> body, ref Transfer transfer)
    {
        if (body.Length < 1 + 24 || body[0] is not (12 or 14) || (body[0] == 14 && body.Length < Write1Bytes))
        {
            return false;
        }

        transfer.FileId = Smb1.FileId(body[5..]);
        uint high = body[0] == 14 ? BinaryPrimitives.ReadUInt32LittleEndian(body[25..]) : 0;
        transfer.Offset = (long)(((ulong)(high & 0x3fff_ffff) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(body[7..]));
        transfer.Length = ((uint)BinaryPrimitives.ReadUInt16LittleEndian(body[19..]) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(body[21..]);
        transfer.DataAt = BinaryPrimitives.ReadUInt16LittleEndian(body[23..]);
        return transfer.DataAt >= SmbMessage.Header1Bytes + 1 + (2 * body[0]) + 2;
    }

    /// <summary>MS-CIFS §2.2.4.42.</summary>
    private static bool TryReadRead1(ReadOnlySpan<byte> body, ref Transfer transfer)
    {
        if (body.Length < Read1Bytes || body[0] != 12)
        {
            return false;
        }

        transfer.Length = BinaryPrimitives.ReadUInt16LittleEndian(body[11..]) | ((uint)BinaryPrimitives.ReadUInt16LittleEndian(body[15..]) << 16);
        transfer.DataAt = BinaryPrimitives.ReadUInt16LittleEndian(body[13..]);
        return transfer.DataAt >= SmbMessage.Header1Bytes + Read1Bytes + 2;
    }

    /// <summary>Data of a message that is there whole.</summary>
    /// <returns>False when the message is no file transfer (cut off, a pipe, a read nobody asked for).</returns>
    private bool TryTransfer(in SmbMessage message, in ParseContext context)
    {
        if (!IsTransfer(in message) || !TryReadTransfer(in message, message.Whole.Length, out Transfer transfer))
        {
            return false;
        }

        ReadOnlySpan<byte> data = message.Whole.Slice((int)transfer.DataAt, (int)transfer.Length);
        if (IsPipeTransfer(in message, transfer.FileId, data))
        {
            if (message.IsResponse)
            {
                _reads.Remove((message.Version, message.MessageId), out _);
            }

            SmbHandle pipe = HandleOf(message.Version, transfer.FileId);
            pipe.IsPipe = true;

            // Of SMB 2's pipes that are opened before our eyes only those of known services are read, as in Suricata.
            if (message.Version == 2 && !TryFindTree(in message, out _))
            {
                pipe.IsDceRpc = true;
                SmbTree tree = _trees.Add(TreeKey(message.Version, message.SessionId, message.TreeId), out _);
                tree.Reset();
                tree.Type = SmbShareType.Pipe;
            }

            bool isRead = pipe.IsDceRpc || message.Version == 1;
            if (message.IsResponse && isRead)
            {
                ReadPipeResponse(pipe, data);
            }
            else if (isRead)
            {
                TryReadPipeRequest(in message, pipe, data);
            }

            return true;
        }

        SmbTransaction transaction = BeginTransfer(in message, ref transfer, in context);
        AddData(transaction, transfer.Offset, data, in context);
        NoteWriteEnd(transaction, in context);
        return true;
    }

    /// <summary>A write is there whole: its sender may wait for the answer before it closes the file.</summary>
    private void NoteWriteEnd(SmbTransaction transaction, in ParseContext context)
    {
        if (context.Direction != Direction.ToServer)
        {
            return;
        }

        // Behind a hole, or before bytes that were there when the file was opened.
        FileAssembler assembler = transaction.Assembler;
        bool isPatch = assembler.QueuedChunks > 0
            || (_handles.TryFind((transaction.Version, transaction.FileId), out SmbHandle handle) && handle.Writing == transaction && handle.Size > assembler.Next);
        context.Files.NotePossibleEnd(assembler.File, isPatch);
    }

    /// <summary>The length of a file is set. Cut to nothing, it is another file from here on; made longer, nothing has come yet.</summary>
    private void ResizeFile(byte version, DceRpcUuid fileId, ulong size, in ParseContext context)
    {
        if (!_handles.TryFind((version, fileId), out SmbHandle handle))
        {
            return;
        }

        handle.Size = (long)Math.Min((ulong)Math.Max(handle.Size, 0), size);
        if (!context.Files.IsJudging || handle.Writing is not { ProgressToServer: 0 } writing)
        {
            return;
        }

        if (size == 0)
        {
            FinishTransfer(writing, in context);
            handle.Writing = null;
        }
        else
        {
            writing.Assembler.Cut(context.Files, (long)Math.Min(size, long.MaxValue / 2));
        }
    }

    private bool IsPipeTransfer(in SmbMessage message, DceRpcUuid fileId, ReadOnlySpan<byte> data)
    {
        bool isKnown = _handles.TryFind((message.Version, fileId), out SmbHandle handle);
        if (message.IsResponse && (message.IsAsync || (isKnown && handle.Reading is not null)) && !DceRpcHeader.TryRead(data, out _))
        {
            // What a program writes into its pipe, late: worth to be seen as a file.
            return false;
        }

        if (isKnown && handle.IsPipe)
        {
            return true;
        }

        if (message.IsResponse && _reads.TryFind((message.Version, message.MessageId), out SmbPendingRead pending) && pending.IsPipe)
        {
            return true;
        }

        if (TryFindTree(in message, out SmbTree tree))
        {
            return tree.Type == SmbShareType.Pipe;
        }

        // The connection was joined in its midst: a client's PDU tells (of SMB 1 it is a file's data then).
        return message.Version == 2 && !message.IsResponse && DceRpcHeader.TryRead(data, out DceRpcHeader header) && header.MinorVersion <= 1
            && header.Type is DceRpcType.Request or DceRpcType.Bind or DceRpcType.AlterContext;
    }

    private bool TryFindTree(in SmbMessage message, out SmbTree tree) => _trees.TryFind(TreeKey(message.Version, message.SessionId, message.TreeId), out tree);

    private static (ulong Session, uint Tree) TreeKey(byte version, ulong session, uint tree) => (version == 1 ? 0 : session, tree);

    /// <summary>The handle of a file; one without a name when its opening was not seen.</summary>
    private SmbHandle HandleOf(byte version, DceRpcUuid fileId)
    {
        SmbHandle handle = _handles.Add((version, fileId), out bool wasUsed);
        if (!wasUsed || handle.Id != fileId)
        {
            ClearHandle(handle);
            handle.Id = fileId;
        }

        return handle;
    }

    /// <summary>How records name a file: as it was opened, if that was seen; in compounds the number of the one just opened is not known yet.</summary>
    private ReadOnlySpan<byte> NameOf(byte version, DceRpcUuid fileId) => _handles.TryFind((version, fileId), out SmbHandle handle) ? NameOf(handle) : "<unknown>"u8;

    private static ReadOnlySpan<byte> NameOf(SmbHandle handle) => handle.IsOpened ? handle.Name.Span : "<unknown>"u8;

    /// <summary>A handle starts anew; transfers of its former file can no longer be found and are over.</summary>
    private static void ClearHandle(SmbHandle handle)
    {
        handle.Reading?.Complete();
        handle.Writing?.Complete();
        handle.Reset();
    }

    private SmbTransaction BeginTransfer(in SmbMessage message, ref Transfer transfer, in ParseContext context)
    {
        bool toServer = !message.IsResponse;
        SmbHandle handle = HandleOf(message.Version, transfer.FileId);
        SmbTransaction? transaction = toServer ? handle.Writing : handle.Reading;
        if (transaction is null || transaction.ProgressToServer != 0)
        {
            transaction = StartTransfer(in message, handle, toServer, in context);
        }

        transaction.Touch();

        // A pipe has no places: what comes goes to the end.
        transfer.Offset = handle.IsPipe ? transaction.Assembler.Next : transfer.Offset;
        transaction.Status = message.IsResponse ? message.Status : transaction.Status;
        long limit = toServer ? limits.MaxWriteBytes : limits.MaxReadBytes;
        if ((limit > 0 && transfer.Length > limit) || (toServer && transfer.IsCut))
        {
            transaction.Raise(toServer ? SmbAnomaly.WriteRequestTooLarge : SmbAnomaly.ReadResponseTooLarge);
        }

        if (message.IsResponse)
        {
            _reads.Remove((message.Version, message.MessageId), out _);
        }

        return transaction;
    }

    private SmbTransaction StartTransfer(in SmbMessage message, SmbHandle handle, bool toServer, in ParseContext context)
    {
        SmbTransaction transaction = Start(in message, SmbKind.File);
        if (message.Version == 1)
        {
            // A transfer spans messages; records show none of their numbers.
            transaction.SessionId = 0;
            transaction.TreeId = 0;
        }

        transaction.FileId = handle.Id;
        transaction.HasFileId = true;
        transaction.Name = transaction.Text.Append(!handle.IsOpened && toServer == (message.Version == 2) ? [] : NameOf(handle));
        transaction.Other = transaction.Text.Append(TryFindTree(in message, out SmbTree tree) ? tree.Name.Span : []);
        FileList list = toServer ? transaction.FilesToServer : transaction.FilesToClient;
        TrackedFile? file = context.Files.Open(list, transaction.Text[transaction.Name], in context, transaction.Text[transaction.Other], toServer ? -1 : handle.Size);
        if (file is not null)
        {
            // Reads know the length; each write may be the last (NoteWriteEnd), its close comes too late.
            file.EndIsAnnounced = true;
        }

        transaction.Assembler.Begin(file);
        if (toServer)
        {
            handle.Writing = transaction;
        }
        else
        {
            handle.Reading = transaction;
        }

        return transaction;
    }

    private void TakeData(DirectionState state, ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        if (state.DataOwner is { } owner)
        {
            owner.Touch();
            AddData(owner, state.DataOffset, bytes, in context);
        }

        state.DataOffset += bytes.Length;
        state.DataLeft -= bytes.Length;
        if (state is { DataLeft: 0, DataOwner: { } whole })
        {
            NoteWriteEnd(whole, in context);
        }

        state.DataOwner = state.DataLeft == 0 ? null : state.DataOwner;
    }

    private static void LoseData(DirectionState state, long bytes, in ParseContext context)
    {
        state.DataOwner?.Touch();
        state.DataOwner?.Assembler.Gap(context.Files, state.DataOffset, bytes);
        state.DataOffset += bytes;
        state.DataLeft -= bytes;
        state.DataOwner = state.DataLeft == 0 ? null : state.DataOwner;
    }

    private void AddData(SmbTransaction transaction, long offset, ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        ChunkResult result = transaction.Assembler.Add(
            context.Files,
            in context,
            offset,
            bytes,
            toServer ? limits.MaxWriteQueueBytes : limits.MaxReadQueueBytes,
            toServer ? limits.MaxWriteQueueChunks : limits.MaxReadQueueChunks);
        if (result == ChunkResult.Taken)
        {
            return;
        }

        if ((result & ChunkResult.Overlap) != 0)
        {
            transaction.Raise(SmbAnomaly.FileOverlap);
        }

        if ((result & ChunkResult.QueueSizeExceeded) != 0)
        {
            transaction.Raise(toServer ? SmbAnomaly.WriteQueueSizeExceeded : SmbAnomaly.ReadQueueSizeExceeded);
        }

        if ((result & ChunkResult.QueueCountExceeded) != 0)
        {
            transaction.Raise(toServer ? SmbAnomaly.WriteQueueCountExceeded : SmbAnomaly.ReadQueueCountExceeded);
        }
    }

    /// <summary>A read request is no transaction; its answer's data is, with what is remembered here.</summary>
    private void RememberRead(in SmbMessage message, DceRpcUuid fileId, ulong offset, long length, in ParseContext context)
    {
        if (limits.MaxReadBytes > 0 && length > limits.MaxReadBytes)
        {
            RaiseOnLatest(SmbAnomaly.ReadRequestTooLarge, in context);
        }

        SmbPendingRead pending = _reads.Add((message.Version, message.MessageId), out _);
        pending.FileId = fileId;
        pending.Offset = offset;
        pending.IsPipe = TryFindTree(in message, out SmbTree tree) && tree.Type == SmbShareType.Pipe;
    }

    /// <summary>The file is closed: so are its transfers.</summary>
    private void CloseHandle(in SmbMessage message, DceRpcUuid fileId, in ParseContext context)
    {
        if (!_handles.Remove((message.Version, fileId), out SmbHandle handle))
        {
            return;
        }

        FinishTransfer(handle.Reading, in context);
        FinishTransfer(handle.Writing, in context);
        handle.Reset();
    }

    private static void FinishTransfer(SmbTransaction? transaction, in ParseContext context)
    {
        if (transaction is null)
        {
            return;
        }

        transaction.Assembler.Close(context.Files, FileState.Closed);
        transaction.HasStatus = transaction.Version == 2;
        transaction.Status = 0;
        transaction.Complete();
    }
}
