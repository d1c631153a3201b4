using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>What happens when a flow is over: the last bytes are parsed, inspected and logged, then the flow itself.</summary>
public sealed partial class PacketWorker
{
    private static readonly byte[] NoBytes = [];

    /// <inheritdoc/>
    public void OnFlowEnd(Flow flow, FlowEndReason reason)
    {
        if (flow.Tcp is not null && !flow.Has(FlowFlags.Dropped | FlowFlags.DropTold))
        {
            InspectLeftovers(flow, reason);
            EndSilence(flow, reason);
        }

        _streamLog?.Forget(flow);
        flow.EndReason = reason;
        _events.Flow(flow);
        _appLayer.Release(flow);
        _redirector.Forget(flow);
    }

    /// <summary>A connection that nobody closed and on which nobody said anything. As in Suricata the oddity is told and no rule asked.</summary>
    private void EndSilence(Flow flow, FlowEndReason reason)
    {
        if (flow.App != ProtocolId.Unknown || flow.Tcp is not { State: >= TcpState.Established and not TcpState.Closed, Client.EndOffset: 0, Server.EndOffset: 0 })
        {
            return;
        }

        // The packet is of who was to send.
        for (int i = 0; i < 2; i++)
        {
            Direction direction = i == 0 ? Direction.ToServer : Direction.ToClient;
            Packet pseudo = MakePseudo(flow, direction, reason);
            _appLayer.OnSilence(flow, pseudo, direction);
            if (pseudo.AppEvents != AppLayerEvents.None)
            {
                _events.DetectionAnomalies(flow, pseudo, pseudo.AppEvents);
            }
        }
    }

    /// <summary>
    /// A connection that ended without both FINs, or whose last data was never acknowledged, still has bytes that nobody has judged. They go
    /// through the pipeline with a packet of our own in each direction that has something to show.
    /// </summary>
    private void InspectLeftovers(Flow flow, FlowEndReason reason)
    {
        bool toServer = HasWork(flow, Direction.ToServer);
        bool toClient = HasWork(flow, Direction.ToClient);
        if (!toServer && !toClient)
        {
            return;
        }

        for (int i = 0; i < 2; i++)
        {
            Direction direction = i == 0 ? Direction.ToServer : Direction.ToClient;
            if (direction == Direction.ToServer ? !toServer : !toClient)
            {
                continue;
            }

            Packet pseudo = MakePseudo(flow, direction, reason);
            _alerts.Clear();
            _files.LastClosed = null;
            _files.Growing = null;

            // Each packet brings its own direction's bytes, so that oddities of one direction are not reported twice.
            _tcp.Flush(flow, pseudo, direction);
            if (direction == Direction.ToServer ? !toClient : !toServer)
            {
                // The other direction has nothing left and is over as well; what waits for its end may be logged now.
                _tcp.Flush(flow, pseudo, direction.Opposite());
            }

            if (_appLayer.TakeRedelivery())
            {
                _tcp.Flush(flow, pseudo);
            }

            if (_detects && !Skips(flow))
            {
                _detector.Inspect(_current.Rules, pseudo, flow, _alerts);
            }

            Conclude(pseudo, flow);

            // The last bytes of one direction may have begun what is to be seen in the other.
            toClient |= IsAwaited(flow, Direction.ToClient);
        }
    }

    /// <summary>
    /// No stream comes any more from a flow that has become encrypted, and none to the parser of a flow that goes on as another protocol: what is there is
    /// inspected and logged once more with a packet of our own in each direction.
    /// </summary>
    /// <param name="flow">The flow.</param>
    /// <param name="packet">The packet that made it so.</param>
    /// <param name="isLeaving">Another protocol follows; else it has become encrypted: then protocols that keep their transaction have something to show, and the others when nothing
    /// of the flow is looked at any more.</param>
    private void InspectSealed(Flow flow, Packet packet, bool isLeaving)
    {
        if (Skips(flow) || flow.Has(FlowFlags.Dropped)
            || (!isLeaving && (flow.AppState is not { } state || !(state.Protocol.OutlivesHandshake ? flow.Has(FlowFlags.NoPayloadInspection) : flow.Variables.BypassRequested))))
        {
            return;
        }

        for (int i = 0; i < 2; i++)
        {
            Direction direction = i == 0 ? packet.Direction : packet.Direction.Opposite();
            Packet pseudo = MakePseudo(flow, direction, FlowEndReason.None);
            pseudo.Flags &= ~PacketFlags.StreamEnd;
            pseudo.Source = PacketSource.StreamDetectEnd;
            Counters.Increment(Counter.TcpPseudo);
            _alerts.Clear();
            _files.LastClosed = null;
            if (_detects)
            {
                _detector.Inspect(_current.Rules, pseudo, flow, _alerts);
            }

            Conclude(pseudo, flow);
        }

        _alerts.Clear();
    }

    private bool HasWork(Flow flow, Direction direction) =>
        TcpTracker.HasLeftovers(flow, direction)
        || IsAwaited(flow, direction)
        || flow.FramesOf(direction) is { Count: > 0 }
        || (flow.Has(FlowFlags.Encrypted) && flow.AppState is { Protocol.OutlivesHandshake: true });

    /// <summary>As in Suricata a transaction that is not logged wants a packet each way, one that is logged where rules have not seen its end.</summary>
    private bool IsAwaited(Flow flow, Direction direction)
    {
        if (flow.AppState is not { } state)
        {
            return false;
        }

        uint all = state.Protocol.LoggerMask;
        for (int i = 0; i < state.Transactions.Count; i++)
        {
            Transaction transaction = state.Transactions[i];
            if ((transaction.LoggedMask & all) != all || (_detects && !transaction.Detection(direction).IsFinished)
                || HasOpenFile(transaction.Files(direction)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasOpenFile(FileList? files)
    {
        for (int i = 0; i < (files?.Count ?? 0); i++)
        {
            if (!files![i].IsLogged)
            {
                return true;
            }
        }

        return false;
    }

    private Packet MakePseudo(Flow flow, Direction direction, FlowEndReason reason)
    {
        bool toServer = direction == Direction.ToServer;
        FlowKey key = toServer ? flow.Key : flow.Key.Reversed();
        Packet pseudo = _pseudo;
        FrameInfo info = new()
        {
            TimestampUs = flow.LastUs,
            PortId = toServer ? flow.ClientPortId : flow.ServerPortId,
            IsPassive = flow.Has(toServer ? FlowFlags.WatchedToServer : FlowFlags.WatchedToClient),
        };
        pseudo.Reset(NoBytes, 0, 0, in info);
        pseudo.Flags = PacketFlags.Pseudo | PacketFlags.Established | PacketFlags.StreamEnd;
        pseudo.Source = reason == FlowEndReason.Forced ? PacketSource.FlowForced : PacketSource.FlowTimeout;
        pseudo.IpVersion = key.IpVersion;
        pseudo.Protocol = key.Protocol;
        pseudo.SourceAddress = key.Source;
        pseudo.DestinationAddress = key.Destination;
        pseudo.SourcePort = key.SourcePort;
        pseudo.DestinationPort = key.DestinationPort;
        pseudo.Vlan0 = key.Vlan0;
        pseudo.Vlan1 = key.Vlan1;
        pseudo.Vlan2 = key.Vlan2;
        pseudo.VlanCount = (byte)(key.Vlan2 != 0 ? 3 : key.Vlan1 != 0 ? 2 : key.Vlan0 != 0 ? 1 : 0);
        pseudo.TunnelId = key.TunnelId;
        pseudo.Flow = flow;
        pseudo.Direction = direction;
        return pseudo;
    }
}
