using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>What is known of a chunk of stream data besides its bytes.</summary>
[Flags]
public enum StreamChunkFlags : byte
{
    None = 0,

    /// <summary>The chunk begins with the first byte of the stream.</summary>
    Start = 1,

    /// <summary>No more data will come in this direction (FIN, RST, timeout, end of capture).</summary>
    End = 2,

    /// <summary>The reassembly depth is reached: data beyond is not handed over.</summary>
    Depth = 4,
}

/// <summary>Takes reassembled stream data; the application layer.</summary>
public interface IStreamConsumer
{
    /// <summary>Takes the unconsumed tail followed by new bytes, as one span.</summary>
    /// <returns>Bytes consumed, 0 to <c>data.Length</c>; the rest comes back with more behind it.</returns>
    int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags);

    /// <summary>Bytes that will never come.</summary>
    void OnGap(Flow flow, Packet packet, Direction direction, long bytes);

    /// <summary>The depth is reached with this packet: nothing that comes after what was handed over so far counts as a whole.</summary>
    void OnDepth(Flow flow, Direction direction)
    {
    }

    /// <summary>A connection was opened and ended, and neither side has sent a byte.</summary>
    /// <param name="flow">Its flow.</param>
    /// <param name="packet">The packet that ended it.</param>
    /// <param name="end">The direction that ended; null: both.</param>
    void OnSilence(Flow flow, Packet packet, Direction? end)
    {
    }

    /// <summary>True, once, when the last call made the other direction's unconsumed data understandable: it is then handed over again.</summary>
    bool TakeRedelivery();
}
