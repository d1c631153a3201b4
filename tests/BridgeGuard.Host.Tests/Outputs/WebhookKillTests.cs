using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs.Webhook;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

/// <summary>What was journaled arrives although the process is killed again and again and the receiver mostly fails.</summary>
public sealed class WebhookKillTests
{
    private const int Events = 600;
    private const int Kills = 5;

    [Fact]
    public async Task NothingJournaledIsLostByKillsWhileTheReceiverFails()
    {
        using var folder = new TemporaryFolder();
        using var receiver = new WebhookReceiver
        {
            Status = number => (number % 7) switch
            {
                0 => 500,
                1 => 429,
                2 => 0,
                3 when number % 49 == 3 => -1,
                _ => 200,
            },
        };
        for (int kill = 0; kill < Kills; kill++)
        {
            int from = Progress(folder);
            using Process child = Start(folder, receiver.Url);
            await TestEvents.WaitAsync(() => Progress(folder) >= Math.Min(Events, from + 70) || child.HasExited, seconds: 60);
            Assert.False(child.HasExited);
            child.Kill(); // SIGKILL: no handler, no flush.
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.InRange(Progress(folder), Kills * 70, Events - 1); // The kills were in the middle of the work.
        using Process last = Start(folder, receiver.Url);
        await last.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(120), TestContext.Current.CancellationToken);

        int[] missing = [.. Enumerable.Range(1, Events).Except(receiver.Accepted.Select(item =>
            JsonDocument.Parse(item.Body).RootElement.GetProperty("data").GetProperty("n").GetInt32()))];
        Assert.Empty(missing);
        Assert.Equal(0, receiver.BadSignatures);
        Assert.True(receiver.Seen.Count > receiver.Accepted.Count + 100); // The receiver did fail.
    }

    /// <summary>Not a test but the process that gets killed; runs only when it is asked for by name.</summary>
    [Fact(Explicit = true)]
    public async Task ChildThatWritesUntilItIsKilled()
    {
        string journal = Environment.GetEnvironmentVariable("BG_TEST_JOURNAL") ?? throw new InvalidOperationException("started by hand");
        await using var output = new WebhookOutput(new WebhookOptions
        {
            Name = "child",
            Url = new Uri(Environment.GetEnvironmentVariable("BG_TEST_URL")!),
            Secrets = [WebhookReceiver.Secret],
            JournalPath = journal,
            Schedule = [.. Enumerable.Repeat(TimeSpan.FromMilliseconds(10), 500)],
            Timeout = TimeSpan.FromMilliseconds(500),
        });
        for (int n = Read(journal + ".progress") + 1; n <= Events; n++)
        {
            output.Write(TestEvents.Alert((uint)n), TestEvents.Json(n));
            if (n % 5 == 0)
            {
                await output.FlushAsync(TestContext.Current.CancellationToken);
                File.WriteAllText(journal + ".progress.new", n.ToString(CultureInfo.InvariantCulture));
                File.Move(journal + ".progress.new", journal + ".progress", overwrite: true);
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }

        await TestEvents.WaitAsync(() => output.Journal.PendingCount == 0, seconds: 100);
    }

    private static Process Start(TemporaryFolder folder, Uri url)
    {
        var start = new ProcessStartInfo(
            Environment.ProcessPath!,
            ["-explicit", "only", "-method", $"{typeof(WebhookKillTests).FullName}.{nameof(ChildThatWritesUntilItIsKilled)}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["BG_TEST_JOURNAL"] = folder.File("journal.db");
        start.Environment["BG_TEST_URL"] = url.ToString();
        Process child = Process.Start(start)!;
        child.BeginOutputReadLine();
        return child;
    }

    private static int Progress(TemporaryFolder folder) => Read(folder.File("journal.db.progress"));

    private static int Read(string path) => File.Exists(path) ? int.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture) : 0;
}
