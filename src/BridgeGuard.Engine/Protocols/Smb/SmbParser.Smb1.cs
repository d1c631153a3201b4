using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Commands of SMB 1 (MS-CIFS §2.2.2.1) that are read beyond their header.</summary>
internal static class Smb1
{
    public const ushort Close = 0x04;
    public const ushort Rename = 0x07;
    public const ushort Write = 0x0b;
    public const ushort LockingAndX = 0x24;
    public const ushort Transaction = 0x25;
    public const ushort WriteAndClose = 0x2c;
    public const ushort OpenAndX = 0x2d;
    public const ushort ReadAndX = 0x2e;
    public const ushort WriteAndX = 0x2f;
    public const ushort Transaction2 = 0x32;
    public const ushort Negotiate = 0x72;
    public const ushort SessionSetupAndX = 0x73;
    public const ushort LogoffAndX = 0x74;
    public const ushort TreeConnectAndX = 0x75;
    public const ushort CreateAndX = 0xa2;

    /// <summary>Requests that no answer is awaited of, as in Suricata: a lock that is refused says so, one that is granted may say nothing.</summary>
    public const ushort Cancel = 0xa4;

    /// <summary>Level of interest: FileDispositionInformation, passed through (MS-SMB §2.2.2.3.5).</summary>
    public const ushort SetDisposition = 0x3f5;

    /// <summary>No further command in the chain.</summary>
    public const byte NoAndX = 0xff;

    public static DceRpcUuid FileId(ReadOnlySpan<byte> fid) => new(0, BinaryPrimitives.ReadUInt16LittleEndian(fid));

    public static bool IsAndX(ushort command) => command is LockingAndX or OpenAndX or ReadAndX or WriteAndX or SessionSetupAndX or LogoffAndX
        or TreeConnectAndX or CreateAndX;
}

/// <content>Messages of SMB 1: parameter words, then bytes; AndX commands chain others (MS-CIFS §2.2.3.4).</content>
internal sealed partial class SmbParser
{
    private void ReadSmb1(ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        if (!SmbMessage.TryRead1(bytes, out SmbMessage message))
        {
            RaiseOnLatest(SmbAnomaly.MalformedData, in context);
            return;
        }

        if (!IsInOrder(in message, in context))
        {
            return;
        }

        for (int i = 0; i < SmbLimits.MaxAndX; i++)
        {
            if (!TrySplit(message.Body, out ReadOnlySpan<byte> words, out ReadOnlySpan<byte> data))
            {
                // A response that reports an error may end after its header.
                if (message.IsResponse)
                {
                    ReadResponse1(in message, default, default, in context);
                }
                else
                {
                    RaiseOnLatest(SmbAnomaly.MalformedData, in context);
                }

                return;
            }

            if (message.IsResponse)
            {
                ReadResponse1(in message, words, data, in context);
            }
            else
            {
                ReadRequest1(in message, words, data, in context);
            }

            if (!Smb1.IsAndX(message.Command) || words.Length < 4 || words[0] == Smb1.NoAndX)
            {
                return;
            }

            // Offsets count from the header and must move forward, so that chains end.
            int next = BinaryPrimitives.ReadUInt16LittleEndian(words[2..]);
            if (next <= bytes.Length - message.Body.Length || next >= bytes.Length)
            {
                return;
            }

            message = message with { Command = words[0], Body = bytes[next..] };
        }
    }

    /// <summary>Words and bytes of a command. The byte count is not believed where it exceeds what is there: large writes overflow it.</summary>
    private static bool TrySplit(ReadOnlySpan<byte> body, out ReadOnlySpan<byte> words, out ReadOnlySpan<byte> data)
    {
        words = default;
        data = default;
        if (body.Length < 1 || body.Length < 1 + (2 * body[0]) + 2)
        {
            return false;
        }

        words = body.Slice(1, 2 * body[0]);
        data = body[(1 + words.Length + 2)..];
        int count = BinaryPrimitives.ReadUInt16LittleEndian(body[(1 + words.Length)..]);
        data = data[..Math.Min(count, data.Length)];
        return true;
    }

    private void ReadRequest1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data, in ParseContext context)
    {
        bool isWellFormed = true;
        switch (message.Command)
        {
            case Smb1.Negotiate:
                ReadNegotiate1(in message, data);
                break;
            case Smb1.SessionSetupAndX:
                isWellFormed = TryReadSessionSetup1(in message, words, data);
                break;
            case Smb1.TreeConnectAndX:
                isWellFormed = TryReadTreeConnect1(in message, words, data);
                break;
            case Smb1.CreateAndX:
                isWellFormed = TryReadCreate1(in message, words, data);
                break;
            case Smb1.OpenAndX:
                ReadOpen1(in message, words, data);
                break;
            case Smb1.Close:
                SmbTransaction close = StartRequest(in message, SmbKind.Generic);
                if (words.Length >= 2)
                {
                    // What was read is over with the answer, as in Suricata.
                    close.FileId = Smb1.FileId(words);
                    FinishTransfer(_handles.TryFind((1, close.FileId), out SmbHandle closing) ? closing.Writing : null, in context);
                }

                break;
            case Smb1.ReadAndX:
                isWellFormed = words.Length >= 20;
                if (isWellFormed)
                {
                    ulong high = words.Length >= 24 ? BinaryPrimitives.ReadUInt32LittleEndian(words[20..]) : 0;
                    RememberRead(
                        in message,
                        Smb1.FileId(words[4..]),
                        (high << 32) | BinaryPrimitives.ReadUInt32LittleEndian(words[6..]),
                        BinaryPrimitives.ReadUInt16LittleEndian(words[10..]),
                        in context);
                }

                break;
            case Smb1.WriteAndX:
                isWellFormed = TryTransfer(in message, in context);
                break;
            case Smb1.Write or Smb1.WriteAndClose:
                isWellFormed = TryReadWrite1(in message, words, data, in context);
                break;
            case Smb1.Rename:
                ReadRename1(in message, data);
                break;
            case Smb1.Transaction:
                isWellFormed = TryReadTransaction1(in message, words);
                break;
            case Smb1.Transaction2:
                isWellFormed = TryReadTransaction2(in message, words, in context);
                break;
            case Smb1.LockingAndX or Smb1.Cancel:
                StartRequest(in message, SmbKind.Generic).Complete();
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

    /// <summary>MS-CIFS §2.2.4.52.1: names, each with a type byte before and a zero behind it.</summary>
    private void ReadNegotiate1(in SmbMessage message, ReadOnlySpan<byte> data)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.Negotiate);
        transaction.SessionId = 0;
        transaction.TreeId = 0;
        if (_hasNegotiated)
        {
            transaction.Raise(SmbAnomaly.DuplicateNegotiate);
        }

        _hasNegotiated = true;
        if (data.IsEmpty)
        {
            transaction.Raise(SmbAnomaly.MalformedData);
        }

        while (data.Length > 0 && transaction.DialectNames.Count < SmbLimits.MaxDialects)
        {
            int end = data.IndexOf((byte)0);
            if (end < 1)
            {
                transaction.Raise(SmbAnomaly.MalformedData);
                return;
            }

            // Whatever the type byte says, a name stands behind it.
            transaction.DialectNames.Add(SmbText.AppendBytes(transaction.Text, data[1..end]));
            data = data[(end + 1)..];
        }
    }

    /// <summary>MS-SMB §2.2.4.6.1 with a token (12 words); MS-CIFS §2.2.4.53.1 with passwords (13 words).</summary>
    private bool TryReadSessionSetup1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.SessionSetup);
        int tokenLength;
        if (words.Length == 24)
        {
            tokenLength = BinaryPrimitives.ReadUInt16LittleEndian(words[14..]);
        }
        else if (words.Length == 26)
        {
            tokenLength = BinaryPrimitives.ReadUInt16LittleEndian(words[14..]) + BinaryPrimitives.ReadUInt16LittleEndian(words[16..]);
        }
        else
        {
            return words.Length >= 20;
        }

        if (tokenLength > data.Length)
        {
            return false;
        }

        if (words.Length == 24)
        {
            ReadToken(transaction, data[..tokenLength]);
        }

        ReadOnlySpan<byte> rest = Aligned(in message, data, tokenLength);
        if (words.Length == 26)
        {
            SmbText.TakeTerminated(ref rest, message.IsUnicode); // Account.
            SmbText.TakeTerminated(ref rest, message.IsUnicode); // Domain.
        }

        transaction.RequestOs = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        transaction.RequestLanManager = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        return true;
    }

    /// <summary>UTF-16 text is aligned to two bytes within the message.</summary>
    private static ReadOnlySpan<byte> Aligned(in SmbMessage message, ReadOnlySpan<byte> data, int at)
    {
        if (at > data.Length)
        {
            return default;
        }

        ReadOnlySpan<byte> rest = data[at..];
        if (!message.IsUnicode || rest.IsEmpty || !message.Whole.Overlaps(rest, out int offset))
        {
            return rest;
        }

        return (offset & 1) != 0 ? rest[1..] : rest;
    }

    /// <summary>MS-CIFS §2.2.4.55.1.</summary>
    private bool TryReadTreeConnect1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.TreeConnect);
        if (words.Length < 8)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = Aligned(in message, data, BinaryPrimitives.ReadUInt16LittleEndian(words[6..]));
        ReadOnlySpan<byte> path = SmbText.TakeTerminated(ref rest, message.IsUnicode);

        // Shown with one backslash, as it always was.
        int unit = message.IsUnicode ? 2 : 1;
        path = path.Length >= 2 * unit && path[0] == '\\' && path[unit] == '\\' ? path[unit..] : path;
        transaction.Name = SmbText.Append(transaction.Text, path, message.IsUnicode);
        transaction.RequestService = SmbText.AppendBytes(transaction.Text, SmbText.TakeTerminated(ref rest, isUnicode: false));
        return true;
    }

    /// <summary>MS-CIFS §2.2.4.64.1.</summary>
    private bool TryReadCreate1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        const uint directory = 1;
        const uint deleteOnClose = 0x1000;
        SmbTransaction transaction = StartRequest(in message, SmbKind.Create);
        if (words.Length < 48)
        {
            return false;
        }

        transaction.Disposition = BinaryPrimitives.ReadUInt32LittleEndian(words[35..]);
        uint options = BinaryPrimitives.ReadUInt32LittleEndian(words[39..]);
        transaction.IsDirectory = (options & directory) != 0;
        transaction.DeletesOnClose = (options & deleteOnClose) != 0;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(words[5..]);
        ReadOnlySpan<byte> rest = Aligned(in message, data, 0);
        rest = rest[..Math.Min(length, rest.Length)];
        transaction.Name = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        return true;
    }

    /// <summary>MS-CIFS §2.2.4.41.1.</summary>
    private void ReadOpen1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.Generic);
        if (words.Length >= 30)
        {
            ReadOnlySpan<byte> rest = Aligned(in message, data, 0);
            transaction.Name = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        }
    }

    /// <summary>The older writes: MS-CIFS §2.2.4.12.1 and §2.2.4.40.1.</summary>
    private bool TryReadWrite1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data, in ParseContext context)
    {
        int skipped = message.Command == Smb1.Write ? 3 : 1;
        if (words.Length < 10 || data.Length < skipped)
        {
            StartRequest(in message, SmbKind.Generic);
            return false;
        }

        ReadOnlySpan<byte> bytes = data[skipped..];
        int count = BinaryPrimitives.ReadUInt16LittleEndian(words[2..]);
        var transfer = new Transfer
        {
            FileId = Smb1.FileId(words),
            Offset = BinaryPrimitives.ReadUInt32LittleEndian(words[4..]),
            Length = (uint)Math.Min(count, bytes.Length),
        };
        SmbTransaction transaction = BeginTransfer(in message, ref transfer, in context);
        AddData(transaction, transfer.Offset, bytes[..(int)transfer.Length], in context);
        NoteWriteEnd(transaction, in context);
        if (message.Command == Smb1.WriteAndClose)
        {
            CloseHandle(in message, transfer.FileId, in context);
        }

        return true;
    }

    /// <summary>MS-CIFS §2.2.4.8.1: both names follow a byte of format.</summary>
    private void ReadRename1(in SmbMessage message, ReadOnlySpan<byte> data)
    {
        SmbTransaction transaction = StartRequest(in message, SmbKind.Rename);
        ReadOnlySpan<byte> rest = Aligned(in message, data, 1);
        transaction.Other = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        rest = rest.IsEmpty ? rest : Aligned(in message, rest, 1);
        transaction.Name = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
    }

    /// <summary>MS-CIFS §2.2.5.6: what a client sends into a pipe and reads in the same exchange.</summary>
    private bool TryReadTransaction1(in SmbMessage message, ReadOnlySpan<byte> words)
    {
        const ushort transactNamedPipe = 0x26;
        if (words.Length < 32)
        {
            return words.Length >= 28;
        }

        bool isWhole = message.TrySlice(
            BinaryPrimitives.ReadUInt16LittleEndian(words[24..]), BinaryPrimitives.ReadUInt16LittleEndian(words[22..]), out ReadOnlySpan<byte> data);
        if (isWhole && BinaryPrimitives.ReadUInt16LittleEndian(words[28..]) == transactNamedPipe)
        {
            // The rest of what services say in pipes makes no transaction.
            if (_handles.TryFind((1, Smb1.FileId(words[30..])), out SmbHandle pipe) && pipe.IsDceRpc)
            {
                TryReadPipeRequest(in message, pipe, data);
            }
        }

        return isWhole;
    }

    /// <summary>MS-CIFS §2.2.6.7 and §2.2.6.9: files that are renamed or marked for deletion; the rest makes no transaction.</summary>
    private bool TryReadTransaction2(in SmbMessage message, ReadOnlySpan<byte> words, in ParseContext context)
    {
        const ushort setPathInformation = 6;
        const ushort setFileInformation = 8;
        const ushort setDispositionPassThrough = Smb1.SetDisposition;
        const ushort renamePassThrough = 0x3f2;
        const ushort setEndOfFile = 0x104;
        const ushort endOfFilePassThrough = 0x3fc;
        if (words.Length < 30)
        {
            return false;
        }

        ushort command = BinaryPrimitives.ReadUInt16LittleEndian(words[28..]);
        if (command is not (setPathInformation or setFileInformation))
        {
            return true;
        }

        if (!message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(words[20..]), BinaryPrimitives.ReadUInt16LittleEndian(words[18..]), out ReadOnlySpan<byte> parameters)
            || !message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(words[24..]), BinaryPrimitives.ReadUInt16LittleEndian(words[22..]), out ReadOnlySpan<byte> data)
            || parameters.Length < 6)
        {
            return false;
        }

        ushort level = BinaryPrimitives.ReadUInt16LittleEndian(parameters[(command == setPathInformation ? 0 : 2)..]);
        if (level is not (setDispositionPassThrough or renamePassThrough))
        {
            if (level is setEndOfFile or endOfFilePassThrough && command == setFileInformation && data.Length >= 8)
            {
                ResizeFile(1, Smb1.FileId(parameters), BinaryPrimitives.ReadUInt64LittleEndian(data), in context);
            }

            return true;
        }

        SmbTransaction transaction = StartRequest(in message, SmbKind.SetInfo);
        transaction.InfoLevel = level;
        transaction.IsSetPath = command == setPathInformation;
        if (transaction.IsSetPath)
        {
            ReadOnlySpan<byte> rest = parameters[6..];
            transaction.Name = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        }
        else
        {
            transaction.FileId = Smb1.FileId(parameters);
            transaction.HasFileId = true;
            transaction.Name = transaction.Text.Append(NameOf(1, transaction.FileId));
        }

        if (level != renamePassThrough)
        {
            transaction.DeletesOnClose = data.Length > 0 && data[0] != 0;
        }
        else if (data.Length >= 12)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data[8..]);
            transaction.Kind = SmbKind.Rename;
            transaction.Other = transaction.Name;
            transaction.Name = SmbText.Append(transaction.Text, data.Slice(12, (int)Math.Min(length, (uint)data.Length - 12)), message.IsUnicode);
        }

        return true;
    }

    private void ReadResponse1(in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data, in ParseContext context)
    {
        if (message.Command == Smb1.ReadAndX)
        {
            if (!TryTransfer(in message, in context))
            {
                _reads.Remove((1, message.MessageId), out _);
            }

            return;
        }

        if (FindRequest(in message) is not { } transaction)
        {
            return;
        }

        if (message.Command is Smb1.SessionSetupAndX or Smb1.TreeConnectAndX)
        {
            transaction.SessionId = message.SessionId;
            transaction.TreeId = message.TreeId;
        }

        TakeStatus(transaction, in message);
        switch (message.Command)
        {
            case Smb1.Close:
                CloseHandle(in message, transaction.FileId, in context);
                break;
            case Smb1.Negotiate:
                ReadNegotiateResponse1(transaction, words, data);
                break;
            case Smb1.SessionSetupAndX:
                ReadSessionSetupResponse1(transaction, in message, words, data);
                break;
            case Smb1.TreeConnectAndX when !IsFailure(in message):
                ReadTreeConnectResponse1(transaction, data);
                break;
            case Smb1.CreateAndX when !IsFailure(in message) && words.Length >= 55:
                ReadTimes(transaction, words[11..]);
                transaction.FileId = Smb1.FileId(words[5..]);
                transaction.HasFileId = true;
                transaction.FileSize = BinaryPrimitives.ReadUInt64LittleEndian(words[47..]);
                OpenHandle(transaction);
                break;
            case Smb1.OpenAndX when !IsFailure(in message) && words.Length >= 6:
                transaction.FileId = Smb1.FileId(words[4..]);
                OpenHandle(transaction);
                break;
            case Smb1.Transaction when transaction.Kind == SmbKind.DceRpc && words.Length >= 20 && !IsFailure(in message):
                if (message.TrySlice(BinaryPrimitives.ReadUInt16LittleEndian(words[14..]), BinaryPrimitives.ReadUInt16LittleEndian(words[12..]), out ReadOnlySpan<byte> answer))
                {
                    ReadPipeResponse(HandleOf(1, transaction.FileId), answer);
                }

                break;
        }
    }

    /// <summary>MS-CIFS §2.2.4.52.2, MS-SMB §2.2.4.5.2: the choice, and the server's GUID.</summary>
    private void ReadNegotiateResponse1(SmbTransaction transaction, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        if (words.Length < 2)
        {
            return;
        }

        int choice = BinaryPrimitives.ReadUInt16LittleEndian(words);
        if (choice < transaction.DialectNames.Count)
        {
            DialectName.Reset();
            DialectName.Append(transaction.Text[transaction.DialectNames[choice]]);
        }
        else if (choice != ushort.MaxValue)
        {
            transaction.Raise(SmbAnomaly.NegotiateMalformedDialects);
        }

        // Without extended security a challenge and a name stand there; Suricata shows them as the server's number all the same.
        if (words.Length >= 34 && data.Length >= DceRpcUuid.Bytes)
        {
            transaction.HasServerGuid = true;
            transaction.ServerGuid = DceRpcUuid.Read(data, littleEndian: true);
        }
    }

    private static void ReadSessionSetupResponse1(SmbTransaction transaction, in SmbMessage message, ReadOnlySpan<byte> words, ReadOnlySpan<byte> data)
    {
        if (words.Length < 6)
        {
            return;
        }

        int tokenLength = words.Length >= 8 ? BinaryPrimitives.ReadUInt16LittleEndian(words[6..]) : 0;
        ReadOnlySpan<byte> rest = Aligned(in message, data, tokenLength);
        transaction.ResponseOs = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
        transaction.ResponseLanManager = SmbText.Append(transaction.Text, SmbText.TakeTerminated(ref rest, message.IsUnicode), message.IsUnicode);
    }

    private void ReadTreeConnectResponse1(SmbTransaction transaction, ReadOnlySpan<byte> data)
    {
        transaction.ResponseService = SmbText.AppendBytes(transaction.Text, SmbText.TakeTerminated(ref data, isUnicode: false));
        ReadOnlySpan<byte> service = transaction.Text[transaction.ResponseService];
        transaction.ShareType = service.SequenceEqual("IPC"u8) ? SmbShareType.Pipe
            : service.StartsWith("LPT"u8) ? SmbShareType.Printer : SmbShareType.Disk;
        AddTree(transaction);
    }
}
