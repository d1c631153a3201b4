using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

/// <summary>Turns what a worker found into EVE records, one sink call per record and configured output.</summary>
/// <remarks>
/// One per worker, used by its thread only. No allocation once its buffers have grown. A record that no output asks for costs one test.
/// Field names and types are those of Suricata 8; their order within a record is free.
/// </remarks>
public sealed partial class EventEmitter : IDisposable
{
    private readonly EveWriter _writer = new();
    private readonly EveOutput[] _outputs;
    private readonly EngineSettings _settings;
    private readonly IEventSink _sink;
    private readonly IGuestDirectory _guests;
    private readonly byte _workerId;

    /// <param name="settings">The configured outputs and whether the engine is inline.</param>
    /// <param name="sink">Receives the records.</param>
    /// <param name="guests">Names of guests.</param>
    /// <param name="workerId">Number of the worker, for the event header.</param>
    public EventEmitter(EngineSettings settings, IEventSink sink, IGuestDirectory guests, byte workerId)
    {
        _settings = settings;
        _sink = sink;
        _guests = guests;
        _workerId = workerId;
        _outputs = new EveOutput[1 + settings.MoreEve.Length];
        _outputs[0] = new EveOutput(settings.Eve, 0, settings.FirewallMode);
        for (int i = 0; i < settings.MoreEve.Length; i++)
        {
            _outputs[i + 1] = new EveOutput(settings.MoreEve[i], (byte)(i + 1), settings.FirewallMode);
        }

        foreach (EveOutput output in _outputs)
        {
            WantsAlerts |= output.Alert is not null;
            WantsPayloads |= output.Alert is { ShowsPayload: true };
            WantsDrops |= output.Drop is not null;
            WantsDecodeAnomalies |= output.Anomaly is { Decode: true };
            WantsStreamAnomalies |= output.Anomaly is { Stream: true };
            WantsAppLayerAnomalies |= output.Anomaly is { AppLayer: true };
            WantsFlows |= output.Flow || output.NetFlow;
            WantsFiles |= output.Files is not null;
            WantsFrames |= output.Frame is not null;
            WantsStats |= output.Stats is not null;
        }
    }

    public bool WantsAlerts { get; }

    public bool WantsPayloads { get; }

    public bool WantsDrops { get; }

    public bool WantsDecodeAnomalies { get; }

    public bool WantsStreamAnomalies { get; }

    public bool WantsAppLayerAnomalies { get; }

    public bool WantsFlows { get; }

    public bool WantsFiles { get; }

    public bool WantsStats { get; }

    public bool WantsFrames { get; }

    /// <summary>What rules captured of the packet in hand.</summary>
    public FlowVariables? PacketVariables { get; set; }

    /// <summary>Names of flow bits, integers and variables.</summary>
    public IVariableWriter? Variables { get; set; } = FlowVariableWriter.Shared;

    /// <summary>Stream bytes for alerts that matched in them; null: alerts carry the packet's own payload only.</summary>
    public IAlertPayloads? Payloads { get; set; }

    /// <summary>Alerts so far: the number of the last one.</summary>
    public ulong AlertCount { get; private set; }

    /// <summary>One rule that matched one packet.</summary>
    public void Alert(Packet packet, Flow? flow, in AlertEntry entry)
    {
        AlertCount++;
        foreach (EveOutput output in _outputs)
        {
            if (output.Alert is { } options)
            {
                WriteAlert(output, options, packet, flow, in entry);
                Send(output, EventKind.Alert, packet, flow, entry.Rule.Sid, entry.Rule.Severity);
            }
        }
    }

    /// <summary>A packet that a tag rule wants kept: its bytes.</summary>
    public void Tagged(Packet packet, Flow? flow)
    {
        foreach (EveOutput output in _outputs)
        {
            if (output.Alert is { TaggedPackets: true })
            {
                BeginPacketRecord(output, "packet"u8, packet, flow);
                WritePacketBytes(packet, flow: null);
                Send(output, EventKind.Packet, packet, flow);
            }
        }
    }

    /// <summary>A packet of which rules captured something (<c>metadata</c>).</summary>
    public void PacketMetadata(Packet packet, Flow flow)
    {
        if (PacketVariables is not { CaptureCount: > 0 })
        {
            return;
        }

        foreach (EveOutput output in _outputs)
        {
            if (output.PacketMetadata)
            {
                BeginPacketRecord(output, "metadata"u8, packet, flow);
                Send(output, EventKind.Packet, packet, flow);
            }
        }
    }

    /// <summary>A packet that an engine in IPS mode dropped. Call once, after the verdict is final.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="flow">Its flow, if any.</param>
    /// <param name="dropper">The alert whose rule dropped it, for <c>alerts: yes</c>.</param>
    public void Drop(Packet packet, Flow? flow, in AlertEntry dropper = default)
    {
        foreach (EveOutput output in _outputs)
        {
            if (output.Drop is { } options && DropWanted(options, packet, flow))
            {
                WriteDrop(output, options, packet, flow, in dropper);
                Send(output, EventKind.Drop, packet, flow, dropper.Rule?.Sid ?? 0, dropper.Rule?.Severity ?? 0);
            }
        }

        RememberDrop(packet, flow);
    }

    /// <summary>The decoder and stream events of a packet, one record each.</summary>
    public void PacketAnomalies(Packet packet, Flow? flow)
    {
        if (packet.Events.IsEmpty || !(WantsDecodeAnomalies || WantsStreamAnomalies))
        {
            return;
        }

        for (int i = 0; i < packet.Events.Count; i++)
        {
            PacketEvent packetEvent = packet.Events[i];
            bool isStream = packetEvent >= PacketEvent.FirstStreamEvent;
            foreach (EveOutput output in _outputs)
            {
                if (output.Anomaly is { } options && (isStream ? options.Stream : options.Decode))
                {
                    WritePacketAnomaly(output, options, packet, flow, packetEvent);
                    Send(output, EventKind.Anomaly, packet, flow);
                }
            }
        }
    }

    /// <summary>Oddities of a transaction that are not logged yet.</summary>
    public void AppLayerAnomalies(Flow flow, Packet packet, Transaction? transaction)
    {
        if (!WantsAppLayerAnomalies || transaction is null || transaction.Anomalies.IsEmpty || ProtocolCatalog.Get(flow.App) is not { } protocol)
        {
            return;
        }

        while (transaction.Anomalies.TryTakeUnlogged(out int anomaly))
        {
            if (anomaly >= protocol.Anomalies.Length)
            {
                continue;
            }

            foreach (EveOutput output in _outputs)
            {
                if (output.Anomaly is { AppLayer: true })
                {
                    WriteParserAnomaly(output, packet, flow, protocol, protocol.Anomalies[anomaly].EveName ?? protocol.Anomalies[anomaly].Name, transaction);
                    Send(output, EventKind.Anomaly, packet, flow);
                }
            }
        }
    }

    /// <summary>Oddities of protocol detection on a packet.</summary>
    public void DetectionAnomalies(Flow flow, Packet packet, AppLayerEvents events)
    {
        if (!WantsAppLayerAnomalies || events == AppLayerEvents.None)
        {
            return;
        }

        for (int bit = 0; bit < AppLayerEventNames.All.Length; bit++)
        {
            if (((int)events & (1 << bit)) == 0)
            {
                continue;
            }

            foreach (EveOutput output in _outputs)
            {
                if (output.Anomaly is { AppLayer: true })
                {
                    WriteDetectionAnomaly(output, packet, flow, AppLayerEventNames.All[bit]);
                    Send(output, EventKind.Anomaly, packet, flow);
                }
            }
        }
    }

    /// <summary>A flow has ended. Its session and parser must still be there.</summary>
    public void Flow(Flow flow)
    {
        foreach (EveOutput output in _outputs)
        {
            if (output.Flow)
            {
                WriteFlow(output, flow);
                Send(output, EventKind.Flow, flow);
            }

            if (output.NetFlow)
            {
                WriteNetFlow(output, flow, Direction.ToServer);
                Send(output, EventKind.NetFlow, flow);
                if (flow.PacketsToClient > 0)
                {
                    WriteNetFlow(output, flow, Direction.ToClient);
                    Send(output, EventKind.NetFlow, flow);
                }
            }
        }
    }

    /// <summary>A file is complete, or its transaction or flow is over.</summary>
    public void File(Flow flow, Packet packet, Transaction transaction, Direction direction, TrackedFile file)
    {
        foreach (EveOutput output in _outputs)
        {
            if (output.Files is { } options)
            {
                WriteFile(output, options, packet, flow, transaction, direction, file);
                Send(output, EventKind.FileInfo, packet, flow);
            }
        }
    }

    /// <summary>Counters of one worker or their sum.</summary>
    public void Stats(in StatsSnapshot snapshot)
    {
        foreach (EveOutput output in _outputs)
        {
            if (output.Stats is { } options)
            {
                WriteStats(output, options, in snapshot);
                EventHeader header = new() { TimestampUs = snapshot.TimeUs, Kind = EventKind.Stats, WorkerId = _workerId, OutputIndex = output.Index };
                _sink.Write(in header, _writer.End());
            }
        }
    }

    public void Dispose() => _writer.Dispose();

    private void Send(EveOutput output, EventKind kind, Packet packet, Flow? flow, uint sid = 0, byte severity = 0)
    {
        EventHeader header = new()
        {
            TimestampUs = packet.TimeUs,
            FlowId = flow?.Id ?? 0,
            SignatureId = sid,
            Kind = kind,
            Severity = severity,
            IsDropped = packet.Action == VerdictAction.Drop,
            WorkerId = _workerId,
            OutputIndex = output.Index,
        };
        _sink.Write(in header, _writer.End());
    }

    private void Send(EveOutput output, EventKind kind, Flow flow)
    {
        EventHeader header = new() { TimestampUs = flow.LastUs, FlowId = flow.Id, Kind = kind, WorkerId = _workerId, OutputIndex = output.Index };
        _sink.Write(in header, _writer.End());
    }
}
