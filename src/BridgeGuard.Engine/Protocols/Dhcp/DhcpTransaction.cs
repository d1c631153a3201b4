using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>One DHCP message: its fixed part and the options that are read, in their order.</summary>
internal sealed class DhcpTransaction : Transaction
{
    /// <summary>The field <c>chaddr</c>.</summary>
    public const int MaxHardwareAddressBytes = 16;

    private readonly (DhcpOption Code, Slice Data)[] _options = new (DhcpOption, Slice)[DhcpLimits.MaxOptions];

    public ByteBuffer Bytes { get; } = new();

    public Slice Header { get; set; }

    public byte Operation { get; set; }

    public int HardwareAddressBytes { get; set; }

    public int OptionCount { get; private set; }

    public uint TransactionId => BinaryPrimitives.ReadUInt32BigEndian(Bytes[Header][4..]);

    public ReadOnlySpan<byte> ClientAddress => Bytes[Header].Slice(12, 4);

    public ReadOnlySpan<byte> AssignedAddress => Bytes[Header].Slice(16, 4);

    public ReadOnlySpan<byte> NextServerAddress => Bytes[Header].Slice(20, 4);

    public ReadOnlySpan<byte> RelayAddress => Bytes[Header].Slice(24, 4);

    public ReadOnlySpan<byte> HardwareAddress => Bytes[Header].Slice(28, HardwareAddressBytes);

    public DhcpOption Code(int index) => _options[index].Code;

    public ReadOnlySpan<byte> Data(int index) => Bytes[_options[index].Data];

    /// <summary>Keeps an option; false when there are too many.</summary>
    public bool TryAdd(DhcpOption code, ReadOnlySpan<byte> data)
    {
        if (OptionCount == _options.Length)
        {
            return false;
        }

        _options[OptionCount++] = (code, Bytes.Append(data));
        return true;
    }

    /// <summary>The first option of this code; -1 without.</summary>
    public int Find(DhcpOption code)
    {
        for (int i = 0; i < OptionCount; i++)
        {
            if (_options[i].Code == code)
            {
                return i;
            }
        }

        return -1;
    }

    public void Raise(DhcpAnomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        int option = index == 0 && ExistsIn(direction) ? Find((DhcpOption)field) : -1;
        value = option < 0 ? 0 : BinaryPrimitives.ReadUInt32BigEndian(Data(option));
        return option >= 0;
    }

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        Header = Slice.None;
        Operation = 0;
        HardwareAddressBytes = 0;
        OptionCount = 0;
    }
}
