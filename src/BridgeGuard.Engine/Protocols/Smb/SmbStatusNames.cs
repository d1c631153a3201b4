namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Names of status values as EVE writes them. An empty name: it writes the number.</summary>
internal static partial class SmbStatusNames
{
    private const int CodeDigits = 8;

    private static readonly Dictionary<uint, byte[]> Names = Build();

    /// <summary>NT status values (MS-ERREF §2.3).</summary>
    public static ReadOnlySpan<byte> Of(uint status) => Names.TryGetValue(status, out byte[]? name) ? name : default;

    /// <summary>Class and code of the older scheme (MS-CIFS §2.2.2.4).</summary>
    public static ReadOnlySpan<byte> OfError(byte kind, ushort code) => (kind, code) switch
    {
        (1, 0) => "DOS_SUCCESS"u8,
        (1, 1) => "DOS_BAD_FUNC"u8,
        (1, 2) => "DOS_BAD_FILE"u8,
        (1, 3) => "DOS_BAD_PATH"u8,
        (1, 4) => "DOS_TOO_MANY_OPEN_FILES"u8,
        (1, 5) => "DOS_ACCESS_DENIED"u8,
        (2, 1) => "SRV_ERROR"u8,
        (2, 2) => "SRV_BADPW"u8,
        (2, 3) => "SRV_BADTYPE"u8,
        (2, 4) => "SRV_ACCESS"u8,
        (2, 0x5b) => "SRV_BADUID"u8,
        _ => default,
    };

    private static Dictionary<uint, byte[]> Build()
    {
        var names = new Dictionary<uint, byte[]>();
        foreach (string entry in Table.Split(' '))
        {
            uint code = uint.Parse(entry.AsSpan(0, CodeDigits), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
            names.Add(code, System.Text.Encoding.ASCII.GetBytes("STATUS_" + entry[CodeDigits..]));
        }

        return names;
    }
}
