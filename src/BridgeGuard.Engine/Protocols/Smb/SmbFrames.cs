namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Frames of SMB: of the transport, and of each message by its version.</summary>
internal static class SmbFrames
{
    public static readonly string[] Names =
    [
        "nbss.pdu", "nbss.hdr", "nbss.data", "smb1.pdu", "smb1.hdr", "smb1.data", "smb2.pdu", "smb2.hdr", "smb2.data", "smb3.pdu", "smb3.hdr", "smb3.data",
    ];

    /// <summary>The transport's frame; its header and data follow in number, as with the others.</summary>
    private const int Nbss = 0;
    private const int Smb1 = 3;
    private const int Smb2 = 6;
    private const int Smb3 = 9;

    /// <summary>Header of an encrypted message (MS-SMB2 §2.2.41).</summary>
    private const int Header3Bytes = 52;

    /// <summary>Points out a transport frame and, where that is known from the first byte, its message.</summary>
    /// <param name="context">Of the parse.</param>
    /// <param name="at">Where the transport's header begins in the input.</param>
    /// <param name="first">The message's first byte, which tells the version; 0: no message.</param>
    /// <param name="length">The message's length.</param>
    public static void Open(in ParseContext context, int at, byte first, int length)
    {
        if (context.Frames is null)
        {
            return;
        }

        context.OpenFrame(Nbss, at, SmbFrame.HeaderBytes + (long)length);
        context.OpenFrame(Nbss + 1, at, SmbFrame.HeaderBytes);
        context.OpenFrame(Nbss + 2, at + SmbFrame.HeaderBytes, length);
        if (first == SmbFrame.Smb1)
        {
            OpenMessage(in context, Smb1, at + SmbFrame.HeaderBytes, SmbMessage.Header1Bytes, length);
        }
        else if (first == SmbFrame.Encrypted)
        {
            OpenMessage(in context, Smb3, at + SmbFrame.HeaderBytes, Header3Bytes, length);
        }
    }

    /// <summary>Points out one message of SMB 2, alone or of a compound.</summary>
    public static void OpenMessage2(in ParseContext context, int at, int length) => OpenMessage(in context, Smb2, at, SmbMessage.Header2Bytes, length);

    private static void OpenMessage(in ParseContext context, int type, int at, int headerBytes, int length)
    {
        headerBytes = Math.Min(headerBytes, length);
        context.OpenFrame(type, at, length);
        context.OpenFrame(type + 1, at, headerBytes);
        context.OpenFrame(type + 2, at + headerBytes, length - headerBytes);
    }
}
