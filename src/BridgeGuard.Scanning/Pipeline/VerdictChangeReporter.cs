using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Turns <see cref="VerdictChange"/> into an event for the outputs that names every exposed guest: one record, or several when they are very many.</summary>
/// <remarks>
/// Shape: EVE record with <c>event_type: verdict_changed</c>, <c>fileinfo {sha256, size}</c> and <c>bridgeguard {before, after, guests[], guests_total,
/// exposures[], exposures_total}</c>; of several records each has <c>part</c> and <c>parts</c>, and the lines of the ledger of the guests it names. Thread: any.
/// </remarks>
public sealed class VerdictChangeReporter : IDisposable
{
    /// <summary>Guests named in one record; an address of 45 characters each keeps it under the webhook's 20 kB. Those beyond are in the next one.</summary>
    public const int MaxGuests = 200;

    /// <summary>Ledger lines repeated in one record; the ledger has them all.</summary>
    private const int MaxExposures = 20;

    private readonly ScanService _scan;
    private readonly IEventSink _sink;
    private readonly TimeProvider _time;
    private readonly EveWriter _writer = new();
    private readonly Lock _lock = new();

    /// <param name="scan">Whose changes are reported.</param>
    /// <param name="sink">One that several threads may write to.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public VerdictChangeReporter(ScanService scan, IEventSink sink, TimeProvider? time = null)
    {
        _scan = scan;
        _sink = sink;
        _time = time ?? TimeProvider.System;
        scan.VerdictChanged += Report;
    }

    public void Dispose()
    {
        _scan.VerdictChanged -= Report;
        _writer.Dispose();
    }

    private void Report(VerdictChange change)
    {
        long now = (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        var header = new EventHeader
        {
            Kind = EventKind.File,
            TimestampUs = now,
            Severity = (byte)(change.After.Kind == FileVerdictKind.Malicious ? 1 : 3),
        };
        string[] guests = [.. change.Guests.Distinct()];
        int parts = Math.Max(1, (guests.Length + MaxGuests - 1) / MaxGuests);
        ILookup<string, Exposure>? byGuest = parts > 1 ? change.Exposures.ToLookup(exposure => exposure.Guest) : null;
        for (int part = 0; part < parts; part++)
        {
            string[] named = guests[(part * MaxGuests)..Math.Min(guests.Length, (part + 1) * MaxGuests)];
            Write(change, header, now, named, guests.Length, byGuest is null ? change.Exposures : named.SelectMany(guest => byGuest[guest]), (part + 1, parts));
        }
    }

    private void Write(VerdictChange change, in EventHeader header, long now, string[] named, int total, IEnumerable<Exposure> exposures, (int Number, int Count) part)
    {
        lock (_lock)
        {
            _writer.Begin();
            _writer.Timestamp("timestamp"u8, now);
            _writer.Text("event_type"u8, "verdict_changed"u8);
            _writer.StartObject("fileinfo"u8);
            _writer.Text("sha256"u8, change.Key.Hash.ToString());
            _writer.Number("size"u8, change.Key.Size);
            _writer.EndObject();
            _writer.StartObject("bridgeguard"u8);
            WriteVerdict("before"u8, change.Before);
            WriteVerdict("after"u8, change.After);
            if (part.Count > 1)
            {
                _writer.Number("part"u8, part.Number);
                _writer.Number("parts"u8, part.Count);
            }

            WriteGuests(named, total);
            WriteExposures(exposures, change.Exposures.Count);
            _writer.EndObject();
            _sink.Write(header, _writer.End());
        }
    }

    private void WriteVerdict(ReadOnlySpan<byte> name, FileVerdict verdict)
    {
        _writer.StartObject(name);
        _writer.Text("verdict"u8, verdict.Kind.ToString().ToLowerInvariant());
        _writer.Text("engine"u8, verdict.Engine);
        if (verdict.Signature is not null)
        {
            _writer.Text("signature"u8, verdict.Signature);
        }

        if (verdict.Generation.Length > 0)
        {
            _writer.Text("generation"u8, verdict.Generation);
        }

        _writer.EndObject();
    }

    private void WriteGuests(string[] guests, int total)
    {
        _writer.Number("guests_total"u8, total);
        _writer.StartArray("guests"u8);
        foreach (string guest in guests)
        {
            _writer.TextValue(guest);
        }

        _writer.EndArray();
    }

    private void WriteExposures(IEnumerable<Exposure> exposures, int total)
    {
        _writer.Number("exposures_total"u8, total);
        _writer.StartArray("exposures"u8);
        foreach (Exposure exposure in exposures.Take(MaxExposures))
        {
            _writer.StartObject();
            _writer.Timestamp("timestamp"u8, exposure.TimeUs);
            _writer.Text("guest"u8, exposure.Guest);
            _writer.Text("peer"u8, exposure.Peer);
            _writer.Text("protocol"u8, exposure.Protocol);
            _writer.Text("location"u8, Cut(exposure.Location));
            _writer.Text("filename"u8, Cut(exposure.FileName));
            _writer.Number("flow_id"u8, exposure.FlowId);
            _writer.EndObject();
        }

        _writer.EndArray();
    }

    private static string Cut(string text) => text.Length <= 256 ? text : text[..256];
}
