using System.Text;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Host.Tests.Outputs;

internal static class TestEvents
{
    public static EventHeader Alert(uint number, byte severity = 1, bool isDropped = false) => new()
    {
        Kind = EventKind.Alert,
        SignatureId = number,
        Severity = severity,
        IsDropped = isDropped,
        FlowId = 77,
        TimestampUs = 1_700_000_000_000_000,
    };

    public static byte[] Json(long number, string more = "") =>
        Encoding.UTF8.GetBytes($"{{\"timestamp\":\"2023-11-14T22:13:20.000000+0000\",\"event_type\":\"alert\",\"n\":{number}{more}}}");

    public static async Task WaitAsync(Func<bool> condition, int seconds = 15)
    {
        long end = Environment.TickCount64 + (seconds * 1000);
        while (!condition())
        {
            if (Environment.TickCount64 > end)
            {
                throw new TimeoutException($"not within {seconds} s");
            }

            await Task.Delay(10);
        }
    }
}
