using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <content>Calls and replies that are there whole.</content>
internal sealed partial class NfsParser
{
    /// <returns>False when it is no RPC message.</returns>
    private bool ReadMessage(ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        if (!RpcMessage.TryRead(bytes, out RpcMessage message))
        {
            Malformed(in context);
            return false;
        }

        bool toServer = context.Direction == Direction.ToServer;
        if (message.Kind == RpcKind.Call && toServer)
        {
            ReadCall(in message, in context);
        }
        else if (message.Kind == RpcKind.Reply && !toServer)
        {
            ReadReply(in message, in context);
        }

        return true;
    }

    private void ReadCall(in RpcMessage message, in ParseContext context)
    {
        _version = message.Version;
        switch (message.Version)
        {
            case 2:
                ReadCall2(in message, in context);
                break;
            case 3:
                ReadCall3(in message, in context);
                break;
            case 4:
                ReadCall4(in message, in context);
                break;
            default:
                // Suricata has events for such versions and raises none.
                StartCall(in message, in context);
                break;
        }
    }

    private void ReadCall2(in RpcMessage message, in ParseContext context)
    {
        const int handleBytes = 32;
        if (message.Procedure == Nfs2.Read)
        {
            var reader = new XdrReader(message.Body);
            ReadOnlySpan<byte> handle = reader.Fixed(handleBytes);
            Remember(in message, handle).Offset = reader.UInt32();
            return;
        }

        NfsTransaction transaction = StartCall(in message, in context);
        if (message.Procedure == Nfs2.Rename)
        {
            // Names of this version are not read, but that there is a new one is shown.
            transaction.Name = transaction.Text.Append(ReadOnlySpan<byte>.Empty);
            transaction.NewName = transaction.Text.Append(ReadOnlySpan<byte>.Empty);
        }
    }

    private void ReadCall3(in RpcMessage message, in ParseContext context)
    {
        var reader = new XdrReader(message.Body);
        switch (message.Procedure)
        {
            case Nfs3.Read:
                ReadOnlySpan<byte> read = reader.Opaque();
                NfsPendingCall pending = Remember(in message, read);
                pending.Offset = reader.UInt64();
                pending.AuthKind = message.AuthKind;
                pending.Credentials.Append(message.Credentials);
                break;
            case Nfs3.Write:
                Write3(in message, in context);
                return;
            case Nfs3.Commit:
                CommitFile(reader.Opaque(), message.Xid, in context);
                break;
            default:
                NfsTransaction transaction = StartCall(in message, in context);
                ReadNames3(transaction, ref reader);
                if (message.Procedure == Nfs3.SetAttributes)
                {
                    ReadSize3(in message, in context);
                }

                break;
        }

        if (!reader.IsValid)
        {
            Malformed(in context);
        }
    }

    /// <summary>RFC 1813 §3.3.2: the length that a file is given, where one is; mode, owner and group are before it.</summary>
    private void ReadSize3(in RpcMessage message, in ParseContext context)
    {
        var reader = new XdrReader(message.Body);
        ReadOnlySpan<byte> handle = reader.Opaque();
        for (int i = 0; i < 3; i++)
        {
            reader.Fixed(reader.UInt32() == 1 ? 4 : 0);
        }

        if (reader.UInt32() == 1)
        {
            ulong size = reader.UInt64();
            if (reader.IsValid)
            {
                ResizeFile(handle, size, in context);
            }
        }
    }

    /// <summary>RFC 1813 §3.3: handles and names, where there are any.</summary>
    private void ReadNames3(NfsTransaction transaction, ref XdrReader reader)
    {
        ByteBuffer text = transaction.Text;
        switch (transaction.Procedure)
        {
            case Nfs3.Lookup:
                reader.Opaque();
                transaction.Name = AppendName(text, reader.Opaque());
                break;
            case Nfs3.GetAttributes or Nfs3.Access:
                ReadOnlySpan<byte> handle = reader.Opaque();
                transaction.Handle = AppendHandle(text, handle);
                transaction.Name = TryFindHandle(handle, out NfsHandle known) ? text.Append(known.Name.Span) : Slice.None;
                break;
            case Nfs3.Create or Nfs3.MakeDirectory or Nfs3.Remove or Nfs3.RemoveDirectory:
                transaction.Handle = AppendHandle(text, reader.Opaque());
                transaction.Name = AppendName(text, reader.Opaque());
                break;
            case Nfs3.Rename:
                transaction.Handle = AppendHandle(text, reader.Opaque());
                transaction.Name = AppendName(text, reader.Opaque());
                reader.Opaque();
                transaction.NewName = AppendName(text, reader.Opaque());
                break;
            case Nfs3.ReadDirectoryPlus:
                ReadOnlySpan<byte> directory = reader.Opaque();
                transaction.Handle = AppendHandle(text, directory);
                transaction.Name = TryFindHandle(directory, out known) ? text.Append(known.Name.Span) : Slice.None;
                break;
        }
    }

    private void ReadReply(in RpcMessage message, in ParseContext context)
    {
        if (_calls.Remove(message.Xid, out NfsPendingCall pending))
        {
            ReadFileReply(in message, pending, in context);
            if (pending.Version != 4)
            {
                return;
            }
        }

        AnswerCall(in message);
    }

    /// <summary>What a reply says of a call that is a transaction by itself.</summary>
    private void AnswerCall(scoped in RpcMessage message)
    {
        if (FindCall(message.Xid) is not { } transaction)
        {
            return;
        }

        transaction.IsAnswered = true;
        transaction.ProgressToClient = 1;
        transaction.IsDenied = message.IsDenied;
        if (message.IsDenied || message.AcceptState != 0 || transaction.Procedure == Nfs4.Null)
        {
            return;
        }

        var reader = new XdrReader(message.Body);
        transaction.Status = reader.UInt32();
        if (!reader.IsValid)
        {
            transaction.Raise(NfsAnomaly.MalformedData);
        }
        else if (transaction is { Version: 3, Status: 0 })
        {
            ReadReply3(transaction, ref reader);
        }
        else if (transaction is { Version: 3, Procedure: Nfs3.Lookup })
        {
            ReadFailedLookup(transaction, ref reader);
        }
    }

    /// <summary>
    /// Nothing was found, and the directory's attributes follow, perhaps. As in Suricata they are taken for a handle all the same, and an answer without is malformed.
    /// </summary>
    private static void ReadFailedLookup(NfsTransaction transaction, ref XdrReader reader)
    {
        ReadOnlySpan<byte> found = reader.Unpadded();
        if (!reader.IsValid)
        {
            transaction.Raise(NfsAnomaly.MalformedData);
            transaction.Status = 0;
        }
        else if (found.Length > 0)
        {
            transaction.Handle = AppendHandle(transaction.Text, found);
        }
    }

    /// <summary>Results that tell which handle a name has.</summary>
    private void ReadReply3(NfsTransaction transaction, ref XdrReader reader)
    {
        switch (transaction.Procedure)
        {
            case Nfs3.Lookup:
                ReadOnlySpan<byte> found = reader.Opaque();
                if (reader.IsValid)
                {
                    transaction.Handle = AppendHandle(transaction.Text, found);
                    Name(found, transaction.Text[transaction.Name]);
                }

                break;
            case Nfs3.Create or Nfs3.MakeDirectory when reader.UInt32() != 0:
                ReadOnlySpan<byte> made = reader.Opaque();
                if (reader.IsValid)
                {
                    Name(made, transaction.Text[transaction.Name]);
                }

                break;
            case Nfs3.ReadDirectoryPlus:
                ReadEntries3(ref reader);
                break;
        }
    }

    /// <summary>RFC 1813 §3.3.17.</summary>
    private void ReadEntries3(ref XdrReader reader)
    {
        SkipAttributes3(ref reader);
        reader.Fixed(8);
        for (int i = 0; i < NfsLimits.MaxEntries && reader.UInt32() != 0; i++)
        {
            reader.UInt64();
            ReadOnlySpan<byte> name = reader.Opaque();
            reader.UInt64();
            SkipAttributes3(ref reader);
            if (reader.UInt32() == 0)
            {
                continue;
            }

            ReadOnlySpan<byte> handle = reader.Opaque();
            if (reader.IsValid)
            {
                Name(handle, name);
            }
        }
    }

    private static void SkipAttributes3(scoped ref XdrReader reader)
    {
        if (reader.UInt32() != 0)
        {
            reader.Fixed(84);
        }
    }

    private NfsTransaction? FindCall(uint xid)
    {
        for (int i = Transactions.IndexOfKey(xid); i >= 0; i = Transactions.IndexOfKey(xid, i + 1))
        {
            var transaction = (NfsTransaction)Transactions[i];
            if (transaction is { IsFile: false, IsAnswered: false })
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    private NfsTransaction StartCall(in RpcMessage message, in ParseContext context)
    {
        NfsTransaction transaction = Start((byte)Math.Min(message.Version, byte.MaxValue), message.Procedure, message.Xid, in context);
        transaction.ProgressToServer = 1;
        ReadCredentials(transaction, message.AuthKind, message.Credentials);
        return transaction;
    }

    /// <summary>RFC 5531 appendix A: a stamp, the machine's name, user and group.</summary>
    private static void ReadCredentials(NfsTransaction transaction, uint kind, ReadOnlySpan<byte> credentials)
    {
        const uint unix = 1;
        transaction.AuthKind = kind;
        if (kind != unix)
        {
            return;
        }

        // As in Suricata, which does not look for padding behind the name: behind one of another length than a multiple of four it shows other numbers than were sent.
        var reader = new XdrReader(credentials);
        reader.UInt32();
        ReadOnlySpan<byte> machine = reader.Unpadded();
        uint user = reader.UInt32();
        uint group = reader.UInt32();
        if (reader.IsValid)
        {
            transaction.HasCredentials = true;
            transaction.Machine = AppendName(transaction.Text, machine);
            transaction.UserId = user;
            transaction.GroupId = group;
        }
    }

    private NfsTransaction Start(byte version, uint procedure, uint xid, in ParseContext context)
    {
        NfsTransaction transaction = Rent();
        transaction.Version = version;
        transaction.Procedure = procedure;
        transaction.Xid = xid;
        transaction.Key = xid;
        transaction.LastXid = xid;
        if (Transactions.Count > limits.MaxTransactions)
        {
            MakeRoom(in context);
        }

        Transactions.Add(transaction);
        CompleteOldTransfers(in context);
        return transaction;
    }

    /// <summary>The oldest that waits is given up, its file with it; where nobody inspects what was given up the oldest goes at once.</summary>
    private void MakeRoom(in ParseContext context)
    {
        int open = OldestOpen();
        if (open >= 0)
        {
            var oldest = (NfsTransaction)Transactions[open];
            oldest.Raise(NfsAnomaly.TooManyTransactions);
            Disown(oldest);
            if (oldest is { IsFile: true, ProgressToServer: 0 })
            {
                Finish(oldest, FileState.Truncated, in context);
            }

            oldest.ProgressToServer = 1;
            oldest.ProgressToClient = 1;
        }

        if (open < 0 || Transactions.Count >= limits.MaxTransactions * 2)
        {
            Transaction first = Transactions[0];
            Transactions.RemoveAt(0);
            Release(first);
        }
    }

    private const int TransfersBetweenWalks = 64;

    /// <summary>A finished write is recorded when its flow ends, or earlier when they are many.</summary>
    private void CompleteOldTransfers(in ParseContext context)
    {
        // Not each time: the walk must cost little per message.
        if (Transactions.Count <= limits.MaxTransactions / 2 || Transactions.NextId % TransfersBetweenWalks != 0)
        {
            return;
        }

        for (int i = 0; i < Transactions.Count / 2; i++)
        {
            var transaction = (NfsTransaction)Transactions[i];
            if (transaction is { IsFile: true, IsSynced: true, ProgressToServer: 0 })
            {
                Finish(transaction, FileState.Closed, in context);
            }

            transaction.ProgressToClient = transaction is { IsFile: true, ProgressToServer: 1 } ? (byte)1 : transaction.ProgressToClient;
        }
    }

    private NfsPendingCall Remember(in RpcMessage message, ReadOnlySpan<byte> handle)
    {
        NfsPendingCall pending = _calls.Add(message.Xid, out _);
        pending.Begin((byte)message.Version, message.Procedure);
        pending.Handle.Append(handle[..Math.Min(handle.Length, NfsLimits.MaxHandleBytes)]);
        return pending;
    }

    private void Malformed(in ParseContext context)
    {
        if (Transactions.Count > 0)
        {
            ((NfsTransaction)Transactions[Transactions.Count - 1]).Raise(NfsAnomaly.MalformedData);
            return;
        }

        NfsTransaction transaction = Start(0, 0, 0, in context);
        transaction.Raise(NfsAnomaly.MalformedData);
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        transaction.Directions = context.Direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
    }

    private static Slice AppendName(ByteBuffer text, ReadOnlySpan<byte> name) => text.Append(name[..Math.Min(name.Length, NfsLimits.MaxNameBytes)]);

    private static Slice AppendHandle(ByteBuffer text, ReadOnlySpan<byte> handle) => text.Append(handle[..Math.Min(handle.Length, NfsLimits.MaxHandleBytes)]);
}
