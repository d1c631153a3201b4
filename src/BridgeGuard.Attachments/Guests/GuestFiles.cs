namespace BridgeGuard.Attachments.Guests;

/// <summary>The files of a hypervisor's folder.</summary>
public static class GuestFiles
{
    /// <summary>Sorted; none when the folder is not there or may not be read.</summary>
    public static IReadOnlyList<string> In(string folder, string pattern)
    {
        try
        {
            return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
