using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>The frames of classic pcap files in one array, with their times.</summary>
internal sealed class FrameStore
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    private readonly List<Record> _records = [];
    private byte[] _buffer = [];
    private int _used;

    public int Count => _records.Count;

    public long Bytes { get; private set; }

    public byte[] Buffer => _buffer;

    public int Offset(int index) => _records[index].Offset;

    public int Length(int index) => _records[index].Length;

    public FrameInfo Info(int index, long shiftUs)
    {
        Record record = _records[index];
        return new FrameInfo
        {
            TimestampUs = record.TimeUs + shiftUs,
            Number = (ulong)index + 1,
            WireLength = record.Length,
            LinkType = record.LinkType,
        };
    }

    public void Load(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        bool little = file.Length >= FileHeader && BinaryPrimitives.ReadUInt32LittleEndian(file) == 0xa1b2c3d4;
        if (!little)
        {
            Console.Error.WriteLine($"{path}: not a classic little-endian pcap file");
            return;
        }

        Array.Resize(ref _buffer, _used + file.Length);
        file.CopyTo(_buffer, _used);
        LinkType link = (LinkType)BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(20));
        for (int at = FileHeader; at + RecordHeader <= file.Length;)
        {
            ReadOnlySpan<byte> header = file.AsSpan(at);
            long time = (BinaryPrimitives.ReadUInt32LittleEndian(header) * 1_000_000L) + BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            at += RecordHeader;
            if ((uint)length > (uint)(file.Length - at))
            {
                break;
            }

            _records.Add(new Record(_used + at, length, time, link));
            Bytes += length;
            at += length;
        }

        _used += file.Length;
    }

    private readonly record struct Record(int Offset, int Length, long TimeUs, LinkType LinkType);
}
