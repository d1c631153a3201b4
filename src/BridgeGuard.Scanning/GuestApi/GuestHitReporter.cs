using BridgeGuard.Engine.Events;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Turns <see cref="GuestHit"/> into an event for the outputs, so that what an endpoint found stands beside what the wire showed.</summary>
/// <remarks>
/// Shape: EVE record with <c>event_type: guest_file</c>, <c>vm {name}</c>, <c>fileinfo {filename, sha256, size}</c> and <c>bridgeguard {verdict,
/// signature, engine, channel}</c>. A guest that asks again and again for the same content is reported once in <see cref="Quiet"/>. Thread: any.
/// </remarks>
public sealed class GuestHitReporter : IDisposable
{
    /// <summary>A scanner in a guest may meet the same file every second.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMinutes(10);

    /// <summary>Guests and contents remembered as told; beyond it everything is forgotten and told anew.</summary>
    private const int MaxTold = 10_000;

    private readonly GuestApiServer _server;
    private readonly IEventSink _sink;
    private readonly TimeProvider _time;
    private readonly EveWriter _writer = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<(uint Guest, VerdictCache.FileKey Key), long> _told = [];

    /// <param name="server">Whose hits are reported.</param>
    /// <param name="sink">One that several threads may write to.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public GuestHitReporter(GuestApiServer server, IEventSink sink, TimeProvider? time = null)
    {
        _server = server;
        _sink = sink;
        _time = time ?? TimeProvider.System;
        server.Hit += Report;
    }

    public void Dispose()
    {
        _server.Hit -= Report;
        _writer.Dispose();
    }

    private void Report(GuestHit hit)
    {
        long now = (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        lock (_lock)
        {
            if (_told.TryGetValue((hit.Guest.Id, hit.Key), out long told) && now - told < (long)Quiet.TotalMicroseconds)
            {
                return;
            }

            if (_told.Count >= MaxTold)
            {
                _told.Clear();
            }

            _told[(hit.Guest.Id, hit.Key)] = now;
            _writer.Begin();
            _writer.Timestamp("timestamp"u8, now);
            _writer.Text("event_type"u8, "guest_file"u8);
            _writer.StartObject("vm"u8);
            _writer.Text("name"u8, hit.Guest.Name);
            _writer.EndObject();
            _writer.StartObject("fileinfo"u8);
            _writer.Text("filename"u8, hit.FileName);
            _writer.Text("sha256"u8, hit.Key.Hash.ToString());
            _writer.Number("size"u8, hit.Key.Size);
            _writer.EndObject();
            _writer.StartObject("bridgeguard"u8);
            _writer.Text("verdict"u8, "malicious"u8);
            _writer.Text("signature"u8, hit.Verdict.Signature ?? "");
            _writer.Text("engine"u8, hit.Verdict.Engine);
            _writer.Text("channel"u8, hit.Channel);
            _writer.EndObject();
            _sink.Write(new EventHeader { Kind = EventKind.File, TimestampUs = now, Severity = 1 }, _writer.End());
        }
    }
}
