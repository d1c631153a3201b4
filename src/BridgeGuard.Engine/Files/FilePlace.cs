namespace BridgeGuard.Engine.Files;

/// <summary>Where a file is fetched from, as one number: server, and address or name there. Equal for every guest that asks for it.</summary>
/// <remarks>FNV-1a, 64 bits: two places that collide cost a range request of one its shortcut, never a whole file.</remarks>
public static class FilePlace
{
    /// <summary>No place is known.</summary>
    public const ulong None = 0;

    private const ulong Offset = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <param name="location">The URL or share with its host, or empty.</param>
    /// <param name="server">The server's address in network order; counts where the location does not name the host.</param>
    /// <param name="name">The file's name; counts where it is not part of the location.</param>
    public static ulong Of(ReadOnlySpan<byte> location, ReadOnlySpan<byte> server, ReadOnlySpan<byte> name)
    {
        bool hasHost = location.StartsWith("http"u8);
        if (location.IsEmpty && name.IsEmpty)
        {
            return None;
        }

        ulong hash = Mix(Offset, location);
        return hasHost ? hash | 1 : Mix(Mix(hash, server), name) | 1;
    }

    private static ulong Mix(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            hash = (hash ^ value) * Prime;
        }

        return (hash ^ 0xff) * Prime;
    }
}
