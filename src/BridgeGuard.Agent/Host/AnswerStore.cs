using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace BridgeGuard.Agent.Host;

/// <summary>Signed answers, kept for when the host is away and over restarts; each counts until the time that was signed with it.</summary>
internal sealed class AnswerStore
{
    /// <summary>Answers kept; about 500 bytes each.</summary>
    private const int MaxAnswers = 20_000;

    private readonly ConcurrentDictionary<(string Hash, long Size), HostAnswer> _answers = new();
    private readonly AnswerCheck _check;
    private readonly string _file;

    public AnswerStore(AgentOptions options)
    {
        _check = new AnswerCheck(options.Key);
        _file = Path.Combine(options.StateFolder, "answers.jsonl");
        if (_check.HasKey && File.Exists(_file))
        {
            Load();
        }
    }

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public void Keep(string hash, long size, HostAnswer answer)
    {
        if (!_check.HasKey || answer.Signature.Length == 0)
        {
            return; // Without a signature it is worth what the wire is worth.
        }

        if (_answers.Count >= MaxAnswers)
        {
            foreach ((var key, HostAnswer old) in _answers)
            {
                if (old.ExpiresAt <= Now || _answers.Count >= MaxAnswers)
                {
                    _answers.TryRemove(key, out _);
                }
            }
        }

        _answers[(hash, size)] = answer;
    }

    /// <summary>What was signed and has not run out; Error when there is nothing.</summary>
    public Verdict Find(string hash, long size) =>
        _answers.TryGetValue((hash, size), out HostAnswer? answer) && answer.ExpiresAt > Now ? answer.Verdict : Verdict.Error;

    public void Save()
    {
        if (!_check.HasKey)
        {
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        using (var writer = new StreamWriter(_file + ".new"))
        {
            foreach (HostAnswer answer in _answers.Values)
            {
                writer.WriteLine(JsonSerializer.Serialize(new KeptAnswer(Encoding.UTF8.GetString(answer.Body), answer.Signature), HostJson.Default.KeptAnswer));
            }
        }

        File.Move(_file + ".new", _file, overwrite: true);
    }

    /// <summary>What is damaged, forged or over is left out.</summary>
    private void Load()
    {
        foreach (string line in File.ReadLines(_file).Take(MaxAnswers))
        {
            try
            {
                KeptAnswer kept = JsonSerializer.Deserialize(line, HostJson.Default.KeptAnswer)!;
                byte[] body = Encoding.UTF8.GetBytes(kept.Body);
                if (!_check.IsGenuine(kept.Signature, body))
                {
                    continue;
                }

                AnswerMessage message = JsonSerializer.Deserialize(body, HostJson.Default.AnswerMessage)!;
                foreach (VerdictMessage said in message.Verdicts)
                {
                    Verdict verdict = AnswerCheck.VerdictOf(body, said.Sha256, said.Size, out long expiresAt);
                    if (expiresAt > Now && verdict is Verdict.Clean or Verdict.Malicious)
                    {
                        _answers[(said.Sha256, said.Size)] = new HostAnswer(verdict, expiresAt, body, kept.Signature);
                    }
                }
            }
            catch (JsonException)
            {
                // A line that a crash has cut off.
            }
        }
    }
}
