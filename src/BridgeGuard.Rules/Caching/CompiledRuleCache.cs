using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Rules.Caching;

/// <summary>The folder with compiled sets.</summary>
/// <remarks>
/// Shape of a file: 8 bytes of magic with the format's number, 64 of the key, 8 with the length of the image, the image, 8 of checksum (CRC-32C of the even and
/// of the odd eight-byte words) over all before. Thread: any; two processes that write the same set write the same, and the second rename wins.
/// </remarks>
internal sealed class CompiledRuleCache(string folder)
{
    /// <summary>Sets kept in a folder, the newest: a few configurations of one machine, and what a failed change went back from.</summary>
    public const int MaxFiles = 6;

    private const string Extension = ".bgrules";
    private const int KeyBytes = 64;
    private const int HeaderBytes = 8 + KeyBytes + 8;
    private const int TrailerBytes = 8;
    private const int BufferBytes = 1 << 20;
    private static readonly byte[] Magic = "BGRULES\u0001"u8.ToArray();

    /// <summary>Where the set of a key is or would be.</summary>
    public string PathOf(string key) => Path.Combine(folder, key + Extension);

    /// <summary>Reads a set with <paramref name="read"/>; null when there is none.</summary>
    /// <param name="key">Of <see cref="CompileKey"/>.</param>
    /// <param name="read">Makes something of the image, or null with a reason to do without.</param>
    /// <param name="problem">What is wrong with a file that is there; empty when there is none. The caller compiles and says why.</param>
    public T? TryRead<T>(string key, Func<ImageReader, (T? Value, string Reason)> read, out string problem)
        where T : class
    {
        string path = PathOf(key);
        problem = "";
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            if (FileTrust.Problem(folder) is { Length: > 0 } open)
            {
                problem = $"{folder}: {open}";
                return null;
            }

            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan);
            problem = FileTrust.Problem(path) is { Length: > 0 } bad ? bad : Check(file, key);
            if (problem.Length == 0)
            {
                file.Position = HeaderBytes;
                (T? value, string reason) = read(new ImageReader(new FileSource(file, file.Length - TrailerBytes)));
                problem = reason;
                if (value is not null)
                {
                    Touch(path);
                    return value;
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            problem = error.Message;
        }
        catch (Exception error) when (error is ArgumentException or IndexOutOfRangeException or OverflowException or NullReferenceException)
        {
            problem = $"the file does not hold what it should: {error.Message}";
        }

        problem = problem.Length == 0 ? "" : $"{path}: {problem}";
        return null;
    }

    /// <summary>Writes a set; a word on what went wrong, or empty. A failure leaves the folder as it was.</summary>
    public string Write(string key, Func<ImageWriter, bool> write)
    {
        if (OperatingSystem.IsWindows())
        {
            return $"{folder}: files that only their owner can write are made on Unix only";
        }

        string path = PathOf(key);
        string temporary = $"{path}.{Environment.ProcessId}.new";
        try
        {
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            bool isWhole;
            using (FileStream file = new(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = BufferBytes,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                isWhole = Fill(file, key, write);
                file.Flush(flushToDisk: true);
            }

            if (!isWhole)
            {
                File.Delete(temporary);
                return "";
            }

            File.Move(temporary, path, overwrite: true);
            FileTrust.Sync(folder);
            RemoveOld(path);
            return "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            try
            {
                File.Delete(temporary);
            }
            catch (Exception second) when (second is IOException or UnauthorizedAccessException)
            {
                // The folder is gone or not ours: the first error says so.
            }

            return $"{path}: {error.Message}";
        }
    }

    private static bool Fill(FileStream file, string key, Func<ImageWriter, bool> write)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        Magic.CopyTo(header);
        Encoding.ASCII.GetBytes(key, header[8..]);
        file.Write(header); // The length follows when it is known.
        if (!write(new ImageWriter(new FileSink(file))))
        {
            return false;
        }

        BinaryPrimitives.WriteInt64LittleEndian(header[(8 + KeyBytes)..], file.Position - HeaderBytes);
        file.Position = 0;
        file.Write(header);
        file.Flush();
        using FileStream again = new(file.Name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1);
        ulong sum = Checksum(again, file.Length);
        file.Position = file.Length;
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, sum);
        file.Write(trailer);
        return true;
    }

    /// <summary>What is wrong with the file; empty when it is whole and the one asked for.</summary>
    private static string Check(FileStream file, string key)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.Length < HeaderBytes + TrailerBytes)
        {
            return "the file is cut short";
        }

        file.ReadExactly(header);
        if (!header[..8].SequenceEqual(Magic))
        {
            return "this is no compiled rule set of this version";
        }

        if (!header.Slice(8, KeyBytes).SequenceEqual(Encoding.ASCII.GetBytes(key)))
        {
            return "the file is of other rules";
        }

        if (BinaryPrimitives.ReadInt64LittleEndian(header[(8 + KeyBytes)..]) != file.Length - HeaderBytes - TrailerBytes)
        {
            return "the file is cut short or has grown";
        }

        file.Position = 0;
        ulong sum = Checksum(file, file.Length - TrailerBytes);
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        file.ReadExactly(trailer);
        return BinaryPrimitives.ReadUInt64LittleEndian(trailer) == sum ? "" : "the checksum does not fit: the file is damaged";
    }

    /// <summary>The checksum of the file's first bytes; leaves the position behind them.</summary>
    private static ulong Checksum(FileStream file, long length)
    {
        byte[] buffer = new byte[BufferBytes];
        uint even = 0;
        uint odd = 0;
        for (long left = length; left > 0;)
        {
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(left, buffer.Length));
            file.ReadExactly(piece);
            left -= piece.Length;
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(piece);
            int i = 0;
            for (; i + 1 < words.Length; i += 2)
            {
                even = BitOperations.Crc32C(even, words[i]); // Two chains, as each step waits for the one before.
                odd = BitOperations.Crc32C(odd, words[i + 1]);
            }

            foreach (byte value in piece[(i * sizeof(ulong))..])
            {
                even = BitOperations.Crc32C(even, value);
            }
        }

        return ((ulong)odd << 32) | even;
    }

    /// <summary>Marks a set as used, so that it is not the next to go.</summary>
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Only the order of going depends on it.
        }
    }

    private void RemoveOld(string newest)
    {
        foreach (FileInfo old in new DirectoryInfo(folder).GetFiles("*" + Extension).Where(file => file.FullName != Path.GetFullPath(newest))
            .OrderByDescending(file => file.LastWriteTimeUtc).Skip(MaxFiles - 1))
        {
            old.Delete();
        }
    }

    private sealed class FileSink(FileStream file) : ImageSink
    {
        public override void Write(ReadOnlySpan<byte> bytes) => file.Write(bytes);
    }

    private sealed class FileSource(FileStream file, long end) : ImageSource
    {
        private long _left = end - file.Position;

        public override long Remaining => _left;

        public override void Read(Span<byte> bytes)
        {
            if (bytes.Length > _left)
            {
                throw new InvalidDataException("the file ends early");
            }

            file.ReadExactly(bytes);
            _left -= bytes.Length;
        }
    }
}
