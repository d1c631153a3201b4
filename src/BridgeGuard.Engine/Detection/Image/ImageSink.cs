namespace BridgeGuard.Engine.Detection.Image;

/// <summary>Where an image's bytes go.</summary>
internal abstract class ImageSink
{
    /// <summary>Takes the next bytes; the span is borrowed for the call.</summary>
    public abstract void Write(ReadOnlySpan<byte> bytes);
}

/// <summary>Where an image's bytes come from; checked against damage before.</summary>
internal abstract class ImageSource
{
    /// <summary>Bytes not read yet.</summary>
    public abstract long Remaining { get; }

    /// <summary>Fills the span, or throws <see cref="InvalidDataException"/>.</summary>
    public abstract void Read(Span<byte> bytes);
}
