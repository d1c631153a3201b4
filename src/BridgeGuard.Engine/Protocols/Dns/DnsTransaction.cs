using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dns;

internal enum DnsSection : byte
{
    Query,
    Answer,
    Authority,
    Additional,
}

/// <summary>A question or record: its name decoded, its data as a place in the message.</summary>
internal struct DnsRecord
{
    public DnsSection Section;
    public ushort Type;
    public ushort Class;
    public uint Ttl;
    public Slice Name;

    /// <summary>Within <see cref="DnsTransaction.Message"/>.</summary>
    public Slice Data;

    /// <summary>The domain name that the data is or holds (CNAME, NS, PTR, MX, SOA's first, SRV's target).</summary>
    public Slice DataName;

    /// <summary>SOA's second name.</summary>
    public Slice SecondName;
}

/// <summary>One DNS message. A response is a transaction of its own.</summary>
internal sealed partial class DnsTransaction : Transaction
{
    private DnsRecord[] _records = new DnsRecord[8];

    public ByteBuffer Message { get; } = new();

    public ByteBuffer Names { get; } = new();

    public int RecordCount { get; private set; }

    public ushort MessageId { get; set; }

    public ushort Flags { get; set; }

    /// <summary>The direction it travelled, which need not be the one its QR bit says.</summary>
    public bool IsRequest { get; set; }

    public bool IsResponseBit => (Flags & 0x8000) != 0;

    public byte Opcode => (byte)((Flags >> 11) & 15);

    /// <summary>The response code, with the upper bits that EDNS adds.</summary>
    public ushort ResponseCode { get; set; }

    public ref readonly DnsRecord this[int index] => ref _records[index];

    public void Add(in DnsRecord record)
    {
        if (RecordCount == _records.Length)
        {
            Array.Resize(ref _records, _records.Length * 2);
        }

        _records[RecordCount++] = record;
    }

    public int Count(DnsSection section)
    {
        int count = 0;
        for (int i = 0; i < RecordCount; i++)
        {
            count += _records[i].Section == section ? 1 : 0;
        }

        return count;
    }

    public void Raise(DnsAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Message.Reset();
        Names.Reset();
        RecordCount = 0;
        MessageId = 0;
        Flags = 0;
        IsRequest = false;
        ResponseCode = 0;
        if (_records.Length > 256)
        {
            _records = new DnsRecord[8];
        }
    }
}
