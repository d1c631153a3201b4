using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>The record of a stored file, beside it (<c>file-store: write-fileinfo</c>).</summary>
/// <remarks>Thread: the pump's.</remarks>
public sealed class FileRecordOutput(string folder) : IOutput
{
    private long _errors;

    public string Name => "file-records";

    public EventFilter Filter { get; } = new() { Kinds = [EventKind.FileInfo], OutputIndex = 0 };

    public OutputCounters Counters { get; } = new();

    /// <summary>Records that could not be written.</summary>
    public long Errors => Volatile.Read(ref _errors);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        try
        {
            WriteBeside(folder, header.TimestampUs / 1_000_000, json);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Interlocked.Increment(ref _errors);
        }
    }

    /// <summary>Writes a record beside its file when it says that the file is stored.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void WriteBeside(string folder, long seconds, ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\"stored\":true"u8) < 0)
        {
            return;
        }

        Utf8JsonReader reader = new(json);
        JsonElement file = JsonElement.ParseValue(ref reader).GetProperty("fileinfo");
        if (file.GetProperty("stored").GetBoolean() && file.TryGetProperty("sha256", out JsonElement sha256))
        {
            string path = StoreFolder.RecordOf(folder, sha256.GetString()!, seconds, file.GetProperty("file_id").GetUInt32());
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using FileStream record = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, 0);
            record.Write([.. json, (byte)'\n']);
        }
    }

    public void EndBatch(bool isIdle)
    {
    }

    public void Reopen()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
