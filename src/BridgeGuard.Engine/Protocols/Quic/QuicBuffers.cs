using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum QuicBuffer
{
    Version,
    Sni,
    UserAgent,
    CyuHash,
    CyuString,

    /// <summary>Buffers of the hello are numbered from this on.</summary>
    FirstOfTls = 100,
}

/// <summary>The <c>quic.*</c> buffers and those of TLS that QUIC has too.</summary>
internal static class QuicBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        New("quic.version", QuicBuffer.Version, DirectionMask.Both, "the version's four bytes"),
        New("quic.sni", QuicBuffer.Sni, DirectionMask.ToServer, "the server's name in the client's hello"),
        New("quic.ua", QuicBuffer.UserAgent, DirectionMask.ToServer, "the user agent in a hello of Google's versions"),
        New("quic.cyu.hash", QuicBuffer.CyuHash, DirectionMask.ToServer, "MD5 of the CYU fingerprint", RequireHash),
        New("quic.cyu.string", QuicBuffer.CyuString, DirectionMask.ToServer, "the CYU fingerprint: version and tags of a hello of Google's versions"),
        .. Array.ConvertAll(Array.FindAll(TlsBuffers.All, buffer => buffer.Name.StartsWith("ja", StringComparison.Ordinal)), OfTls),
    ];

    private static BufferDescriptor New(
        string name, QuicBuffer id, DirectionMask directions, string help, Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        ProgressToServer = 1,
        ProgressToClient = 1,
        ValidateContent = validate,
        Help = help,
    };

    private static BufferDescriptor OfTls(BufferDescriptor buffer) => new()
    {
        Name = buffer.Name,
        Aliases = buffer.Aliases,
        LegacyModifiers = buffer.LegacyModifiers,
        LocalId = buffer.LocalId + (int)QuicBuffer.FirstOfTls,
        Directions = buffer.Directions,
        ProgressToServer = 1,
        ProgressToClient = 1,
        ValidateContent = buffer.ValidateContent,
        Help = buffer.Help,
    };

    private static string? RequireHash(ReadOnlyMemory<byte> content, bool ignoresCase) =>
        content.Length == 32 && !content.Span.ContainsAnyExcept("0123456789abcdefABCDEF"u8) ? null : "an MD5 has 32 hexadecimal digits";
}

/// <summary>Their values.</summary>
internal sealed partial class QuicTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (index > 0 || !ExistsIn(direction))
        {
            return false;
        }

        if (buffer >= (int)QuicBuffer.FirstOfTls)
        {
            return Hello is { } hello && hello.TryGetBuffer(buffer - (int)QuicBuffer.FirstOfTls, direction, 0, out view);
        }

        if ((QuicBuffer)buffer == QuicBuffer.Version)
        {
            view = new BufferView(_version);
            return true;
        }

        Slice slice = (QuicBuffer)buffer switch
        {
            QuicBuffer.Sni => Sni,
            QuicBuffer.UserAgent => UserAgent,
            QuicBuffer.CyuHash => CyuHash,
            _ => Cyu,
        };
        view = new BufferView(Text[slice]);
        return slice.Length > 0;
    }
}
