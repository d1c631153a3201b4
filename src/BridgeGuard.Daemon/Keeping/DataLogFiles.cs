using System.Globalization;
using System.Text;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>Streams and bodies on disk, in Suricata's forms: one file with all of them as hexadecimal text, or a folder with the bytes of each by itself.</summary>
/// <remarks>
/// Names are <c>CLIENT_PORT-SERVER_PORT-TRANSACTION-ts.data</c> (<c>-tc.data</c> from the server; streams have no transaction) and are begun anew in each run.
/// Errors are counted and cost the bytes, nothing else. Thread: the worker's.
/// </remarks>
public sealed class DataLogFiles : IDataLog, IDisposable
{
    /// <summary>Bytes on a line of the text form.</summary>
    private const int LineBytes = 16;

    private readonly Target? _streams;
    private readonly Target? _bodies;

    /// <param name="streams">Where streams go; null: nowhere.</param>
    /// <param name="bodies">Where bodies go; null: nowhere.</param>
    public DataLogFiles(DataLogSettings? streams, DataLogSettings? bodies)
    {
        _streams = streams is null ? null : new Target(streams);
        _bodies = bodies is null ? null : new Target(bodies);
    }

    public bool WantsStreams => _streams is not null;

    public bool WantsBodies => _bodies is not null;

    /// <summary>Stretches that the disk did not take.</summary>
    public long Errors { get; private set; }

    public void Stream(Flow flow, Direction direction, ReadOnlySpan<byte> bytes) => Write(_streams!, flow, direction, "", bytes);

    public void Body(Flow flow, Direction direction, ulong transactionId, ReadOnlySpan<byte> bytes) =>
        Write(_bodies!, flow, direction, transactionId.ToString(CultureInfo.InvariantCulture), bytes);

    public void Dispose()
    {
        _streams?.Text?.Dispose();
        _bodies?.Text?.Dispose();
    }

    /// <summary>Bytes as lines of offset, hexadecimal and what is printable, sixteen to a line.</summary>
    internal static string Dump(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        for (int at = 0; at < bytes.Length; at += LineBytes)
        {
            ReadOnlySpan<byte> line = bytes.Slice(at, Math.Min(LineBytes, bytes.Length - at));
            text.Append(CultureInfo.InvariantCulture, $" {at:X4}  ");
            for (int i = 0; i < LineBytes; i++)
            {
                text.Append(i < line.Length ? line[i].ToString("X2", CultureInfo.InvariantCulture) : "  ").Append(i == 7 ? "  " : " ");
            }

            text.Append("  ");
            for (int i = 0; i < line.Length; i++)
            {
                text.Append(line[i] is >= 0x20 and < 0x7f ? (char)line[i] : '.').Append(i == 7 ? " " : "");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private void Write(Target target, Flow flow, Direction direction, string transaction, ReadOnlySpan<byte> bytes)
    {
        FlowKey key = flow.Key;
        string ends = string.Create(CultureInfo.InvariantCulture, $"{key.Source}_{key.SourcePort}-{key.Destination}_{key.DestinationPort}");
        string side = direction == Direction.ToServer ? "ts" : "tc";
        try
        {
            if (target.Text is { } text)
            {
                text.Write(Encoding.ASCII.GetBytes($"{ends}-{side}:\n"));
                text.Write(Encoding.ASCII.GetBytes(Dump(bytes)));
            }

            if (target.Folder is { } folder)
            {
                string path = Path.Combine(folder, $"{ends}-{transaction}-{side}.data");
                using FileStream file = new(path, target.Begun.Add(path) ? FileMode.Create : FileMode.Append, FileAccess.Write, FileShare.Read);
                file.Write(bytes);
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Errors++;
        }
    }

    private sealed class Target
    {
        public Target(DataLogSettings settings)
        {
            Folder = settings.Folder;
            if (Folder is not null)
            {
                Directory.CreateDirectory(Folder);
            }

            Text = settings.File is { } file
                ? new FileStream(file, settings.Append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite)
                : null;
        }

        public FileStream? Text { get; }

        public string? Folder { get; }

        /// <summary>Files that this run has begun.</summary>
        public HashSet<string> Begun { get; } = [];
    }
}
