using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Decodes the header blocks of one direction of a connection (RFC 7541 §3, §6).</summary>
internal sealed class HpackDecoder(int maxTableBytes)
{
    /// <summary>What a table begins with (RFC 9113 §6.5.2).</summary>
    private const int DefaultTableBytes = 4096;

    private readonly HpackDynamicTable _table = new();
    private readonly ByteBuffer _scratch = new();

    private enum Step : byte
    {
        Done,

        /// <summary>The block ends within a representation.</summary>
        Cut,
        Overflow,
    }

    /// <summary>Reads a whole block into <paramref name="headers"/>; raises what is wrong with it on the transaction.</summary>
    public void Decode(ReadOnlySpan<byte> block, Http2Headers headers, Http2Transaction transaction)
    {
        while (!block.IsEmpty)
        {
            Step step = DecodeOne(ref block, headers, transaction);
            if (step == Step.Cut)
            {
                transaction.Raise(Http2Anomaly.InvalidFrameData);
                return;
            }

            if (step == Step.Overflow)
            {
                transaction.Raise(Http2Anomaly.HeaderIntegerOverflow);
                return;
            }
        }
    }

    public void Reset()
    {
        _table.Reset(Math.Min(DefaultTableBytes, maxTableBytes));
        _scratch.Reset();
    }

    private Step DecodeOne(ref ReadOnlySpan<byte> block, Http2Headers headers, Http2Transaction transaction)
    {
        byte first = block[0];
        if (first >= 0x80)
        {
            return Indexed(ref block, headers, transaction);
        }

        if (first >= 0x40)
        {
            return Literal(ref block, prefix: 6, isIndexed: true, headers, transaction);
        }

        if (first < 0x20)
        {
            return Literal(ref block, prefix: 4, isIndexed: false, headers, transaction);
        }

        Step step = ReadInteger(ref block, prefix: 5, out uint size);
        if (step == Step.Done)
        {
            headers.AddSizeUpdate(size);
            _table.Resize((int)Math.Min(size, (uint)maxTableBytes));
        }

        return step;
    }

    private Step Indexed(ref ReadOnlySpan<byte> block, Http2Headers headers, Http2Transaction transaction)
    {
        Step step = ReadInteger(ref block, prefix: 7, out uint index);
        if (step != Step.Done)
        {
            return step;
        }

        if (index is > 0 and <= HpackTables.StaticCount)
        {
            Add(HpackTables.StaticName((int)index), HpackTables.StaticValue((int)index), headers, transaction);
        }
        else if (index > 0 && index - HpackTables.StaticCount <= (uint)_table.Count)
        {
            int entry = (int)index - HpackTables.StaticCount - 1;
            Add(_table.Name(entry), _table.Value(entry), headers, transaction);
        }
        else
        {
            headers.AddError(index == 0 ? Http2HeaderKind.IndexZero : Http2HeaderKind.NotIndexed);
            transaction.Raise(Http2Anomaly.InvalidHeader);
        }

        return Step.Done;
    }

    private Step Literal(ref ReadOnlySpan<byte> block, int prefix, bool isIndexed, Http2Headers headers, Http2Transaction transaction)
    {
        Step step = ReadInteger(ref block, prefix, out uint index);
        if (step != Step.Done)
        {
            return step;
        }

        _scratch.Reset();
        bool isKnown = true;
        if (index == 0)
        {
            step = ReadString(ref block);
        }
        else if (index <= HpackTables.StaticCount)
        {
            _scratch.Append(HpackTables.StaticName((int)index));
        }
        else if (index - HpackTables.StaticCount <= (uint)_table.Count)
        {
            _scratch.Append(_table.Name((int)index - HpackTables.StaticCount - 1));
        }
        else
        {
            isKnown = false;
        }

        if (step != Step.Done)
        {
            return step;
        }

        int nameLength = _scratch.Length;
        step = ReadString(ref block);
        if (step != Step.Done)
        {
            return step;
        }

        if (!isKnown)
        {
            headers.AddError(Http2HeaderKind.NotIndexed);
            transaction.Raise(Http2Anomaly.InvalidHeader);
            return Step.Done;
        }

        ReadOnlySpan<byte> name = _scratch.Span[..nameLength];
        ReadOnlySpan<byte> value = _scratch.Span[nameLength..];
        Add(name, value, headers, transaction);
        if (isIndexed)
        {
            if (name.Length + value.Length > maxTableBytes)
            {
                transaction.Raise(Http2Anomaly.HeaderTableOverflow);
            }

            _table.Insert(name, value);
        }

        return Step.Done;
    }

    private static void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, Http2Headers headers, Http2Transaction transaction)
    {
        if (!headers.Add(name, value))
        {
            transaction.Raise(Http2Anomaly.ReassemblyLimitReached);
        }
    }

    /// <summary>A string literal (RFC 7541 §5.2) is put behind what the scratch buffer holds.</summary>
    private Step ReadString(ref ReadOnlySpan<byte> block)
    {
        if (block.IsEmpty)
        {
            return Step.Cut;
        }

        bool isHuffman = block[0] >= 0x80;
        Step step = ReadInteger(ref block, prefix: 7, out uint length);
        if (step != Step.Done)
        {
            return step;
        }

        if (length > (uint)block.Length)
        {
            return Step.Cut;
        }

        ReadOnlySpan<byte> text = block[..(int)length];
        block = block[(int)length..];
        if (isHuffman)
        {
            // What decodes before a wrong code counts: receivers differ in what they make of the rest.
            HpackTables.TryDecode(text, _scratch.Reserve(HpackTables.MaxDecodedBytes(text.Length)), out int decoded);
            _scratch.Commit(decoded);
        }
        else
        {
            _scratch.Append(text);
        }

        return Step.Done;
    }

    /// <summary>A number with a prefix of <paramref name="prefix"/> bits (RFC 7541 §5.1), up to 32 bits.</summary>
    private static Step ReadInteger(ref ReadOnlySpan<byte> block, int prefix, out uint value)
    {
        uint mask = (1u << prefix) - 1;
        value = block[0] & mask;
        if (value < mask)
        {
            block = block[1..];
            return Step.Done;
        }

        ulong sum = value;
        int shift = 0;
        for (int i = 1; i < block.Length; i++)
        {
            sum += (ulong)(block[i] & 0x7f) << shift;
            if (sum > uint.MaxValue || shift > 28)
            {
                return Step.Overflow;
            }

            if (block[i] < 0x80)
            {
                value = (uint)sum;
                block = block[(i + 1)..];
                return Step.Done;
            }

            shift += 7;
        }

        return Step.Cut;
    }
}
