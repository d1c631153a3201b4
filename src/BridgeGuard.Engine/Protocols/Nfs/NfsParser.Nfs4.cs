using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <content>
/// Compounds of version 4 (RFC 7530 §15.2): operations one after the other, each with arguments or results of its own shape. They are read as far
/// as their shapes are known here; only reads, writes, commits and closes matter. Names are not followed.
/// </content>
internal sealed partial class NfsParser
{
    private const int StateIdBytes = 16;

    /// <summary>The parts of a compound that matter.</summary>
    private ref struct Operation
    {
        public uint Number;
        public ReadOnlySpan<byte> Handle;
        public ulong Offset;
        public bool IsStable;
        public bool IsEnd;
        public uint Length;
    }

    private void ReadCall4(in RpcMessage message, in ParseContext context)
    {
        if (message.Procedure != Nfs4.Compound)
        {
            return;
        }

        var reader = new XdrReader(message.Body);
        reader.Opaque();
        reader.UInt32();
        uint count = reader.UInt32();
        ReadOnlySpan<byte> handle = default;
        for (int i = 0; i < Math.Min(count, NfsLimits.MaxOperations) && TryReadArguments4(ref reader, ref handle, out Operation operation); i++)
        {
            switch (operation.Number)
            {
                case Nfs4.Read:
                    Remember(in message, operation.Handle).Offset = operation.Offset;
                    break;
                case Nfs4.Write:
                    var transfer = new Transfer
                    {
                        Handle = operation.Handle,
                        Offset = operation.Offset,
                        Length = operation.Length,
                        IsFinal = operation.IsStable,
                        Rest = reader.Rest,
                    };
                    TakeWhole(BeginWrite(in message, in transfer, in context), in transfer, in context);
                    reader.Fixed((int)Math.Min(operation.Length, (uint)reader.Rest.Length));
                    break;
                case Nfs4.Commit or Nfs4.Close:
                    CommitFile(operation.Handle, message.Xid, in context);
                    break;
            }
        }
    }

    /// <summary>Goes through a compound to the operation whose data follows.</summary>
    private static bool TryFindOperation4(ReadOnlySpan<byte> body, uint wanted, out Transfer transfer, bool isReply = false)
    {
        transfer = default;
        var reader = new XdrReader(body);
        if (isReply)
        {
            reader.UInt32();
        }

        reader.Opaque();
        if (!isReply)
        {
            reader.UInt32();
        }

        uint count = reader.UInt32();
        ReadOnlySpan<byte> handle = default;
        for (int i = 0; i < Math.Min(count, NfsLimits.MaxOperations); i++)
        {
            Operation operation;
            if (!(isReply ? TryReadResults4(ref reader, out operation) : TryReadArguments4(ref reader, ref handle, out operation)))
            {
                return false;
            }

            if (operation.Number == wanted)
            {
                transfer.Handle = operation.Handle;
                transfer.Offset = operation.Offset;
                transfer.Length = operation.Length;
                transfer.IsFinal = operation.IsStable || operation.IsEnd;
                transfer.Rest = reader.Rest;
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads an operation's arguments; of a write all but its data.</summary>
    /// <returns>False when they are cut off or of a shape that is not known here.</returns>
    private static bool TryReadArguments4(scoped ref XdrReader reader, scoped ref ReadOnlySpan<byte> handle, out Operation operation)
    {
        operation = default;
        operation.Number = reader.UInt32();
        switch (operation.Number)
        {
            case Nfs4.PutHandle:
                handle = reader.Opaque();
                break;
            case Nfs4.PutRootHandle or Nfs4.PutPublicHandle or Nfs4.RestoreHandle:
                handle = default;
                break;
            case Nfs4.Lookup:
                reader.Opaque();
                handle = default;
                break;
            case Nfs4.GetHandle or Nfs4.SaveHandle:
                break;
            case Nfs4.Access:
                reader.UInt32();
                break;
            case Nfs4.GetAttributes:
                SkipBitmap(ref reader);
                break;
            case Nfs4.Close:
                reader.UInt32();
                reader.Fixed(StateIdBytes);
                break;
            case Nfs4.Commit:
                operation.Offset = reader.UInt64();
                reader.UInt32();
                break;
            case Nfs4.Read:
                reader.Fixed(StateIdBytes);
                operation.Offset = reader.UInt64();
                reader.UInt32();
                break;
            case Nfs4.Write:
                reader.Fixed(StateIdBytes);
                operation.Offset = reader.UInt64();
                operation.IsStable = reader.UInt32() == StableFileSync;
                operation.Length = reader.UInt32();
                break;
            case Nfs4.Renew:
                reader.UInt64();
                break;
            case Nfs4.Sequence:
                reader.Fixed(StateIdBytes + 16);
                break;
            default:
                return false;
        }

        operation.Handle = handle;
        return reader.IsValid;
    }

    /// <summary>Reads an operation's results; of a read all but its data.</summary>
    private static bool TryReadResults4(scoped ref XdrReader reader, out Operation operation)
    {
        operation = default;
        operation.Number = reader.UInt32();
        if (reader.UInt32() != 0)
        {
            // The first that fails is the last.
            return false;
        }

        switch (operation.Number)
        {
            case Nfs4.PutHandle or Nfs4.PutRootHandle or Nfs4.PutPublicHandle or Nfs4.RestoreHandle or Nfs4.SaveHandle or Nfs4.Lookup or Nfs4.Renew:
                break;
            case Nfs4.GetHandle:
                reader.Opaque();
                break;
            case Nfs4.Access:
                reader.UInt64();
                break;
            case Nfs4.GetAttributes:
                SkipBitmap(ref reader);
                reader.Opaque();
                break;
            case Nfs4.Close:
                reader.Fixed(StateIdBytes);
                break;
            case Nfs4.Commit:
                reader.UInt64();
                break;
            case Nfs4.Read:
                operation.IsEnd = reader.UInt32() != 0;
                operation.Length = reader.UInt32();
                break;
            case Nfs4.Write:
                reader.Fixed(16);
                break;
            case Nfs4.Sequence:
                reader.Fixed(StateIdBytes + 20);
                break;
            default:
                return false;
        }

        return reader.IsValid;
    }

    private static void SkipBitmap(scoped ref XdrReader reader)
    {
        uint words = reader.UInt32();
        reader.Fixed((int)Math.Min(words, (uint)reader.Rest.Length) * 4);
    }
}
