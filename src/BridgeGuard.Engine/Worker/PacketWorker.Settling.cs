using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>Early verdicts: when nothing more can change what becomes of a flow, the kernel may carry it.</summary>
/// <remarks>
/// A flow is looked at when its stage rises (protocol unknown for good, encrypted, depth reached), a few packets later, so that rules that wait for
/// the end of detection have had their turn. It settles when no rule is left that could match; see <c>Detector.MayStillMatch</c>.
/// <para>A protocol that is parsed may begin a new transaction at any time, so such a flow settles as a whole at the depth of both directions only. But a
/// direction that has reached its depth (the body of a large download) is parsed no more and adds to no record but the flow's, whose bytes the kernel
/// counts: where no rule is left for it either, that direction settles alone. The kernel then carries its data segments that acknowledge nothing new and
/// leave the window as it was; all others, and the other direction, are inspected as before, so nobody can use the time to mislead the engine about the
/// other direction's sequence numbers, and the next request is judged like the first.</para>
/// </remarks>
public sealed partial class PacketWorker
{
    /// <summary>Packets between a new stage and the look: both directions of an exchange and their acknowledgements.</summary>
    private const byte SettlePackets = 4;

    /// <summary>After a look that found rules left, so many packets until the next: what stands in the way rarely goes by itself.</summary>
    private const byte RetryPackets = 250;

    /// <summary>Packets of a moved flow that shows no answers, until the kernel has it: a handshake and a few requests. Ours.</summary>
    private const uint BlindPackets = 64;

    /// <summary>
    /// The same where the client's half is read without them (<see cref="FlowFlags.Split"/>): Suricata's default depth of 1 MiB in full segments of Ethernet
    /// (1,460 bytes) is 719 packets, and the handshake, short requests and bare acknowledgements come to fewer than 300 more. After that the stream is not
    /// read any more, or the flow is one of small packets that has shown what it is.
    /// </summary>
    private const uint HalfSeenPackets = 1024;

    [Flags]
    private enum Stage : byte
    {
        None = 0,
        Unrecognised = 1,
        GivenUp = 2,
        Encrypted = 4,
        DepthToServer = 8,
        DepthToClient = 16,
    }

    /// <summary>Flows that were settled before their end.</summary>
    public long Settled { get; private set; }

    /// <summary>Flows of which one direction was settled.</summary>
    public long SettledDirections { get; private set; }

    /// <inheritdoc/>
    public void NoteBypassed(in BypassedTraffic traffic)
    {
        if (_flows.NoteBypassed(in traffic) is { RedirectIndex: >= 0 } flow)
        {
            _redirector.Keep(flow, traffic.LastUs);
        }
    }

    private void Settle(Flow flow)
    {
        if (flow.State >= FlowState.LocalBypassed)
        {
            return;
        }

        if (flow.Has(FlowFlags.Redirected) && flow.PacketsToClient == 0
            && flow.PacketsToServer >= (flow.Has(FlowFlags.Split) ? HalfSeenPackets : BlindPackets) && !IsHeld(flow))
        {
            // The answers of a redirect target may be another worker's: this half of the conversation shows little after its beginning.
            Settled++;
            _flows.SetState(flow, FlowState.CaptureBypassed);
            return;
        }

        if (!flow.IsEstablished)
        {
            return;
        }

        Stage stage = StageOf(flow, out bool mayBeWhole);
        if (stage == Stage.None)
        {
            return;
        }

        if ((byte)stage != flow.EarlyStage)
        {
            flow.EarlyStage = (byte)stage;
            flow.EarlyWait = SettlePackets;
        }
        else if (--flow.EarlyWait == 0)
        {
            flow.EarlyWait = RetryPackets;
            if (IsHeld(flow))
            {
                return;
            }

            if (mayBeWhole && (!_detects || !_detector.MayStillMatch(_current.Rules, flow)))
            {
                Settled++;
                _flows.SetState(flow, FlowState.CaptureBypassed);
            }
            else if (flow.Carried == CarriedWay.None && !flow.Has(FlowFlags.Redirected))
            {
                SettleDirection(flow, stage);
            }
        }
    }

    /// <summary>The direction that has reached its depth settles alone.</summary>
    private void SettleDirection(Flow flow, Stage stage)
    {
        bool toServer = (stage & Stage.DepthToServer) != 0;
        if (toServer == ((stage & Stage.DepthToClient) != 0))
        {
            return;
        }

        Direction direction = toServer ? Direction.ToServer : Direction.ToClient;
        if (!_detects || !_detector.MayStillMatch(_current.Rules, flow, direction))
        {
            SettledDirections++;
            flow.Carried = toServer ? CarriedWay.ToServer : CarriedWay.ToClient;
            flow.Tcp!.StreamOf(direction).Flags |= TcpStreamFlags.Carried;
        }
    }

    /// <summary>Whether the kernel may carry what follows this packet in its direction.</summary>
    private static bool IsCarried(Flow flow, Packet packet) => flow.Carried != CarriedWay.None && packet.PayloadLength > 0
        && (flow.Carried == CarriedWay.ToServer) == (packet.Direction == Direction.ToServer) && !packet.Has(PacketFlags.MovesWindow);

    /// <param name="flow">The flow.</param>
    /// <param name="mayBeWhole">Both directions may settle.</param>
    private static Stage StageOf(Flow flow, out bool mayBeWhole)
    {
        Stage stage = Stage.None;
        if (flow.App == ProtocolId.Failed && flow.AppToServer == ProtocolId.Failed && flow.AppToClient == ProtocolId.Failed)
        {
            stage |= Stage.Unrecognised;
        }

        if (flow.Has(FlowFlags.Encrypted) && flow.Has(FlowFlags.NoPayloadInspection))
        {
            stage |= Stage.Encrypted;
        }

        const FlowFlags GaveUp = FlowFlags.NoAppLayerToServer | FlowFlags.NoAppLayerToClient;
        stage |= (flow.Flags & GaveUp) == GaveUp && flow.App != ProtocolId.Unknown ? Stage.GivenUp : Stage.None;
        if (flow.Tcp is { } session)
        {
            bool toServer = session.Client.Has(TcpStreamFlags.DepthReached);
            bool toClient = session.Server.Has(TcpStreamFlags.DepthReached);
            stage |= (toServer ? Stage.DepthToServer : Stage.None) | (toClient ? Stage.DepthToClient : Stage.None);

            // A protocol that is still parsed is done with at the depth of both directions, not of one.
            // (Of one that is split between two workers each sees one direction.)
            mayBeWhole = (toServer && toClient) || (flow.Has(FlowFlags.Split) && (toServer || toClient)) || (stage & (Stage.Unrecognised | Stage.Encrypted | Stage.GivenUp)) != Stage.None;
            return stage;
        }

        mayBeWhole = true;
        return stage;
    }

    /// <summary>Whether something besides rules wants the rest of the flow.</summary>
    private bool IsHeld(Flow flow) => flow.Has(FlowFlags.FullInspection | FlowFlags.Dropped | FlowFlags.AppLayerError)
        || (flow.Restriction != RoleAction.AsRule && !(flow.Restriction == RoleAction.Redirect && flow.Has(FlowFlags.Redirected))) || flow.ExceptionMask != 0 || flow.ChangePending
        || flow.Hold is { IsActive: true } || flow.Variables.Tag.Active || _settings.FirewallMode
        || Model.Roles[flow.ClientRole].FullInspection || Model.Roles[flow.ServerRole].FullInspection;
}
