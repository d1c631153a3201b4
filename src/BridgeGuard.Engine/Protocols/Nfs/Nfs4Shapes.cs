namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>Shapes of version 4's operations (RFC 7530 §16, RFC 8881 §18, RFC 7862 §15): what has to be passed over to reach the next one.</summary>
internal static class Nfs4Shapes
{
    public const int StateIdBytes = 16;

    private const int SessionIdBytes = 16;
    private const int VerifierBytes = 8;

    /// <summary>Before and after of a directory: whether both were taken at once, and two numbers.</summary>
    private const int ChangeInfoBytes = 20;

    /// <summary>Another file is the current one afterwards, which the call does not know.</summary>
    public static bool ChangesHandle(uint operation) => operation is Nfs4.PutRootHandle or Nfs4.PutPublicHandle or Nfs4.Lookup or Nfs4.LookupParent or Nfs4.Open
        or Nfs4.OpenAttributes or Nfs4.Create;

    /// <returns>False when its arguments have a shape that is not known here; when they are cut off the reader says so.</returns>
    public static bool TrySkipArguments(uint operation, scoped ref XdrReader reader)
    {
        switch (operation)
        {
            case Nfs4.GetHandle or Nfs4.LookupParent or Nfs4.PutRootHandle or Nfs4.PutPublicHandle or Nfs4.ReadLink or Nfs4.RestoreHandle or Nfs4.SaveHandle:
                return true;
            case Nfs4.Access or Nfs4.OpenAttributes or Nfs4.SecurityInfoNoName or Nfs4.ReclaimComplete:
                reader.Fixed(4);
                return true;
            case Nfs4.DelegationPurge or Nfs4.Renew or Nfs4.DestroyClient:
                reader.Fixed(8);
                return true;
            case Nfs4.DelegationReturn or Nfs4.DestroySession or Nfs4.FreeStateId:
                reader.Fixed(StateIdBytes);
                return true;
            case Nfs4.Close or Nfs4.OpenConfirm:
                reader.Fixed(4 + StateIdBytes);
                return true;
            case Nfs4.OpenDowngrade:
                reader.Fixed(StateIdBytes + 12);
                return true;
            case Nfs4.Commit:
                reader.Fixed(12);
                return true;
            case Nfs4.Lookup or Nfs4.Link or Nfs4.Remove or Nfs4.SecurityInfo:
                reader.Opaque();
                return true;
            case Nfs4.Rename or Nfs4.SetSecret:
                reader.Opaque();
                reader.Opaque();
                return true;
            case Nfs4.GetAttributes:
                SkipBitmap(ref reader);
                return true;
            case Nfs4.Verify or Nfs4.NotVerify:
                SkipAttributes(ref reader);
                return true;
            case Nfs4.SetAttributes:
                reader.Fixed(StateIdBytes);
                SkipAttributes(ref reader);
                return true;
            case Nfs4.ReadDirectory:
                reader.Fixed(8 + VerifierBytes + 8);
                SkipBitmap(ref reader);
                return true;
            case Nfs4.Sequence:
                reader.Fixed(SessionIdBytes + 16);
                return true;
            case Nfs4.BindConnection:
                reader.Fixed(SessionIdBytes + 8);
                return true;
            case Nfs4.Allocate or Nfs4.Deallocate:
                reader.Fixed(StateIdBytes + 16);
                return true;
            case Nfs4.Seek:
                reader.Fixed(StateIdBytes + 12);
                return true;
            case Nfs4.Advise:
                reader.Fixed(StateIdBytes + 16);
                SkipBitmap(ref reader);
                return true;
            case Nfs4.Clone:
                reader.Fixed((2 * StateIdBytes) + 24);
                return true;
            case Nfs4.TestStateIds:
                SkipMany(ref reader, StateIdBytes);
                return true;
            default:
                return TrySkipLongArguments(operation, ref reader);
        }
    }

    /// <returns>False when its results have a shape that is not known here. The status has been read, and was success.</returns>
    public static bool TrySkipResults(uint operation, scoped ref XdrReader reader)
    {
        switch (operation)
        {
            case Nfs4.PutHandle or Nfs4.PutRootHandle or Nfs4.PutPublicHandle or Nfs4.RestoreHandle or Nfs4.SaveHandle or Nfs4.Lookup or Nfs4.LookupParent
                or Nfs4.Renew or Nfs4.DelegationPurge or Nfs4.DelegationReturn or Nfs4.LockTest or Nfs4.Verify or Nfs4.NotVerify or Nfs4.OpenAttributes
                or Nfs4.SetClientConfirm or Nfs4.ReleaseLockOwner or Nfs4.DestroySession or Nfs4.FreeStateId or Nfs4.DestroyClient or Nfs4.ReclaimComplete
                or Nfs4.Allocate or Nfs4.Deallocate or Nfs4.Clone:
                return true;
            case Nfs4.GetHandle or Nfs4.ReadLink:
                reader.Opaque();
                return true;
            case Nfs4.Access or Nfs4.Commit:
                reader.Fixed(8);
                return true;
            case Nfs4.GetAttributes:
                SkipAttributes(ref reader);
                return true;
            case Nfs4.SetAttributes or Nfs4.Advise:
                SkipBitmap(ref reader);
                return true;
            case Nfs4.Close or Nfs4.Lock or Nfs4.Unlock or Nfs4.OpenConfirm or Nfs4.OpenDowngrade or Nfs4.Write or Nfs4.SetClient:
                reader.Fixed(StateIdBytes); // Of a write as long: count, how stable, verifier; of a client's registration its number and a verifier.
                return true;
            case Nfs4.Create:
                reader.Fixed(ChangeInfoBytes);
                SkipBitmap(ref reader);
                return true;
            case Nfs4.Link or Nfs4.Remove:
                reader.Fixed(ChangeInfoBytes);
                return true;
            case Nfs4.Rename:
                reader.Fixed(2 * ChangeInfoBytes);
                return true;
            case Nfs4.Open:
                SkipOpened(ref reader);
                return true;
            case Nfs4.Sequence:
                reader.Fixed(SessionIdBytes + 20);
                return true;
            case Nfs4.BindConnection:
                reader.Fixed(SessionIdBytes + 8);
                return true;
            case Nfs4.TestStateIds:
                SkipMany(ref reader, 4);
                return true;
            case Nfs4.Seek:
                reader.Fixed(12);
                return true;
            case Nfs4.LayoutReturn:
                reader.Fixed(reader.UInt32() != 0 ? StateIdBytes : 0);
                return true;
            case Nfs4.LayoutCommit:
                reader.Fixed(reader.UInt32() != 0 ? 8 : 0);
                return true;
            default:
                return false;
        }
    }

    private static bool TrySkipLongArguments(uint operation, scoped ref XdrReader reader)
    {
        switch (operation)
        {
            case Nfs4.Create:
                uint type = reader.UInt32();
                if (type == 5)
                {
                    reader.Opaque(); // A link's target.
                }
                else if (type is 3 or 4)
                {
                    reader.Fixed(8); // A device's numbers.
                }

                reader.Opaque();
                SkipAttributes(ref reader);
                return true;
            case Nfs4.Open:
                return TrySkipOpen(ref reader);
            case Nfs4.Lock:
                reader.Fixed(24);
                if (reader.UInt32() != 0)
                {
                    reader.Fixed(4 + StateIdBytes + 4);
                    SkipOwner(ref reader);
                }
                else
                {
                    reader.Fixed(StateIdBytes + 4);
                }

                return true;
            case Nfs4.LockTest:
                reader.Fixed(20);
                SkipOwner(ref reader);
                return true;
            case Nfs4.Unlock:
                reader.Fixed(8 + StateIdBytes + 16);
                return true;
            case Nfs4.ReleaseLockOwner:
                SkipOwner(ref reader);
                return true;
            case Nfs4.SetClient:
                reader.Fixed(VerifierBytes);
                reader.Opaque();
                reader.Fixed(4);
                reader.Opaque();
                reader.Opaque();
                reader.Fixed(4);
                return true;
            case Nfs4.SetClientConfirm:
                reader.Fixed(8 + VerifierBytes);
                return true;
            case Nfs4.LayoutCommit:
                reader.Fixed(20 + StateIdBytes);
                reader.Fixed(reader.UInt32() != 0 ? 8 : 0);
                reader.Fixed(reader.UInt32() != 0 ? 12 : 0);
                reader.Fixed(4);
                reader.Opaque();
                return true;
            case Nfs4.LayoutReturn:
                reader.Fixed(12);
                if (reader.UInt32() == 1)
                {
                    reader.Fixed(16 + StateIdBytes);
                    reader.Opaque();
                }

                return true;
            default:
                return false;
        }
    }

    /// <summary>RFC 8881 §18.16.1.</summary>
    private static bool TrySkipOpen(scoped ref XdrReader reader)
    {
        reader.Fixed(12);
        SkipOwner(ref reader);
        if (reader.UInt32() == 1)
        {
            switch (reader.UInt32())
            {
                case 0 or 1:
                    SkipAttributes(ref reader);
                    break;
                case 2:
                    reader.Fixed(VerifierBytes);
                    break;
                case 3:
                    reader.Fixed(VerifierBytes);
                    SkipAttributes(ref reader);
                    break;
                default:
                    return false;
            }
        }

        switch (reader.UInt32())
        {
            case 0 or 3: // By name.
                reader.Opaque();
                return true;
            case 1:
                reader.Fixed(4);
                return true;
            case 2:
                reader.Fixed(StateIdBytes);
                reader.Opaque();
                return true;
            case 4 or 6: // The current file itself.
                return true;
            case 5:
                reader.Fixed(StateIdBytes);
                return true;
            default:
                return false;
        }
    }

    /// <summary>RFC 8881 §18.16.2.</summary>
    private static void SkipOpened(scoped ref XdrReader reader)
    {
        reader.Fixed(StateIdBytes + ChangeInfoBytes + 4);
        SkipBitmap(ref reader);
        uint delegation = reader.UInt32();
        if (delegation is 1 or 2)
        {
            reader.Fixed(StateIdBytes + 4);
            if (delegation == 2)
            {
                reader.Fixed(4 + 8); // A limit: of bytes, or of blocks and their size.
            }

            reader.Fixed(12);
            reader.Opaque();
        }
        else if (delegation == 3 && reader.UInt32() is 1 or 2)
        {
            reader.Fixed(4);
        }
    }

    private static void SkipOwner(scoped ref XdrReader reader)
    {
        reader.Fixed(8);
        reader.Opaque();
    }

    /// <summary>The length that the arguments of a SETATTR give a file (RFC 8881 §5.8.1.5): number 4, and no attribute that can be set stands before it.</summary>
    public static bool TryReadSize(XdrReader reader, out ulong size)
    {
        const uint sizeBit = 1 << 4;
        reader.Fixed(StateIdBytes);
        uint words = reader.UInt32();
        uint first = words > 0 ? reader.UInt32() : 0;
        reader.Fixed((int)Math.Min(words > 0 ? words - 1 : 0, 64) * 4);
        reader.UInt32(); // Length of the values.
        size = reader.UInt64();
        return reader.IsValid && (first & sizeBit) != 0;
    }

    private static void SkipAttributes(scoped ref XdrReader reader)
    {
        SkipBitmap(ref reader);
        reader.Opaque();
    }

    private static void SkipBitmap(scoped ref XdrReader reader) => SkipMany(ref reader, 4);

    private static void SkipMany(scoped ref XdrReader reader, int bytes)
    {
        uint count = reader.UInt32();
        if (count > (uint)(reader.Rest.Length / bytes))
        {
            reader.Fail();
            return;
        }

        reader.Fixed((int)count * bytes);
    }
}
