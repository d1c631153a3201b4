using System.Buffers.Binary;

namespace BridgeGuard.Attachments.Offline;

/// <summary>One capture to read.</summary>
/// <param name="Path">As shown to the operator; <c>-</c> for standard input.</param>
/// <param name="Length">Bytes; 0 when unknown.</param>
internal sealed record CaptureSource(string Path, long Length)
{
    private const int MagicBytes = 4;

    /// <summary>What libpcap opens.</summary>
    public string DevicePath => Path == "-" ? "/dev/stdin" : Path;

    /// <summary>Turns arguments into captures, or says which one does not exist or cannot be read.</summary>
    public static AttachmentError? Resolve(IReadOnlyList<string> paths, List<CaptureSource> sources)
    {
        foreach (string path in paths)
        {
            if (path == "-")
            {
                sources.Add(new CaptureSource(path, 0));
            }
            else if (Directory.Exists(path))
            {
                AddFolder(path, sources);
            }
            else if (File.Exists(path))
            {
                sources.Add(new CaptureSource(path, new FileInfo(path).Length));
            }
            else
            {
                return new AttachmentError(AttachmentErrorKind.NotFound, $"{path}: no such file or folder");
            }
        }

        return sources.Count > 0
            ? null
            : new AttachmentError(AttachmentErrorKind.NotFound, $"{string.Join(", ", paths)}: no capture found");
    }

    private static void AddFolder(string folder, List<CaptureSource> sources)
    {
        // Oldest first, as captures that a ring buffer rotated were written; names decide where times are equal.
        IEnumerable<FileInfo> files = new DirectoryInfo(folder).EnumerateFiles()
            .Where(file => file.Length > 0 && LooksLikeCapture(file.FullName))
            .OrderBy(file => file.LastWriteTimeUtc)
            .ThenBy(file => file.Name, StringComparer.Ordinal);
        foreach (FileInfo file in files)
        {
            sources.Add(new CaptureSource(System.IO.Path.Combine(folder, file.Name), file.Length));
        }
    }

    private static bool LooksLikeCapture(string path)
    {
        Span<byte> magic = stackalloc byte[MagicBytes];
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.ReadAtLeast(magic, MagicBytes, throwOnEndOfStream: false) < MagicBytes)
            {
                return false;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        // pcap in micro- and nanoseconds, the modified pcap of Kuznetsov, in both byte orders; pcapng's section header block.
        return BinaryPrimitives.ReadUInt32LittleEndian(magic) is
            0xA1B2C3D4 or 0xD4C3B2A1 or 0xA1B23C4D or 0x4D3CB2A1 or 0xA1B2CD34 or 0x34CDB2A1 or 0x0A0D0D0A;
    }
}
