namespace BridgeGuard.Engine.Files;

/// <summary>The types that rules ask for most, by their first bytes: used where libmagic is not installed.</summary>
/// <remarks>The texts begin as libmagic's do, so that rules written against those still match; details it would add are missing.</remarks>
internal static class FileType
{
    public static ReadOnlySpan<byte> Describe(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
        {
            return "empty"u8;
        }

        if (head.Length == 1)
        {
            return "very short file (no magic)"u8;
        }

        return Binary(head) is { IsEmpty: false } known ? known : Text(head);
    }

    private static ReadOnlySpan<byte> Binary(ReadOnlySpan<byte> head)
    {
        switch (head[0])
        {
            case (byte)'M' when head.StartsWith("MZ"u8):
                return Executable(head);
            case 0x7f when head.StartsWith("\u007fELF"u8):
                return head.Length > 4 && head[4] == 2 ? "ELF 64-bit"u8 : "ELF 32-bit"u8;
            case (byte)'%' when head.StartsWith("%PDF-"u8):
                return "PDF document"u8;
            case (byte)'P' when head.StartsWith("PK\u0003\u0004"u8):
                return "Zip archive data"u8;
            case (byte)'G' when head.StartsWith("GIF8"u8):
                return "GIF image data"u8;
            case 0x89 when head[1..].StartsWith("PNG\r\n"u8):
                return "PNG image data"u8;
            case 0xff when head[1] == 0xd8:
                return "JPEG image data"u8;
            case 0x1f when head[1] == 0x8b:
                return "gzip compressed data"u8;
            case (byte)'B' when head.StartsWith("BZh"u8):
                return "bzip2 compressed data"u8;
            case (byte)'R' when head.StartsWith("Rar!"u8):
                return "RAR archive data"u8;
            case (byte)'7' when head.StartsWith("7z"u8) && head.Length > 3 && head[2] == 0xbc:
                return "7-zip archive data"u8;
            case 0xfd when head[1..].StartsWith("7zXZ"u8):
                return "XZ compressed data"u8;
            case 0xd0 when head[1] == 0xcf && head.Length > 3 && head[2] == 0x11:
                return "Composite Document File V2 Document"u8;
            case (byte)'F' or (byte)'C' or (byte)'Z' when head[1..].StartsWith("WS"u8):
                return "Macromedia Flash data"u8;
            case 0xca when head.Length > 3 && head[1] == 0xfe && head[2] == 0xba && head[3] == 0xbe:
                return "compiled Java class data"u8;
            case (byte)'{' when head.StartsWith("{\\rtf"u8):
                return "Rich Text Format data"u8;
            case (byte)'#' when head.StartsWith("#!"u8):
                return "script, ASCII text executable"u8;
            default:
                return default;
        }
    }

    /// <summary>The offset of the PE header stands at 0x3c.</summary>
    private static ReadOnlySpan<byte> Executable(ReadOnlySpan<byte> head)
    {
        if (head.Length < 0x40)
        {
            return "MS-DOS executable"u8;
        }

        uint offset = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(head[0x3c..]);
        if (offset > (uint)head.Length - 6 || !head[(int)offset..].StartsWith("PE\0\0"u8))
        {
            return "MS-DOS executable"u8;
        }

        return "PE32 executable for MS Windows"u8;
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> head)
    {
        ReadOnlySpan<byte> start = head.TrimStart(" \t\r\n"u8);
        if (start.Length >= 5 && System.Text.Ascii.EqualsIgnoreCase(start[..5], "<html"u8)
            || start.Length >= 9 && System.Text.Ascii.EqualsIgnoreCase(start[..9], "<!doctype"u8))
        {
            return "HTML document, ASCII text"u8;
        }

        if (start.StartsWith("<?xml"u8))
        {
            return "XML 1.0 document, ASCII text"u8;
        }

        return head.IndexOfAnyExceptInRange((byte)0x09, (byte)0x7e) < 0 ? "ASCII text"u8
            : System.Text.Unicode.Utf8.IsValid(head) ? "UTF-8 Unicode text"u8 : "data"u8;
    }
}
