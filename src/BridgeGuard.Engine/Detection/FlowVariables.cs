namespace BridgeGuard.Engine.Detection;

/// <summary>Flowbits, flowints and captured variables of one flow. Owned by its flow; one worker.</summary>
/// <remarks>Numbers are those of the process-wide <see cref="VariableNames"/>, so a reload of the rules keeps them. Bounded by <see cref="MaxBits"/> and <see cref="MaxIntegers"/>.</remarks>
public sealed class FlowVariables
{
    /// <summary>Bits per flow; far above what any rule set sets on one flow.</summary>
    public const int MaxBits = 1024;

    /// <summary>Integers per flow.</summary>
    public const int MaxIntegers = 256;

    /// <summary>Captured values per flow and bytes of each (Suricata keeps what fits its memcap; we keep what an alert can show).</summary>
    public const int MaxCaptures = 32;

    public const int MaxCaptureBytes = 2048;

    /// <summary>Room for the first bits: more than most flows ever set.</summary>
    private const int FirstBits = 8;

    /// <summary>Arrays that wait for the next flow that sets a bit; what comes beyond goes to the collector.</summary>
    private const int MaxWaiting = 16_384;

    [ThreadStatic]
    private static Stack<int[]>? _waiting;

    private int[] _bits = [];
    private int[] _integerNames = [];
    private uint[] _integerValues = [];
    private Capture[] _captures = [];

    /// <summary>The numbers of the bits that are set, ascending.</summary>
    public ReadOnlySpan<int> Bits => _bits.AsSpan(0, BitCount);

    public int BitCount { get; private set; }

    /// <summary>The numbers of the integers that exist, in order of creation.</summary>
    public ReadOnlySpan<int> IntegerNames => _integerNames.AsSpan(0, IntegerCount);

    public ReadOnlySpan<uint> IntegerValues => _integerValues.AsSpan(0, IntegerCount);

    public int IntegerCount { get; private set; }

    public int CaptureCount { get; private set; }

    /// <summary>Variables not kept because a table was full.</summary>
    public uint Refused { get; private set; }

    /// <summary>Directions in which protocol-detection rules have run, one bit each; then the same for what is asked again of datagrams.</summary>
    internal byte DetectionRulesDone;

    /// <summary>Packets still to be logged by a tag rule.</summary>
    internal TagState Tag;

    /// <summary>A <c>config</c> rule switched the logging of the flow's transactions off.</summary>
    public bool LoggingDisabled { get; internal set; }

    /// <summary>A threshold counts by this flow: as in Suricata its records have an object of variables then, be it empty.</summary>
    public bool IsCounted { get; internal set; }

    /// <summary>A rule asked that the flow be bypassed.</summary>
    public bool BypassRequested { get; internal set; }

    public bool IsBitSet(int bit) => Bits.BinarySearch(bit) >= 0;

    public void SetBit(int bit)
    {
        int index = Bits.BinarySearch(bit);
        if (index >= 0)
        {
            return;
        }

        if (BitCount == MaxBits)
        {
            Refused++;
            return;
        }

        if (BitCount == _bits.Length)
        {
            MakeRoomForBits();
        }

        index = ~index;
        Array.Copy(_bits, index, _bits, index + 1, BitCount - index);
        _bits[index] = bit;
        BitCount++;
    }

    private void MakeRoomForBits()
    {
        if (_bits.Length == 0)
        {
            _bits = _waiting is { } waiting && waiting.TryPop(out int[]? array) ? array : new int[FirstBits];
        }
        else
        {
            Array.Resize(ref _bits, 2 * BitCount);
        }
    }

    /// <summary>Few flows set bits at all: their arrays serve the next such flow, not the next user of this object.</summary>
    private void GiveBackBits()
    {
        if (_bits.Length == 0)
        {
            return;
        }

        _waiting ??= new Stack<int[]>();
        if (_waiting.Count < MaxWaiting)
        {
            _waiting.Push(_bits);
        }

        _bits = [];
    }

    public void UnsetBit(int bit)
    {
        int index = Bits.BinarySearch(bit);
        if (index < 0)
        {
            return;
        }

        BitCount--;
        Array.Copy(_bits, index + 1, _bits, index, BitCount - index);
    }

    public void ToggleBit(int bit)
    {
        if (IsBitSet(bit))
        {
            UnsetBit(bit);
        }
        else
        {
            SetBit(bit);
        }
    }

    public bool TryGetInteger(int name, out uint value)
    {
        int index = IntegerNames.IndexOf(name);
        value = index < 0 ? 0 : _integerValues[index];
        return index >= 0;
    }

    public void SetInteger(int name, uint value)
    {
        int index = IntegerNames.IndexOf(name);
        if (index < 0)
        {
            if (IntegerCount == MaxIntegers)
            {
                Refused++;
                return;
            }

            if (IntegerCount == _integerNames.Length)
            {
                Array.Resize(ref _integerNames, Math.Max(4, 2 * IntegerCount));
                Array.Resize(ref _integerValues, _integerNames.Length);
            }

            index = IntegerCount++;
            _integerNames[index] = name;
        }

        _integerValues[index] = value;
    }

    /// <summary>Keeps bytes that a rule captured under a name; the newest value replaces an older one of the same name.</summary>
    // One reference, as few flows ever measure anything.
    private EntropyList? _entropies;

    public int EntropyCount => _entropies?.Count ?? 0;

    /// <summary>The entropy last measured in a buffer, by place.</summary>
    public (int Buffer, double Value) GetEntropy(int index) => _entropies!.Items[index];

    /// <summary>Remembers what was measured last in a buffer (EVE <c>metadata.entropy</c>).</summary>
    public void SetEntropy(int buffer, double value) => (_entropies ??= new EntropyList()).Set(buffer, value);

    private sealed class EntropyList
    {
        /// <summary>Buffers of which an entropy is remembered; of a fifth it is not.</summary>
        private const int MaxItems = 4;

        public (int Buffer, double Value)[] Items { get; } = new (int, double)[MaxItems];

        public int Count { get; set; }

        public void Set(int buffer, double value)
        {
            int index = 0;
            while (index < Count && Items[index].Buffer != buffer)
            {
                index++;
            }

            if (index < MaxItems)
            {
                Items[index] = (buffer, value);
                Count = Math.Max(Count, index + 1);
            }
        }
    }

    public void SetCapture(int name, ReadOnlySpan<byte> value)
    {
        int index = 0;
        while (index < CaptureCount && _captures[index].Name != name)
        {
            index++;
        }

        if (index == CaptureCount)
        {
            if (CaptureCount == MaxCaptures)
            {
                Refused++;
                return;
            }

            if (CaptureCount == _captures.Length)
            {
                Array.Resize(ref _captures, Math.Max(2, 2 * CaptureCount));
            }

            CaptureCount++;
        }

        ref Capture capture = ref _captures[index];
        value = value[..Math.Min(value.Length, MaxCaptureBytes)];
        capture.Name = name;
        if (capture.Bytes is null || capture.Bytes.Length < value.Length)
        {
            capture.Bytes = new byte[Math.Max(32, value.Length)];
        }

        value.CopyTo(capture.Bytes);
        capture.Length = value.Length;
    }

    /// <summary>A captured value by its position, below <see cref="CaptureCount"/>.</summary>
    public ReadOnlySpan<byte> GetCapture(int index, out int name)
    {
        name = _captures[index].Name;
        return _captures[index].Bytes.AsSpan(0, _captures[index].Length);
    }

    public void Reset()
    {
        BitCount = 0;
        GiveBackBits();
        IntegerCount = 0;
        CaptureCount = 0;
        if (_entropies is { } entropies)
        {
            entropies.Count = 0;
        }

        Refused = 0;
        DetectionRulesDone = 0;
        Tag = default;
        LoggingDisabled = false;
        IsCounted = false;
        BypassRequested = false;
    }

    private struct Capture
    {
        public int Name;
        public int Length;
        public byte[]? Bytes;
    }
}

/// <summary>What a <c>tag</c> rule left on a flow or host: how much more is to be logged.</summary>
internal struct TagState
{
    public bool Active;

    /// <summary>The rule that set it.</summary>
    public uint Sid;
    public uint Gid;
    public TagMetric Metric;
    public long Remaining;
    public long UntilUs;

    /// <summary>Takes a packet from the measure; true when it is to be logged.</summary>
    public bool Consume(int packetBytes, long nowUs)
    {
        switch (Metric)
        {
            case TagMetric.Packets:
                Remaining--;
                Active = Remaining > 0;
                return true;
            case TagMetric.Bytes:
                Remaining -= packetBytes;
                Active = Remaining >= 0;
                return Active;
            default:
                Active = nowUs <= UntilUs;
                return Active;
        }
    }
}

internal enum TagMetric : byte
{
    Packets,
    Seconds,
    Bytes,
}
