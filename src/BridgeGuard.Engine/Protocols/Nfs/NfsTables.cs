namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>Procedures of version 2 (RFC 1094 §2.2) that are read beyond their number.</summary>
internal static class Nfs2
{
    public const uint Read = 6;
    public const uint Rename = 11;
}

/// <summary>Procedures of version 3 (RFC 1813 §3.3) that are read beyond their number.</summary>
internal static class Nfs3
{
    public const uint GetAttributes = 1;
    public const uint SetAttributes = 2;
    public const uint Lookup = 3;
    public const uint Access = 4;
    public const uint Read = 6;
    public const uint Write = 7;
    public const uint Create = 8;
    public const uint MakeDirectory = 9;
    public const uint Remove = 12;
    public const uint RemoveDirectory = 13;
    public const uint Rename = 14;
    public const uint ReadDirectoryPlus = 17;
    public const uint Commit = 21;
}

/// <summary>Operations of version 4 (RFC 7530 §16, RFC 8881 §18, RFC 7862 §15) whose shapes are known.</summary>
internal static class Nfs4
{
    public const uint Null = 0;
    public const uint Compound = 1;

    public const uint Access = 3;
    public const uint Close = 4;
    public const uint Commit = 5;
    public const uint Create = 6;
    public const uint DelegationPurge = 7;
    public const uint DelegationReturn = 8;
    public const uint GetAttributes = 9;
    public const uint GetHandle = 10;
    public const uint Link = 11;
    public const uint Lock = 12;
    public const uint LockTest = 13;
    public const uint Unlock = 14;
    public const uint Lookup = 15;
    public const uint LookupParent = 16;
    public const uint NotVerify = 17;
    public const uint Open = 18;
    public const uint OpenAttributes = 19;
    public const uint OpenConfirm = 20;
    public const uint OpenDowngrade = 21;
    public const uint PutHandle = 22;
    public const uint PutPublicHandle = 23;
    public const uint PutRootHandle = 24;
    public const uint Read = 25;
    public const uint ReadDirectory = 26;
    public const uint ReadLink = 27;
    public const uint Remove = 28;
    public const uint Rename = 29;
    public const uint Renew = 30;
    public const uint RestoreHandle = 31;
    public const uint SaveHandle = 32;
    public const uint SecurityInfo = 33;
    public const uint SetAttributes = 34;
    public const uint SetClient = 35;
    public const uint SetClientConfirm = 36;
    public const uint Verify = 37;
    public const uint Write = 38;
    public const uint ReleaseLockOwner = 39;
    public const uint BindConnection = 41;
    public const uint DestroySession = 44;
    public const uint FreeStateId = 45;
    public const uint LayoutCommit = 49;
    public const uint LayoutReturn = 51;
    public const uint SecurityInfoNoName = 52;
    public const uint Sequence = 53;
    public const uint SetSecret = 54;
    public const uint TestStateIds = 55;
    public const uint DestroyClient = 57;
    public const uint ReclaimComplete = 58;
    public const uint Allocate = 59;
    public const uint Deallocate = 62;
    public const uint Advise = 63;
    public const uint ReadPlus = 68;
    public const uint Seek = 69;
    public const uint Clone = 71;
}

/// <summary>Names as EVE writes them. An empty name: the number has none.</summary>
internal static class NfsTables
{
    public static ReadOnlySpan<byte> Procedure(byte version, uint procedure) => version switch
    {
        2 => Procedure2(procedure),
        3 => Procedure3(procedure),
        _ => Operation4(procedure),
    };

    /// <summary>Status values (RFC 1813 §2.6, RFC 7530 §13.1).</summary>
    public static ReadOnlySpan<byte> Status(uint status) => status switch
    {
        0 => "OK"u8,
        1 => "ERR_PERM"u8,
        2 => "ERR_NOENT"u8,
        5 => "ERR_IO"u8,
        6 => "ERR_NXIO"u8,
        13 => "ERR_ACCES"u8,
        17 => "ERR_EXIST"u8,
        18 => "ERR_XDEV"u8,
        19 => "ERR_NODEV"u8,
        20 => "ERR_NOTDIR"u8,
        21 => "ERR_ISDIR"u8,
        22 => "ERR_INVAL"u8,
        27 => "ERR_FBIG"u8,
        28 => "ERR_NOSPC"u8,
        30 => "ERR_ROFS"u8,
        31 => "ERR_MLINK"u8,
        63 => "ERR_NAMETOOLONG"u8,
        66 => "ERR_NOTEMPTY"u8,
        69 => "ERR_DQUOT"u8,
        70 => "ERR_STALE"u8,
        71 => "ERR_REMOTE"u8,
        10001 => "ERR_BADHANDLE"u8,
        10002 => "ERR_NOT_SYNC"u8,
        10003 => "ERR_BAD_COOKIE"u8,
        10004 => "ERR_NOTSUPP"u8,
        10005 => "ERR_TOOSMALL"u8,
        10006 => "ERR_SERVERFAULT"u8,
        10007 => "ERR_BADTYPE"u8,
        10008 => "ERR_JUKEBOX"u8,
        _ => default,
    };

    /// <summary>Kinds of credentials (RFC 5531 §8.2).</summary>
    public static ReadOnlySpan<byte> Auth(uint kind) => kind switch
    {
        0 => "NULL"u8,
        1 => "UNIX"u8,
        2 => "SHORT"u8,
        3 => "DH"u8,
        6 => "GSS"u8,
        _ => "UNKNOWN"u8,
    };

    private static ReadOnlySpan<byte> Procedure2(uint procedure) => procedure switch
    {
        0 => "NULL"u8,
        1 => "GETATTR"u8,
        2 => "SETATTR"u8,
        3 => "ROOT"u8,
        4 => "LOOKUP"u8,
        5 => "READLINK"u8,
        6 => "READ"u8,
        7 => "WRITECACHE"u8,
        8 => "WRITE"u8,
        9 => "CREATE"u8,
        10 => "REMOVE"u8,
        11 => "RENAME"u8,
        12 => "LINK"u8,
        13 => "SYMLINK"u8,
        14 => "MKDIR"u8,
        15 => "RMDIR"u8,
        16 => "READDIR"u8,
        17 => "STATFS"u8,
        _ => default,
    };

    private static ReadOnlySpan<byte> Procedure3(uint procedure) => procedure switch
    {
        0 => "NULL"u8,
        1 => "GETATTR"u8,
        2 => "SETATTR"u8,
        3 => "LOOKUP"u8,
        4 => "ACCESS"u8,
        5 => "READLINK"u8,
        6 => "READ"u8,
        7 => "WRITE"u8,
        8 => "CREATE"u8,
        9 => "MKDIR"u8,
        10 => "SYMLINK"u8,
        11 => "MKNOD"u8,
        12 => "REMOVE"u8,
        13 => "RMDIR"u8,
        14 => "RENAME"u8,
        15 => "LINK"u8,
        16 => "READDIR"u8,
        17 => "READDIRPLUS"u8,
        18 => "FSSTAT"u8,
        19 => "FSINFO"u8,
        20 => "PATHCONF"u8,
        21 => "COMMIT"u8,
        _ => default,
    };

    private static ReadOnlySpan<byte> Operation4(uint operation) => operation switch
    {
        3 => "ACCESS"u8,
        4 => "CLOSE"u8,
        5 => "COMMIT"u8,
        6 => "CREATE"u8,
        7 => "DELEGPURGE"u8,
        8 => "DELEGRETURN"u8,
        9 => "GETATTR"u8,
        10 => "GETFH"u8,
        11 => "LINK"u8,
        12 => "LOCK"u8,
        13 => "LOCKT"u8,
        14 => "LOCKU"u8,
        15 => "LOOKUP"u8,
        16 => "LOOKUPP"u8,
        17 => "NVERIFY"u8,
        18 => "OPEN"u8,
        19 => "OPENATTR"u8,
        20 => "OPEN_CONFIRM"u8,
        21 => "OPEN_DOWNGRADE"u8,
        22 => "PUTFH"u8,
        23 => "PUTPUBFH"u8,
        24 => "PUTROOTFH"u8,
        25 => "READ"u8,
        26 => "READDIR"u8,
        27 => "READLINK"u8,
        28 => "REMOVE"u8,
        29 => "RENAME"u8,
        30 => "RENEW"u8,
        31 => "RESTOREFH"u8,
        32 => "SAVEFH"u8,
        33 => "SECINFO"u8,
        34 => "SETATTR"u8,
        35 => "SETCLIENTID"u8,
        36 => "SETCLIENTID_CONFIRM"u8,
        37 => "VERIFY"u8,
        38 => "WRITE"u8,
        39 => "RELEASE_LOCKOWNER"u8,
        _ => default,
    };
}
