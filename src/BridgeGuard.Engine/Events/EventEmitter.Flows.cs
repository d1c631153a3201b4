using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

// Flow and netflow records, and the flow object of alerts.
public sealed partial class EventEmitter
{
    private void WriteFlow(EveOutput output, Flow flow)
    {
        BeginFlowRecord(output, "flow"u8, flow, reversed: false, isOneWay: false);
        _writer.Number("ip_v"u8, (long)flow.Key.IpVersion);
        WriteAppProtos(flow);
        _writer.StartObject("flow"u8);
        WriteFlowCounts(flow);
        WriteBypassed(flow);
        _writer.Timestamp("start"u8, flow.StartUs);
        _writer.Timestamp("end"u8, flow.LastUs);
        _writer.Number("age"u8, Age(flow));
        if (flow.Has(FlowFlags.EmergencyEnded))
        {
            _writer.Bool("emergency"u8, true);
        }

        _writer.Text("state"u8, StateName(flow.State));
        if (flow.State is FlowState.LocalBypassed or FlowState.CaptureBypassed)
        {
            _writer.Text("bypass"u8, flow.State == FlowState.LocalBypassed ? "local"u8 : "capture"u8);
        }

        _writer.Text("reason"u8, EndReasonName(flow.EndReason));
        _writer.Bool("alerted"u8, flow.Has(FlowFlags.Alerted));
        if (flow.Has(FlowFlags.Elephant))
        {
            _writer.Bool("elephant"u8, true);
        }

        if ((flow.Has(FlowFlags.Dropped) && _settings.IsInline) || flow.Has(FlowFlags.DropTold))
        {
            _writer.Text("action"u8, "drop"u8);
        }
        else if (flow.Has(FlowFlags.Accepted))
        {
            _writer.Text("action"u8, "accept"u8);
        }
        else if (flow.Has(FlowFlags.Passed) || ExceptionPolicies.WasBypassed(flow))
        {
            _writer.Text("action"u8, "pass"u8);
        }

        WriteExceptionPolicies(flow);
        WriteTransactionCount(flow);
        _writer.EndObject();
        if (flow.Key.Protocol == IpProtocols.Tcp)
        {
            WriteTcp(flow);
        }
    }

    private void WriteNetFlow(EveOutput output, Flow flow, Direction direction)
    {
        bool toServer = direction == Direction.ToServer;
        BeginFlowRecord(output, "netflow"u8, flow, reversed: !toServer, isOneWay: true);
        ProtocolId own = toServer ? flow.AppToServer : flow.AppToClient;
        ProtocolId app = own == ProtocolId.Unknown ? flow.App : own;
        _writer.Text("app_proto"u8, app == ProtocolId.Unknown ? "unknown" : AppName(app));
        _writer.StartObject("netflow"u8);
        _writer.Number("pkts"u8, toServer ? flow.PacketsToServer : flow.PacketsToClient);
        _writer.Number("bytes"u8, toServer ? flow.BytesToServer : flow.BytesToClient);
        _writer.Timestamp("start"u8, flow.StartUs);
        _writer.Timestamp("end"u8, flow.LastUs);
        _writer.Number("age"u8, Age(flow));
        _writer.Number("min_ttl"u8, (long)(toServer ? flow.MinTtlToServer : flow.MinTtlToClient));
        _writer.Number("max_ttl"u8, (long)(toServer ? flow.MaxTtlToServer : flow.MaxTtlToClient));
        WriteTransactionCount(flow);
        _writer.EndObject();
        if (flow.Key.Protocol == IpProtocols.Tcp)
        {
            byte flags = (byte)(flow.Tcp?.StreamOf(direction).SeenFlags ?? 0);
            _writer.StartObject("tcp"u8);
            WriteHexByte("tcp_flags"u8, flags);
            WriteTcpFlags(flags);
            _writer.EndObject();
        }
    }

    /// <summary>The flow object inside alerts.</summary>
    private void WriteFlowBrief(Flow flow)
    {
        _writer.StartObject("flow"u8);
        WriteFlowCounts(flow);
        WriteBypassed(flow);
        _writer.Timestamp("start"u8, flow.StartUs);
        bool isV4 = flow.Key.IpVersion == 4;
        _writer.Address("src_ip"u8, flow.Key.Source, isV4);
        _writer.Address("dest_ip"u8, flow.Key.Destination, isV4);
        if (flow.Key.Protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp)
        {
            _writer.Number("src_port"u8, (long)flow.Key.SourcePort);
            _writer.Number("dest_port"u8, (long)flow.Key.DestinationPort);
        }

        _writer.EndObject();
    }

    private void WriteFlowCounts(Flow flow)
    {
        _writer.Number("pkts_toserver"u8, flow.PacketsToServer);
        _writer.Number("pkts_toclient"u8, flow.PacketsToClient);
        _writer.Number("bytes_toserver"u8, flow.BytesToServer);
        _writer.Number("bytes_toclient"u8, flow.BytesToClient);
    }

    private void WriteBypassed(Flow flow)
    {
        if (flow.State is not (FlowState.LocalBypassed or FlowState.CaptureBypassed))
        {
            return;
        }

        _writer.StartObject("bypassed"u8);
        _writer.Number("pkts_toserver"u8, flow.BypassedPacketsToServer);
        _writer.Number("pkts_toclient"u8, flow.BypassedPacketsToClient);
        _writer.Number("bytes_toserver"u8, flow.BypassedBytesToServer);
        _writer.Number("bytes_toclient"u8, flow.BypassedBytesToClient);
        _writer.EndObject();
    }

    private void WriteTransactionCount(Flow flow)
    {
        if (flow.State != FlowState.LocalBypassed && flow.AppState is { } state && state.Transactions.NextId > 0)
        {
            _writer.Number("tx_cnt"u8, state.Transactions.NextId);
        }
    }

    private void WriteExceptionPolicies(Flow flow)
    {
        if (flow.ExceptionMask == 0)
        {
            return;
        }

        _writer.StartArray("exception_policy"u8);
        for (ExceptionCause cause = 0; cause < ExceptionCause.Count; cause++)
        {
            if (ExceptionPolicies.TryGetApplied(flow, cause, out ExceptionPolicy policy))
            {
                _writer.StartObject();
                _writer.Text("target"u8, ExceptionPolicies.NameOf(cause));
                _writer.Text("policy"u8, ExceptionPolicies.NameOf(policy));
                _writer.EndObject();
            }
        }

        _writer.EndArray();
    }

    private void WriteTcp(Flow flow)
    {
        byte toServer = (byte)(flow.Tcp?.FlagsToServer ?? 0);
        byte toClient = (byte)(flow.Tcp?.FlagsToClient ?? 0);
        byte both = (byte)(toServer | toClient);
        _writer.StartObject("tcp"u8);
        WriteHexByte("tcp_flags"u8, both);
        WriteHexByte("tcp_flags_ts"u8, toServer);
        WriteHexByte("tcp_flags_tc"u8, toClient);
        WriteTcpFlags(both);
        if (flow.Tcp is { } session)
        {
            _writer.Text("state"u8, TcpStateName(session.State));
            TrueIf("ts_gap"u8, session.Client.GapBytes > 0);
            TrueIf("tc_gap"u8, session.Server.GapBytes > 0);
            _writer.Number("ts_max_regions"u8, (long)Math.Max(session.Client.MaxRegions, (ushort)1));
            _writer.Number("tc_max_regions"u8, (long)Math.Max(session.Server.MaxRegions, (ushort)1));
            if (session.Client.UrgentOobBytes > 0)
            {
                _writer.Number("ts_urgent_oob_data"u8, (long)session.Client.UrgentOobBytes);
            }

            if (session.Server.UrgentOobBytes > 0)
            {
                _writer.Number("tc_urgent_oob_data"u8, (long)session.Server.UrgentOobBytes);
            }
        }

        _writer.EndObject();
    }

    private void WriteTcpFlags(byte flags)
    {
        TrueIf("syn"u8, (flags & (byte)TcpFlags.Syn) != 0);
        TrueIf("fin"u8, (flags & (byte)TcpFlags.Fin) != 0);
        TrueIf("rst"u8, (flags & (byte)TcpFlags.Rst) != 0);
        TrueIf("psh"u8, (flags & (byte)TcpFlags.Psh) != 0);
        TrueIf("ack"u8, (flags & (byte)TcpFlags.Ack) != 0);
        TrueIf("urg"u8, (flags & (byte)TcpFlags.Urg) != 0);
        TrueIf("ecn"u8, (flags & (byte)TcpFlags.Ece) != 0);
        TrueIf("cwr"u8, (flags & (byte)TcpFlags.Cwr) != 0);
    }

    private void TrueIf(ReadOnlySpan<byte> name, bool value)
    {
        if (value)
        {
            _writer.Bool(name, true);
        }
    }

    private void WriteHexByte(ReadOnlySpan<byte> name, byte value)
    {
        ReadOnlySpan<byte> one = [value];
        _writer.HexText(name, one);
    }

    /// <summary><c>app_proto</c> and, where the directions differ or the protocol changed, its companions.</summary>
    private void WriteAppProtos(Flow flow)
    {
        if (flow.App != ProtocolId.Unknown)
        {
            _writer.Text("app_proto"u8, AppName(flow.App));
        }

        if (flow.AppToServer != ProtocolId.Unknown && flow.AppToServer != flow.App)
        {
            _writer.Text("app_proto_ts"u8, AppName(flow.AppToServer));
        }

        if (flow.AppToClient != ProtocolId.Unknown && flow.AppToClient != flow.App)
        {
            _writer.Text("app_proto_tc"u8, AppName(flow.AppToClient));
        }

        if (flow.AppOriginal != ProtocolId.Unknown && flow.AppOriginal != flow.App)
        {
            _writer.Text("app_proto_orig"u8, AppName(flow.AppOriginal));
        }

        if (flow.AppExpected != ProtocolId.Unknown && flow.AppExpected != flow.App)
        {
            _writer.Text("app_proto_expected"u8, AppName(flow.AppExpected));
        }
    }

    internal static string AppName(ProtocolId id) => id switch
    {
        ProtocolId.Failed => "failed",

        // Rules tell the versions apart; records have always called version 1 plainly http.
        ProtocolId.Http1 => "http",
        _ => ProtocolCatalog.Get(id)?.Name ?? "unknown",
    };

    /// <summary>Difference of the whole seconds, as consumers compute it from the two timestamps.</summary>
    private static long Age(Flow flow) => (flow.LastUs / 1_000_000) - (flow.StartUs / 1_000_000);

    private static ReadOnlySpan<byte> StateName(FlowState state) => state switch
    {
        FlowState.New => "new"u8,
        FlowState.Established => "established"u8,
        FlowState.Closed => "closed"u8,
        _ => "bypassed"u8,
    };

    private static ReadOnlySpan<byte> EndReasonName(FlowEndReason reason) => reason switch
    {
        FlowEndReason.Timeout => "timeout"u8,
        FlowEndReason.Forced => "forced"u8,
        FlowEndReason.Shutdown => "shutdown"u8,
        FlowEndReason.TcpReuse => "tcp_reuse"u8,
        _ => "unknown"u8,
    };

    private static ReadOnlySpan<byte> TcpStateName(TcpState state) => state switch
    {
        TcpState.SynSent => "syn_sent"u8,
        TcpState.SynReceived => "syn_recv"u8,
        TcpState.Established => "established"u8,
        TcpState.FinWait1 => "fin_wait1"u8,
        TcpState.FinWait2 => "fin_wait2"u8,
        TcpState.TimeWait => "time_wait"u8,
        TcpState.LastAck => "last_ack"u8,
        TcpState.CloseWait => "close_wait"u8,
        TcpState.Closing => "closing"u8,
        TcpState.Closed => "closed"u8,
        _ => "none"u8,
    };
}
