using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Commands of SMB 2 (MS-SMB2 §2.2.1.2) that are read beyond their header.</summary>
internal static class Smb2
{
    public const ushort Negotiate = 0;
    public const ushort SessionSetup = 1;
    public const ushort TreeConnect = 3;
    public const ushort Create = 5;
    public const ushort Close = 6;
    public const ushort Read = 8;
    public const ushort Write = 9;
    public const ushort Ioctl = 11;
    public const ushort GetInfo = 16;
    public const ushort SetInfo = 17;
}

/// <content>Messages of SMB 2 and 3.</content>
internal sealed partial class SmbParser
{
    private const uint PipeTransceive = 0x11c017;
    private const byte FileInformation = 1;
    private const byte RenameClass = 10;
    private const byte DispositionClass = 13;
    private const byte EndOfFileClass = 20;

    /// <summary>What was last asked to be opened: the file of a set-info whose number is not known yet, as in a compound.</summary>
    private readonly ByteBuffer _lastCreated = new();

    private bool _hasNegotiated;

    private void ReadSmb2(in SmbMessage message, in ParseContext context)
    {
        if (message.IsResponse)
        {
            ReadResponse2(in message, in context);
        }
        else
        {
            ReadRequest2(in message, in context);
        }
    }

    private void ReadRequest2(in SmbMessage message, in ParseContext context)
    {
        bool isWellFormed = true;
        switch (message.Command)
        {
            case Smb2.Negotiate:
                isWellFormed = TryReadNegotiate2(in message);
                break;
            case Smb2.SessionSetup:
                isWellFormed = TryReadSessionSetup2(in message);
                break;
            case Smb2.TreeConnect:
                isWellFormed = TryReadTreeConnect2(in message);
                break;
            case Smb2.Create:
                isWellFormed = TryReadCreate2(in message);
                break;
            case Smb2.Close:
                isWellFormed = message.Body.Length >= 24;
                StartRequest(in message, SmbKind.Generic);
                if (isWellFormed)
                {
                    CloseHandle(in message, DceRpcUuid.Read(message.Body[8..], littleEndian: true), in context);
                }

                break;
            case Smb2.Read:
                isWellFormed = message.Body.Length >= 32;
                if (isWellFormed)
                {
                    RememberRead(
                        in message,
                        DceRpcUuid.Read(message.Body[16..], littleEndian: true),
                        BinaryPrimitives.ReadUInt64LittleEndian(message.Body[8..]),
                        BinaryPrimitives.ReadUInt32LittleEndian(message.Body[4..]),
                        in context);
                }

                break;
            case Smb2.Write:
                if (!TryTransfer(in message, in context))
                {
                    StartRequest(in message, SmbKind.Generic);
                    isWellFormed = false;
                }

                break;
            case Smb2.Ioctl:
                isWellFormed = TryReadIoctl2(in message);
                break;
            case Smb2.SetInfo:
                isWellFormed = TryReadSetInfo2(in message, in context);
                break;
            case Smb2.GetInfo:
                // Frequent and of no interest: no transaction.
                break;
            default:
                StartRequest(in message, SmbKind.Generic);
                break;
        }

        if (!isWellFormed)
        {
            RaiseOnLatest(SmbAnomaly.MalformedData, in context);
        }
    }

    /// <summary>MS-SMB2 §2.2.3.</summary>
    private bool TryReadNegotiate2(in SmbMessage message)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.Negotiate);
        transaction.SessionId = 0;
        transaction.TreeId = 0;
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 36)
        {
            return false;
        }

        transaction.HasClientGuid = true;
        transaction.ClientGuid = DceRpcUuid.Read(body[12..], littleEndian: true);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(body[2..]);
        bool isWhole = 36 + (2 * count) <= body.Length;
        count = Math.Min(count, Math.Min((body.Length - 36) / 2, SmbLimits.MaxDialects));
        for (int i = 0; i < count; i++)
        {
            transaction.Dialects.Add(BinaryPrimitives.ReadUInt16LittleEndian(body[(36 + (2 * i))..]));
        }

        return isWhole;
    }

    /// <summary>MS-SMB2 §2.2.5.</summary>
    private bool TryReadSessionSetup2(in SmbMessage message)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.SessionSetup);
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 24
            || !message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(body[12..]), BinaryPrimitives.ReadUInt16LittleEndian(body[14..]), out ReadOnlySpan<byte> token))
        {
            return false;
        }

        ReadToken(transaction, token);
        return true;
    }

    private static void ReadToken(SmbTransaction transaction, ReadOnlySpan<byte> token)
    {
        transaction.Authentication.Read(token);
        if (transaction.Authentication.IsOutOfOrder)
        {
            transaction.Raise(SmbAnomaly.UnusualNtlmSspOrder);
        }
    }

    /// <summary>MS-SMB2 §2.2.9.</summary>
    private bool TryReadTreeConnect2(in SmbMessage message)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.TreeConnect);
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 8
            || !message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(body[4..]), BinaryPrimitives.ReadUInt16LittleEndian(body[6..]), out ReadOnlySpan<byte> path))
        {
            return false;
        }

        transaction.Name = SmbText.AppendUtf16(transaction.Text, path);
        return true;
    }

    /// <summary>MS-SMB2 §2.2.13.</summary>
    private bool TryReadCreate2(in SmbMessage message)
    {
        const uint directory = 1;
        const uint deleteOnClose = 0x1000;
        SmbTransaction transaction = StartRequest(in message, SmbKind.Create);
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 56
            || !message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(body[44..]), BinaryPrimitives.ReadUInt16LittleEndian(body[46..]), out ReadOnlySpan<byte> name))
        {
            return false;
        }

        transaction.Disposition = BinaryPrimitives.ReadUInt32LittleEndian(body[36..]);
        uint options = BinaryPrimitives.ReadUInt32LittleEndian(body[40..]);
        transaction.IsDirectory = (options & directory) != 0;
        transaction.DeletesOnClose = (options & deleteOnClose) != 0;
        transaction.Name = SmbText.AppendUtf16(transaction.Text, name);
        _lastCreated.Reset();
        _lastCreated.Append(transaction.Text[transaction.Name]);
        return true;
    }

    /// <summary>MS-SMB2 §2.2.31.</summary>
    private bool TryReadIoctl2(in SmbMessage message)
    {
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 56)
        {
            StartRequest(in message, SmbKind.Generic);
            return false;
        }

        uint function = BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
        bool isWhole = message.TrySlice(BinaryPrimitives.ReadUInt32LittleEndian(body[24..]), BinaryPrimitives.ReadUInt32LittleEndian(body[28..]), out ReadOnlySpan<byte> data);
        if (function == PipeTransceive && isWhole)
        {
            if (_handles.TryFind((2, DceRpcUuid.Read(body[8..], littleEndian: true)), out SmbHandle pipe) && pipe.IsDceRpc && TryReadPipeRequest(in message, pipe, data))
            {
                return true;
            }
        }

        SmbTransaction transaction = StartRequest(in message, SmbKind.Ioctl);
        transaction.Function = function;
        return isWhole;
    }

    /// <summary>MS-SMB2 §2.2.39; renames (MS-FSCC §2.4.42.2) and deletions (§2.4.11) are shown with the file's name.</summary>
    private bool TryReadSetInfo2(in SmbMessage message, in ParseContext context)
    {
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 32
            || !message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(body[8..]), BinaryPrimitives.ReadUInt32LittleEndian(body[4..]), out ReadOnlySpan<byte> data))
        {
            StartRequest(in message, SmbKind.Generic);
            return false;
        }

        // The other kinds (times, sizes, security) are frequent and of no interest: no transaction.
        if (body[2] != FileInformation || body[3] is not (RenameClass or DispositionClass))
        {
            if (body[2] == FileInformation && body[3] == EndOfFileClass && data.Length >= 8)
            {
                ResizeFile(2, DceRpcUuid.Read(body[16..], littleEndian: true), BinaryPrimitives.ReadUInt64LittleEndian(data), in context);
            }

            return true;
        }

        SmbTransaction transaction = StartRequest(in message, SmbKind.SetInfo);
        transaction.InfoLevel = body[3];
        transaction.FileId = DceRpcUuid.Read(body[16..], littleEndian: true);
        transaction.HasFileId = true;
        ReadOnlySpan<byte> name = _handles.TryFind((2, transaction.FileId), out _) || _lastCreated.Length == 0 ? NameOf(2, transaction.FileId) : _lastCreated.Span;
        if (body[3] == RenameClass)
        {
            if (data.Length < 20)
            {
                return false;
            }

            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data[16..]);
            transaction.Kind = SmbKind.Rename;
            transaction.Other = transaction.Text.Append(name);
            transaction.Name = SmbText.AppendUtf16(transaction.Text, data.Slice(20, (int)Math.Min(length, (uint)data.Length - 20)));
            return length <= (uint)data.Length - 20;
        }

        transaction.DeletesOnClose = data.Length > 0 && (data[0] & 1) != 0;
        transaction.Name = transaction.Text.Append(name);
        return true;
    }

    private void ReadResponse2(in SmbMessage message, in ParseContext context)
    {
        SmbTransaction? transaction = FindRequest(in message);
        switch (message.Command)
        {
            case Smb2.Negotiate:
                transaction ??= FindNegotiation1();
                if (transaction is not null)
                {
                    ReadNegotiateResponse2(transaction, in message);
                }

                break;
            case Smb2.Read:
                if (!TryTransfer(in message, in context) && message.Status != StatusPending)
                {
                    _reads.Remove((2, message.MessageId), out _);
                }

                return;
            case Smb2.SessionSetup or Smb2.TreeConnect when transaction is not null:
                transaction.SessionId = message.SessionId;
                transaction.TreeId = message.TreeId;
                break;
        }

        if (transaction is null || !TakeStatus(transaction, in message))
        {
            return;
        }

        switch (message.Command)
        {
            case Smb2.TreeConnect when message.Status == 0 && message.Body.Length >= 4:
                transaction.ShareType = message.Body[2] <= 3 ? (SmbShareType)message.Body[2] : SmbShareType.Unknown;
                AddTree(transaction);
                break;
            case Smb2.Create when message.Status == 0 && message.Body.Length >= 80:
                ReadCreateResponse2(transaction, message.Body);
                break;
            case Smb2.Ioctl when message.Body.Length >= 48 && transaction.Kind == SmbKind.DceRpc:
                if (message.TrySlice(BinaryPrimitives.ReadUInt32LittleEndian(message.Body[32..]), BinaryPrimitives.ReadUInt32LittleEndian(message.Body[36..]), out ReadOnlySpan<byte> data)
                    && !IsFailure(in message))
                {
                    ReadPipeResponse(HandleOf(2, transaction.FileId), data);
                }

                break;
        }
    }

    /// <summary>MS-SMB2 §2.2.4.</summary>
    private void ReadNegotiateResponse2(SmbTransaction transaction, in SmbMessage message)
    {
        ReadOnlySpan<byte> body = message.Body;
        if (body.Length < 64)
        {
            transaction.Raise(SmbAnomaly.MalformedData);
        }
        else if (message.Status == 0)
        {
            Dialect = BinaryPrimitives.ReadUInt16LittleEndian(body[4..]);
            transaction.HasServerGuid = true;
            transaction.ServerGuid = DceRpcUuid.Read(body[8..], littleEndian: true);
            transaction.MaxReadBytes = BinaryPrimitives.ReadUInt32LittleEndian(body[32..]);
            transaction.MaxWriteBytes = BinaryPrimitives.ReadUInt32LittleEndian(body[36..]);
            if (limits.MaxReadBytes > 0 && transaction.MaxReadBytes > limits.MaxReadBytes)
            {
                transaction.Raise(SmbAnomaly.NegotiateMaxReadSizeTooLarge);
            }

            if (limits.MaxWriteBytes > 0 && transaction.MaxWriteBytes > limits.MaxWriteBytes)
            {
                transaction.Raise(SmbAnomaly.NegotiateMaxWriteSizeTooLarge);
            }
        }
    }

    /// <summary>MS-SMB2 §2.2.14.</summary>
    private void ReadCreateResponse2(SmbTransaction transaction, ReadOnlySpan<byte> body)
    {
        ReadTimes(transaction, body[8..]);
        transaction.FileSize = BinaryPrimitives.ReadUInt64LittleEndian(body[48..]);
        transaction.FileId = DceRpcUuid.Read(body[64..], littleEndian: true);
        transaction.HasFileId = true;
        OpenHandle(transaction);
    }

    /// <summary>The four times of a file, as both versions send them.</summary>
    private static void ReadTimes(SmbTransaction transaction, ReadOnlySpan<byte> times)
    {
        transaction.Created = Seconds(times);
        transaction.Accessed = Seconds(times[8..]);
        transaction.Modified = Seconds(times[16..]);
        transaction.Changed = Seconds(times[24..]);
    }

    /// <summary>FILETIME (100 ns since 1601) as seconds since 1970; what lies before is 0.</summary>
    private static long Seconds(ReadOnlySpan<byte> fileTime)
    {
        const ulong epoch = 116_444_736_000_000_000;
        ulong time = BinaryPrimitives.ReadUInt64LittleEndian(fileTime);
        return time < epoch ? 0 : (long)((time - epoch) / 10_000_000);
    }

    private void OpenHandle(SmbTransaction create)
    {
        SmbHandle handle = HandleOf(create.Version, create.FileId);
        ClearHandle(handle);
        handle.Id = create.FileId;
        handle.Name.Append(create.Text[create.Name]);
        handle.Size = create.FileSize is > 0 and <= long.MaxValue / 2 ? (long)create.FileSize : -1;
        handle.IsOpened = true;
        handle.IsDceRpc = SmbTables.IsService(handle.Name.Span);
        handle.IsPipe = _trees.TryFind(TreeKey(create.Version, create.SessionId, create.TreeId), out SmbTree tree) && tree.Type == SmbShareType.Pipe;
    }

    private void AddTree(SmbTransaction connect)
    {
        SmbTree tree = _trees.Add(TreeKey(connect.Version, connect.SessionId, connect.TreeId), out _);
        tree.Name.Reset();
        tree.Name.Append(connect.Text[connect.Name]);
        tree.Type = connect.ShareType;
    }
}
