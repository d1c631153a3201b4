using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

// Alert and drop records.
public sealed partial class EventEmitter
{
    private void WriteAlert(EveOutput output, AlertOptions options, Packet packet, Flow? flow, in AlertEntry entry)
    {
        ReadOnlySpan<byte> forwarded = LookForClient(options.Xff, packet, flow, entry.Transaction);
        BeginPacketRecord(output, "alert"u8, packet, flow);
        _client = null;
        Transaction? transaction = entry.Transaction;
        if (transaction is not null)
        {
            _writer.Number("tx_id"u8, transaction.Id);
            if (entry.Has(AlertFlags.TransactionGuessed))
            {
                _writer.Bool("tx_guessed"u8, true);
            }
        }
        else if (entry.Has(AlertFlags.Frame) && entry.Frame.HasTransaction)
        {
            _writer.Number("tx_id"u8, entry.Frame.TransactionId);
        }

        if (output.Settings.EventIds)
        {
            WriteEventId(packet.TimeUs);
        }

        WriteAlertObject(options, packet, in entry, forwarded);
        if (!packet.Has(PacketFlags.Pseudo))
        {
            WriteFirewall(in entry);
        }

        WriteTunnel(packet);
        WritePolicy(flow, in entry);
        if (flow is not null)
        {
            WriteAlertAppLayer(options, packet, flow, in entry);
            WriteAppProtos(flow);
            _writer.Text("direction"u8, DirectionName(packet.Direction));
            if (options.Flow)
            {
                WriteFlowBrief(flow);
            }
        }

        if (flow is not null && entry.Has(AlertFlags.Frame))
        {
            WriteFrame(packet, flow, in entry.Frame, options.PayloadBufferSize);
        }

        WritePayload(options, packet, flow, in entry);
        if (options.Packet)
        {
            WritePacketBytes(packet, flow);
        }

        if (options.Verdict)
        {
            WriteVerdict(packet, flow);
        }
    }

    private void WriteAlertObject(AlertOptions options, Packet packet, in AlertEntry entry, ReadOnlySpan<byte> forwarded)
    {
        RuleInfo rule = entry.Rule;
        _writer.StartObject("alert"u8);
        _writer.Text("action"u8, Blocks(in entry, packet) ? "blocked"u8 : "allowed"u8);
        if (_settings.FirewallMode)
        {
            _writer.Text("engine"u8, rule.IsFirewall ? "fw"u8 : "td"u8);
        }

        _writer.Number("gid"u8, (long)rule.Gid);
        _writer.Number("signature_id"u8, (long)rule.Sid);
        _writer.Number("rev"u8, (long)rule.Rev);
        _writer.Text("signature"u8, rule.Message);
        _writer.Text("category"u8, rule.Category);
        _writer.Number("severity"u8, (long)rule.Severity);
        if (rule.Target != RuleTarget.None && packet.IpVersion != 0)
        {
            bool sourceIsTarget = rule.Target == RuleTarget.Source;
            WriteEndpoint("source"u8, packet, ofSource: !sourceIsTarget);
            WriteEndpoint("target"u8, packet, ofSource: sourceIsTarget);
        }

        if (options.RuleMetadata)
        {
            WriteRuleMetadata(rule);
        }

        if (options.RuleText)
        {
            _writer.Text("rule"u8, rule.Text);
        }

        if (options.RuleReferences && rule.References.Length > 0)
        {
            _writer.StartArray("references"u8);
            foreach (string reference in rule.References)
            {
                _writer.TextValue(reference);
            }

            _writer.EndArray();
        }

        if (entry.Context.Length > 0)
        {
            _writer.Raw("context"u8, entry.Context.Span);
        }

        if (!forwarded.IsEmpty)
        {
            _writer.Bytes("xff"u8, forwarded);
        }

        _writer.EndObject();
    }

    /// <summary>Three numbers in hexadecimal: time in microseconds, worker, and how many alerts that worker has raised.</summary>
    private void WriteEventId(long timeUs)
    {
        Span<byte> text = stackalloc byte[48];
        System.Buffers.StandardFormat hex = new('x');
        System.Buffers.Text.Utf8Formatter.TryFormat(timeUs, text, out int length, hex);
        text[length++] = (byte)'-';
        System.Buffers.Text.Utf8Formatter.TryFormat(_workerId, text[length..], out int written, hex);
        length += written;
        text[length++] = (byte)'-';
        System.Buffers.Text.Utf8Formatter.TryFormat(AlertCount, text[length..], out written, hex);
        _writer.Text("event_id"u8, text[..(length + written)]);
    }

    /// <summary>Which role decided, by which line, to do what; and where the flow was moved to.</summary>
    private void WritePolicy(Flow? flow, in AlertEntry entry)
    {
        if (entry.Role is { } role)
        {
            _writer.StartObject("policy"u8);
            _writer.Text("role"u8, role);
            _writer.Text("action"u8, ActionName(entry.Action));
            if (entry.Place is { Length: > 0 } place)
            {
                _writer.Text("place"u8, place);
            }

            _writer.EndObject();
        }

        if (flow?.Judgement?.MovedTo is { } target)
        {
            _writer.StartObject("redirect"u8);
            _writer.Text("target"u8, target.Name);
            if (target.BridgePort.Length > 0)
            {
                _writer.Text("port"u8, target.BridgePort);
            }
            else
            {
                _writer.Address("dest_ip"u8, target.Address, target.Address.IsV4);
                _writer.Number("dest_port"u8, (long)(target.Port != 0 ? target.Port : flow.Key.DestinationPort));
            }

            _writer.EndObject();
        }
    }

    private static ReadOnlySpan<byte> ActionName(RuleAction action) => action switch
    {
        RuleAction.Pass => "pass"u8,
        RuleAction.Drop => "drop"u8,
        RuleAction.Reject or RuleAction.RejectDestination or RuleAction.RejectBoth => "reject"u8,
        RuleAction.Redirect => "redirect"u8,
        RuleAction.Sinkhole => "sinkhole"u8,
        RuleAction.RateLimit => "rate-limit"u8,
        RuleAction.Tarpit => "tarpit"u8,
        RuleAction.BlockPage => "block-page"u8,
        RuleAction.Bypass => "bypass"u8,
        RuleAction.Mark => "mark"u8,
        _ => "alert"u8,
    };

    /// <summary>Where a firewall rule or policy matched and what it does.</summary>
    private void WriteFirewall(in AlertEntry entry)
    {
        if (!entry.Has(AlertFlags.Firewall))
        {
            return;
        }

        _writer.StartObject("firewall"u8);
        if (entry.Hook is { } hook)
        {
            _writer.Text("hook"u8, hook);
        }

        _writer.Text("policy"u8, entry.Rule.FirewallPolicy);
        _writer.EndObject();
    }

    private void WriteRuleMetadata(RuleInfo rule)
    {
        if (rule.Metadata.Length == 0)
        {
            return;
        }

        _writer.StartObject("metadata"u8);
        foreach (RuleMetadata metadata in rule.Metadata)
        {
            _writer.StartArray(metadata.Key);
            foreach (string value in metadata.Values)
            {
                _writer.TextValue(value);
            }

            _writer.EndArray();
        }

        _writer.EndObject();
    }

    private void WriteEndpoint(ReadOnlySpan<byte> name, Packet packet, bool ofSource)
    {
        _writer.StartObject(name);
        _writer.Address("ip"u8, ofSource ? packet.SourceAddress : packet.DestinationAddress, packet.IpVersion == 4);
        if (packet.TransportOffset >= 0 && packet.Protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp)
        {
            _writer.Number("port"u8, (long)(ofSource ? packet.SourcePort : packet.DestinationPort));
        }

        _writer.EndObject();
    }

    /// <summary>The transaction's own object, its progress and its files.</summary>
    private void WriteAlertAppLayer(AlertOptions options, Packet packet, Flow flow, in AlertEntry entry)
    {
        if (!options.AppLayer || entry.Transaction is not { } transaction || flow.AppState is not { } state)
        {
            return;
        }

        Protocol protocol = state.Protocol;
        WriteProgress("ts_progress"u8, protocol, transaction, Direction.ToServer);
        WriteProgress("tc_progress"u8, protocol, transaction, Direction.ToClient);
        _writer.Options = options.Settings;
        protocol.WriteAlertMetadata(_writer, transaction, flow);
        if (transaction.Files(packet.Direction) is { Count: > 0 } files)
        {
            _writer.StartArray("files"u8);
            for (int i = 0; i < files.Count; i++)
            {
                _writer.StartObject();
                WriteFileMembers(files[i], transaction);
                _writer.EndObject();
            }

            _writer.EndArray();
        }
    }

    private void WriteProgress(ReadOnlySpan<byte> name, Protocol protocol, Transaction transaction, Direction direction)
    {
        string[] names = protocol.ProgressNames(direction);
        byte progress = transaction.Progress(direction);
        if (protocol.TellsProgress)
        {
            _writer.Text(name, names[Math.Min(progress, names.Length - 1)]);
        }
    }

    private void WriteTunnel(Packet packet)
    {
        // A rebuilt packet came in its last fragment as in a tunnel.
        if (packet.Outer is not { } outer || (packet.TunnelDepth == 0 && packet.Source != PacketSource.Defragmentation))
        {
            return;
        }

        // Of several layers the frame's own is shown.
        while (outer.Outer is { } further)
        {
            outer = further;
        }

        _writer.StartObject("tunnel"u8);
        bool isV4 = outer.IpVersion == 4;
        if (outer.IpVersion != 0)
        {
            _writer.Address("src_ip"u8, outer.SourceAddress, isV4);
            _writer.Number("src_port"u8, outer.SourcePort);
            _writer.Address("dest_ip"u8, outer.DestinationAddress, isV4);
            _writer.Number("dest_port"u8, outer.DestinationPort);
            _writer.Text("proto"u8, ProtocolNames.Of(outer.Protocol));
        }

        _writer.Number("depth"u8, (long)packet.TunnelDepth);
        if (packet.Number != 0)
        {
            _writer.Number("pcap_cnt"u8, packet.Number);
        }

        _writer.Text("pkt_src"u8, SourceName(outer.Source));
        _writer.EndObject();
    }

    private void WritePayload(AlertOptions options, Packet packet, Flow? flow, in AlertEntry entry)
    {
        if (!options.ShowsPayload)
        {
            return;
        }

        bool isStream = (entry.Flags & (AlertFlags.Stream | AlertFlags.Transaction)) != 0 && flow?.Tcp is not null;
        ReadOnlySpan<byte> payload = packet.Payload;
        if (isStream && Payloads is { } payloads)
        {
            ReadOnlySpan<byte> bytes = payloads.Stream(flow!, packet.Direction, options.PayloadBufferSize);
            payload = bytes.IsEmpty ? payload : bytes;
        }

        if (options.PayloadLength && !(isStream && payload.IsEmpty))
        {
            _writer.Number("payload_length"u8, (long)payload.Length);
        }

        if (options.Payload && !payload.IsEmpty)
        {
            _writer.Base64("payload"u8, payload);
        }

        if (options.PayloadPrintable && !payload.IsEmpty)
        {
            _writer.Printable("payload_printable"u8, payload);
        }

        _writer.Number("stream"u8, isStream ? 1L : 0L);
    }

    private void WritePacketBytes(Packet packet, Flow? flow, int most = int.MaxValue)
    {
        Span<byte> made = stackalloc byte[SyntheticPacket.MaxBytes];
        ReadOnlySpan<byte> bytes = packet.Has(PacketFlags.Pseudo) && flow?.Tcp is not null ? made[..SyntheticPacket.Write(packet, flow, made)] : packet.Bytes;
        _writer.Base64("packet"u8, bytes[..Math.Min(bytes.Length, most)]);
        _writer.StartObject("packet_info"u8);
        Worker.FrameInfo info = packet.Info;
        LinkType link = packet.TunnelDepth > 0 ? LinkType.RawBsd : packet.Has(PacketFlags.Pseudo) ? LinkType.Ethernet : info.LinkType;
        _writer.Number("linktype"u8, (long)link);
        _writer.Text("linktype_name"u8, LinkName(link));
        _writer.EndObject();
    }

    private static ReadOnlySpan<byte> LinkName(LinkType link) => link switch
    {
        LinkType.Null => "NULL"u8,
        LinkType.Ethernet => "EN10MB"u8,
        LinkType.Ppp => "PPP"u8,
        LinkType.RawBsd or LinkType.RawOpenBsd or LinkType.Raw => "RAW"u8,
        LinkType.CiscoHdlc => "C_HDLC"u8,
        LinkType.Loop => "LOOP"u8,
        LinkType.LinuxSll => "LINUX_SLL"u8,
        LinkType.Ipv4 => "IPv4"u8,
        LinkType.Ipv6 => "IPv6"u8,
        LinkType.LinuxSll2 => "LINUX_SLL2"u8,
        _ => "UNKNOWN"u8,
    };

    /// <summary>The match stops traffic: a reject always answers, a drop needs an inline engine; neither is done with packets that are only watched.</summary>
    private bool Blocks(in AlertEntry entry, Packet packet) => !packet.IsPassive && entry.Action switch
    {
        RuleAction.Reject or RuleAction.RejectDestination or RuleAction.RejectBoth => true,
        // Of a rate filter that drops Suricata says so passively too.
        RuleAction.Drop when entry.Has(AlertFlags.RateFiltered) => true,
        RuleAction.Drop or RuleAction.Redirect or RuleAction.Sinkhole or RuleAction.Tarpit or RuleAction.BlockPage => _settings.IsInline,
        _ => false,
    };

    private bool DropWanted(DropOptions options, Packet packet, Flow? flow)
    {
        if (!options.FirstOfFlow || flow is null || !flow.Has(FlowFlags.Dropped))
        {
            return true;
        }

        return !flow.Has(packet.Direction == Direction.ToServer ? FlowFlags.DropLoggedToServer : FlowFlags.DropLoggedToClient);
    }

    private static void RememberDrop(Packet packet, Flow? flow)
    {
        if (flow is not null)
        {
            flow.Flags |= packet.Direction == Direction.ToServer ? FlowFlags.DropLoggedToServer : FlowFlags.DropLoggedToClient;
        }
    }

    private void WriteDrop(EveOutput output, DropOptions options, Packet packet, Flow? flow, in AlertEntry dropper)
    {
        BeginPacketRecord(output, "drop"u8, packet, flow);
        if (flow is not null)
        {
            _writer.Text("direction"u8, DirectionName(packet.Direction));
        }

        _writer.StartObject("drop"u8);
        if (packet.IpVersion != 0)
        {
            WriteDroppedHeaders(packet);
        }

        _writer.Text("reason"u8, DropReasonName(packet.DropReason));
        _writer.EndObject();
        if (options.Verdict)
        {
            WriteVerdict(packet, flow);
        }

        if (options.Alerts && dropper.Rule is not null)
        {
            if (dropper.Transaction is { } transaction)
            {
                _writer.Number("tx_id"u8, transaction.Id);
            }

            WriteAlertObject(PlainAlert, packet, in dropper, forwarded: default);
        }
    }

    private static readonly AlertOptions PlainAlert = new(ProtocolSettings.Empty, new XffSettings());

    private void WriteDroppedHeaders(Packet packet)
    {
        ReadOnlySpan<byte> header = packet.NetworkBytes;
        if (packet.IpVersion == 4 && header.Length >= 20)
        {
            _writer.Number("len"u8, (long)((header[2] << 8) | header[3]));
            _writer.Number("tos"u8, (long)header[1]);
            _writer.Number("ttl"u8, (long)header[8]);
            _writer.Number("ipid"u8, (long)((header[4] << 8) | header[5]));
        }
        else if (packet.IpVersion == 6 && header.Length >= 40)
        {
            _writer.Number("len"u8, (long)((header[4] << 8) | header[5]));
            _writer.Number("tc"u8, (long)(((header[0] & 0xf) << 4) | (header[1] >> 4)));
            _writer.Number("hoplimit"u8, (long)header[7]);
            _writer.Number("flowlbl"u8, (long)(((header[1] & 0xf) << 16) | (header[2] << 8) | header[3]));
        }

        if (packet.IsTcp)
        {
            TcpHeaderInfo tcp = packet.Tcp;
            _writer.Number("tcpseq"u8, (long)tcp.Sequence);
            _writer.Number("tcpack"u8, (long)tcp.Acknowledgement);
            _writer.Number("tcpwin"u8, (long)tcp.Window);
            _writer.Bool("syn"u8, tcp.Has(TcpFlags.Syn));
            _writer.Bool("ack"u8, tcp.Has(TcpFlags.Ack));
            _writer.Bool("psh"u8, tcp.Has(TcpFlags.Psh));
            _writer.Bool("rst"u8, tcp.Has(TcpFlags.Rst));
            _writer.Bool("urg"u8, tcp.Has(TcpFlags.Urg));
            _writer.Bool("fin"u8, tcp.Has(TcpFlags.Fin));
            _writer.Number("tcpres"u8, 0L);
            _writer.Number("tcpurgp"u8, (long)tcp.UrgentPointer);
        }
        else if (packet.IsUdp && packet.TransportBytes.Length >= 6)
        {
            ReadOnlySpan<byte> udp = packet.TransportBytes;
            _writer.Number("udplen"u8, (long)((udp[4] << 8) | udp[5]));
        }
        else if (packet is { Protocol: IpProtocols.Icmp, TransportOffset: >= 0 } && packet.TransportBytes.Length >= 8)
        {
            ReadOnlySpan<byte> icmp = packet.TransportBytes;
            _writer.Number("icmp_id"u8, (long)(icmp[4] | (icmp[5] << 8)));
            _writer.Number("icmp_seq"u8, (long)(icmp[6] | (icmp[7] << 8)));
        }
    }

    private static ReadOnlySpan<byte> DropReasonName(DropReason reason) => reason switch
    {
        DropReason.DecodeError => "decode error"u8,
        DropReason.DefragError => "defrag error"u8,
        DropReason.DefragMemcap => "defrag memcap"u8,
        DropReason.FlowMemcap => "flow memcap"u8,
        DropReason.FlowDrop => "flow drop"u8,
        DropReason.AppLayerError => "applayer error"u8,
        DropReason.AppLayerMemcap => "applayer memcap"u8,
        DropReason.Rules => "rules"u8,
        DropReason.RulesThreshold => "threshold detection_filter"u8,
        DropReason.StreamError => "stream error"u8,
        DropReason.StreamMemcap => "stream memcap"u8,
        DropReason.StreamMidstream => "stream midstream"u8,
        DropReason.StreamReassembly => "stream reassembly"u8,
        DropReason.StreamUrgent => "stream urgent"u8,
        DropReason.Nfq => "nfq error"u8,
        DropReason.TunnelPacketDrop => "tunnel packet drop"u8,
        DropReason.DefaultPacketPolicy => "firewall default packet policy"u8,
        DropReason.DefaultAppPolicy => "firewall default app policy"u8,
        DropReason.StreamPreHook => "firewall pre stream hook"u8,
        DropReason.FlowPreHook => "firewall pre flow hook"u8,
        DropReason.FileVerdict => "file verdict"u8,
        DropReason.FileHold => "file hold"u8,
        DropReason.Quarantine => "quarantine"u8,
        DropReason.Redirect => "redirect"u8,
        DropReason.ExceptionPolicyFlowDrop => "exception policy flow drop"u8,
        DropReason.FirewallFlowDrop => "firewall flow drop"u8,
        DropReason.FirewallRules => "firewall rules"u8,
        DropReason.LinkGuard => "link guard"u8,
        DropReason.Contract => "service contract"u8,
        DropReason.RateLimit => "rate limit"u8,
        DropReason.Tarpit => "tarpit"u8,
        DropReason.Blocked => "blocked"u8,
        DropReason.Behaviour => "behaviour"u8,
        DropReason.EncryptedPolicy => "encrypted traffic policy"u8,
        DropReason.BlockPage => "block page"u8,
        DropReason.LatencyBudget => "latency budget"u8,
        _ => "unknown"u8,
    };
}
