using System.Formats.Asn1;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Reads the content of one LDAPMessage (RFC 4511 §4.1.1 and the operations of §4.2 to §4.13).</summary>
/// <remarks>Search filters are taken as one element; only a presence filter is looked into. Nothing recurses.</remarks>
internal ref struct LdapReader(LdapTransaction transaction)
{
    private readonly LdapTransaction _transaction = transaction;

    /// <summary>Message id and operation; false when it is no message.</summary>
    public static bool TryReadHead(ReadOnlySpan<byte> content, out long id, out LdapOperation operation, out ReadOnlySpan<byte> body, out ReadOnlySpan<byte> controls)
    {
        id = 0;
        operation = default;
        body = default;
        controls = content;
        if (!Asn1Element.TryTake(ref controls, UniversalTagNumber.Integer, out Asn1Element number) || !number.TryReadNumber(out id)
            || !Asn1Element.TryTake(ref controls, out Asn1Element element)
            || element.Tag.TagClass != TagClass.Application || !LdapTables.IsOperation(element.Tag.TagValue))
        {
            return false;
        }

        operation = (LdapOperation)element.Tag.TagValue;
        body = element.Content;
        return true;
    }

    /// <summary>Fills the message; false when its operation does not have its form.</summary>
    public readonly bool TryRead(ReadOnlySpan<byte> body, ReadOnlySpan<byte> controls, ref LdapMessage message)
    {
        if (_transaction.Bytes.Length > LdapLimits.MaxTransactionBytes)
        {
            return !LdapTables.HasResult(message.Operation) || TryResultCode(body, ref message);
        }

        bool isGood = message.Operation switch
        {
            LdapOperation.BindRequest => TryBind(body, ref message),
            LdapOperation.SearchRequest => TrySearch(body, ref message),
            LdapOperation.SearchResultEntry or LdapOperation.AddRequest => TryText(ref body, out message.Dn) && TryAttributes(body, ref message),
            LdapOperation.ModifyRequest => TryText(ref body, out message.Dn) && TryChanges(body, ref message),
            LdapOperation.DelRequest => TakeAll(body, out message.Dn),
            LdapOperation.ModDnRequest => TryModifyDn(body, ref message),
            LdapOperation.CompareRequest => TryCompare(body, ref message),
            LdapOperation.ExtendedRequest => TryNamed(body, ref message, 0, isNameRequired: true),
            LdapOperation.IntermediateResponse => TryNamed(body, ref message, 0, isNameRequired: false),
            _ => !LdapTables.HasResult(message.Operation) || TryResult(body, ref message),
        };
        return isGood && TryControls(controls, ref message);
    }

    private readonly bool TakeAll(ReadOnlySpan<byte> body, out Slice slice)
    {
        slice = _transaction.Bytes.Append(body);
        return true;
    }

    private readonly bool TryText(scoped ref ReadOnlySpan<byte> rest, out Slice text)
    {
        bool isText = Asn1Element.TryTake(ref rest, UniversalTagNumber.OctetString, out Asn1Element element);
        text = isText ? _transaction.Bytes.Append(element.Content) : Slice.None;
        return isText;
    }

    private static bool TryNumber(scoped ref ReadOnlySpan<byte> rest, UniversalTagNumber kind, out long value)
    {
        value = 0;
        return Asn1Element.TryTake(ref rest, kind, out Asn1Element element) && element.TryReadNumber(out value);
    }

    private static bool TryBool(scoped ref ReadOnlySpan<byte> rest, out bool value)
    {
        bool taken = Asn1Element.TryTake(ref rest, UniversalTagNumber.Boolean, out Asn1Element element);
        value = taken && element.Content.Length > 0 && element.Content[0] != 0;
        return taken;
    }

    /// <summary>§4.2: version, name, and simple [0] or SASL [3] credentials.</summary>
    private readonly bool TryBind(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!TryNumber(ref body, UniversalTagNumber.Integer, out message.Version) || !TryText(ref body, out message.Dn)
            || !Asn1Element.TryTake(ref body, out Asn1Element authentication))
        {
            return false;
        }

        if (!authentication.IsContext(3))
        {
            return true;
        }

        message.Flag = true;
        ReadOnlySpan<byte> sasl = authentication.Content;
        if (!TryText(ref sasl, out message.Name))
        {
            return false;
        }

        return sasl.IsEmpty || TryText(ref sasl, out message.Value);
    }

    /// <summary>§4.5.1.</summary>
    private readonly bool TrySearch(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!TryText(ref body, out message.Dn)
            || !TryNumber(ref body, UniversalTagNumber.Enumerated, out message.Scope)
            || !TryNumber(ref body, UniversalTagNumber.Enumerated, out message.Aliases)
            || !TryNumber(ref body, UniversalTagNumber.Integer, out message.SizeLimit)
            || !TryNumber(ref body, UniversalTagNumber.Integer, out message.TimeLimit)
            || !TryBool(ref body, out message.Flag)
            || !Asn1Element.TryTake(ref body, out Asn1Element filter)
            || !Asn1Element.TryTake(ref body, UniversalTagNumber.Sequence, out Asn1Element attributes))
        {
            return false;
        }

        if (filter.IsContext(7))
        {
            message.Filter = _transaction.Bytes.Append(filter.Content);
        }

        int first = _transaction.AttributeCount;
        ReadOnlySpan<byte> names = attributes.Content;
        while (!names.IsEmpty)
        {
            if (!TryText(ref names, out Slice name))
            {
                return false;
            }

            _transaction.Add(new LdapAttribute(name, default, 0));
        }

        message.Attributes = new LdapRun(first, _transaction.AttributeCount - first);
        return true;
    }

    /// <summary>A list of attributes, each a type and a set of values (§4.1.7).</summary>
    private readonly bool TryAttributes(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!Asn1Element.TryTake(ref body, UniversalTagNumber.Sequence, out Asn1Element list))
        {
            return false;
        }

        int first = _transaction.AttributeCount;
        ReadOnlySpan<byte> rest = list.Content;
        while (!rest.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element attribute) || !TryAttribute(attribute.Content, 0))
            {
                return false;
            }
        }

        message.Attributes = new LdapRun(first, _transaction.AttributeCount - first);
        return true;
    }

    private readonly bool TryAttribute(ReadOnlySpan<byte> body, long change)
    {
        if (!TryText(ref body, out Slice type) || !Asn1Element.TryTake(ref body, UniversalTagNumber.Set, out Asn1Element set))
        {
            return false;
        }

        int first = _transaction.ValueCount;
        ReadOnlySpan<byte> values = set.Content;
        while (!values.IsEmpty)
        {
            if (!TryText(ref values, out Slice value))
            {
                return false;
            }

            _transaction.AddValue(value);
        }

        _transaction.Add(new LdapAttribute(type, new LdapRun(first, _transaction.ValueCount - first), change));
        return true;
    }

    /// <summary>§4.6: operation and attribute, repeated.</summary>
    private readonly bool TryChanges(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!Asn1Element.TryTake(ref body, UniversalTagNumber.Sequence, out Asn1Element list))
        {
            return false;
        }

        int first = _transaction.AttributeCount;
        ReadOnlySpan<byte> rest = list.Content;
        while (!rest.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element change))
            {
                return false;
            }

            ReadOnlySpan<byte> parts = change.Content;
            if (!TryNumber(ref parts, UniversalTagNumber.Enumerated, out long operation)
                || !Asn1Element.TryTake(ref parts, UniversalTagNumber.Sequence, out Asn1Element attribute) || !TryAttribute(attribute.Content, operation))
            {
                return false;
            }
        }

        message.Attributes = new LdapRun(first, _transaction.AttributeCount - first);
        return true;
    }

    /// <summary>§4.9.</summary>
    private readonly bool TryModifyDn(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!TryText(ref body, out message.Dn) || !TryText(ref body, out message.Name) || !TryBool(ref body, out message.Flag))
        {
            return false;
        }

        if (Asn1Element.TryTakeContext(ref body, 0, out Asn1Element superior))
        {
            message.Value = _transaction.Bytes.Append(superior.Content);
        }

        return true;
    }

    /// <summary>§4.10.</summary>
    private readonly bool TryCompare(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!TryText(ref body, out message.Dn) || !Asn1Element.TryTake(ref body, UniversalTagNumber.Sequence, out Asn1Element assertion))
        {
            return false;
        }

        ReadOnlySpan<byte> parts = assertion.Content;
        int first = _transaction.AttributeCount;
        if (!TryText(ref parts, out Slice type) || !TryText(ref parts, out message.Value))
        {
            return false;
        }

        _transaction.Add(new LdapAttribute(type, default, 0));
        message.Attributes = new LdapRun(first, _transaction.AttributeCount - first);
        return true;
    }

    /// <summary>Name and value of extended requests ([0], [1]; §4.12), extended responses ([10], [11]) and intermediate ones ([0], [1]; §4.13).</summary>
    private readonly bool TryNamed(ReadOnlySpan<byte> body, ref LdapMessage message, int tag, bool isNameRequired)
    {
        if (Asn1Element.TryTakeContext(ref body, tag, out Asn1Element name))
        {
            message.Name = _transaction.Bytes.Append(name.Content);
        }
        else if (isNameRequired)
        {
            return false;
        }

        if (Asn1Element.TryTakeContext(ref body, tag + 1, out Asn1Element value))
        {
            message.Value = _transaction.Bytes.Append(value.Content);
        }

        return true;
    }

    private static bool TryResultCode(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        message.HasResult = TryNumber(ref body, UniversalTagNumber.Enumerated, out long code);
        message.ResultCode = (uint)code;
        return message.HasResult;
    }

    /// <summary>LDAPResult (§4.1.9) and what stands behind it: SASL credentials [7], name [10] and value [11].</summary>
    private readonly bool TryResult(ReadOnlySpan<byte> body, ref LdapMessage message)
    {
        if (!TryNumber(ref body, UniversalTagNumber.Enumerated, out long code) || !TryText(ref body, out message.Dn) || !TryText(ref body, out message.Text))
        {
            return false;
        }

        message.ResultCode = (uint)code;
        message.HasResult = true;
        Asn1Element.TryTakeContext(ref body, 3, out _);
        if (message.Operation == LdapOperation.BindResponse && Asn1Element.TryTakeContext(ref body, 7, out Asn1Element credentials))
        {
            message.Value = _transaction.Bytes.Append(credentials.Content);
        }

        return message.Operation != LdapOperation.ExtendedResponse || TryNamed(body, ref message, 10, isNameRequired: false);
    }

    /// <summary>§4.1.11.</summary>
    private readonly bool TryControls(ReadOnlySpan<byte> rest, ref LdapMessage message)
    {
        if (rest.IsEmpty || !Asn1Element.TryTakeContext(ref rest, 0, out Asn1Element list))
        {
            return rest.IsEmpty;
        }

        int first = _transaction.ControlCount;
        ReadOnlySpan<byte> controls = list.Content;
        while (!controls.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref controls, UniversalTagNumber.Sequence, out Asn1Element control))
            {
                return false;
            }

            ReadOnlySpan<byte> parts = control.Content;
            if (!TryText(ref parts, out Slice type))
            {
                return false;
            }

            TryBool(ref parts, out bool isCritical);
            TryText(ref parts, out Slice value);
            _transaction.Add(new LdapControl(type, isCritical, value));
        }

        message.Controls = new LdapRun(first, _transaction.ControlCount - first);
        return true;
    }
}
