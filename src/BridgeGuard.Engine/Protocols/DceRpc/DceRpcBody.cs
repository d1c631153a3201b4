using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Reads the bodies of connection-oriented PDUs into a call; used on TCP and inside SMB's named pipes. Never throws.</summary>
internal static class DceRpcBody
{
    /// <summary>Context number, operation number and their alloc_hint (C706 §12.6.4.9).</summary>
    public const int RequestHeaderBytes = 8;

    private const int BindHeaderBytes = 12;
    private const int ContextBytes = 24;
    private const int SyntaxBytes = 20;
    private const int ResultBytes = 24;

    /// <summary>Bind and alter-context (C706 §12.6.4.3): the list of contexts, of each its abstract syntax.</summary>
    /// <param name="body">The PDU behind the common header.</param>
    /// <param name="header">The common header.</param>
    /// <param name="call">Gets the interfaces.</param>
    /// <returns>False when the list is cut off.</returns>
    public static bool TryReadBind(ReadOnlySpan<byte> body, in DceRpcHeader header, DceRpcCall call)
    {
        bool littleEndian = header.IsLittleEndian;
        if (body.Length < BindHeaderBytes)
        {
            return false;
        }

        int count = body[8];
        ReadOnlySpan<byte> rest = body[BindHeaderBytes..];
        for (int i = 0; i < count; i++)
        {
            if (rest.Length < ContextBytes)
            {
                return false;
            }

            call.Add(new DceRpcInterface
            {
                ContextId = DceRpcHeader.ReadUInt16(rest, littleEndian),
                Uuid = DceRpcUuid.Read(rest[4..], littleEndian),
                Major = DceRpcHeader.ReadUInt16(rest[20..], littleEndian),
                Minor = DceRpcHeader.ReadUInt16(rest[22..], littleEndian),
                IsFromFirstFragment = header.IsFirst,
            });
            int length = ContextBytes + (rest[2] * SyntaxBytes);
            if (length > rest.Length)
            {
                return false;
            }

            rest = rest[length..];
        }

        return true;
    }

    /// <summary>Bind-ack and alter-context-response (C706 §12.6.4.4): one result per offered context, in the same order.</summary>
    /// <returns>False when the list is cut off.</returns>
    public static bool TryReadAnswer(ReadOnlySpan<byte> body, bool littleEndian, DceRpcCall call)
    {
        const int addressAt = 8;
        if (body.Length < addressAt + 2)
        {
            return false;
        }

        // The secondary address is followed by padding to four bytes, counted from the PDU's start (which is itself aligned).
        int resultsAt = (addressAt + 2 + DceRpcHeader.ReadUInt16(body[addressAt..], littleEndian) + 3) & ~3;
        if (resultsAt + 4 > body.Length)
        {
            return false;
        }

        int count = body[resultsAt];
        ReadOnlySpan<byte> rest = body[(resultsAt + 4)..];
        for (int i = 0; i < count; i++)
        {
            if (rest.Length < ResultBytes)
            {
                return false;
            }

            if (i < call.InterfaceCount)
            {
                ref DceRpcInterface item = ref call.Interfaces[i];
                item.IsAnswered = true;
                item.Result = DceRpcHeader.ReadUInt16(rest, littleEndian);
            }

            rest = rest[ResultBytes..];
        }

        return true;
    }

    /// <summary>Request (C706 §12.6.4.9): numbers, then stub data. An object UUID and an authentication trailer count as stub data.</summary>
    /// <returns>False when the numbers are cut off.</returns>
    public static bool TryReadRequest(ReadOnlySpan<byte> body, in DceRpcHeader header, DceRpcInterfaces interfaces, DceRpcCall call, int maxStubBytes)
    {
        if (body.Length < RequestHeaderBytes)
        {
            return false;
        }

        call.CallId = header.CallId;
        call.IsLittleEndian = header.IsLittleEndian;
        call.ContextId = DceRpcHeader.ReadUInt16(body[4..], header.IsLittleEndian);
        call.OperationNumber = DceRpcHeader.ReadUInt16(body[6..], header.IsLittleEndian);
        if (interfaces.TryFind(call.ContextId, out DceRpcInterface found))
        {
            call.Add(found);
        }

        AppendStub(call.RequestStub, body[RequestHeaderBytes..], maxStubBytes);
        return true;
    }

    /// <summary>Appends what still fits under the cap.</summary>
    public static void AppendStub(ByteBuffer stub, ReadOnlySpan<byte> bytes, int maxStubBytes) =>
        stub.Append(bytes[..Math.Clamp(maxStubBytes - stub.Length, 0, bytes.Length)]);
}
