using System.Net;
using System.Text;
using System.Text.Json;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs.Webhook;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class WebhookOutputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly WebhookReceiver _receiver = new();

    public void Dispose()
    {
        _receiver.Dispose();
        _folder.Dispose();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EventArrivesSignedAsACloudEvent()
    {
        await using var output = new WebhookOutput(Options());
        output.Write(TestEvents.Alert(5), TestEvents.Json(5));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);

        (string id, byte[] body, string contentType) = _receiver.Accepted.Single();
        JsonElement json = JsonDocument.Parse(body).RootElement;
        Assert.Equal(0, _receiver.BadSignatures);
        Assert.StartsWith("application/cloudevents+json", contentType, StringComparison.Ordinal);
        Assert.Equal("1.0", json.GetProperty("specversion").GetString());
        Assert.Equal(id, json.GetProperty("id").GetString());
        Assert.Equal("io.bridgeguard.alert.v1", json.GetProperty("type").GetString());
        Assert.Equal("flow/77", json.GetProperty("subject").GetString());
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), json.GetProperty("time").GetDateTimeOffset());
        Assert.Equal(5, json.GetProperty("data").GetProperty("n").GetInt32());
        await TestEvents.WaitAsync(() => output.Journal.PendingCount == 0);
    }

    [Fact]
    public async Task PlainFormatHasTypeTimestampAndData()
    {
        await using var output = new WebhookOutput(Options() with { Format = WebhookFormat.Plain });
        output.Write(TestEvents.Alert(5), TestEvents.Json(5));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);
        JsonElement json = JsonDocument.Parse(_receiver.Accepted.Single().Body).RootElement;
        Assert.Equal(["type", "timestamp", "data"], json.EnumerateObject().Select(member => member.Name));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(404)]
    [InlineData(302)]
    [InlineData(0)]
    public async Task FailureIsTriedAgainWithTheSameId(int status)
    {
        _receiver.Status = number => number < 3 ? status : 200;
        await using var output = new WebhookOutput(Options());
        output.Write(TestEvents.Alert(1), TestEvents.Json(1));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);
        Assert.Equal(3, _receiver.Requests); // A redirect that was followed would show as a further request.
        Assert.Single(_receiver.Seen.Distinct());
        await TestEvents.WaitAsync(() => output.Journal.PendingCount == 0);
        Assert.Equal(2, output.DeliveryCounters.Failed);
    }

    [Fact]
    public async Task ReceiverThatDoesNotAnswerTimesOut()
    {
        _receiver.Status = number => number == 1 ? -1 : 200;
        await using var output = new WebhookOutput(Options() with { Timeout = TimeSpan.FromMilliseconds(200) });
        output.Write(TestEvents.Alert(1), TestEvents.Json(1));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);
        Assert.Equal(1, output.DeliveryCounters.Failed);
    }

    [Fact]
    public async Task EveryAttemptFailingMakesADeadLetterThatCanBeReplayed()
    {
        _receiver.Status = _ => 500;
        await using var output = new WebhookOutput(Options() with { Schedule = [TimeSpan.Zero, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)] });
        output.Write(TestEvents.Alert(1), TestEvents.Json(1));
        await TestEvents.WaitAsync(() => output.Journal.DeadCount == 1);
        Assert.Equal(3, _receiver.Requests);
        DeadLetter letter = Assert.Single(output.Journal.DeadLetters());
        Assert.Equal((3, "status 500"), (letter.Attempts, letter.Error));

        _receiver.Status = _ => 200;
        Assert.Equal(0, output.Journal.Replay("msg_unknown", 0));
        Assert.Equal(1, output.Journal.Replay(letter.Id, 0));
        output.Wake();
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);
        await TestEvents.WaitAsync(() => output.Journal is { DeadCount: 0, PendingCount: 0 });
    }

    [Fact]
    public async Task GoneDisablesTheSinkAcrossARestartUntilItIsEnabled()
    {
        _receiver.Status = _ => 410;
        await using (var output = new WebhookOutput(Options()))
        {
            output.Write(TestEvents.Alert(1), TestEvents.Json(1));
            await TestEvents.WaitAsync(() => output.Journal.IsDisabled);
            output.Write(TestEvents.Alert(2), TestEvents.Json(2));
            await output.FlushAsync(Cancel);
        }

        _receiver.Status = _ => 200;
        await using var again = new WebhookOutput(Options());
        await Task.Delay(200, Cancel);
        Assert.Equal(1, _receiver.Requests);
        Assert.Equal(2, again.Journal.PendingCount);
        again.Enable();
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 2);
    }

    [Fact]
    public async Task RetryAfterHoldsTheWholeSink()
    {
        _receiver.Status = number => number == 1 ? 429 : 200;
        _receiver.RetryAfter = "1";
        await using var output = new WebhookOutput(Options() with { Concurrency = 1 });
        long before = Environment.TickCount64;
        for (uint i = 0; i < 3; i++)
        {
            output.Write(TestEvents.Alert(i), TestEvents.Json(i));
        }

        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 3);
        Assert.InRange(Environment.TickCount64 - before, 950, 10_000);
        Assert.Equal(1, output.DeliveryCounters.Throttled);
    }

    [Fact]
    public async Task EventsWrittenWhileTheReceiverIsDownArriveAfterARestart()
    {
        _receiver.Status = _ => 503;
        await using (var output = new WebhookOutput(Options()))
        {
            for (uint i = 0; i < 50; i++)
            {
                output.Write(TestEvents.Alert(i), TestEvents.Json(i));
            }
        }

        _receiver.Status = _ => 200;
        await using var again = new WebhookOutput(Options());
        await TestEvents.WaitAsync(() => _receiver.Accepted.Select(item => item.Id).Distinct().Count() == 50);
        Assert.Equal(0, _receiver.BadSignatures);
    }

    [Fact]
    public async Task DeadReceiverFillsTheJournalToItsLimitAndHoldsUpNobody()
    {
        _receiver.Status = _ => -1;
        await using var output = new WebhookOutput(Options() with { JournalMaxEvents = 100, QueueEvents = 64 });
        long before = Environment.TickCount64;
        for (uint i = 0; i < 10_000; i++)
        {
            output.Write(TestEvents.Alert(i), TestEvents.Json(i));
        }

        Assert.InRange(Environment.TickCount64 - before, 0, 2000);
        await output.FlushAsync(Cancel);
        for (uint i = 0; i < 100; i++)
        {
            output.Write(TestEvents.Alert(i), TestEvents.Json(i));
            await output.FlushAsync(Cancel);
        }

        Assert.Equal(100, output.Journal.PendingCount);
        Assert.Equal(10_100, output.Counters.Events + output.Counters.Dropped);
    }

    [Fact]
    public async Task FullDiskKeepsEventsInMemoryUntilThereIsRoom()
    {
        using var disk = new SmallDisk(_folder.File("disk"), "200k");
        Assert.SkipUnless(disk.IsMounted, "a tmpfs cannot be mounted here");
        _receiver.Status = _ => 503;
        await using var output = new WebhookOutput(Options() with { JournalPath = Path.Combine(disk.Path, "journal.db") });
        uint written = 0;
        while (output.Counters.Failures == 0 && written < 2000)
        {
            output.Write(TestEvents.Alert(written), TestEvents.Json(written, $",\"pad\":\"{new string('x', 1000)}\""));
            written++;
            await Task.Delay(1, Cancel);
        }

        Assert.True(output.Counters.Failures > 0);
        disk.Resize("20m");
        _receiver.Status = _ => 200;
        await output.FlushAsync(Cancel);
        await TestEvents.WaitAsync(() => _receiver.Accepted.Select(item => item.Id).Distinct().Count() == written, seconds: 60);
        Assert.Equal(0, output.Counters.Dropped);
    }

    [Fact]
    public void DamagedJournalIsSetAside()
    {
        File.WriteAllBytes(_folder.File("journal.db"), [.. "SQLite format 3\0"u8, .. new byte[5000].Select((_, i) => (byte)i)]);
        using var journal = new WebhookJournal(_folder.File("journal.db"));
        Assert.True(File.Exists(journal.SetAside));
        Assert.Equal(0, journal.PendingCount);
    }

    [Fact]
    public async Task LongEventIsCutBelowTheLimitAndKeepsWhatMatters()
    {
        await using var output = new WebhookOutput(Options());
        string payload = new('A', 60_000);
        output.Write(TestEvents.Alert(1), TestEvents.Json(1, $",\"src_ip\":\"10.0.0.1\",\"alert\":{{\"signature\":\"x\"}},\"payload\":\"{payload}\""));
        string many = string.Join(',', Enumerable.Range(0, 2000).Select(i => $"\"key{i}\":\"some value\""));
        output.Write(TestEvents.Alert(2), TestEvents.Json(2, $",\"src_ip\":\"10.0.0.1\",\"alert\":{{\"signature\":\"x\"}},\"http\":{{{many}}}"));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 2);
        foreach ((_, byte[] body, _) in _receiver.Accepted)
        {
            Assert.InRange(body.Length, 1, 20_000);
            JsonElement data = JsonDocument.Parse(body).RootElement.GetProperty("data");
            Assert.Equal("10.0.0.1", data.GetProperty("src_ip").GetString());
            Assert.Equal("x", data.GetProperty("alert").GetProperty("signature").GetString());
            Assert.True(data.GetProperty("webhook_shortened").GetBoolean());
        }
    }

    [Fact]
    public async Task LongRecordThatIsNotJsonIsDroppedAndTheSinkGoesOn()
    {
        await using var output = new WebhookOutput(Options());
        output.Write(TestEvents.Alert(1), new byte[60_000]);
        output.Write(TestEvents.Alert(2), TestEvents.Json(2));
        await TestEvents.WaitAsync(() => _receiver.Accepted.Count == 1);
        Assert.Equal(1, output.Counters.Dropped);
    }

    [Fact]
    public async Task GuardRefusesPrivateAddresses()
    {
        await using var output = new WebhookOutput(Options() with { AllowPrivateAddresses = false });
        output.Write(TestEvents.Alert(1), TestEvents.Json(1));
        await TestEvents.WaitAsync(() => output.DeliveryCounters.Failed > 0);
        Assert.Equal(0, _receiver.Requests);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2a00:1450:4001:81b::200e", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("172.32.0.1", true)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("64:ff9b::a00:1", false)]
    public void OnlyPublicAddressesPassTheGuard(string address, bool isPublic) =>
        Assert.Equal(isPublic, AddressGuard.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public void StandardTableIsThatOfTheStandardAndEnds()
    {
        TimeSpan?[] waits = [.. Enumerable.Range(1, 10).Select(failed => RetrySchedule.Next(RetrySchedule.Standard, failed, 0, null, 0))];
        Assert.Equal([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, null], waits.Select(wait => wait?.TotalSeconds));
        Assert.Equal(110, RetrySchedule.Next([TimeSpan.Zero, TimeSpan.FromSeconds(100)], 1, 0.1, null, 1)!.Value.TotalSeconds, 3);
        Assert.Equal(500, RetrySchedule.Next([TimeSpan.Zero, TimeSpan.FromSeconds(100)], 1, 0.1, TimeSpan.FromSeconds(500), 1)!.Value.TotalSeconds);
        Assert.Equal(24, RetrySchedule.Next([TimeSpan.Zero, TimeSpan.FromSeconds(100)], 1, 0.1, TimeSpan.FromDays(500), 1)!.Value.TotalHours);
    }

    private WebhookOptions Options() => new()
    {
        Name = "test",
        Url = _receiver.Url,
        Secrets = [WebhookReceiver.Secret],
        JournalPath = _folder.File("journal.db"),
        Schedule = [TimeSpan.Zero, .. Enumerable.Repeat(TimeSpan.FromMilliseconds(20), 200)],
        Timeout = TimeSpan.FromSeconds(5),
    };
}
