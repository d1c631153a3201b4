using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BridgeGuard.Daemon.Playbooks;

/// <summary>Everything done and not done, with a chain of hashes: a line changed or taken out later shows.</summary>
/// <remarks>
/// JSON lines; <c>previous</c> is the SHA-256 of the line before, zeros at the beginning. The file is only ever appended to. Thread: any.
/// </remarks>
public sealed class AuditLog : IDisposable
{
    /// <summary>Name of the file in the log directory.</summary>
    public const string FileName = "audit.jsonl";

    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private string _previous;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public AuditLog(string file)
    {
        string? last = File.Exists(file) ? File.ReadLines(file).LastOrDefault(l => l.Length > 0) : null;
        _previous = last is null ? new string('0', 64) : HashOf(last);
        _file = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    public void Write(LedgerEntry entry, string detail)
    {
        lock (_gate)
        {
            JsonObject record = JsonSerializer.SerializeToNode(entry, LedgerEntry.Json)!.AsObject();
            record["detail"] = detail;
            record["previous"] = _previous;
            string line = record.ToJsonString();
            _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            _file.Flush();
            _previous = HashOf(line);
        }
    }

    /// <summary>The number (from 1) of the first line that does not follow from the one before; 0 when all do.</summary>
    public static int FindBreak(string file)
    {
        string expected = new('0', 64);
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            string? previous;
            try
            {
                previous = JsonNode.Parse(line)?["previous"]?.GetValue<string>();
            }
            catch (JsonException)
            {
                previous = null;
            }

            if (previous != expected)
            {
                return number;
            }

            expected = HashOf(line);
        }

        return 0;
    }

    public void Dispose() => _file.Dispose();

    private static string HashOf(string line) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(line)));
}
