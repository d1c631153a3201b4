using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Events;

// For whom a proxy asks.
public sealed partial class EventEmitter
{
    /// <summary>Takes the place of the flow's client in the record that is begun next; null: it is the one that is seen.</summary>
    private IpAddress? _client;

    /// <summary>Where a proxy says for whom it asks: what it says, and that address for the next record's client where it is wanted in its place.</summary>
    private ReadOnlySpan<byte> LookForClient(XffOptions? options, Packet packet, Flow? flow, Transaction? transaction)
    {
        _client = null;
        if (options is null || flow is null || !options.TryFind(flow, transaction, out ReadOnlySpan<byte> text, out IpAddress client))
        {
            return default;
        }

        _client = options.Overwrites && client.IsV4 == (packet.IpVersion == 4) ? client : null;
        return text;
    }

    /// <summary>The client that a proxy names beside the one that is seen.</summary>
    private void WriteForwarded(ReadOnlySpan<byte> text)
    {
        bool isReplaced = _client is not null;
        _client = null;
        if (!isReplaced && !text.IsEmpty)
        {
            _writer.Bytes("xff"u8, text);
        }
    }
}
