using System.Buffers.Binary;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>One attribute of a transform (RFC 2408 §3.3).</summary>
/// <param name="Type">RFC 2409 appendix A.</param>
/// <param name="Value">The number, where it is one.</param>
/// <param name="Bytes">The bytes of a value that is no number of two or four bytes.</param>
internal readonly record struct IkeAttribute(ushort Type, uint Value, Slice Bytes);

/// <summary>The attributes of one transform, each type once, in their order.</summary>
internal sealed class IkeAttributeList
{
    private const ushort ShortForm = 0x8000;

    private readonly IkeAttribute[] _attributes = new IkeAttribute[IkeLimits.MaxAttributes];
    private readonly ByteBuffer _bytes = new();

    public int Count { get; private set; }

    public IkeAttribute this[int index] => _attributes[index];

    public ReadOnlySpan<byte> BytesOf(in IkeAttribute attribute) => _bytes[attribute.Bytes];

    /// <summary>Short ones have their value in place of the length; others a length and a value.</summary>
    public bool TryRead(ReadOnlySpan<byte> rest)
    {
        while (!rest.IsEmpty)
        {
            if (rest.Length < 4)
            {
                return false;
            }

            ushort type = BinaryPrimitives.ReadUInt16BigEndian(rest);
            ushort second = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            rest = rest[4..];
            if ((type & ShortForm) != 0)
            {
                Add(new IkeAttribute((ushort)(type & ~ShortForm), second, Slice.None));
                continue;
            }

            if (second > rest.Length)
            {
                return false;
            }

            ReadOnlySpan<byte> value = rest[..second];
            rest = rest[second..];
            Add(second == 4
                ? new IkeAttribute(type, BinaryPrimitives.ReadUInt32BigEndian(value), Slice.None)
                : new IkeAttribute(type, 0, _bytes.Append(value)));
        }

        return true;
    }

    /// <summary>Whether an attribute has this value as a number.</summary>
    public bool Contains(ushort type, uint value)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_attributes[i].Type == type)
            {
                return !_attributes[i].Bytes.Exists && _attributes[i].Value == value;
            }
        }

        return false;
    }

    public void CopyFrom(IkeAttributeList other)
    {
        Reset();
        for (int i = 0; i < other.Count; i++)
        {
            IkeAttribute attribute = other[i];
            Add(attribute.Bytes.Exists ? attribute with { Bytes = _bytes.Append(other.BytesOf(in attribute)) } : attribute);
        }
    }

    public void Reset()
    {
        Count = 0;
        _bytes.Reset();
    }

    /// <summary>The first of a type counts; what is above the cap is left out.</summary>
    private void Add(in IkeAttribute attribute)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_attributes[i].Type == attribute.Type)
            {
                return;
            }
        }

        if (Count < _attributes.Length)
        {
            _attributes[Count++] = attribute;
        }
    }
}
