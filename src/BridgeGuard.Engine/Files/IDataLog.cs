using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Files;

/// <summary>Takes the bytes of TCP streams in order (<c>tcp-data</c>) and of HTTP bodies as decoded (<c>http-body-data</c>). Implemented outside: the engine writes no files.</summary>
/// <remarks>Thread: the worker's. Bytes are borrowed for the call.</remarks>
public interface IDataLog
{
    /// <summary>Streams are wanted: the worker keeps their bytes until they have been logged.</summary>
    bool WantsStreams { get; }

    bool WantsBodies { get; }

    /// <summary>The next bytes of one direction of a TCP connection. Lost ones are left out.</summary>
    void Stream(Flow flow, Direction direction, ReadOnlySpan<byte> bytes);

    /// <summary>The next bytes of a message's body, without chunk framing and content coding.</summary>
    void Body(Flow flow, Direction direction, ulong transactionId, ReadOnlySpan<byte> bytes);
}
