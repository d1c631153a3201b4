using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Tests.Streams;

internal delegate void SpanAction(ReadOnlySpan<byte> data);

/// <summary>Stands where the application layer stands and keeps what it gets.</summary>
internal sealed class RecordingConsumer : IStreamConsumer
{
    private readonly MemoryStream[] _bytes = [new(), new()];

    /// <summary>Bytes it consumes of what it is given; null: all.</summary>
    public Func<Direction, int, int>? Appetite { get; set; }

    /// <summary>Called with what it is given, before anything else.</summary>
    public SpanAction? OnSpan { get; set; }

    public List<string> Log { get; } = [];

    public long[] GapBytes { get; } = new long[2];

    public bool[] Ended { get; } = new bool[2];

    public string Text(Direction direction) => Encoding.Latin1.GetString(Bytes(direction));

    public byte[] Bytes(Direction direction) => _bytes[(int)direction].ToArray();

    public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags)
    {
        OnSpan?.Invoke(data);
        int consumed = (flags & StreamChunkFlags.End) != 0 ? data.Length : Appetite?.Invoke(direction, data.Length) ?? data.Length;
        _bytes[(int)direction].Write(data[..consumed]);
        Ended[(int)direction] |= (flags & StreamChunkFlags.End) != 0;
        Log.Add($"{packet.Number} {direction} {Encoding.Latin1.GetString(data)} {flags}");
        return consumed;
    }

    public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
    {
        GapBytes[(int)direction] += bytes;
        Log.Add($"{packet.Number} {direction} gap {bytes}");
    }

    public bool TakeRedelivery() => false;
}
