namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>Frames of RPC and NFS. Messages of several fragments have none: their bytes do not lie in one piece.</summary>
internal static class NfsFrames
{
    public static readonly string[] Names =
    [
        "rpc.pdu", "rpc.hdr", "rpc.data", "rpc.creds", "nfs.pdu", "nfs.status", "nfs4.pdu", "nfs4.hdr", "nfs4.ops", "nfs4.status",
    ];

    private const int RpcPdu = 0;
    private const int RpcHeader = 1;
    private const int RpcData = 2;
    private const int RpcCredentials = 3;
    private const int Pdu = 4;
    private const int Status = 5;
    private const int Pdu4 = 6;
    private const int Header4 = 7;
    private const int Operations4 = 8;
    private const int Status4 = 9;

    /// <summary>Transaction number and kind: what RPC's header is to consumers of frames.</summary>
    private const int HeaderBytes = 8;

    private const int CredentialsAt = 24;

    /// <summary>Points out the frames of a message whose head is there.</summary>
    /// <param name="context">Of the parse.</param>
    /// <param name="at">Where the message begins in the input, its mark excluded.</param>
    /// <param name="markBytes">Bytes of the record mark before it.</param>
    /// <param name="bytes">What is there of the message.</param>
    /// <param name="length">The whole message's length.</param>
    /// <param name="version">NFS's version, for replies, which do not say.</param>
    public static void Open(in ParseContext context, int at, int markBytes, ReadOnlySpan<byte> bytes, int length, uint version)
    {
        if (context.Frames is null || !RpcMessage.TryRead(bytes, out RpcMessage message))
        {
            return;
        }

        bool isCall = message.Kind != RpcKind.Reply;
        int body = at + bytes.Length - message.Body.Length;
        int bodyLength = length - (bytes.Length - message.Body.Length);
        context.OpenFrame(RpcPdu, at - markBytes, markBytes + length);
        if (isCall)
        {
            context.OpenFrame(RpcCredentials, at + CredentialsAt, HeaderBytes + ((message.Credentials.Length + 3) & ~3));
        }
        else
        {
            context.OpenFrame(RpcHeader, at - markBytes, markBytes + HeaderBytes);
            context.OpenFrame(RpcData, at + HeaderBytes, length - HeaderBytes);
            if (bodyLength <= 0)
            {
                return;
            }
        }

        if ((isCall ? message.Version : version) == 4)
        {
            Open4(in context, message.Body, body, bodyLength, isCall);
            return;
        }

        context.OpenFrame(Pdu, body, bodyLength);
        if (!isCall)
        {
            context.OpenFrame(Status, body, Math.Min(4, bodyLength));
        }
    }

    /// <summary>A compound: its tag and what stands beside it, then the operations.</summary>
    private static void Open4(in ParseContext context, ReadOnlySpan<byte> bytes, int at, int length, bool isCall)
    {
        context.OpenFrame(Pdu4, at, length);
        if (!isCall)
        {
            context.OpenFrame(Status4, at, Math.Min(4, length));
        }

        var reader = new XdrReader(bytes);
        if (!isCall)
        {
            reader.UInt32();
        }

        reader.Opaque();
        if (isCall)
        {
            reader.UInt32();
        }

        if (reader.IsValid)
        {
            int headerBytes = bytes.Length - reader.Rest.Length;
            context.OpenFrame(Header4, at, headerBytes);
            context.OpenFrame(Operations4, at + headerBytes, length - headerBytes);
        }
    }
}
