namespace BridgeGuard.Engine.Files;

/// <summary>Where a file on the wire comes from and where it goes. Spans are valid for the call only.</summary>
public readonly ref struct FileOrigin
{
    /// <summary>Time of the packet with the file's first byte, microseconds since the Unix epoch.</summary>
    public long TimestampUs { get; init; }

    /// <summary>EVE <c>flow_id</c>.</summary>
    public ulong FlowId { get; init; }

    /// <summary>The guest that gets the file, as the attachment numbers guests; 0 when it is not a guest of this host.</summary>
    public uint ReceiverGuestId { get; init; }

    /// <summary>The guest that sends the file; 0 when it is not a guest of this host.</summary>
    public uint SenderGuestId { get; init; }

    /// <summary>4 or 16 bytes in network order, or empty.</summary>
    public ReadOnlySpan<byte> ReceiverAddress { get; init; }

    /// <summary>4 or 16 bytes in network order, or empty.</summary>
    public ReadOnlySpan<byte> SenderAddress { get; init; }

    /// <summary>The protocol's EVE name, lower case ASCII ("http", "smtp").</summary>
    public ReadOnlySpan<byte> Protocol { get; init; }

    /// <summary>The file's name as the protocol gives it; raw bytes, possibly empty.</summary>
    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary>Where it was fetched from: the URL for HTTP, the share and path for SMB, the sender for mail; raw bytes, possibly empty.</summary>
    public ReadOnlySpan<byte> Location { get; init; }

    /// <summary>The same as a number (<see cref="FilePlace"/>).</summary>
    public ulong Place { get; init; }

    /// <summary>Announced length in bytes, or -1 when unknown. A hint, never trusted.</summary>
    public long AnnouncedSize { get; init; }
}
