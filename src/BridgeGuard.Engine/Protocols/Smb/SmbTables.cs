namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Names of commands, dialects and other numbers, as EVE writes them (measured against Suricata 8.0.8). An empty name: it writes the number.</summary>
internal static class SmbTables
{
    /// <summary>Names of pipes in which Suricata 8 reads DCE/RPC (observed), with or without a backslash before them.</summary>
    public static bool IsService(ReadOnlySpan<byte> pipe)
    {
        pipe = pipe.StartsWith("\\"u8) ? pipe[1..] : pipe;
        return pipe.SequenceEqual("atsvc"u8) || pipe.SequenceEqual("lsarpc"u8) || pipe.SequenceEqual("samr"u8) || pipe.SequenceEqual("spoolss"u8)
            || pipe.SequenceEqual("srvsvc"u8) || pipe.SequenceEqual("svcctl"u8) || pipe.SequenceEqual("winreg"u8);
    }

    /// <summary>Commands of SMB 1 (MS-CIFS §2.2.2.1).</summary>
    public static ReadOnlySpan<byte> Command1(ushort command) => command switch
    {
        0x00 => "SMB1_COMMAND_CREATE_DIRECTORY"u8,
        0x01 => "SMB1_COMMAND_DELETE_DIRECTORY"u8,
        0x02 => "SMB1_COMMAND_OPEN"u8,
        0x03 => "SMB1_COMMAND_CREATE"u8,
        0x04 => "SMB1_COMMAND_CLOSE"u8,
        0x05 => "SMB1_COMMAND_FLUSH"u8,
        0x06 => "SMB1_COMMAND_DELETE"u8,
        0x07 => "SMB1_COMMAND_RENAME"u8,
        0x08 => "SMB1_COMMAND_QUERY_INFORMATION"u8,
        0x09 => "SMB1_COMMAND_SET_INFORMATION"u8,
        0x0a => "SMB1_COMMAND_READ"u8,
        0x0b => "SMB1_COMMAND_WRITE"u8,
        0x0c => "SMB1_COMMAND_LOCK_BYTE_RANGE"u8,
        0x0d => "SMB1_COMMAND_UNLOCK_BYTE_RANGE"u8,
        0x0e => "SMB1_COMMAND_CREATE_TEMPORARY"u8,
        0x0f => "SMB1_COMMAND_CREATE_NEW"u8,
        0x10 => "SMB1_COMMAND_CHECK_DIRECTORY"u8,
        0x11 => "SMB1_COMMAND_PROCESS_EXIT"u8,
        0x12 => "SMB1_COMMAND_SEEK"u8,
        0x13 => "SMB1_COMMAND_LOCK_AND_READ"u8,
        0x14 => "SMB1_COMMAND_WRITE_AND_UNLOCK"u8,
        0x24 => "SMB1_COMMAND_LOCKING_ANDX"u8,
        0x25 => "SMB1_COMMAND_TRANS"u8,
        0x2b => "SMB1_COMMAND_ECHO"u8,
        0x2c => "SMB1_COMMAND_WRITE_AND_CLOSE"u8,
        0x2d => "SMB1_COMMAND_OPEN_ANDX"u8,
        0x2e => "SMB1_COMMAND_READ_ANDX"u8,
        0x2f => "SMB1_COMMAND_WRITE_ANDX"u8,
        0x32 => "SMB1_COMMAND_TRANS2"u8,
        0x33 => "SMB1_COMMAND_TRANS2_SECONDARY"u8,
        0x34 => "SMB1_COMMAND_FIND_CLOSE2"u8,
        0x71 => "SMB1_COMMAND_TREE_DISCONNECT"u8,
        0x72 => "SMB1_COMMAND_NEGOTIATE_PROTOCOL"u8,
        0x73 => "SMB1_COMMAND_SESSION_SETUP_ANDX"u8,
        0x74 => "SMB1_COMMAND_LOGOFF_ANDX"u8,
        0x75 => "SMB1_COMMAND_TREE_CONNECT_ANDX"u8,
        0x80 => "SMB1_COMMAND_QUERY_INFO_DISK"u8,
        0xa0 => "SMB1_COMMAND_NT_TRANS"u8,
        0xa1 => "SMB1_COMMAND_NT_TRANS_SECONDARY"u8,
        0xa2 => "SMB1_COMMAND_NT_CREATE_ANDX"u8,
        0xa4 => "SMB1_COMMAND_NT_CANCEL"u8,
        _ => default,
    };

    /// <summary>Commands of SMB 2 (MS-SMB2 §2.2.1.2).</summary>
    public static ReadOnlySpan<byte> Command2(ushort command) => command switch
    {
        0 => "SMB2_COMMAND_NEGOTIATE_PROTOCOL"u8,
        1 => "SMB2_COMMAND_SESSION_SETUP"u8,
        2 => "SMB2_COMMAND_SESSION_LOGOFF"u8,
        3 => "SMB2_COMMAND_TREE_CONNECT"u8,
        4 => "SMB2_COMMAND_TREE_DISCONNECT"u8,
        5 => "SMB2_COMMAND_CREATE"u8,
        6 => "SMB2_COMMAND_CLOSE"u8,
        7 => "SMB2_COMMAND_FLUSH"u8,
        8 => "SMB2_COMMAND_READ"u8,
        9 => "SMB2_COMMAND_WRITE"u8,
        10 => "SMB2_COMMAND_LOCK"u8,
        11 => "SMB2_COMMAND_IOCTL"u8,
        12 => "SMB2_COMMAND_CANCEL"u8,
        13 => "SMB2_COMMAND_KEEPALIVE"u8,
        14 => "SMB2_COMMAND_FIND"u8,
        15 => "SMB2_COMMAND_CHANGE_NOTIFY"u8,
        16 => "SMB2_COMMAND_GET_INFO"u8,
        17 => "SMB2_COMMAND_SET_INFO"u8,
        18 => "SMB2_COMMAND_OPLOCK_BREAK"u8,
        _ => default,
    };

    /// <summary>Dialects of SMB 2 and 3 (MS-SMB2 §2.2.3).</summary>
    public static ReadOnlySpan<byte> Dialect(ushort dialect) => dialect switch
    {
        0x0202 => "2.02"u8,
        0x0210 => "2.10"u8,
        0x0222 => "2.22"u8,
        0x0224 => "2.24"u8,
        0x02ff => "2.??"u8,
        0x0300 => "3.00"u8,
        0x0302 => "3.02"u8,
        0x0310 => "3.10"u8,
        0x0311 => "3.11"u8,
        _ => default,
    };

    /// <summary>What a create does with an existing or missing file (MS-SMB2 §2.2.13).</summary>
    public static ReadOnlySpan<byte> Disposition(uint disposition) => disposition switch
    {
        0 => "FILE_SUPERSEDE"u8,
        1 => "FILE_OPEN"u8,
        2 => "FILE_CREATE"u8,
        3 => "FILE_OPEN_IF"u8,
        4 => "FILE_OVERWRITE"u8,
        5 => "FILE_OVERWRITE_IF"u8,
        _ => "UNKNOWN"u8,
    };

    public static ReadOnlySpan<byte> ShareType(SmbShareType type) => type switch
    {
        SmbShareType.Disk => "FILE"u8,
        SmbShareType.Pipe => "PIPE"u8,
        SmbShareType.Printer => "PRINT"u8,
        _ => "UNKNOWN"u8,
    };

    /// <summary>Control codes (MS-FSCC §2.3).</summary>
    public static ReadOnlySpan<byte> Function(uint function) => function switch
    {
        0x060194 => "FSCTL_DFS_GET_REFERRALS"u8,
        0x0601b0 => "FSCTL_DFS_GET_REFERRALS_EX"u8,
        0x090000 => "FSCTL_REQUEST_OPLOCK_LEVEL_1"u8,
        0x090004 => "FSCTL_REQUEST_OPLOCK_LEVEL_2"u8,
        0x090008 => "FSCTL_REQUEST_BATCH_OPLOCK"u8,
        0x09000c => "FSCTL_OPLOCK_BREAK_ACKNOWLEDGE"u8,
        0x090010 => "FSCTL_OPBATCH_ACK_CLOSE_PENDING"u8,
        0x090014 => "FSCTL_OPLOCK_BREAK_NOTIFY"u8,
        0x090018 => "FSCTL_LOCK_VOLUME"u8,
        0x09001c => "FSCTL_UNLOCK_VOLUME"u8,
        0x090020 => "FSCTL_DISMOUNT_VOLUME"u8,
        0x090028 => "FSCTL_IS_VOLUME_MOUNTED"u8,
        0x09002c => "FSCTL_IS_PATHNAME_VALID"u8,
        0x090030 => "FSCTL_MARK_VOLUME_DIRTY"u8,
        0x09003c => "FSCTL_GET_COMPRESSION"u8,
        0x090050 => "FSCTL_OPLOCK_BREAK_ACK_NO_2"u8,
        0x090054 => "FSCTL_INVALIDATE_VOLUMES"u8,
        0x090058 => "FSCTL_QUERY_FAT_BPB"u8,
        0x09005c => "FSCTL_REQUEST_FILTER_OPLOCK"u8,
        0x090060 => "FSCTL_FILESYSTEM_GET_STATISTICS"u8,
        0x090064 => "FSCTL_GET_NTFS_VOLUME_DATA"u8,
        0x090068 => "FSCTL_GET_NTFS_FILE_RECORD"u8,
        0x090073 => "FSCTL_GET_RETRIEVAL_POINTERS"u8,
        0x090074 => "FSCTL_MOVE_FILE"u8,
        0x090078 => "FSCTL_IS_VOLUME_DIRTY"u8,
        0x09007c => "FSCTL_GET_HFS_INFORMATION"u8,
        0x09009c => "FSCTL_GET_OBJECT_ID"u8,
        0x0900a4 => "FSCTL_SET_REPARSE_POINT"u8,
        0x0900a8 => "FSCTL_GET_REPARSE_POINT"u8,
        0x0900c0 => "FSCTL_CREATE_OR_GET_OBJECT_ID"u8,
        0x0900c4 => "FSCTL_SET_SPARSE"u8,
        0x0900d4 => "FSCTL_SET_ENCRYPTION"u8,
        0x0900f0 => "FSCTL_EXTEND_VOLUME"u8,
        0x090244 => "FSCTL_CSV_TUNNEL_REQUEST"u8,
        0x09027c => "FSCTL_GET_INTEGRITY_INFORMATION"u8,
        0x090284 => "FSCTL_QUERY_FILE_REGIONS"u8,
        0x0902c8 => "FSCTL_CSV_SYNC_TUNNEL_REQUEST"u8,
        0x090300 => "FSCTL_QUERY_SHARED_VIRTUAL_DISK_SUPPORT"u8,
        0x090304 => "FSCTL_SVHDX_SYNC_TUNNEL_REQUEST"u8,
        0x090308 => "FSCTL_SVHDX_SET_INITIATOR_INFORMATION"u8,
        0x09030c => "FSCTL_SET_EXTERNAL_BACKING"u8,
        0x090310 => "FSCTL_GET_EXTERNAL_BACKING"u8,
        0x090314 => "FSCTL_DELETE_EXTERNAL_BACKING"u8,
        0x090318 => "FSCTL_ENUM_EXTERNAL_BACKING"u8,
        0x090350 => "FSCTL_STORAGE_QOS_CONTROL"u8,
        0x090364 => "FSCTL_SVHDX_ASYNC_TUNNEL_REQUEST"u8,
        0x0940b3 => "FSCTL_ENUM_USN_DATA"u8,
        0x0940cf => "FSCTL_QUERY_ALLOCATED_RANGES"u8,
        0x094264 => "FSCTL_OFFLOAD_READ"u8,
        0x098098 => "FSCTL_SET_OBJECT_ID"u8,
        0x0980a0 => "FSCTL_DELETE_OBJECT_ID"u8,
        0x0980a4 => "FSCTL_SET_REPARSE_POINT"u8,
        0x0980ac => "FSCTL_DELETE_REPARSE_POINT"u8,
        0x0980bc => "FSCTL_SET_OBJECT_ID_EXTENDED"u8,
        0x0980c8 => "FSCTL_SET_ZERO_DATA"u8,
        0x0980d0 => "FSCTL_ENABLE_UPGRADE"u8,
        0x098208 => "FSCTL_FILE_LEVEL_TRIM"u8,
        0x098268 => "FSCTL_OFFLOAD_WRITE"u8,
        0x09c040 => "FSCTL_SET_COMPRESSION"u8,
        0x09c280 => "FSCTL_SET_INTEGRITY_INFORMATION"u8,
        0x110018 => "FSCTL_PIPE_WAIT"u8,
        0x11400c => "FSCTL_PIPE_PEEK"u8,
        0x11c017 => "FSCTL_PIPE_TRANSCEIVE"u8,
        0x140078 => "FSCTL_SRV_REQUEST_RESUME_KEY"u8,
        0x1401d4 => "FSCTL_LMR_REQUEST_RESILIENCY"u8,
        0x1401fc => "FSCTL_QUERY_NETWORK_INTERFACE_INFO"u8,
        0x140200 => "FSCTL_VALIDATE_NEGOTIATE_INFO_224"u8,
        0x140204 => "FSCTL_VALIDATE_NEGOTIATE_INFO"u8,
        0x144064 => "FSCTL_SRV_ENUMERATE_SNAPSHOTS"u8,
        0x1440f2 => "FSCTL_SRV_COPYCHUNK"u8,
        0x1441bb => "FSCTL_SRV_READ_HASH"u8,
        0x1480f2 => "FSCTL_SRV_COPYCHUNK_WRITE"u8,
        _ => default,
    };
}
