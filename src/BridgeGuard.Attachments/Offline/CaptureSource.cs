using System.Buffers.Binary;
using System.IO.Compression;

namespace BridgeGuard.Attachments.Offline;

/// <summary>One capture to read.</summary>
/// <param name="Path">As shown to the operator; <c>-</c> for standard input.</param>
/// <param name="Length">Bytes; 0 when unknown.</param>
/// <param name="IsFed">It must be unpacked on the way, or may have to be.</param>
internal sealed record CaptureSource(string Path, long Length, bool IsFed = false)
{
    public const int MagicBytes = 4;

    /// <summary>RFC 1952 §2.3.1: the two identifying bytes, and deflate, the only method there is.</summary>
    public static bool IsGzip(ReadOnlySpan<byte> start) => start is [0x1F, 0x8B, 8, ..];

    /// <summary>RFC 8878 §3.1.1 and LZ4's frame format: recognised, so that the error can say what to do.</summary>
    public static string? ForeignCompression(ReadOnlySpan<byte> start) => start switch
    {
        [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd",
        [0x04, 0x22, 0x4D, 0x18, ..] => "lz4",
        [0xFD, 0x37, 0x7A, 0x58, ..] => "xz",
        [0x42, 0x5A, 0x68, ..] => "bzip2",
        _ => null,
    };

    /// <summary>Turns arguments into captures, or says which one does not exist or cannot be read.</summary>
    public static AttachmentError? Resolve(IReadOnlyList<string> paths, List<CaptureSource> sources)
    {
        foreach (string path in paths)
        {
            if (path == "-")
            {
                sources.Add(new CaptureSource(path, 0, IsFed: true));
            }
            else if (Directory.Exists(path))
            {
                AddFolder(path, sources);
            }
            else if (File.Exists(path))
            {
                long length = new FileInfo(path).Length;
                if (length == 0)
                {
                    // A named pipe: its first bytes can be read only once.
                    sources.Add(new CaptureSource(path, 0, IsFed: true));
                    continue;
                }

                byte[] start = Start(path);
                if (ForeignCompression(start) is { } program)
                {
                    return new AttachmentError(AttachmentErrorKind.Unsupported, $"{path}: is compressed with {program}, expected gzip or none: {program} -dc {path} | bridgeguard replay -");
                }

                sources.Add(Of(path, length, start));
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
            .Where(file => file.Length > 0 && LooksLikeCapture(Start(file.FullName), file.FullName))
            .OrderBy(file => file.LastWriteTimeUtc)
            .ThenBy(file => file.Name, StringComparer.Ordinal);
        foreach (FileInfo file in files)
        {
            sources.Add(Of(System.IO.Path.Combine(folder, file.Name), file.Length, Start(file.FullName)));
        }
    }

    private static CaptureSource Of(string path, long length, byte[] start) =>
        IsGzip(start) ? new CaptureSource(path, 0, IsFed: true) : new CaptureSource(path, length);

    /// <summary>The first bytes; zeros where there are none to be had.</summary>
    private static byte[] Start(string path)
    {
        byte[] start = new byte[MagicBytes];
        try
        {
            using FileStream file = File.OpenRead(path);
            file.ReadAtLeast(start, MagicBytes, throwOnEndOfStream: false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // libpcap says what is wrong with it, when it is read.
        }

        return start;
    }

    private static bool LooksLikeCapture(byte[] start, string path)
    {
        if (IsGzip(start))
        {
            try
            {
                using GZipStream unpacked = new(File.OpenRead(path), CompressionMode.Decompress);
                Array.Clear(start);
                unpacked.ReadAtLeast(start, MagicBytes, throwOnEndOfStream: false);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                return false;
            }
        }

        // pcap in micro- and nanoseconds, the modified pcap of Kuznetsov, in both byte orders; pcapng's section header block.
        return BinaryPrimitives.ReadUInt32LittleEndian(start) is
            0xA1B2C3D4 or 0xD4C3B2A1 or 0xA1B23C4D or 0x4D3CB2A1 or 0xA1B2CD34 or 0x34CDB2A1 or 0x0A0D0D0A;
    }
}
