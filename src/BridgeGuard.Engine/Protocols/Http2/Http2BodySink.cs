using BridgeGuard.Engine.Compression;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Where decoded body bytes go on. Holds borrowed references only between <see cref="Begin"/> and <see cref="Reset"/>.</summary>
internal sealed class Http2BodySink(Http2Parser parser) : IContentSink
{
    private Http2Transaction? _transaction;
    private ParseContext _context;

    public void Begin(Http2Transaction transaction, in ParseContext context)
    {
        _transaction = transaction;
        _context = context;
    }

    public void OnContent(ReadOnlySpan<byte> bytes) => parser.OnContent(bytes, _transaction!, in _context);

    public void Reset()
    {
        _transaction = null;
        _context = default;
    }
}
