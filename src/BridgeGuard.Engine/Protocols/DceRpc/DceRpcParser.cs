using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>DCE/RPC over TCP: PDU by PDU; over UDP: datagram by datagram (C706 §12).</summary>
/// <remarks>
/// On TCP each PDU of type request is a transaction, fragments of one call too: their stub data is inspected fragment by fragment, and
/// responses go to the oldest request of their call that has none. On UDP all fragments of a call are one transaction. Faults, rejections and
/// PDUs of security or cancellation make no transaction. After lost bytes a header is looked for.
/// </remarks>
internal sealed class DceRpcParser(Protocol protocol, DceRpcLimits limits) : PooledState<DceRpcTransaction>(protocol)
{
    private readonly DceRpcInterfaces _interfaces = new();
    private readonly DirectionState[] _directions = [new(), new()];

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (context.Flow.Key.Protocol == IpProtocols.Udp)
        {
            ReadDatagram(input, context.Direction);
            return ParseResult.Done(input.Length);
        }

        DirectionState state = _directions[(int)context.Direction];
        int consumed = Skip(state, input.Length);
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (rest.Length < DceRpcHeader.Bytes)
            {
                state.SetPending(0, 0);
                return ParseResult.NeedMore(consumed, DceRpcHeader.Bytes);
            }

            if (!DceRpcHeader.TryRead(rest, out DceRpcHeader header) || (state.IsLost && !IsPlausible(header)))
            {
                if (!state.IsLost)
                {
                    return ParseResult.Stop();
                }

                consumed++;
                continue;
            }

            if (!state.IsFramed)
            {
                state.IsFramed = true;
                context.OpenFrame(DceRpcFrames.Header, consumed, DceRpcHeader.Bytes);
                context.OpenFrame(DceRpcFrames.Pdu, consumed, header.FragmentLength);
                context.OpenFrame(DceRpcFrames.Data, consumed + DceRpcHeader.Bytes, header.FragmentLength - DceRpcHeader.Bytes);
            }

            if (rest.Length < header.FragmentLength)
            {
                state.SetPending(header.FragmentLength, rest.Length);
                return ParseResult.NeedMore(consumed, header.FragmentLength);
            }

            state.IsLost = false;
            state.IsFramed = false;
            if (Transactions.Count >= limits.MaxTransactions || !TryReadPdu(header, rest[DceRpcHeader.Bytes..header.FragmentLength], context.Direction))
            {
                return ParseResult.Stop();
            }

            consumed += header.FragmentLength;
        }

        state.SetPending(0, 0);
        return ParseResult.Done(consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        DirectionState state = _directions[(int)context.Direction];
        long after = state.PendingLength == 0 ? -1 : state.PendingLength - state.PendingSeen - bytes;
        state.HadGap = true;
        state.IsFramed = false;
        state.IsLost = after < 0;
        state.SkipBytes = (int)Math.Max(after, 0);
        state.SetPending(0, 0);
        CompleteLost(context.Direction);
    }

    public override void Reset()
    {
        base.Reset();
        _interfaces.Reset();
        _directions[0].Reset();
        _directions[1].Reset();
    }

    /// <summary>What was lost will not come: answers are not held for their questions any more, nor questions for their answers.</summary>
    private void CompleteLost(Direction direction)
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            Transaction transaction = Transactions[i];
            if (direction == Direction.ToServer)
            {
                transaction.ProgressToServer = 1;
            }
            else
            {
                transaction.ProgressToClient = 1;
            }
        }
    }

    private static int Skip(DirectionState state, int available)
    {
        int skipped = Math.Min(state.SkipBytes, available);
        state.SkipBytes -= skipped;
        return skipped;
    }

    /// <summary>Strict enough to find a header in the midst of other bytes.</summary>
    private static bool IsPlausible(in DceRpcHeader header) => header.MinorVersion <= 1 && header.Type <= DceRpcType.Last;

    /// <returns>False when the body is shorter than its type needs.</returns>
    private bool TryReadPdu(in DceRpcHeader header, ReadOnlySpan<byte> body, Direction direction)
    {
        switch (header.Type)
        {
            case DceRpcType.Bind or DceRpcType.AlterContext:
                return TryReadBind(header, body);
            case DceRpcType.BindAck or DceRpcType.AlterContextResponse:
                return TryReadAnswer(header, body);
            case DceRpcType.Request:
                DceRpcTransaction request = Start(header.CallId, header.MinorVersion);
                request.Call.Request = DceRpcType.Request;
                request.Call.RequestFragments = 1;
                request.Call.IsRequestComplete = true;
                request.ProgressToServer = 1;
                return DceRpcBody.TryReadRequest(body, header, _interfaces, request.Call, limits.MaxStubBytes);
            case DceRpcType.Response:
                DceRpcTransaction answered = FindUnanswered(header.CallId, DceRpcType.Request) ?? StartLost(header);
                answered.Call.Response = DceRpcType.Response;
                answered.Call.ResponseFragments = 1;
                answered.Call.IsResponseComplete = true;
                answered.ProgressToClient = 1;
                DceRpcBody.AppendStub(answered.Call.ResponseStub, body, limits.MaxStubBytes);
                return true;
            default:
                return true;
        }
    }

    private bool TryReadBind(in DceRpcHeader header, ReadOnlySpan<byte> body)
    {
        DceRpcTransaction transaction = Start(header.CallId, header.MinorVersion);
        transaction.Call.Request = header.Type;
        transaction.Call.IsLittleEndian = header.IsLittleEndian;
        transaction.Call.IsRequestComplete = true;
        transaction.ProgressToServer = 1;
        bool isWhole = DceRpcBody.TryReadBind(body, in header, transaction.Call);
        _interfaces.Add(transaction.Call.Interfaces);
        return isWhole;
    }

    private bool TryReadAnswer(in DceRpcHeader header, ReadOnlySpan<byte> body)
    {
        DceRpcType asked = header.Type == DceRpcType.BindAck ? DceRpcType.Bind : DceRpcType.AlterContext;
        DceRpcTransaction transaction = FindUnanswered(header.CallId, asked) ?? StartLost(header);
        transaction.Call.Response = header.Type;
        transaction.Call.IsResponseComplete = true;
        transaction.ProgressToClient = 1;
        bool isWhole = DceRpcBody.TryReadAnswer(body, header.IsLittleEndian, transaction.Call);
        _interfaces.Answer(transaction.Call.Interfaces);
        return isWhole;
    }

    private void ReadDatagram(ReadOnlySpan<byte> input, Direction direction)
    {
        if (!DceRpcDatagram.TryRead(input, out DceRpcDatagram datagram) || Transactions.Count >= limits.MaxTransactions)
        {
            return;
        }

        if (datagram.Type == DceRpcType.Request && direction == Direction.ToServer)
        {
            DceRpcTransaction transaction = FindDatagram(in datagram, isRequest: true) ?? StartDatagram(in datagram);
            ReadRequest(in datagram, transaction);
        }
        else if (datagram.Type == DceRpcType.Response && direction == Direction.ToClient)
        {
            DceRpcTransaction transaction = FindDatagram(in datagram, isRequest: false) ?? StartDatagram(in datagram);
            DceRpcCall call = transaction.Call;
            call.Response = DceRpcType.Response;
            call.ResponseFragments++;
            DceRpcBody.AppendStub(call.ResponseStub, datagram.Body, limits.MaxStubBytes);
            call.IsResponseComplete = datagram.IsLast;
            transaction.ProgressToClient = (byte)(datagram.IsLast ? 1 : 0);
        }
    }

    private void ReadRequest(in DceRpcDatagram datagram, DceRpcTransaction transaction)
    {
        DceRpcCall call = transaction.Call;
        if (call.Request == DceRpcType.None)
        {
            call.Request = DceRpcType.Request;
            call.IsLittleEndian = datagram.IsLittleEndian;
            call.OperationNumber = datagram.OperationNumber;

            // There is no bind: each datagram names its interface, and the server would reject what it does not know.
            call.Add(new DceRpcInterface
            {
                Uuid = datagram.Interface,
                Major = (ushort)datagram.InterfaceVersion,
                Minor = (ushort)(datagram.InterfaceVersion >> 16),
                IsAnswered = true,
                IsFromFirstFragment = true,
            });
        }

        call.RequestFragments++;
        DceRpcBody.AppendStub(call.RequestStub, datagram.Body, limits.MaxStubBytes);
        call.IsRequestComplete = datagram.IsLast;
        transaction.ProgressToServer = (byte)(datagram.IsLast ? 1 : 0);
    }

    private DceRpcTransaction? FindUnanswered(uint callId, DceRpcType asked)
    {
        for (int i = Transactions.IndexOfKey(callId); i >= 0; i = Transactions.IndexOfKey(callId, i + 1))
        {
            var transaction = (DceRpcTransaction)Transactions[i];
            DceRpcCall call = transaction.Call;
            if (call.CallId == callId && call.Request == asked && !call.IsResponseComplete)
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    private DceRpcTransaction? FindDatagram(in DceRpcDatagram datagram, bool isRequest)
    {
        uint key = datagram.SequenceNumber;
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (DceRpcTransaction)Transactions[i];
            bool isOpen = isRequest ? !transaction.Call.IsRequestComplete : !transaction.Call.IsResponseComplete;
            if (isOpen && transaction.SequenceNumber == datagram.SequenceNumber && transaction.Activity == datagram.Activity)
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    private DceRpcTransaction Start(uint callId, byte minorVersion)
    {
        DceRpcTransaction transaction = Rent();
        transaction.Call.CallId = callId;
        transaction.Key = callId;
        transaction.MajorVersion = 5;
        transaction.MinorVersion = minorVersion;
        Transactions.Add(transaction);
        return transaction;
    }

    /// <summary>An answer whose question was not seen. It may still be underway unless bytes were lost.</summary>
    private DceRpcTransaction StartLost(in DceRpcHeader header)
    {
        DceRpcTransaction transaction = Start(header.CallId, header.MinorVersion);
        transaction.Call.IsLittleEndian = header.IsLittleEndian;
        transaction.ProgressToServer = (byte)(_directions[(int)Direction.ToServer].HadGap ? 1 : 0);
        return transaction;
    }

    private DceRpcTransaction StartDatagram(in DceRpcDatagram datagram)
    {
        DceRpcTransaction transaction = Start(0, 0);
        transaction.IsDatagram = true;
        transaction.MajorVersion = 4;
        transaction.SequenceNumber = datagram.SequenceNumber;
        transaction.Key = datagram.SequenceNumber;
        transaction.Activity = datagram.Activity;
        return transaction;
    }

    /// <summary>Where one direction stands.</summary>
    private sealed class DirectionState
    {
        /// <summary>The PDU that is not whole yet: its length and how much of it came; 0 when unknown.</summary>
        public int PendingLength { get; private set; }

        public int PendingSeen { get; private set; }

        /// <summary>Bytes that belong to a PDU of which others were lost.</summary>
        public int SkipBytes { get; set; }

        /// <summary>Boundaries are unknown: a header is looked for.</summary>
        public bool IsLost { get; set; }

        public bool HadGap { get; set; }

        /// <summary>The frames of the PDU that is not whole yet are open.</summary>
        public bool IsFramed { get; set; }

        public void SetPending(int length, int seen)
        {
            PendingLength = length;
            PendingSeen = seen;
        }

        public void Reset()
        {
            SetPending(0, 0);
            SkipBytes = 0;
            IsLost = false;
            HadGap = false;
            IsFramed = false;
        }
    }
}
