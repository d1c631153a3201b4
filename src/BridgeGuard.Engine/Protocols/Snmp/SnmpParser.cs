using System.Formats.Asn1;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>SNMP messages, one a datagram: versions 1 (RFC 1157), 2c (RFC 1901, 3416) and 3 with USM (RFC 3412, 3414).</summary>
/// <remarks>Values of variables are not read. A datagram that is no message makes no transaction. Nothing recurses.</remarks>
internal sealed class SnmpParser(SnmpProtocol protocol) : PooledState<SnmpTransaction>(protocol, SnmpLimits.MaxTransactions)
{
    private byte _version;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        SnmpTransaction transaction = Rent();
        if (!TryRead(input, transaction))
        {
            Release(transaction);
            Blame();
            return ParseResult.Stop();
        }

        if (_version == 0)
        {
            _version = transaction.Version;
        }
        else if (_version != transaction.Version)
        {
            transaction.Raise(SnmpAnomaly.VersionMismatch);
            transaction.Version = _version;
        }

        transaction.Directions = context.Direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);
        return ParseResult.Done(input.Length);
    }

    public override void Reset()
    {
        base.Reset();
        _version = 0;
    }

    /// <summary>The version on the wire as people count it: 1, 2, 3; false when the bytes do not begin like a message.</summary>
    internal static bool TryReadVersion(ReadOnlySpan<byte> datagram, out byte version, out ReadOnlySpan<byte> rest)
    {
        version = 0;
        rest = default;
        if (!Asn1Element.TryTake(ref datagram, UniversalTagNumber.Sequence, out Asn1Element message))
        {
            return false;
        }

        rest = message.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Integer, out Asn1Element number) || !number.TryReadNumber(out long value) || value is not (0 or 1 or 3))
        {
            return false;
        }

        version = value == 3 ? (byte)3 : (byte)(value + 1);
        return true;
    }

    private void Blame()
    {
        if (Transactions.Count > 0)
        {
            ((SnmpTransaction)Transactions[Transactions.Count - 1]).Raise(SnmpAnomaly.MalformedData);
        }
    }

    private static bool TryRead(ReadOnlySpan<byte> input, SnmpTransaction transaction)
    {
        if (!TryReadVersion(input, out byte version, out ReadOnlySpan<byte> rest))
        {
            return false;
        }

        transaction.Version = version;
        if (version == 3)
        {
            return TryReadV3(rest, transaction);
        }

        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.OctetString, out Asn1Element community))
        {
            return false;
        }

        transaction.Community = transaction.Bytes.Append(community.Content);
        return TryPdu(rest, transaction);
    }

    /// <summary>RFC 3412 §6: global data, security parameters, a scoped PDU in the clear or encrypted.</summary>
    private static bool TryReadV3(ReadOnlySpan<byte> rest, SnmpTransaction transaction)
    {
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element global)
            || !Asn1Element.TryTake(ref rest, UniversalTagNumber.OctetString, out Asn1Element security))
        {
            return false;
        }

        ReadOnlySpan<byte> header = global.Content;
        if (!Asn1Element.TryTake(ref header, UniversalTagNumber.Integer, out _) || !Asn1Element.TryTake(ref header, UniversalTagNumber.Integer, out _)
            || !Asn1Element.TryTake(ref header, UniversalTagNumber.OctetString, out _)
            || !Asn1Element.TryTake(ref header, UniversalTagNumber.Integer, out Asn1Element model) || !model.TryReadNumber(out long modelNumber))
        {
            return false;
        }

        if (modelNumber != SnmpTables.UserSecurityModel)
        {
            transaction.Raise(SnmpAnomaly.UnknownSecurityModel);
        }
        else if (!TryUser(security.Content, transaction))
        {
            return false;
        }

        if (Asn1Element.TryTake(ref rest, UniversalTagNumber.OctetString, out _))
        {
            return true;
        }

        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element scoped))
        {
            return false;
        }

        ReadOnlySpan<byte> content = scoped.Content;
        return Asn1Element.TryTake(ref content, UniversalTagNumber.OctetString, out _)
            && Asn1Element.TryTake(ref content, UniversalTagNumber.OctetString, out _)
            && TryPdu(content, transaction);
    }

    /// <summary>RFC 3414 §2.4: engine, boots, time, user name, …</summary>
    private static bool TryUser(ReadOnlySpan<byte> bytes, SnmpTransaction transaction)
    {
        if (!Asn1Element.TryTake(ref bytes, UniversalTagNumber.Sequence, out Asn1Element parameters))
        {
            return false;
        }

        ReadOnlySpan<byte> parts = parameters.Content;
        if (!Asn1Element.TryTake(ref parts, UniversalTagNumber.OctetString, out _) || !Asn1Element.TryTake(ref parts, UniversalTagNumber.Integer, out _)
            || !Asn1Element.TryTake(ref parts, UniversalTagNumber.Integer, out _)
            || !Asn1Element.TryTake(ref parts, UniversalTagNumber.OctetString, out Asn1Element user))
        {
            return false;
        }

        transaction.User = transaction.Bytes.Append(user.Content);
        return true;
    }

    /// <summary>RFC 3416 §3; RFC 1157 §4.1.6 for the trap of version 1.</summary>
    private static bool TryPdu(ReadOnlySpan<byte> rest, SnmpTransaction transaction)
    {
        if (!Asn1Element.TryTake(ref rest, out Asn1Element pdu) || pdu.Tag.TagClass != TagClass.ContextSpecific || pdu.Tag.TagValue > SnmpTables.LastPdu)
        {
            return false;
        }

        transaction.Pdu = pdu.Tag.TagValue;
        ReadOnlySpan<byte> parts = pdu.Content;
        bool isGood = transaction.Pdu == SnmpTables.TrapV1 ? TryTrap(ref parts, transaction) : TryHeader(ref parts, transaction);
        return isGood && TryVariables(parts, transaction);
    }

    /// <summary>Request, error status and error index (RFC 3416 §3), where a bulk request has two numbers of its own.</summary>
    private static bool TryHeader(ref ReadOnlySpan<byte> parts, SnmpTransaction transaction)
    {
        if (!TrySkipIntegers(ref parts, 1) || !Asn1Element.TryTake(ref parts, UniversalTagNumber.Integer, out Asn1Element status))
        {
            return false;
        }

        transaction.ErrorStatus = transaction.Pdu != SnmpTables.GetBulk && status.TryReadNumber(out long error) ? (uint)Math.Clamp(error, 0, uint.MaxValue) : 0;
        return TrySkipIntegers(ref parts, 1);
    }

    private static bool TryTrap(ref ReadOnlySpan<byte> parts, SnmpTransaction transaction)
    {
        const int NetworkAddress = 0;
        const int TimeTicks = 3;
        if (!Asn1Element.TryTake(ref parts, UniversalTagNumber.ObjectIdentifier, out Asn1Element enterprise)
            || !Asn1Element.TryTake(ref parts, out Asn1Element address) || !address.IsApplication(NetworkAddress)
            || !Asn1Element.TryTake(ref parts, UniversalTagNumber.Integer, out Asn1Element generic) || !generic.TryReadNumber(out long type)
            || !TrySkipIntegers(ref parts, 1)
            || !Asn1Element.TryTake(ref parts, out Asn1Element ticks) || !ticks.IsApplication(TimeTicks))
        {
            return false;
        }

        transaction.TrapOid = Asn1Element.AppendOid(enterprise.Content, transaction.Bytes);
        transaction.TrapAddress = address.Content.Length == 4 ? transaction.Bytes.Append(address.Content) : Slice.None;
        transaction.TrapType = (int)Math.Clamp(type, 0, byte.MaxValue);
        return true;
    }

    private static bool TrySkipIntegers(ref ReadOnlySpan<byte> parts, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (!Asn1Element.TryTake(ref parts, UniversalTagNumber.Integer, out _))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryVariables(ReadOnlySpan<byte> parts, SnmpTransaction transaction)
    {
        if (!Asn1Element.TryTake(ref parts, UniversalTagNumber.Sequence, out Asn1Element list))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = list.Content;
        while (!rest.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element binding))
            {
                return false;
            }

            ReadOnlySpan<byte> pair = binding.Content;
            if (!Asn1Element.TryTake(ref pair, UniversalTagNumber.ObjectIdentifier, out Asn1Element oid))
            {
                return false;
            }

            transaction.AddVariable(Asn1Element.AppendOid(oid.Content, transaction.Bytes));
        }

        return true;
    }
}
