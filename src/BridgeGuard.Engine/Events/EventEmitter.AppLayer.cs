using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Events;

// Anomaly, transaction and file records.
public sealed partial class EventEmitter
{
    private const int MaxEventNameLength = 96;

    /// <summary>Bytes of a packet that <c>packethdr</c> shows (observed of Suricata 8).</summary>
    private const int AnomalyHeaderBytes = 32;

    /// <summary>Writes the records of a transaction that are due and were not written yet.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="packet">The packet that moved the transaction or ended the flow.</param>
    /// <param name="transaction">The transaction.</param>
    /// <param name="ended">Directions in which nothing more can come; they count as complete.</param>
    /// <returns>True when no logger waits for this transaction any more.</returns>
    public bool Transactions(Flow flow, Packet packet, Transaction transaction, DirectionMask ended)
    {
        if (flow.AppState is not { } state)
        {
            return true;
        }

        EveLogger[] loggers = state.Protocol.Loggers;
        bool done = true;
        for (int i = 0; i < loggers.Length; i++)
        {
            EveLogger logger = loggers[i];
            if ((transaction.LoggedMask & (1u << i)) != 0)
            {
                continue;
            }

            bool due = (((ended & DirectionMask.ToServer) != 0 || transaction.ProgressToServer >= logger.ProgressToServer)
                    && ((ended & DirectionMask.ToClient) != 0 || transaction.ProgressToClient >= logger.ProgressToClient))
                || logger.IsDueEarly(transaction, state);
            if (!due)
            {
                done = false;
                continue;
            }

            transaction.LoggedMask |= 1u << i;
            Transaction(flow, packet, transaction, state.Protocol, i);
        }

        return done;
    }

    /// <summary>Writes one record of a transaction to every output that is configured for it.</summary>
    public void Transaction(Flow flow, Packet packet, Transaction transaction, EveLogger logger)
    {
        if (flow.AppState is { } state)
        {
            Transaction(flow, packet, transaction, state.Protocol, Array.IndexOf(state.Protocol.Loggers, logger));
        }
    }

    private void Transaction(Flow flow, Packet packet, Transaction transaction, Protocol protocol, int index)
    {
        EveLogger logger = protocol.Loggers[index];
        foreach (EveOutput output in _outputs)
        {
            if (output.Logger(protocol.Id, index) is not { } options)
            {
                continue;
            }

            ReadOnlySpan<byte> forwarded = LookForClient(logger.EventType == "http" ? output.HttpXff : null, packet, flow, transaction);
            BeginRecord(output, logger, packet, flow, transaction, options);
            WriteForwarded(forwarded);
            if (logger.WritesTransactionId)
            {
                _writer.Number("tx_id"u8, transaction.Id);
            }

            _writer.Options = options;
            if (logger.Write(_writer, transaction, flow, EveDetail.Record))
            {
                Send(output, EventKind.Transaction, packet, flow);
            }
        }
    }

    private void BeginRecord(EveOutput output, EveLogger logger, Packet packet, Flow flow, Transaction transaction, ProtocolSettings options)
    {
        // Event types are short ASCII constants; the conversion needs no heap.
        Span<byte> type = stackalloc byte[MaxEventNameLength];
        int length = System.Text.Encoding.ASCII.GetBytes(logger.EventType, type);

        // A message of one direction may become known by a packet of the other: the acknowledgement that lets its bytes through.
        bool usesPacket = logger.UsesPacketDirection(transaction, options);
        BeginPacketRecord(
            output,
            type[..length],
            packet,
            flow,
            asFlow: !usesPacket || (transaction.Directions == DirectionMask.ToServer && !logger.UsesCarryingPacket),
            asServer: usesPacket && transaction.Directions == DirectionMask.ToClient && !logger.UsesCarryingPacket);
    }

    private void WritePacketAnomaly(EveOutput output, AnomalyOptions options, Packet packet, Flow? flow, PacketEvent packetEvent)
    {
        BeginPacketRecord(output, "anomaly"u8, packet, flow);
        if (options.PacketHeader)
        {
            WritePacketBytes(packet, flow: null, AnomalyHeaderBytes);
        }

        bool isStream = packetEvent >= PacketEvent.FirstStreamEvent;
        string name = PacketEvents.NameOf(packetEvent) ?? "unknown";
        _writer.StartObject("anomaly"u8);
        _writer.Text("type"u8, isStream ? "stream"u8 : "decode"u8);
        Span<byte> text = stackalloc byte[MaxEventNameLength];
        int length = 0;
        if (!isStream)
        {
            "decoder."u8.CopyTo(text);
            length = 8;
        }

        length += System.Text.Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, MaxEventNameLength - length)), text[length..]);
        _writer.Text("event"u8, text[..length]);
        _writer.EndObject();
    }

    // The packet's header is shown with events of packets alone: what a parser minds is in no single one.
    private void WriteParserAnomaly(
        EveOutput output, Packet packet, Flow flow, Protocol protocol, string name, Transaction transaction)
    {
        BeginPacketRecord(output, "anomaly"u8, packet, flow);
        _writer.Number("tx_id"u8, transaction.Id);
        _writer.StartObject("anomaly"u8);
        _writer.Text("app_proto"u8, AppName(flow.App));
        _writer.Text("type"u8, "applayer"u8);
        WriteEventName(name, protocol.LogsAnomaliesInCapitals);
        _writer.Text("layer"u8, "proto_parser"u8);
        _writer.EndObject();
    }

    private void WriteDetectionAnomaly(EveOutput output, Packet packet, Flow flow, string name)
    {
        BeginPacketRecord(output, "anomaly"u8, packet, flow);
        _writer.StartObject("anomaly"u8);
        if (flow.App is not (ProtocolId.Unknown or ProtocolId.Failed))
        {
            _writer.Text("app_proto"u8, AppName(flow.App));
        }

        _writer.Text("type"u8, "applayer"u8);
        WriteEventName(name, capitals: true);
        _writer.Text("layer"u8, "proto_detect"u8);
        _writer.EndObject();
    }

    /// <summary>Rule names carry the protocol in front (<c>http.invalid_gap</c>); records do not.</summary>
    private void WriteEventName(string name, bool capitals)
    {
        ReadOnlySpan<char> rest = name.AsSpan(name.IndexOf('.') + 1);
        rest = rest[..Math.Min(rest.Length, MaxEventNameLength)];
        Span<byte> text = stackalloc byte[MaxEventNameLength];
        for (int i = 0; i < rest.Length; i++)
        {
            text[i] = (byte)(capitals && char.IsAsciiLetterLower(rest[i]) ? rest[i] - 32 : rest[i]);
        }

        _writer.Text("event"u8, text[..rest.Length]);
    }

    private void WriteFile(
        EveOutput output, ProtocolSettings options, Packet packet, Flow flow, Transaction transaction, Direction direction, TrackedFile file)
    {
        // The sender of the file is the record's source, whoever's packet completed it.
        ReadOnlySpan<byte> forwarded = LookForClient(output.FilesXff, packet, flow, transaction);
        BeginFileRecord(output, packet, flow, direction);
        WriteForwarded(forwarded);
        if (flow.AppState is { } state)
        {
            _writer.Options = options;
            state.Protocol.WriteAlertMetadata(_writer, transaction, flow);
        }

        if (flow.App != ProtocolId.Unknown)
        {
            _writer.Text("app_proto"u8, AppName(flow.App));
        }

        _writer.StartObject("fileinfo"u8);
        WriteFileMembers(file, transaction);
        _writer.EndObject();
    }

    private void BeginFileRecord(EveOutput output, Packet packet, Flow flow, Direction direction)
    {
        if (direction == Direction.ToServer || packet.Direction == direction)
        {
            BeginPacketRecord(output, "fileinfo"u8, packet, flow, asFlow: direction == Direction.ToServer);
            return;
        }

        (IpAddress source, IpAddress destination) = (packet.SourceAddress, packet.DestinationAddress);
        (ushort sourcePort, ushort destinationPort) = (packet.SourcePort, packet.DestinationPort);
        packet.SourceAddress = destination;
        packet.DestinationAddress = source;
        packet.SourcePort = destinationPort;
        packet.DestinationPort = sourcePort;
        BeginPacketRecord(output, "fileinfo"u8, packet, flow);
        packet.SourceAddress = source;
        packet.DestinationAddress = destination;
        packet.SourcePort = sourcePort;
        packet.DestinationPort = destinationPort;
    }

    private void WriteFileMembers(TrackedFile file, Transaction transaction) =>
        FileEve.Write(_writer, file, transaction.Id, _settings.Files.ForceMagic);
}
