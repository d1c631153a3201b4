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

    /// <summary>Transfers named in one record.</summary>
    private const int MaxNetwork = 5;

    private readonly GuestApiServer _server;
    private readonly IEventSink _sink;
    private readonly TimeProvider _time;
    private readonly EveWriter _writer = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<(uint Guest, VerdictCache.FileKey Key, bool IsAgent), long> _told = [];
    private readonly Func<VerdictCache.Sha256, IReadOnlyList<VerdictCache.Exposure>>? _ledger;

    /// <param name="server">Whose hits are reported.</param>
    /// <param name="sink">One that several threads may write to.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <param name="ledger">Who got a content over the network, newest first: host and network evidence meet in one event.</param>
    public GuestHitReporter(
        GuestApiServer server, IEventSink sink, TimeProvider? time = null, Func<VerdictCache.Sha256, IReadOnlyList<VerdictCache.Exposure>>? ledger = null)
    {
        _ledger = ledger;
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

    /// <summary>Where the guest got the content from, as the bridge saw it.</summary>
    private void WriteNetwork(GuestHit hit)
    {
        VerdictCache.Exposure[] seen = [.. (_ledger?.Invoke(hit.Key.Hash) ?? []).Where(e => e.Guest == hit.Guest.Name && e.FlowId != 0).Take(MaxNetwork)];
        if (seen.Length == 0)
        {
            return;
        }

        _writer.StartArray("network"u8);
        foreach (VerdictCache.Exposure exposure in seen)
        {
            _writer.StartObject();
            _writer.Timestamp("timestamp"u8, exposure.TimeUs);
            _writer.Number("flow_id"u8, exposure.FlowId);
            _writer.Text("protocol"u8, exposure.Protocol);
            _writer.Text("peer"u8, exposure.Peer);
            _writer.Text("location"u8, exposure.Location.Length <= 256 ? exposure.Location : exposure.Location[..256]);
            _writer.EndObject();
        }

        _writer.EndArray();
    }

    private void Report(GuestHit hit)
    {
        long now = (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        lock (_lock)
        {
            bool isAgent = hit.Action.Length > 0; // It says more than the question before it did.
            if (_told.TryGetValue((hit.Guest.Id, hit.Key, isAgent), out long told) && now - told < (long)Quiet.TotalMicroseconds)
            {
                return;
            }

            if (_told.Count >= MaxTold)
            {
                _told.Clear();
            }

            _told[(hit.Guest.Id, hit.Key, isAgent)] = now;
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
            if (isAgent)
            {
                _writer.Text("program"u8, hit.Program);
                _writer.Text("access"u8, hit.Access);
                _writer.Text("action"u8, hit.Action);
            }

            WriteNetwork(hit);
            _writer.EndObject();
            _sink.Write(new EventHeader { Kind = EventKind.File, TimestampUs = now, Severity = 1 }, _writer.End());
        }
    }
}
