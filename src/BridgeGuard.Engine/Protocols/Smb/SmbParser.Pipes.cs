using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.DceRpc;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <content>DCE/RPC in named pipes (MS-RPCE §2.1.1.2): PDUs are put together from whatever writes, reads and transactions carry.</content>
internal sealed partial class SmbParser
{
    /// <summary>Data that a client sends into a pipe.</summary>
    /// <returns>False when it is no DCE/RPC.</returns>
    private bool TryReadPipeRequest(in SmbMessage message, SmbHandle pipe, ReadOnlySpan<byte> data)
    {
        ByteBuffer pending = pipe.PendingToServer;
        if (pending.Length == 0 && !DceRpcHeader.TryRead(data, out _))
        {
            return false;
        }

        if (!TryAppend(pending, data))
        {
            return false;
        }

        int consumed = 0;
        bool isRead = false;
        while (TryTakePdu(pending, ref consumed, out DceRpcHeader header, out ReadOnlySpan<byte> body))
        {
            isRead |= ReadRequestPdu(in message, pipe, in header, body);
        }

        bool isWaiting = pending.Length > consumed;
        pending.RemoveFront(consumed);
        return isRead || isWaiting;
    }

    /// <summary>Data that a server sends out of a pipe.</summary>
    private void ReadPipeResponse(SmbHandle pipe, ReadOnlySpan<byte> data)
    {
        ByteBuffer pending = pipe.PendingToClient;
        if ((pending.Length == 0 && !DceRpcHeader.TryRead(data, out _)) || !TryAppend(pending, data))
        {
            return;
        }

        int consumed = 0;
        while (TryTakePdu(pending, ref consumed, out DceRpcHeader header, out ReadOnlySpan<byte> body))
        {
            ReadResponsePdu(pipe, in header, body);
        }

        pending.RemoveFront(consumed);
    }

    private static bool TryAppend(ByteBuffer pending, ReadOnlySpan<byte> data)
    {
        // A PDU is below 64 KiB; more than one and a new message's worth means that we lost the boundaries.
        if (pending.Length > SmbLimits.MaxPipeBytes)
        {
            pending.Reset();
            return false;
        }

        pending.Append(data);
        return true;
    }

    /// <summary>Takes the next whole PDU; bytes that are none empty the buffer.</summary>
    private static bool TryTakePdu(ByteBuffer pending, ref int consumed, out DceRpcHeader header, out ReadOnlySpan<byte> body)
    {
        ReadOnlySpan<byte> rest = pending.Span[consumed..];
        body = default;
        header = default;
        if (rest.Length < DceRpcHeader.Bytes)
        {
            return false;
        }

        if (!DceRpcHeader.TryRead(rest, out header))
        {
            consumed = pending.Length;
            return false;
        }

        if (rest.Length < header.FragmentLength)
        {
            return false;
        }

        body = rest[DceRpcHeader.Bytes..header.FragmentLength];
        consumed += header.FragmentLength;
        return true;
    }

    /// <returns>True when the PDU made or continued a transaction.</returns>
    private bool ReadRequestPdu(in SmbMessage message, SmbHandle pipe, in DceRpcHeader header, ReadOnlySpan<byte> body)
    {
        switch (header.Type)
        {
            case DceRpcType.Bind or DceRpcType.AlterContext:
                SmbTransaction bind = StartCall(in message, pipe, in header);
                bind.Call.IsRequestComplete = true;
                bind.ProgressToServer = 1;
                DceRpcBody.TryReadBind(body, in header, bind.Call);
                pipe.Interfaces.Add(bind.Call.Interfaces);
                return true;

            case DceRpcType.Request:
                SmbTransaction? call = header.IsFirst ? null : FindCall(pipe, header.CallId, DceRpcType.Request, isRequest: true);
                if (call is null)
                {
                    call = StartCall(in message, pipe, in header);
                    DceRpcBody.TryReadRequest(body, in header, pipe.Interfaces, call.Call, limits.MaxStubBytes);
                }
                else if (body.Length >= DceRpcBody.RequestHeaderBytes)
                {
                    DceRpcBody.AppendStub(call.Call.RequestStub, body[DceRpcBody.RequestHeaderBytes..], limits.MaxStubBytes);
                }

                call.Call.RequestFragments++;
                call.Call.IsRequestComplete = header.IsLast;
                call.ProgressToServer = (byte)(header.IsLast ? 1 : 0);
                return true;

            case DceRpcType.Auth3:
                // The third leg of an authentication (MS-RPCE §2.2.2.5): nothing answers it.
                StartCall(in message, pipe, in header).ProgressToServer = 1;
                return true;

            default:
                return false;
        }
    }

    private void ReadResponsePdu(SmbHandle pipe, in DceRpcHeader header, ReadOnlySpan<byte> body)
    {
        DceRpcType asked = header.Type switch
        {
            DceRpcType.BindAck => DceRpcType.Bind,
            DceRpcType.AlterContextResponse => DceRpcType.AlterContext,
            DceRpcType.Response or DceRpcType.Fault => DceRpcType.Request,
            DceRpcType.BindNak => DceRpcType.Bind,
            _ => DceRpcType.None,
        };
        if (asked == DceRpcType.None || FindCall(pipe, header.CallId, asked, isRequest: false) is not { } transaction)
        {
            return;
        }

        DceRpcCall call = transaction.Call;
        call.Response = header.Type;
        call.IsResponseComplete = header.Type != DceRpcType.Response || header.IsLast;
        transaction.ProgressToClient = (byte)(call.IsResponseComplete ? 1 : 0);
        if (header.Type == DceRpcType.Response)
        {
            call.ResponseFragments++;
            DceRpcBody.AppendStub(call.ResponseStub, body[Math.Min(DceRpcBody.RequestHeaderBytes, body.Length)..], limits.MaxStubBytes);
        }
        else if (header.Type is DceRpcType.BindAck or DceRpcType.AlterContextResponse)
        {
            DceRpcBody.TryReadAnswer(body, header.IsLittleEndian, call);
            pipe.Interfaces.Answer(call.Interfaces);
        }
    }

    private SmbTransaction StartCall(in SmbMessage message, SmbHandle pipe, in DceRpcHeader header)
    {
        SmbTransaction transaction = Start(in message, SmbKind.DceRpc);
        transaction.AwaitsResponse = true;
        transaction.FileId = pipe.Id;
        transaction.Call.Request = header.Type;
        transaction.Call.CallId = header.CallId;
        transaction.Call.IsLittleEndian = header.IsLittleEndian;
        return transaction;
    }

    private SmbTransaction? FindCall(SmbHandle pipe, uint callId, DceRpcType asked, bool isRequest)
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (SmbTransaction)Transactions[i];
            DceRpcCall call = transaction.Call;
            if (transaction.Kind == SmbKind.DceRpc && transaction.FileId == pipe.Id && call.CallId == callId && call.Request == asked
                && !(isRequest ? call.IsRequestComplete : call.IsResponseComplete))
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }
}
