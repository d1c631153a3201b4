using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <content>
/// Compounds of version 4 (RFC 7530 §15.2): operations one after the other, each with arguments or results of its own shape (<see cref="Nfs4Shapes"/>). They are
/// read as far as their shapes are known; only reads, writes, commits and closes matter. Names are not followed.
/// </content>
internal sealed partial class NfsParser
{
    private readonly byte[] _byCall = new byte[8];

    /// <summary>Where the reading of a compound stands: before an operation.</summary>
    private ref struct Compound4
    {
        public XdrReader Reader;

        /// <summary>Operations still to come.</summary>
        public uint Left;

        /// <summary>The current and the saved file handle of a call; empty when nobody has said which it is.</summary>
        public ReadOnlySpan<byte> Handle;
        public ReadOnlySpan<byte> Saved;

        /// <summary>Reads so far, asked for or answered.</summary>
        public int Reads;

        /// <summary>Of a reply: its call, when that is known.</summary>
        public NfsPendingCall? Call;
    }

    /// <summary>Before the first operation.</summary>
    private static Compound4 BeginCompound(ReadOnlySpan<byte> body, NfsPendingCall? replyTo)
    {
        var compound = new Compound4 { Reader = new XdrReader(body), Call = replyTo };
        if (replyTo is not null)
        {
            compound.Reader.UInt32();
        }

        compound.Reader.Opaque();
        if (replyTo is null)
        {
            compound.Reader.UInt32();
        }

        compound.Left = Math.Min(compound.Reader.UInt32(), NfsLimits.MaxOperations);
        return compound;
    }

    private void ReadCall4(in RpcMessage message, in ParseContext context)
    {
        if (message.Procedure == Nfs4.Compound)
        {
            Compound4 compound = BeginCompound(message.Body, null);
            ReadOperations(in message, ref compound, in context);
        }
    }

    /// <summary>What is there whole, to its end.</summary>
    private void ReadOperations(in RpcMessage message, scoped ref Compound4 compound, in ParseContext context)
    {
        while (TryReachData(in message, ref compound, acts: true, in context, out Transfer transfer))
        {
            TakeWhole(
                compound.Call is null ? BeginWrite(in message, in transfer, in context) : BeginRead(in message, compound.Call, in transfer, in context), in transfer, in context);
            compound.Reader.Fixed((int)Math.Min(transfer.Length, (uint)compound.Reader.Rest.Length));
        }
    }

    /// <summary>Goes on to the operation whose data follows: a write of a call, a read of a reply.</summary>
    /// <param name="message">The call or reply.</param>
    /// <param name="compound">Stands before the data afterwards.</param>
    /// <param name="acts">False to look only: nothing is remembered.</param>
    /// <param name="context">Of the message.</param>
    /// <param name="transfer">The data.</param>
    /// <returns>False when there is none, or what comes before it is cut off or of a shape that is not known.</returns>
    private bool TryReachData(scoped in RpcMessage message, scoped ref Compound4 compound, bool acts, in ParseContext context, out Transfer transfer)
    {
        transfer = default;
        while (compound.Left > 0)
        {
            compound.Left--;
            uint operation = compound.Reader.UInt32();
            if (compound.Call is not null)
            {
                if (TryReadResult4(operation, ref compound, out transfer))
                {
                    return true;
                }
            }
            else if (TryReadArguments4(operation, in message, ref compound, acts, in context, out transfer))
            {
                return true;
            }

            if (!compound.Reader.IsValid)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Reads an operation's arguments; of a write all but its data, and then it is true.</summary>
    private bool TryReadArguments4(uint operation, scoped in RpcMessage message, scoped ref Compound4 compound, bool acts, in ParseContext context, out Transfer transfer)
    {
        transfer = default;
        ref XdrReader reader = ref compound.Reader;
        switch (operation)
        {
            case Nfs4.PutHandle:
                compound.Handle = reader.Opaque();
                return false;
            case Nfs4.SaveHandle:
                compound.Saved = compound.Handle;
                return false;
            case Nfs4.RestoreHandle:
                compound.Handle = compound.Saved;
                return false;
            case Nfs4.Read or Nfs4.ReadPlus:
                reader.Fixed(Nfs4Shapes.StateIdBytes);
                ulong offset = reader.UInt64();
                reader.UInt32();
                if (acts && reader.IsValid)
                {
                    NfsPendingCall? call = compound.Reads > 0 ? TryFindRemembered(message.Xid) : null;
                    (call ?? Remember(in message, default)).AddRead(Known(compound.Handle, message.Xid), offset);
                }

                compound.Reads++;
                return false;
            case Nfs4.Write:
                reader.Fixed(Nfs4Shapes.StateIdBytes);
                transfer.Handle = Known(compound.Handle, message.Xid);
                transfer.Offset = reader.UInt64();
                transfer.IsFinal = reader.UInt32() == StableFileSync;
                transfer.Length = reader.UInt32();
                transfer.Rest = reader.Rest;
                return reader.IsValid;
        }

        if (acts && operation is Nfs4.Commit or Nfs4.Close)
        {
            CommitFile(compound.Handle, message.Xid, in context);
        }

        if (acts && operation == Nfs4.SetAttributes && Nfs4Shapes.TryReadSize(reader, out ulong size))
        {
            ResizeFile(compound.Handle, size, in context);
        }

        if (acts && operation is Nfs4.Create or Nfs4.Remove)
        {
            ChangeName(operation, in message, in compound, in context);
        }

        if (Nfs4Shapes.ChangesHandle(operation))
        {
            compound.Handle = default;
        }

        if (!Nfs4Shapes.TrySkipArguments(operation, ref reader))
        {
            reader.Fail();
        }

        return false;
    }

    /// <summary>A compound that creates or removes is a transaction, named by the last of these operations (RFC 7530 §16.4, §16.25).</summary>
    private void ChangeName(uint operation, scoped in RpcMessage message, scoped in Compound4 compound, in ParseContext context)
    {
        const uint blockDevice = 3;
        const uint characterDevice = 4;
        const uint symbolicLink = 5;
        XdrReader reader = compound.Reader;
        if (operation == Nfs4.Create)
        {
            switch (reader.UInt32())
            {
                case symbolicLink:
                    reader.Opaque();
                    break;
                case blockDevice or characterDevice:
                    reader.Fixed(8);
                    break;
            }
        }

        ReadOnlySpan<byte> name = reader.Opaque();
        if (!reader.IsValid)
        {
            return;
        }

        NfsTransaction transaction = FindCall(message.Xid) ?? StartCall(in message, in context);
        transaction.Procedure = operation;
        transaction.Name = AppendName(transaction.Text, name);
        if (operation == Nfs4.Create && !compound.Handle.IsEmpty)
        {
            transaction.Handle = AppendHandle(transaction.Text, compound.Handle);
        }
    }

    /// <summary>Reads an operation's results; of a read all but its data, and then it is true. The first operation that fails is the last.</summary>
    private static bool TryReadResult4(uint operation, scoped ref Compound4 compound, out Transfer transfer)
    {
        transfer = default;
        ref XdrReader reader = ref compound.Reader;
        uint status = reader.UInt32();
        if (operation is not (Nfs4.Read or Nfs4.ReadPlus))
        {
            if (status != 0 || !Nfs4Shapes.TrySkipResults(operation, ref reader))
            {
                reader.Fail();
            }

            return false;
        }

        if (status != 0)
        {
            reader.Fail();
            return false;
        }

        compound.Call!.GetRead(compound.Reads++, out transfer.Handle, out transfer.Offset);
        transfer.IsFinal = reader.UInt32() != 0;
        if (operation == Nfs4.ReadPlus)
        {
            // RFC 7862 §15.10: stretches of data and holes. Only one stretch of data is followed.
            bool isOne = reader.UInt32() == 1 && reader.UInt32() == 0;
            transfer.Offset = reader.UInt64();
            if (!isOne)
            {
                reader.Fail();
            }
        }

        transfer.Length = reader.UInt32();
        transfer.Rest = reader.Rest;
        return reader.IsValid;
    }

    /// <summary>Looks whether a compound that need not be whole comes to data, and readies for it.</summary>
    private DataStart TryBeginCompound(DirectionState state, ReadOnlySpan<byte> bytes, int length, in ParseContext context, out int head)
    {
        head = bytes.Length + 1;
        if (RpcMessage.TryRead(bytes, out RpcMessage message) && !message.IsDenied && message.AcceptState == 0)
        {
            NfsPendingCall? call = message.Kind == RpcKind.Call ? null : TryFindRemembered(message.Xid);
            Compound4 compound = BeginCompound(message.Body, call);
            if (TryReachData(in message, ref compound, acts: false, in context, out Transfer transfer))
            {
                if (call is not null)
                {
                    AnswerCall(in message);
                }

                head = bytes.Length - transfer.Rest.Length;
                compound = BeginCompound(message.Body, call);
                EnterData(state, in message, ref compound, length - head, in context);
                return DataStart.Begun;
            }
        }

        return bytes.Length < Math.Min(length, MaxHeadBytes) ? DataStart.NeedMore : DataStart.None;
    }

    /// <summary>The operations behind the data of one: to more data, or to the end of the compound.</summary>
    /// <returns>Bytes taken; below zero: the number, negated, that must be there.</returns>
    private int GoOnInCompound(DirectionState state, ReadOnlySpan<byte> rest, in ParseContext context)
    {
        int length = (int)Math.Min(state.SkipLeft, rest.Length);
        if (state.Call is { } call && TryFindRemembered(state.Xid) != call)
        {
            LeaveCompound(state); // So many calls came meanwhile that it was forgotten.
            state.SkipLeft -= length;
            return length;
        }

        RpcMessage message = RpcMessage.OfCompound(state.Xid, state.Call is null ? RpcKind.Call : RpcKind.Reply, rest[..length]);
        Compound4 compound = Resume(state, message.Body);
        if (TryReachData(in message, ref compound, acts: false, in context, out Transfer transfer))
        {
            int head = length - transfer.Rest.Length;
            compound = Resume(state, message.Body);
            EnterData(state, in message, ref compound, state.SkipLeft - head, in context);
            return head;
        }

        if (length < state.SkipLeft && length < MaxHeadBytes)
        {
            return -(int)Math.Min(state.SkipLeft, MaxHeadBytes);
        }

        compound = Resume(state, message.Body);
        ReadOperations(in message, ref compound, in context);
        LeaveCompound(state);
        state.SkipLeft -= length;
        return length;
    }

    /// <summary>Does what a compound says before its next data, and readies for that; what is needed for the operations behind it is kept.</summary>
    private void EnterData(DirectionState state, in RpcMessage message, scoped ref Compound4 compound, long left, in ParseContext context)
    {
        TryReachData(in message, ref compound, acts: true, in context, out Transfer transfer);
        transfer.Length = (uint)Math.Min(transfer.Length, left);
        NfsTransaction owner = compound.Call is null ? BeginWrite(in message, in transfer, in context) : BeginRead(in message, compound.Call, in transfer, in context);
        Keep(state, in message, in compound);
        BeginData(state, owner, in transfer, left, in context);
    }

    private void Keep(DirectionState state, in RpcMessage message, scoped in Compound4 compound)
    {
        if (compound.Left == 0)
        {
            state.Xid = message.Xid;
            state.Call = compound.Call;
            LeaveCompound(state);
            return;
        }

        state.OperationsLeft = compound.Left;
        state.Xid = message.Xid;
        state.Reads = compound.Reads;
        state.Call = compound.Call;
        state.KeepHandles(compound.Handle, compound.Saved);
    }

    /// <summary>No operations are left to be read: its call is answered.</summary>
    private void LeaveCompound(DirectionState state)
    {
        if (state.Call is { } call && TryFindRemembered(state.Xid) == call)
        {
            _calls.Remove(state.Xid, out _);
        }

        state.OperationsLeft = 0;
        state.Call = null;
    }

    private static Compound4 Resume(DirectionState state, ReadOnlySpan<byte> rest) => new()
    {
        Reader = new XdrReader(rest),
        Left = state.OperationsLeft,
        Handle = state.Handle,
        Saved = state.Saved,
        Reads = state.Reads,
        Call = state.Call,
    };

    private NfsPendingCall? TryFindRemembered(uint xid) => _calls.TryFind(xid, out NfsPendingCall found) && found.Version == 4 ? found : null;

    /// <summary>The handle, or what stands for a file that the same compound has opened, whose handle only the reply knows: the call's number.</summary>
    private ReadOnlySpan<byte> Known(ReadOnlySpan<byte> handle, uint xid)
    {
        if (!handle.IsEmpty)
        {
            return handle;
        }

        "call"u8.CopyTo(_byCall);
        BinaryPrimitives.WriteUInt32BigEndian(_byCall.AsSpan(4), xid);
        return _byCall;
    }
}
