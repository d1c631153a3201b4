using System.Globalization;
using System.Text;
using System.Text.Json;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Cli.Replay;

/// <summary>Events of a replay go straight to their files, on the worker's thread: nothing is lost and the order is the capture's.</summary>
/// <remarks>
/// One output may be added beyond the configured ones (<see cref="AlertIndex"/>): plain alerts for the line log and the summary. Live engines use
/// rings and the output pump instead.
/// </remarks>
internal sealed class ReplayEventSink : IEventSink, IDisposable
{
    private const int BufferBytes = 256 << 10;

    private readonly List<EveTarget> _eve = [];
    private readonly string? _fileInfoFolder;
    private readonly StreamWriter? _fast;
    private readonly Dictionary<uint, (string Message, long Count)> _alerts = [];

    /// <param name="outputs">EVE outputs in order, and the line log.</param>
    /// <param name="alertIndex">Number of the output that carries plain alerts for us.</param>
    public ReplayEventSink(OutputSettings outputs, int alertIndex)
    {
        AlertIndex = alertIndex;
        _fileInfoFolder = outputs.FileStore is { WriteFileInfo: true } store ? store.Folder : null;
        foreach (EveFileSettings file in outputs.Eve)
        {
            _eve.Add(EveTarget.Open(file));
        }

        if (outputs.Fast is { } fast)
        {
            _fast = new StreamWriter(Open(fast.Path, fast.Append), new UTF8Encoding(false));
        }
    }

    public int AlertIndex { get; }

    /// <summary>Alerts by rule, most frequent first.</summary>
    public IReadOnlyList<(uint Sid, string Message, long Count)> Alerts =>
        [.. _alerts.Select(a => (a.Key, a.Value.Message, a.Value.Count)).OrderByDescending(a => a.Count).ThenBy(a => a.Key)];

    public long AlertCount => _alerts.Values.Sum(a => a.Count);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        if (header.OutputIndex < _eve.Count)
        {
            _eve[header.OutputIndex].Write(json);
        }

        if (header.Kind == EventKind.Alert && header.OutputIndex == AlertIndex)
        {
            TakeAlert(header.SignatureId, json);
        }

        if (header.Kind == EventKind.FileInfo && header.OutputIndex == AlertIndex && _fileInfoFolder is not null)
        {
            FileRecordOutput.WriteBeside(_fileInfoFolder, header.TimestampUs / 1_000_000, json);
        }
    }

    public void Dispose()
    {
        foreach (EveTarget target in _eve)
        {
            target.Dispose();
        }

        _fast?.Dispose();
    }

    private static FileStream Open(string path, bool append) =>
        new(path, append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite, BufferBytes);

    private void TakeAlert(uint sid, ReadOnlySpan<byte> json)
    {
        if (_alerts.TryGetValue(sid, out (string Message, long Count) known) && _fast is null)
        {
            _alerts[sid] = (known.Message, known.Count + 1);
            return;
        }

        Utf8JsonReader reader = new(json);
        JsonElement record = JsonElement.ParseValue(ref reader);
        string message = record.GetProperty("alert").GetProperty("signature").GetString() ?? "";
        _alerts[sid] = (message, known.Count + 1);
        _fast?.WriteLine(FastLine(record));
    }

    /// <summary>The line form of an alert, as <c>fast.log</c> has it.</summary>
    internal static string FastLine(JsonElement record)
    {
        JsonElement alert = record.GetProperty("alert");
        string time = record.GetProperty("timestamp").GetString()!;
        StringBuilder line = new();
        line.Append(CultureInfo.InvariantCulture, $"{time[5..7]}/{time[8..10]}/{time[..4]}-{time[11..26]}  ");
        if (alert.GetProperty("action").GetString() == "blocked")
        {
            line.Append("[Drop] ");
        }
        else if (alert.TryGetProperty("rule", out JsonElement rule) && rule.GetString() is { } text && text.StartsWith("drop ", StringComparison.Ordinal))
        {
            // It would have been dropped if the engine were inline.
            line.Append("[wDrop] ");
        }

        line.Append("[**] [").Append(alert.GetProperty("gid").GetUInt32()).Append(':').Append(alert.GetProperty("signature_id").GetUInt32())
            .Append(':').Append(alert.GetProperty("rev").GetUInt32()).Append("] ").Append(OrNull(alert.GetProperty("signature"))).Append(" [**] ")
            .Append("[Classification: ").Append(OrNull(alert.GetProperty("category"))).Append("] [Priority: ")
            .Append(alert.GetProperty("severity").GetUInt32()).Append("] ");
        if (record.TryGetProperty("src_ip", out JsonElement source))
        {
            line.Append('{').Append(record.GetProperty("proto").GetString()).Append("} ").Append(source.GetString()).Append(':')
                .Append(Number(record, "src_port", "icmp_type")).Append(" -> ").Append(record.GetProperty("dest_ip").GetString()).Append(':')
                .Append(Number(record, "dest_port", "icmp_code"));
        }
        else
        {
            line.Append("[Raw pkt]");
        }

        return line.ToString();
    }

    private static string OrNull(JsonElement text) => text.GetString() is { Length: > 0 } value ? value : "(null)";

    private static long Number(JsonElement record, string name, string otherwise) =>
        record.TryGetProperty(name, out JsonElement value) || record.TryGetProperty(otherwise, out value) ? value.GetInt64() : 0;
}
