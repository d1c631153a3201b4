using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Reads one message per datagram, payload after payload, and remembers what the flow has agreed on.</summary>
/// <remarks>
/// Every payload begins alike: next payload (1), flags (1), length with these four bytes (2). Encrypted messages show their header only.
/// </remarks>
internal sealed class IkeParser(IkeProtocol protocol) : PooledState<IkeTransaction>(protocol, IkeLimits.MaxTransactions)
{
    private const int PayloadHeaderBytes = 4;
    private const byte Version1EncryptedFlag = 1;

    private readonly IkeAgreement _agreement = new();

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!IkeHeader.TryCreate(input, out IkeHeader header))
        {
            return ParseResult.Stop();
        }

        IkeTransaction transaction = Rent();
        transaction.Begin(in header);
        bool isKept = header.Major == 1
            ? ReadVersion1(in header, transaction, context.Direction)
            : ReadVersion2(in header, transaction, context.Direction);
        if (!isKept)
        {
            Release(transaction);
            return ParseResult.Stop();
        }

        transaction.TakeAgreement(_agreement);
        AddMessage(transaction, context.Direction);
        return ParseResult.Done(input.Length);
    }

    public override void Reset()
    {
        base.Reset();
        _agreement.Reset();
    }

    /// <summary>Takes the payload in front; false when it does not fit.</summary>
    private static bool TryTake(ref ReadOnlySpan<byte> rest, out byte next, out ReadOnlySpan<byte> content)
    {
        next = 0;
        content = default;
        if (rest.Length < PayloadHeaderBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (length < PayloadHeaderBytes || length > rest.Length)
        {
            return false;
        }

        next = rest[0];
        content = rest[PayloadHeaderBytes..length];
        rest = rest[length..];
        return true;
    }

    /// <summary>False when the message cannot be read at all.</summary>
    private bool ReadVersion1(in IkeHeader header, IkeTransaction transaction, Direction direction)
    {
        transaction.IsEncrypted = (header.Flags & Version1EncryptedFlag) != 0;
        byte type = header.NextPayload;
        if (transaction.IsEncrypted)
        {
            transaction.AddPayload(type);
            return true;
        }

        if (type == 0)
        {
            transaction.AddPayload(0);
            return true;
        }

        ReadOnlySpan<byte> rest = header.Body;
        _agreement.Forget(direction);
        for (int i = 0; i < IkeLimits.MaxPayloads && type != 0; i++)
        {
            if (!IkeTables.IsVersion1Payload(type) || !TryTake(ref rest, out byte next, out ReadOnlySpan<byte> content))
            {
                // What can be read ends here; a message of unknown payloads is still a message.
                transaction.ClearPayloads();
                return true;
            }

            transaction.AddPayloadOnce(type);
            switch ((IkePayload1)type)
            {
                case IkePayload1.SecurityAssociation:
                    if (!IkeAssociation1.TryRead(content, transaction, _agreement, direction))
                    {
                        return false;
                    }

                    break;
                case IkePayload1.KeyExchange:
                    transaction.KeyExchange = transaction.Bytes.Append(content);
                    _agreement.SetKeyExchange(direction, content);
                    break;
                case IkePayload1.Nonce:
                    transaction.Nonce = transaction.Bytes.Append(content);
                    _agreement.SetNonce(direction, content);
                    break;
                case IkePayload1.VendorId:
                    transaction.AddVendor(content);
                    break;
            }

            type = next;
        }

        return true;
    }

    private bool ReadVersion2(in IkeHeader header, IkeTransaction transaction, Direction direction)
    {
        byte type = header.NextPayload;
        ReadOnlySpan<byte> rest = header.Body;
        for (int i = 0; i < IkeLimits.MaxPayloads && !rest.IsEmpty; i++)
        {
            if (!TryTake(ref rest, out byte next, out ReadOnlySpan<byte> content) || !ReadPayload2((IkePayload2)type, content, transaction, direction))
            {
                transaction.ClearPayloads();
                return true;
            }

            transaction.AddPayload(type);
            type = next;
        }

        transaction.AddPayload(type);
        return true;
    }

    private bool ReadPayload2(IkePayload2 type, ReadOnlySpan<byte> content, IkeTransaction transaction, Direction direction)
    {
        switch (type)
        {
            case IkePayload2.SecurityAssociation:
                return IkeAssociation2.TryRead(content, transaction, direction == Direction.ToClient ? _agreement : null);
            case IkePayload2.KeyExchange when content.Length > 4:
                // The group and two reserved bytes stand in front.
                transaction.KeyExchange = transaction.Bytes.Append(content[4..]);
                return true;
            case IkePayload2.Nonce:
                transaction.Nonce = transaction.Bytes.Append(content);
                return true;
            case IkePayload2.Notify:
                if (content.Length < 4)
                {
                    return false;
                }

                transaction.AddNotification(BinaryPrimitives.ReadUInt16BigEndian(content[2..]));
                return true;
            case IkePayload2.TrafficSelectorInitiator or IkePayload2.TrafficSelectorResponder:
                return content.Length >= 4 && content[0] > 0;
            default:
                return true;
        }
    }
}

/// <summary>What a flow's messages have said so far, for the records of later ones.</summary>
internal sealed class IkeAgreement
{
    private readonly ByteBuffer _bytes = new();
    private readonly Slice[] _values = [Slice.None, Slice.None, Slice.None, Slice.None];

    /// <summary>The domain of interpretation (RFC 2407); null until one was named.</summary>
    public uint? Doi { get; set; }

    /// <summary>Version 2: what the responder chose, in the order of <see cref="IkeTransform2"/> (encryption, PRF, integrity, group, sequence numbers).</summary>
    public ushort[] Chosen { get; } = new ushort[IkeTables.TransformTypes];

    /// <summary>Version 1: the attributes of the responder's first transform.</summary>
    public IkeAttributeList Attributes { get; } = new();

    /// <summary>Each readable message of version 1 tells its side's keys anew.</summary>
    public void Forget(Direction direction) => (_values[(int)direction], _values[2 + (int)direction]) = (Slice.None, Slice.None);

    public void SetKeyExchange(Direction direction, ReadOnlySpan<byte> bytes) => Keep((int)direction, bytes);

    public void SetNonce(Direction direction, ReadOnlySpan<byte> bytes) => Keep(2 + (int)direction, bytes);

    public bool TryGetKeyExchange(Direction direction, out ReadOnlySpan<byte> bytes) => TryGet((int)direction, out bytes);

    public bool TryGetNonce(Direction direction, out ReadOnlySpan<byte> bytes) => TryGet(2 + (int)direction, out bytes);

    public void Reset()
    {
        _bytes.Reset();
        _values.AsSpan().Fill(Slice.None);
        Doi = null;
        ResetChosen();
        Attributes.Reset();
    }

    /// <summary>What counts as chosen before anything was: no encryption by name, and nothing of the others.</summary>
    private void ResetChosen()
    {
        Array.Clear(Chosen);
        Chosen[(int)IkeTransform2.Encryption] = IkeTables.NullEncryption;
    }

    public IkeAgreement() => ResetChosen();

    /// <summary>A later exchange of the flow replaces the value; the bytes of the earlier one go when they would pile up.</summary>
    private void Keep(int index, ReadOnlySpan<byte> bytes)
    {
        if (_bytes.Length + bytes.Length > IkeLimits.MaxRememberedBytes)
        {
            _bytes.Reset();
            _values.AsSpan().Fill(Slice.None);
        }

        _values[index] = _bytes.Append(bytes);
    }

    private bool TryGet(int index, out ReadOnlySpan<byte> bytes)
    {
        bytes = _bytes[_values[index]];
        return _values[index].Exists;
    }
}
